"""What Blender prints when a file names what it lacks: it takes something else and renders on.

PrepareJob looks for such names in the file (`frameloom.services.scene_checks`); this is Blender's own word, for
versions and configurations that PrepareJob does not know.
"""

import ctypes
import os
import re
import threading
from collections.abc import Collection

from frameloom.model.errors import InvalidRequest

# The child prints it behind all that Blender has printed while it opened a scene.
OPENED = "frameloom: all of the opening is printed"
_WAIT_SECONDS = 10
_ENGINE = re.compile(r"Engine '(?P<engine>[^']*)' not available for scene '(?P<scene>.*)' \(")
_COLOURS = re.compile(r"(?:Color management: |color_management *\| WARNING )(?P<words>.*not (?:found|compatible).*)")
# It is of a scene, which one Blender does not say.
_OF_A_SCENE = re.compile(r"scene (?:view|look)|display .* used by scene|sequencer", re.IGNORECASE)
# The same by another name: EEVEE's two, and what the view Standard was called before 2.80.
_EEVEE = ("BLENDER_EEVEE", "BLENDER_EEVEE_NEXT")
_RENAMED = 'view "Default" not found'


def mark_opened() -> None:
    """Print the mark, in the child; what Blender has printed goes out first."""
    ctypes.CDLL(None).fflush(None)
    os.write(2, f"{OPENED}\n".encode())


class Notices:
    """Collects such lines of one opening after the other; heard in one thread, asked in another."""

    def __init__(self) -> None:
        self._engines: list[tuple[str, str]] = []
        self._colours: list[str] = []
        self._all_heard = threading.Event()

    def begin(self) -> None:
        """Forget what was heard: a scene is about to be opened."""
        self._engines, self._colours = [], []
        self._all_heard.clear()

    def hear(self, line: str) -> bool:
        """Take a line of Blender's; return whether it was the mark and nothing that Blender printed."""
        if line == OPENED:
            self._all_heard.set()
            return True
        if match := _ENGINE.search(line):
            self._engines.append((match["scene"], match["engine"]))
        elif match := _COLOURS.search(line):
            self._colours.append(match["words"])
        return False

    def check(self, rendered: Collection[str], *, only: bool, engine_named: bool) -> None:
        """Refuse the scene that was opened where Blender takes something else for what it names.

        Args:
            rendered: the scenes that are rendered, the job's own first.
            only: whether the file has no others.
            engine_named: whether the job names the engine of its own scene.

        Raises:
            InvalidRequest: naming it.
        """
        self._all_heard.wait(_WAIT_SECONDS)
        own = next(iter(rendered))
        for scene, engine in self._engines:
            if scene in rendered and engine not in _EEVEE and not (engine_named and scene == own):
                way = "name another (`--engine`)" if scene == own else "give it another"
                problem = f"scene {scene!r} renders with {engine!r}, which this Blender lacks: {way}"
                raise InvalidRequest(field="engine", problem=problem)
        for words in self._colours:
            if _RENAMED not in words and (only or not _OF_A_SCENE.match(words)):
                raise InvalidRequest(field="file", problem=f"Blender's colour configuration lacks a name: {words}")
