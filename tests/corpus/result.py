"""The result of a scene: what was found, and how it is judged."""

import json
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Literal

from frameloom.model.errors import SceneTooNew

Kind = Literal["same", "announced", "asked", "refused", "wrong refusal", "facts", "pixels", "failed", "slow"]
# Kinds that are faults of the farm.
SILENT: tuple[Kind, ...] = ("facts", "pixels", "failed")
# Kinds of notices about frames that differ from plain Blender's.
_OTHER_PIXELS = ("simulations", "stamp", "withheld")


@dataclass(kw_only=True)
class Result:
    """The comparison of a scene with plain Blender.

    Attributes:
        saved_by: the version of the Blender that saved it; empty if it is not a .blend file.
        digest: the SHA-256 of the file.
        blender: the full version of the Blender that rendered on both sides.
        check: the error class and the sentence with which `frameloom check` refuses the scene.
        facts: how the scene reader's facts differ from Blender's.
        unopened: Blender's error, if it cannot open the file.
        asked: refusals for which there is an option: the error class, the sentence, and the option as JSON.
        refusal: the error class and the sentence of the refusal that remains.
        notices: the kinds and the sentences of what the farm announces.
        frames: the frames that were compared.
        simulations: the kinds of simulation in the file, in Blender's identifiers.
        plain_error: why plain Blender cannot render it.
        unequal: how the frames differ; empty if they do not, None if there is nothing to compare.
        unequal_in_order: the same for a frame that plain Blender renders after all frames before it.
        problem: a failure of the comparison itself, or an error of the farm's own code.
        ended: whether the comparison ended; False if it was killed.
        seconds: wall time.
    """

    path: str
    blender: str
    saved_by: str = ""
    digest: str = ""
    check: list[str] | None = None
    facts: list[str] = field(default_factory=list)
    unopened: str | None = None
    asked: list[list[str]] = field(default_factory=list)
    refusal: list[str] | None = None
    notices: list[list[str]] = field(default_factory=list)
    frames: str = ""
    simulations: list[str] = field(default_factory=list)
    plain_error: str | None = None
    unequal: str | None = None
    unequal_in_order: str | None = None
    problem: str | None = None
    ended: bool = False
    seconds: float = 0.0

    @property
    def expects_other_pixels(self) -> bool:
        """Whether the farm announces that its pixels differ from plain Blender's."""
        return any(kind in _OTHER_PIXELS for kind, _ in self.notices)

    @property
    def renders_elsewhere(self) -> bool:
        """Whether plain Blender renders a scene that the farm refuses; an older Blender than the artist's may not."""
        rendered = self.unopened is None and self.plain_error is None
        return rendered and self.refusal is not None and self.refusal[0] != SceneTooNew.__name__

    @property
    def kind(self) -> Kind:
        """The result in one word, the worst of several."""
        for kind, applies in (
            ("failed", self.problem is not None),
            ("slow", not self.ended),
            ("pixels", bool(self.unequal or self.unequal_in_order) and not self.expects_other_pixels),
            ("facts", bool(self.facts)),
            ("wrong refusal", self.renders_elsewhere),
            ("refused", self.refusal is not None),
            ("asked", bool(self.asked or self.check)),
            ("announced", bool(self.notices)),
        ):
            if applies:
                return kind  # type: ignore[return-value]
        return "same"


def write_result(result: Result, path: Path) -> None:
    """Write a result as JSON, at once: a reader sees the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(asdict(result) | {"kind": result.kind}, indent=1), encoding="utf-8")
    os.replace(part, path)  # noqa: PTH105


def read_result(path: Path) -> Result:
    """Return the result in a file of `write_result`."""
    data = json.loads(path.read_text(encoding="utf-8"))
    return Result(**{each.name: data[each.name] for each in fields(Result) if each.name in data})
