"""Parses the lines that Blender prints about a colour configuration of the job.

If Blender cannot read the configuration, it renders with its own. If OpenColorIO cannot convert colours, because of a
damaged file for example, Blender leaves them as they are. It reports neither as an error.
"""

import re

from frameloom.model.errors import InvalidRequest

# Blender 4.5, and 5.0.
_USED = re.compile(r"Color management: Using .+ as a configuration file|color_management *\| Using OCIO=")
_FAILED = re.compile(r"OpenColorIO Error: (?P<words>.+)")
# An error of an execution must not be long.
_LONGEST = 300


class OcioOutput:
    """Collects such lines of one process; one thread adds lines, another checks them."""

    def __init__(self) -> None:
        self._used = False
        self._errors: list[str] = []

    def add(self, line: str) -> None:
        """Add a line of the child's output."""
        self._used = self._used or _USED.search(line) is not None
        if match := _FAILED.search(line):
            self._errors.append(match["words"][:_LONGEST])

    def check_used(self) -> None:
        """Return if Blender uses the configuration, and forget errors until now: unused parts may have caused them.

        Raises:
            InvalidRequest: Blender uses its own.
        """
        if not self._used:
            words = self._errors[-1] if self._errors else "it does not report a reason"
            raise InvalidRequest(field="ocio", problem=f"Blender cannot read this configuration: {words}")
        self._errors.clear()

    def check_converted(self) -> None:
        """Return if OpenColorIO converted the colours of all frames until now.

        Raises:
            InvalidRequest: it did not, so the frame's colours are wrong.
        """
        if self._errors:
            problem = f"OpenColorIO cannot convert colours with this configuration: {self._errors[0]}"
            raise InvalidRequest(field="ocio", problem=problem)
