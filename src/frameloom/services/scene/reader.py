"""Read what a job needs to know of a .blend file, without Blender."""

import logging
import math
import stat
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar, cast

from frameloom.model.assets import Reference
from frameloom.model.colours import ColourSpace
from frameloom.model.errors import SceneTooNew, SceneUnreadable
from frameloom.model.scene import SceneEntry, SceneFacts
from frameloom.services.scene.blend_format import DAMAGED, BadBlendError, Header
from frameloom.services.scene.colour_names import colours, spaces
from frameloom.services.scene.condense import condense
from frameloom.services.scene.references import references
from frameloom.services.scene.scripts import scripts

if TYPE_CHECKING:
    from blender_asset_tracer.blendfile import BlendFile, BlendFileBlock

Read = TypeVar("Read")

UNPACK_LIMIT = 8 * 2**30
# Above this the condensed file goes to disk: some ten thousand objects.
IN_MEMORY = 16 * 2**20

# OB_CAMERA of Blender's DNA_object_types.h, R_BORDER and R_CROP of its DNA_scene_types.h.
_CAMERA = 11
_CROPPED = 1 << 9 | 1 << 11
# R_SINGLE_LAYER of its scemode.
_SINGLE_LAYER = 1 << 9
# R_DOSEQ of DNA_scene_types.h: the sequencer's strips are rendered, if there are any.
_SEQUENCER = 1
# R_IMF_IMTYPE_* of DNA_scene_types.h: what render.image_settings.file_format calls them.
_FORMATS = {
    0: "TARGA", 1: "IRIS", 4: "JPEG", 14: "TARGA_RAW", 17: "PNG", 20: "BMP", 21: "HDR",
    22: "TIFF", 23: "OPEN_EXR", 24: "FFMPEG", 26: "CINEON", 27: "DPX", 28: "OPEN_EXR_MULTILAYER",
    30: "JPEG2000", 35: "WEBP",
}  # fmt: skip
# R_IMF_EXR_CODEC_*, from 0: what render.image_settings.exr_codec calls them.
_EXR_CODECS = ("NONE", "PXR24", "ZIP", "PIZ", "RLE", "ZIPS", "B44", "B44A", "DWAA", "DWAB")

# The largest numerator or denominator of the pixel aspect that Blender writes into a film.
_MOST_ASPECT = 255


def read_scene(path: Path, *, name: str | None = None, limit: int = UNPACK_LIMIT) -> SceneFacts:
    """Return what the .blend file at `path` holds.

    Nothing of the file runs, nothing is logged, and no file is left behind, even when the process is
    killed. Memory and disk grow with the number of objects and images, about 2 kB each, whatever the file's size.

    Args:
        name: what to call the file in messages; its own name when None.
        limit: how many bytes a packed file may unpack to.

    Raises:
        FileNotFoundError: there is no file at `path`.
        SceneUnreadable: it is no .blend, is damaged or not whole, or has no scene in it.
    """
    file = name or path.name
    return _opened(path, file, limit, lambda blend, header: _read(blend, header, file))


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """What a .blend file holds for the scenes that link from it, as in `SceneFacts`."""

    references: tuple[Reference, ...] = ()
    scripts: tuple[str, ...] = ()
    spaces: tuple[ColourSpace, ...] = ()


def read_library(path: Path, *, name: str | None = None, limit: int = UNPACK_LIMIT) -> Library:
    """Return what the .blend file at `path` holds, as `read_scene` does; it may have no scene."""
    file = name or path.name
    return _opened(
        path,
        file,
        limit,
        lambda blend, _: Library(references=references(blend, file), scripts=scripts(blend), spaces=spaces(blend)),
    )


def read_references(path: Path, *, name: str | None = None, limit: int = UNPACK_LIMIT) -> tuple[Reference, ...]:
    """Return what the .blend file at `path` refers to, as `read_scene` does; it may be a library without a scene."""
    return read_library(path, name=name, limit=limit).references


