"""Refuses scenes that Blender would silently render differently.

Blender reports no error for these scenes: it skips code that may not run, renders with EEVEE instead of an engine that
it lacks, and uses a default instead of a colour management name that it lacks.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from frameloom.model.colours import ColourNames, Colours, ColourSpace, missing_names, views
from frameloom.model.counts import listed
from frameloom.model.errors import InvalidRequest
from frameloom.model.scene import SceneEntry, SceneFacts
from frameloom.model.settings import TRUST_OPTIONS, Engine

# EEVEE's identifier changed with its rewrite in 4.2, and back in 5.0. Blender maps each to the other.
ENGINES = frozenset({"CYCLES", "BLENDER_EEVEE", "BLENDER_EEVEE_NEXT", "BLENDER_WORKBENCH"})
# Since 2.80, Blender replaces these by EEVEE (versioning_280.cc). Files of 2.4 name no engine.
_INTERNAL = frozenset({"", "BLENDER_RENDER"})


def check_engine(entry: SceneEntry, engine: Engine | None, *, blender: str, addons: bool = False) -> None:
    """Refuse a scene whose engine the workers lack, unless the request names another.

    Args:
        addons: whether the job has add-ons, which may bring the engine. The worker then checks it.

    Raises:
        InvalidRequest: the workers lack it; the message names the engine and the option.
    """
    if engine is not None or entry.engine in ENGINES:
        return
    if entry.engine in _INTERNAL:
        used = f"scene {entry.name!r} uses Blender Internal, which was removed after Blender 2.79; Blender {blender} "
        used += "would render it with EEVEE:"
    else:
        used = f"scene {entry.name!r} uses the engine {entry.engine!r}, which the workers' Blender {blender} lacks"
        if addons:
            return
        used += ": give the add-on that brings it with `addons`, or"
    problem = f"{used} choose an engine with `--engine`: CYCLES, EEVEE or WORKBENCH"
    raise InvalidRequest(field="engine", problem=problem)


def check_colours(
    facts: SceneFacts, entry: SceneEntry, *, blender: str, linear: bool = False, names: ColourNames | None = None
) -> None:
    """Refuse a scene with colour management names that the job's configuration lacks.

    Args:
        names: those of the job's own configuration; None for that of Blender.
        linear: whether the frames are OpenEXR, whose linear colour space a scene may name.

    Raises:
        InvalidRequest: it has such names; the message lists them.
    """
    lacking = missing_names(
        entry.colours if linear else replace(entry.colours, linear=""),
        facts.spaces,
        blender=blender,
        saved_by=facts.blender_version,
        whose=f"scene {entry.name!r}",
        names=names,
    )
    _refuse_colours(list(lacking), file=facts.file, blender=blender, names=names)


def check_spaces(spaces: Iterable[ColourSpace], *, file: str, blender: str, names: ColourNames | None = None) -> None:
    """Refuse libraries whose images name a colour space that the job's configuration lacks.

    Raises:
        InvalidRequest: they do; the message lists the names.
    """
    lacking = missing_names(Colours(), spaces, blender=blender, saved_by=(0, 0), names=names)
    _refuse_colours(list(lacking), file=file, blender=blender, names=names)


def _refuse_colours(lacking: Sequence[str], *, file: str, blender: str, names: ColourNames | None) -> None:
    if not lacking:
        return
    if names is not None:
        problem = f"{file!r} uses names that the colour configuration of `ocio` lacks: {listed(lacking)}"
        raise InvalidRequest(field="file", problem=problem)
    problem = (
        f"{file!r} uses names that the colour configuration of Blender {blender} lacks: {listed(lacking)}. Give the "
        f"scene's own configuration with `ocio`, or choose names such as the views {listed(views(blender))}"
    )
    raise InvalidRequest(field="file", problem=problem)


def check_scripts(scripts: Sequence[str], *, trust: bool | None, file: str) -> None:
    """Refuse a scene with code that changes its pictures, unless the request has `trust_scripts`.

    Raises:
        InvalidRequest: it is refused; the message names the code and both options.
    """
    if scripts and trust is None:
        raise InvalidRequest(field="trust_scripts", problem=scripts_problem(scripts, file=file))


def scripts_problem(scripts: Sequence[str], *, file: str) -> str:
    """Return the message for a scene with code, with both options."""
    return f"{file!r} contains Python, which runs only if the job trusts it: {listed(scripts)}; {TRUST_OPTIONS}"
