"""The end of a command: one sentence on stderr, JSON on stdout, and an exit code."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from frameloom.cli.option_names import as_typed
from frameloom.cli.signals import Left
from frameloom.cli.terminal import say_json, warn
from frameloom.client.farm_errors import aws_sentence, is_aws_error
from frameloom.model.errors import FarmError, JobImpossible

if TYPE_CHECKING:
    from frameloom.model.notices import Notice

FAILED, REFUSED, INTERRUPTED = 1, 2, 130


@contextmanager
def answering(*, json: bool) -> Iterator[None]:
    """Turn an error into one sentence and an exit code; a bug keeps its traceback.

    Raises:
        typer.Exit: with the exit code, after the sentence was printed.
    """
    try:
        yield
    except FarmError as error:
        name = type(error).__name__
        tell_error(name, as_typed(name, str(error)), json=json)
        raise typer.Exit(REFUSED if isinstance(error, JobImpossible) else FAILED) from None
    except KeyboardInterrupt as error:
        name = "Left" if isinstance(error, Left) else "Canceled"
        tell_error(name, str(error) or "Interrupted before a job was started.", json=json)
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        raise
    except Exception as error:
        if not isinstance(error, OSError) and not is_aws_error(error):
            raise
        tell_error(type(error).__name__, _sentence(error), json=json)
        raise typer.Exit(FAILED) from None


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.strerror}: {str(error.filename)!r}."
    return aws_sentence(error)


def tell_error(error: str, cause: str, *, json: bool) -> None:
    """Print an error: a sentence on stderr and, with `json`, an object on stdout."""
    if json:
        tell_json({"error": error, "cause": cause})
    sentence = " ".join(cause.split())
    warn(f"frameloom: {sentence}")


def tell_notice(notice: "Notice") -> None:
    """Write a notice to stderr; the command continues."""
    sentence = " ".join(notice.text.split())
    warn(f"frameloom: notice: {sentence}")


def tell_json(document: Any) -> None:
    """Write a JSON document to stdout."""
    say_json(document)