def _opened(path: Path, file: str, limit: int, read: Callable[["BlendFile", Header], Read]) -> Read:
    """Return what `read` makes of the condensed file; raise as `read_scene` does."""
    try:
        # Asked before it is opened: to open a pipe is to wait for who writes into it.
        ordinary = stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise SceneUnreadable(file=file, problem=error.strerror or str(error)) from error
    if not ordinary:
        raise SceneUnreadable(file=file, problem="it is no file")
    try:
        with path.open("rb") as source, tempfile.SpooledTemporaryFile(IN_MEMORY) as condensed:
            header = condense(source, condensed, limit=limit)
            return _facts(condensed, file, header, read)
    except BadBlendError as error:
        raise SceneUnreadable(file=file, problem=str(error)) from error
    except OSError as error:
        raise SceneUnreadable(file=file, problem=error.strerror or str(error)) from error


def check_version(facts: SceneFacts, *, supported: str, file: str) -> None:
    """Raise SceneTooNew where a Blender newer than `supported` ("4.5.15", say) saved the file.

    Versions are compared by major and minor: every 4.5 opens what any other 4.5 saved.
    """
    major, minor, *_ = map(int, supported.split("."))
    if facts.blender_version > (major, minor):
        version = "{}.{}".format(*facts.blender_version)
        raise SceneTooNew(file=file, version=version, supported=f"{major}.{minor}")


@dataclass(frozen=True, slots=True, repr=False)
class _Opened:
    """Stands for the path of an open file without a path; the reader opens it and names it in messages."""

    name: str
    file: IO[bytes]

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return repr(self.name)

    def open(self, _mode: str, *, buffering: int) -> IO[bytes]:  # noqa: ARG002  the reader's own call
        return self.file


def _facts(condensed: IO[bytes], file: str, header: Header, read: Callable[["BlendFile", Header], Read]) -> Read:
    # Imported here: a Lambda's other handlers share this package and never read a scene.
    from blender_asset_tracer.blendfile import BlendFile  # noqa: PLC0415

    # It prints warnings about damage to stderr; the caller gets the exception instead.
    logging.getLogger("blender_asset_tracer").setLevel(logging.CRITICAL)
    try:
        with BlendFile(cast("Path", _Opened(file, condensed))) as blend:
            return read(blend, header)
    except BadBlendError:
        raise
    except Exception as error:  # on damaged data the reader raises whatever it stumbles over
        raise BadBlendError(DAMAGED) from error


def _read(blend: "BlendFile", header: Header, file: str) -> SceneFacts:
    scenes = tuple(_entry(block) for block in blend.find_blocks_from_code(b"SC"))
    if not scenes:
        raise BadBlendError("it holds no scene")
    objects = blend.find_blocks_from_code(b"OB")
    placeholders = blend.find_blocks_from_code(b"ID")
    active = _pointed_name(blend.find_blocks_from_code(b"GLOB")[0], b"curscene")
    return SceneFacts(
        file=file,
        blender_version=header.version,
        scenes=scenes,
        # A scene that lives in another file is not rendered from here; Blender falls back to the first, too.
        active=active if active in {scene.name for scene in scenes} else scenes[0].name,
        cameras=tuple(_name(block) for block in objects if block.get(b"type") == _CAMERA),
        linked_objects=tuple(_name(block) for block in placeholders if block.get(b"name").startswith(b"OB")),
        references=references(blend, file),
        scripts=scripts(blend),
        spaces=spaces(blend),
    )


