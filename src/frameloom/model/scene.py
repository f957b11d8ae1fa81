"""What a .blend file says of itself: its Blender, its scenes, their frames, size, rate and cameras."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction

from frameloom.model.assets import Reference
from frameloom.model.colours import Colours, ColourSpace
from frameloom.model.errors import InvalidRequest, NoCamera


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneEntry:
    """One scene of a file.

    Attributes:
        frame_end: the last frame, itself included; below `frame_start` where the scene's range is empty.
        fps: frames per second, exact (30000/1001, not 29.97).
        size: width and height in pixels at 100 %.
        percentage: the scene's own scale of that size.
        engine: Blender's identifier, such as "CYCLES".
        format: Blender's identifier of the image or film it writes, such as "PNG" or "FFMPEG".
        exr_codec: Blender's identifier of how it packs an OpenEXR, whether it writes one or not.
        camera: the object it renders from, None where none is set.
        needs_camera: False where it renders the strips of its sequencer, or from cameras that markers are bound to.
        crop: xmin, ymin, xmax, ymax as parts of the size, None where the whole picture is rendered.
        pixel_aspect: the ratio of a pixel's width to its height.
        single_layer: whether Render Single Layer is on.
        colours: the colour management of its output.
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
    camera: str | None = None
    needs_camera: bool = True
    crop: tuple[float, float, float, float] | None = None
    pixel_aspect: Fraction = Fraction(1)
    single_layer: bool = False
    colours: Colours = field(default_factory=Colours)

    def rendered_size(self, percentage: int | None = None) -> tuple[int, int]:
        """Return the pixels, width and height, of an image at `percentage`, the scene's own when None.

        Rounded as Blender does it: down to whole pixels, and each edge of a crop down on its own.

        Raises:
            InvalidRequest: at this scale nothing is left of the image; Blender refuses to render it.
        """
        scale = self.percentage if percentage is None else percentage
        width, height = (side * scale // 100 for side in self.size)
        if self.crop is not None:
            left, bottom, right, top = self.crop
            width, height = _span(left, right, width), _span(bottom, top, height)
        if width < 1 or height < 1:
            raise InvalidRequest(
                field="resolution_percentage",
                problem=f"at {scale} % scene {self.name!r} is {width} x {height} pixels; take a greater one",
            )
        return width, height


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneFacts:
    """What a .blend file holds, as far as a job needs it.

    Attributes:
        file: what to call the file in messages.
        blender_version: major and minor of the Blender that saved it.
        scenes: at least one, in the file's order.
        active: the name of the scene that Blender opens the file with.
        cameras: the names of the file's camera objects, whichever scene they are in.
        linked_objects: the names of objects that live in other files, any of which may be a camera.
        references: the files outside of it that it needs, each path once.
        scripts: descriptions of the Python in it that changes pictures.
        spaces: the colour spaces that its images, clips, strips and nodes name.
    """

    file: str
    blender_version: tuple[int, int]
    scenes: tuple[SceneEntry, ...]
    active: str
    cameras: tuple[str, ...] = ()
    linked_objects: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    scripts: tuple[str, ...] = ()
    spaces: tuple[ColourSpace, ...] = ()

    def pick(self, scene: str | None = None, camera: str | None = None) -> SceneEntry:
        """Return the scene to render, the active one when None, with the camera it renders from.

        A camera need not be in the scene that renders from it: Blender takes any of the file.

        Raises:
            InvalidRequest: the file has no such scene, or no such camera.
            NoCamera: none is named, and the scene has none and needs one.
        """
        wanted = self.active if scene is None else scene
        entry = next((entry for entry in self.scenes if entry.name == wanted), None)
        if entry is None:
            raise InvalidRequest(
                field="scene",
                problem=_unknown("scene", wanted, self.file, [entry.name for entry in self.scenes]),
            )
        if camera is not None:
            if camera not in (*self.cameras, *self.linked_objects, entry.camera):
                raise InvalidRequest(field="camera", problem=_unknown("camera", camera, self.file, self.cameras))
            return replace(entry, camera=camera)
        if entry.camera is None and entry.needs_camera:
            raise NoCamera(file=self.file, scene=entry.name)
        return entry


def _span(low: float, high: float, pixels: int) -> int:
    # RE_InitState of Blender's render/intern/pipeline.cc: int(border.xmax * winx) - int(border.xmin * winx),
    # the products in single precision, which moves an edge by a pixel where double precision would not.
    return int(_single(high * pixels)) - int(_single(low * pixels))


def _single(number: float) -> float:
    (rounded,) = struct.unpack("f", struct.pack("f", number))
    return float(rounded)


# A file may hold thousands; a message that lists them all helps nobody.
_NAMED = 20


def _unknown(kind: str, wanted: str, file: str, known: Iterable[str]) -> str:
    names = [repr(name) for name in known]
    if not names:
        return f"{file!r} has no {kind} {wanted!r}, nor any other"
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{file!r} has no {kind} {wanted!r}; it has {', '.join(names[:_NAMED])}{more}"
