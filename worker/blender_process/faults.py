"""Answers for exceptions of this package's own code, which must not count as crashes of Blender.

Blender prints an exception in a handler and goes on, and an exception elsewhere would end the process like a crash. So
each handler and the loop of commands answer with the error that the exception stands for, and then end the process.
"""

import traceback
from pathlib import Path
from typing import Any

from frameloom.model.errors import FarmError, InternalError, OutOfMemory, SceneUnreadable, WorkerFailed

# Both are part of the error of an execution, which a console shows.
_LONGEST_TEXT, _LONGEST_NAME, _FRAMES = 500, 80, 5


def error_answer(error: Exception, *, where: str, file: str | None = None) -> dict[str, Any]:
    """Return the answer for an exception, and print its traceback unless it is an error of the farm.

    `ended` is whether the process must end, because its state is unknown.

    Args:
        file: the name of the scene that was being opened.
    """
    known = isinstance(error, FarmError)
    if not known:
        traceback.print_exception(error)
    answered = error if isinstance(error, FarmError) else _farm_error(error, where, file)
    return {"error": type(answered).__name__, "facts": answered.facts, "ended": not known}


def start_answer(error: Exception, version: str) -> dict[str, Any]:
    """Return the answer for an exception before Blender has started."""
    where = f"the start of Blender {version}"
    if isinstance(error, ImportError):
        # Another worker may have all libraries.
        traceback.print_exception(error)
        failed = WorkerFailed(where=where, problem=_text(error))
        return {"error": type(failed).__name__, "facts": failed.facts, "ended": True}
    return error_answer(error, where=where)


def _farm_error(error: Exception, where: str, file: str | None) -> FarmError:
    if isinstance(error, UnicodeDecodeError) and file is not None:
        # Blender's Python gives no access to such a name.
        text = error.object.decode(errors="replace")[:_LONGEST_NAME]
        return SceneUnreadable(file=file, problem=f"the name {text!r} in it is not UTF-8 text: rename it in Blender")
    if isinstance(error, MemoryError):
        return OutOfMemory(where=where, problem=_text(error))
    if isinstance(error, OSError):
        # A full disk, for example: another worker may succeed.
        return WorkerFailed(where=where, problem=_text(error))
    return InternalError(where=where, problem=_text(error), trace=_end_of(error))


def _text(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:_LONGEST_TEXT]


def _end_of(error: Exception) -> str:
    """Return the last calls of a traceback in one line, the innermost last."""
    calls = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    return ", ".join(f"{Path(call.filename).name}:{call.lineno} in {call.name}" for call in calls)
