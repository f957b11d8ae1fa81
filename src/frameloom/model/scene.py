"""The facts about a .blend file that a job needs: its Blender version, scenes, frames, size, rate and cameras."""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from frameloom.model.assets import Reference
from frameloom.model.colours import Colours, ColourSpace
from frameloom.model.counts import listed
from frameloom.model.errors import InvalidRequest, NoCamera
from frameloom.model.notices import Notice
from frameloom.model.simulations import Simulation
from frameloom.model.sources import Sources, without_camera
from frameloom.model.view_layers import ViewLayer
from frameloom.model.views import Views


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneEntry:
    """One scene of a file.

    Attributes:
        frame_end: the last frame, inclusive; below `frame_start` if the scene's range is empty.
        fps: frames per second, exact (30000/1001, not 29.97).
        size: width and height in pixels at 100 %.
        percentage: the scene's scale of that size.
        engine: Blender's identifier, such as "CYCLES".
        format: Blender's identifier of the output's format, such as "PNG" or "FFMPEG".
        exr_codec: Blender's identifier of the OpenEXR compression, for every output format.
        exr_preview: whether Blender writes a small JPEG beside each OpenEXR.
        camera: the name of the active camera, None for a scene without a camera.
        sources: the sources of its picture, which determine whether it needs a camera.
        crop: xmin, ymin, xmax, ymax as fractions of the size, None if the whole picture is rendered.
        pixel_aspect: the ratio of a pixel's width to its height.
        single_layer: whether Render Single Layer is on.
        colours: the colour management of its output.
        views: the views of a scene with Stereoscopy, None for other scenes.
        stamp: the parts of the metadata that it burns into frames and that depend on the machine or the file's path,
            as in `model/stamps.py`.
        view_layers: its view layers, in Blender's order; empty before Blender 2.80.
        options: the names of the render options that are on, such as "Motion Blur".
        color_mode: Blender's identifier of the channels of its pictures: "BW", "RGB" or "RGBA"; empty if unknown.
        color_depth: the bits of a channel, such as "16"; empty if unknown.
        marker_cameras: the names of the cameras that its markers bind, each once.
        time_stretching: Old and New of Time Stretching, equal if it is off.
    """

    name: str
    frame_start: int
    frame_end: int
    frame_step: int
    fps: Fraction
    size: tuple[int, int]
    percentage: int
    engine: str
    format: str
    exr_codec: str = "ZIP"
    exr_preview: bool = False
    camera: str | None = None
    sources: Sources = field(default_factory=Sources)
    crop: tuple[float, float, float, float] | None = None
    pixel_aspect: Fraction = Fraction(1)
    single_layer: bool = False
    colours: Colours = field(default_factory=Colours)
    views: Views | None = None
    stamp: tuple[str, ...] = ()
    view_layers: tuple[ViewLayer, ...] = ()
    options: tuple[str, ...] = ()
    color_mode: str = ""
    color_depth: str = ""
    marker_cameras: tuple[str, ...] = ()
    time_stretching: tuple[int, int] = (100, 100)

    def rendered_size(self, percentage: int | None = None) -> tuple[int, int]:
        """Return the width and height of a frame in pixels at `percentage`, at the scene's scale if None.

        Like Blender, round down to whole pixels, and round each edge of a crop down on its own.

        Raises:
            InvalidRequest: at this scale the frame has no pixels; Blender refuses to render it.
        """
        scale = self.percentage if percentage is None else percentage
        width, height = (side * scale // 100 for side in self.size)
        if self.crop is not None:
            left, bottom, right, top = self.crop
            width, height = _span(left, right, width), _span(bottom, top, height)
        if width < 1 or height < 1:
            raise InvalidRequest(
                field="resolution_percentage",
                problem=f"at {scale} % scene {self.name!r} has {width} x {height} pixels: use a larger percentage",
            )
        return (width, height) if self.views is None else self.views.enlarged((width, height))


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneFacts:
    """The facts about a .blend file that a job needs.

    Attributes:
        file: the file's name in messages.
        blender_version: major and minor of the Blender that saved it.
        big_endian: whether a big-endian machine saved it; Blender 5.0 and later do not open such files.
        scenes: at least one, in the file's order.
        active: the name of the scene that is active when Blender opens the file.
        cameras: the names of all camera objects in the file, in any scene.
        linked_objects: the names of objects linked from other files, any of which may be a camera.
        linked_groups: whether collections or scenes are linked, whose objects are known to Blender alone.
        references: the paths to other files, each once.
        scripts: descriptions of the Python in the file that changes pictures.
        spaces: the colour spaces that images, clips, strips and nodes name.
        simulations: the simulations without a bake.
        tree_types: the types of node groups that only an add-on has.
        notices: notices about the file, for each job that renders it.
    """

    file: str
    blender_version: tuple[int, int]
    scenes: tuple[SceneEntry, ...]
    active: str
    big_endian: bool = False
    cameras: tuple[str, ...] = ()
    linked_objects: tuple[str, ...] = ()
    linked_groups: bool = False
    references: tuple[Reference, ...] = ()
    scripts: tuple[str, ...] = ()
    spaces: tuple[ColourSpace, ...] = ()
    simulations: tuple[Simulation, ...] = ()
    tree_types: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = ()

    def pick(self, scene: str | None = None, camera: str | None = None) -> SceneEntry:
        """Return the scene to render, with its camera; without a name, return the active scene.

        The camera may be in any scene of the file, as in Blender.

        Raises:
            InvalidRequest: the file has no such scene or no such camera, or the scene's compositor has no output.
            NoCamera: the picture needs the camera of a scene without one (frameloom.model.sources).
        """
        wanted = self.active if scene is None else scene
        entry = next((entry for entry in self.scenes if entry.name == wanted), None)
        if entry is None:
            raise InvalidRequest(
                field="scene",
                problem=_unknown("scene", wanted, self.file, [entry.name for entry in self.scenes]),
            )
        if camera is not None:
            if camera not in (*self.cameras, *self.linked_objects, entry.camera) and not self.linked_groups:
                raise InvalidRequest(field="camera", problem=_unknown("camera", camera, self.file, self.cameras))
            entry = replace(entry, camera=camera, sources=replace(entry.sources, has_camera=True))
        check_sources(entry.name, self.sources | {entry.name: entry.sources}, file=self.file)
        return entry

    @property
    def sources(self) -> dict[str, Sources]:
        """The sources of the pictures of all scenes in the file, by their names."""
        return {entry.name: entry.sources for entry in self.scenes}


def check_sources(scene: str, sources: Mapping[str, Sources], *, file: str) -> None:
    """Refuse a scene of which Blender would render no picture.

    Args:
        sources: the sources of the pictures of all known scenes, by their names.

    Raises:
        InvalidRequest: its compositor has no output.
        NoCamera: its picture needs the camera of a scene without one.
    """
    if not sources[scene].strips and not sources[scene].has_output:
        problem = (
            f"the compositor of scene {scene!r} of {file!r} has no output, so Blender writes no picture: add a "
            "Composite node (since Blender 5.0 a Group Output), or switch Compositing off in the scene's output "
            "properties"
        )
        raise InvalidRequest(field="scene", problem=problem)
    if (lacking := without_camera(scene, sources)) is not None:
        raise NoCamera(file=file, scene=lacking)


def _span(low: float, high: float, pixels: int) -> int:
    # RE_InitState in Blender's render/intern/pipeline.cc: int(border.xmax * winx) - int(border.xmin * winx), with the
    # products in single precision. Double precision would move some edges by a pixel.
    return int(_single(high * pixels)) - int(_single(low * pixels))


def _single(number: float) -> float:
    (rounded,) = struct.unpack("f", struct.pack("f", number))
    return float(rounded)


def _unknown(kind: str, wanted: str, file: str, known: Iterable[str]) -> str:
    names = [repr(name) for name in known]
    if not names:
        return f"{file!r} has no {kind} {wanted!r}, and no other {kind}"
    return f"{file!r} has no {kind} {wanted!r}; it has {listed(names)}"
