"""The colour management names of a scene, and which of them Blender's configuration lacks.

Blender replaces a name that its configuration lacks, prints a line and continues. `colour_names.json` holds the names
in the configurations of the supported Blender versions; `tools/colour_names.py` writes it.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

_NAMES = Path(__file__).with_name("colour_names.json")
# Before 2.80 the view Standard was called Default. Blender falls back to Standard, so the picture is the same.
_RENAMED_VIEWS = {"Default": "Standard"}
# Before 2.83 a look of the view Filmic had the view in its name. Up to early 2.80, Base Contrast was the view without a
# look. Blender maps both to the same pictures (measured on 4.5: below 2.83.3 and 2.80.75), but the views Film, RRT and
# Log to other pictures. A file records only major and minor.
_FILMIC, _FILMIC_UNTIL = "Filmic - ", (2, 82)
_NO_LOOK, _NO_LOOK_UNTIL = "Base Contrast", (2, 80)
# Until 4.0 this display meant no colour management; Blender converts it to the view Raw (versioning_400.cc).
_NO_DISPLAY, _NO_DISPLAY_UNTIL = "None", (4, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Colours:
    """The colour management of a scene, as Blender's names; an empty name is Blender's default.

    Attributes:
        sequencer: the colour space in which the sequencer mixes strips.
        linear: the colour space of OpenEXR frames, if the output has its own colour management.
        exposure: the view's exposure, in stops.
        gamma: the view's gamma.
    """

    display: str = ""
    view: str = ""
    look: str = ""
    sequencer: str = ""
    linear: str = ""
    exposure: float = 0.0
    gamma: float = 1.0

    def to_json(self) -> dict[str, Any]:
        """Return the settings, keyed by their fields."""
        return asdict(self)

    def __str__(self) -> str:
        look = "" if self.look in ("", "None") else f", look {self.look!r}"
        return f"view {self.view or 'Standard'!r} of {self.display or 'sRGB'!r}{look}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ColourSpace:
    """The name of a colour space that `owner` uses."""

    owner: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ColourNames:
    """The names in a configuration.

    Attributes:
        views: the views of each display; the first display and its first view are the defaults.
        looks: the looks of each view.
        spaces: the names, aliases and roles of colour spaces.
    """

    views: Mapping[str, Sequence[str]]
    looks: Mapping[str, Sequence[str]]
    spaces: Collection[str]


def missing_names(
    colours: Colours,
    spaces: Iterable[ColourSpace],
    *,
    blender: str,
    saved_by: tuple[int, int],
    whose: str = "scene",
    names: ColourNames | None = None,
) -> Iterator[str]:
    """Yield a description of each name that the configuration of a Blender version lacks.

    For a version without data in `colour_names.json`, yield nothing.

    Args:
        blender: the version that renders.
        names: those of another configuration, which replaces that of Blender.
        saved_by: the version that saved the file; Blender maps some names of older versions.
        whose: the scene's description in messages.
    """
    config = names or _configuration(blender)
    if config is None:
        return
    yield from _missing_views(colours, config, saved_by, whose)
    known = {name.casefold() for name in config.spaces}
    own = (
        ColourSpace(owner=f"the sequencer of {whose}", name=colours.sequencer),
        ColourSpace(owner=f"the OpenEXR output of {whose}", name=colours.linear),
    )
    for space in (*own, *spaces):
        # OpenColorIO ignores case.
        if space.name and space.name.casefold() not in known:
            yield f"the colour space {space.name!r} of {space.owner}"


def _missing_views(colours: Colours, config: ColourNames, saved_by: tuple[int, int], whose: str) -> Iterator[str]:
    displays = config.views
    display = colours.display or next(iter(displays), "")
    if display == _NO_DISPLAY and saved_by <= _NO_DISPLAY_UNTIL:
        return
    if display not in displays:
        yield f"the display {display!r} of {whose}"
        return
    view = _RENAMED_VIEWS.get(colours.view, colours.view) or next(iter(displays[display]), "")
    look = colours.look
    if saved_by <= _FILMIC_UNTIL and look.startswith(_FILMIC):
        look = look.removeprefix(_FILMIC)
        if look == _NO_LOOK and saved_by <= _NO_LOOK_UNTIL:
            look = "None"
    if view not in displays[display]:
        yield f"the view {view!r} of {whose}"
    elif look and look not in config.looks[view]:
        yield f"the look {colours.look!r} of {whose} (with the view {view!r})"


def views(blender: str) -> list[str]:
    """Return the views of the first display of a Blender version, empty for a version without data."""
    config = _configuration(blender)
    return [] if config is None else list(next(iter(config.views.values())))


def _configuration(blender: str) -> ColourNames | None:
    return _tables().get(".".join(blender.split(".")[:2]))


@cache
def _tables() -> dict[str, ColourNames]:
    tables = json.loads(_NAMES.read_text(encoding="utf-8"))
    return {version: ColourNames(**names) for version, names in tables.items()}
