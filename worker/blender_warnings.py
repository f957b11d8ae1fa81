"""Parses the lines that Blender prints when it replaces an engine or a colour name that it lacks, and renders anyway.

PrepareJob looks for such names in the file (`frameloom.services.scene.checks`). This module also covers versions and
configurations that PrepareJob has no data for.
"""

import ctypes
import os
import re
import threading
from collections.abc import Collection

from frameloom.model.errors import InvalidRequest

# The child prints this marker after all lines that Blender prints for a command.
PRINTED = "frameloom: Blender has printed all lines until here"
# And this one before it opens a scene. Blender's own start-up scene may lack names of a job's colour configuration.
OPENING = "frameloom: Blender opens a scene"
_WAIT_SECONDS = 10
_ENGINE = re.compile(r"Engine '(?P<engine>[^']*)' not available for scene '(?P<scene>.*)' \(")
_COLOURS = re.compile(r"(?:Color management: |color_management *\| WARNING )(?P<words>.*not (?:found|compatible).*)")
# The line is about a scene; Blender does not print which.
_OF_A_SCENE = re.compile(r"scene (?:view|look)|display .* used by scene|sequencer", re.IGNORECASE)
# Renamed without another effect: EEVEE's two identifiers, and the view Standard's name before 2.80.
_EEVEE = ("BLENDER_EEVEE", "BLENDER_EEVEE_NEXT")
_RENAMED = 'view "Default" not found'


def mark_output(marker: str = PRINTED) -> None:
    """Print a marker, in the child, after flushing Blender's own output."""
    ctypes.CDLL(None).fflush(None)
    os.write(2, f"{marker}\n".encode())


class Substitutions:
    """Collects such lines for the open scene; one thread adds lines, another checks them."""

    def __init__(self) -> None:
        self._engines: list[tuple[str, str]] = []
        self._colours: list[str] = []
        self._complete = threading.Event()

    def expect(self) -> None:
        """Expect a marker from now on."""
        self._complete.clear()

    def wait(self) -> None:
        """Wait until all lines before the marker were added."""
        self._complete.wait(_WAIT_SECONDS)

    def add(self, line: str) -> bool:
        """Add a line of the child's output; return whether it was a marker rather than Blender's output."""
        if line == OPENING:
            self._engines, self._colours = [], []
            return True
        if line == PRINTED:
            self._complete.set()
            return True
        if match := _ENGINE.search(line):
            self._engines.append((match["scene"], match["engine"]))
        elif match := _COLOURS.search(line):
            self._colours.append(match["words"])
        return False

    def check(self, rendered: Collection[str], *, only: bool, engine_named: bool) -> None:
        """Refuse the opened scene if Blender replaces an engine or a colour name in it; call this after `wait`.

        Args:
            rendered: the rendered scenes, the job's own first.
            only: whether the file has no other scenes.
            engine_named: whether the job names the engine of its own scene.

        Raises:
            InvalidRequest: Blender replaces one; the message names it.
        """
        own = next(iter(rendered))
        for scene, engine in self._engines:
            if scene in rendered and engine not in _EEVEE and not (engine_named and scene == own):
                way = "choose another with `--engine`" if scene == own else "choose another in the scene"
                problem = f"scene {scene!r} uses the engine {engine!r}, which the worker's Blender lacks: {way}"
                raise InvalidRequest(field="engine", problem=problem)
        for words in self._colours:
            if _RENAMED not in words and (only or not _OF_A_SCENE.match(words)):
                raise InvalidRequest(field="file", problem=f"Blender's colour configuration lacks a name: {words}")