def _entry(scene: "BlendFileBlock") -> SceneEntry:
    def setting(*path: bytes) -> Any:
        return scene.get((b"r", *path))

    def later(*path: bytes, default: Any) -> Any:
        """Return a setting that files of 2.48 (engine, frame step) or 2.60 (image format) do not have."""
        return scene.get((b"r", *path), default=default)

    entry = SceneEntry(
        name=_name(scene),
        frame_start=setting(b"sfra"),
        frame_end=setting(b"efra"),
        frame_step=later(b"frame_step", default=1),
        fps=_rate(setting(b"frs_sec"), setting(b"frs_sec_base")),
        size=(setting(b"xsch"), setting(b"ysch")),
        percentage=setting(b"size"),
        engine=_text(later(b"engine", default=b"")),
        format=_FORMATS.get(later(b"im_format", b"imtype", default=None), "UNKNOWN"),
        exr_codec=dict(enumerate(_EXR_CODECS)).get(later(b"im_format", b"exr_codec", default=None), "UNKNOWN"),
        camera=_pointed_name(scene, b"camera"),
        needs_camera=not (setting(b"scemode") & _SEQUENCER and _has_strips(scene)) and not _has_marked_camera(scene),
        pixel_aspect=_pixel_aspect(setting(b"xasp"), setting(b"yasp")),
        single_layer=bool(setting(b"scemode") & _SINGLE_LAYER),
        crop=_crop(setting) if setting(b"mode") & _CROPPED == _CROPPED else None,
        colours=colours(scene),
    )
    if any(value <= 0 for value in (entry.fps, entry.frame_step, entry.percentage, *entry.size)):
        raise BadBlendError(DAMAGED)
    return entry


def _has_strips(scene: "BlendFileBlock") -> bool:
    editing = scene.bfile.block_from_addr.get(scene.get(b"ed", default=0))
    return editing is not None and bool(editing.get((b"seqbase", b"first"), default=0))


def _has_marked_camera(scene: "BlendFileBlock") -> bool:
    blocks, met = scene.bfile.block_from_addr, set()
    address = scene.get((b"markers", b"first"), default=0)
    # A damaged list may lead back into itself.
    while (marker := blocks.get(address)) is not None and address not in met:
        if marker.get(b"camera", default=0):
            return True
        met.add(address)
        address = marker.get(b"next")
    return False


def _crop(setting: Any) -> tuple[float, float, float, float]:
    left, bottom, right, top = (setting(b"border", side) for side in (b"xmin", b"ymin", b"xmax", b"ymax"))
    return left, bottom, right, top


def _pixel_aspect(across: float, down: float) -> Fraction:
    """Return the ratio of a pixel's width to its height as Blender writes it into a film, in numbers up to 255.

    Source: writeffmpeg.cc of Blender calls libav's av_d2q(xasp / yasp, 255).
    """
    if not (math.isfinite(across) and math.isfinite(down) and across > 0 and down > 0):
        # Blender itself keeps both between 1 and 200.
        return Fraction(1)
    wide = across > down
    narrow = Fraction(down) / Fraction(across) if wide else Fraction(across) / Fraction(down)
    limited = narrow.limit_denominator(_MOST_ASPECT) or Fraction(1, _MOST_ASPECT)
    return 1 / limited if wide else limited


def _rate(frames: int, seconds: float) -> Fraction:
    """Return frames over seconds as they were typed in: 30 over 1.001 is 30000/1001."""
    if not math.isfinite(seconds) or seconds <= 0:
        raise BadBlendError(DAMAGED)
    # The seconds are kept in single precision, which has seven digits: the eighth is noise.
    return Fraction(frames) / Fraction(f"{seconds:.7g}")


def _pointed_name(block: "BlendFileBlock", field: bytes) -> str | None:
    """Return the name of what `field` points to, None for nothing or for what the file does not hold."""
    target = block.bfile.block_from_addr.get(block.get(field))
    return None if target is None else _name(target)


def _name(block: "BlendFileBlock") -> str:
    # Names begin with two letters that tell their kind: OBCamera. A placeholder is nothing but its name.
    name: bytes = block.get(b"name" if block.code == b"ID" else (b"id", b"name"))
    return _text(name[2:])


def _text(name: bytes) -> str:
    return name.decode("utf-8", errors="replace")
