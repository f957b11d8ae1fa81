"""The sources of a scene's picture, and the scenes that need a camera for it.

The rule is Blender's without a window (`blender --background`), in `do_render_full_pipeline` and `render_scene_needs`
of its source, and as tried with Blender 4.5 and 5.0:

- The strips of the sequencer need no camera. A strip of a scene without a camera renders empty.
- A compositor needs the camera of each scene whose Render Layers node is not muted, even if nothing uses the node. The
  node must be in the scene's own tree: Blender ignores those within groups.
- Any other scene needs its own camera.

A marker's camera counts if it is rendered; frames before the first marker use the first marker's camera. The check and
PrepareJob get the sources from the file (`services/scene/read_sources.py`), the worker from Blender.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The sources of one scene's picture.

    Attributes:
        has_camera: whether the scene has an active camera, or a marker binds one.
        strips: whether it renders the strips of its sequencer; its compositor and its camera are then unused.
        strip_scenes: the scenes that these strips show through the scenes' own cameras, each once.
        layers: the scenes whose view layers its compositor reads, each once; None without a compositor.
        file_outputs: the File Output nodes of its compositor, which workers mute.
        sounds: whether its sequencer has strips with sound.
        has_output: whether the compositor has an output; Blender writes no picture without one.
    """

    has_camera: bool = False
    strips: bool = False
    strip_scenes: tuple[str, ...] = ()
    layers: tuple[str, ...] | None = None
    has_output: bool = True
    file_outputs: tuple[str, ...] = ()
    sounds: bool = False


def without_camera(scene: str, sources: Mapping[str, Sources]) -> str | None:
    """Return the first scene whose camera is missing when Blender renders `scene`, None if no camera is.

    Args:
        sources: the sources of all known scenes by name. Scenes of other files may be unknown; the worker knows them.
    """
    return None if sources[scene].strips else _lacking(scene, sources)


def empty_strips(scene: str, sources: Mapping[str, Sources]) -> tuple[str, ...]:
    """Return the scenes whose strips render empty in `scene`, since they need a camera and have none."""
    own = sources[scene]
    shown = own.strip_scenes if own.strips else ()
    return tuple(name for name in shown if name in sources and _lacking(name, sources) is not None)


def _lacking(scene: str, sources: Mapping[str, Sources]) -> str | None:
    layers = sources[scene].layers
    needed = (scene,) if layers is None else layers
    return next((name for name in needed if name in sources and not sources[name].has_camera), None)
