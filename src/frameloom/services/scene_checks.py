"""What a farm refuses to render, since Blender would render something else and not say so.

Each of these ends without an error in Blender: code that may not run is skipped, an engine that is not there becomes
EEVEE, a name of colour management that is not there becomes a default.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from frameloom.model.colours import Colours, ColourSpace, missing, views
from frameloom.model.errors import InvalidRequest
from frameloom.model.scene import SceneEntry, SceneFacts
from frameloom.model.settings import SCRIPTS_WAYS_OUT, Engine
from frameloom.services.assets import listed

# EEVEE's identifier changed when it was rewritten (4.2) and back again (5.0): Blender maps the one to the other.
ENGINES = frozenset({"CYCLES", "BLENDER_EEVEE", "BLENDER_EEVEE_NEXT", "BLENDER_WORKBENCH"})
# Blender has turned these into EEVEE since 2.80 (versioning_280.cc); files of 2.4 name none.
_INTERNAL = frozenset({"", "BLENDER_RENDER"})


def check_engine(entry: SceneEntry, engine: Engine | None, *, blender: str) -> None:
    """Refuse a scene whose engine the workers lack, where the request names no other.

    Raises:
        InvalidRequest: naming the engine, and the way out.
    """
    if engine is not None or entry.engine in ENGINES:
        return
    if entry.engine in _INTERNAL:
        was = f"scene {entry.name!r} is made for Blender Internal, which ended with Blender 2.79; Blender {blender} "
        was += "would render it with EEVEE"
    else:
        was = f"scene {entry.name!r} renders with {entry.engine!r}, which the Blender {blender} of the workers lacks"
    problem = f"{was}: name the engine that is to render it, CYCLES, EEVEE or WORKBENCH (`--engine`)"
    raise InvalidRequest(field="engine", problem=problem)


def check_colours(facts: SceneFacts, entry: SceneEntry, *, blender: str, linear: bool = False) -> None:
    """Refuse a scene that names what Blender's own colour configuration lacks.

    Args:
        linear: whether frames are written as OpenEXR, in a linear colour space that a scene may name.

    Raises:
        InvalidRequest: naming it.
    """
    lacking = missing(
        entry.colours if linear else replace(entry.colours, linear=""),
        facts.spaces,
        blender=blender,
        saved_by=facts.blender_version,
        whose=f"scene {entry.name!r}",
    )
    _refuse_colours(list(lacking), file=facts.file, blender=blender)


def check_spaces(spaces: Iterable[ColourSpace], *, file: str, blender: str) -> None:
    """Refuse libraries whose images name a colour space that Blender's own configuration lacks.

    Raises:
        InvalidRequest: naming it.
    """
    _refuse_colours(list(missing(Colours(), spaces, blender=blender, saved_by=(0, 0))), file=file, blender=blender)


def _refuse_colours(lacking: Sequence[str], *, file: str, blender: str) -> None:
    if not lacking:
        return
    problem = (
        f"the colour configuration of Blender {blender} lacks what {file!r} asks for: {listed(lacking)}. No other "
        f"configuration can be rendered with: choose names that it has, such as the views {listed(views(blender))}"
    )
    raise InvalidRequest(field="file", problem=problem)


def check_scripts(scripts: Sequence[str], *, trust: bool | None, file: str) -> None:
    """Refuse a scene with code that changes its pictures, where the request does not say whether it runs.

    Raises:
        InvalidRequest: naming the code, and both ways out.
    """
    if scripts and trust is None:
        raise InvalidRequest(field="trust_scripts", problem=scripts_problem(scripts, file=file))


def scripts_problem(scripts: Sequence[str], *, file: str) -> str:
    """Return what is wrong with a scene that holds code, and both ways out."""
    return f"{file!r} holds Python, which runs only where the job trusts it: {listed(scripts)}; {SCRIPTS_WAYS_OUT}"
