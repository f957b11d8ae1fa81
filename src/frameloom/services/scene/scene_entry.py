"""Reads one scene of a .blend file: its frames, size, frame rate, output and camera."""

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from frameloom.model.scene import SceneEntry
from frameloom.model.stamps import FILENAME
from frameloom.model.views import Views, ViewsFormat, rendered_views
from frameloom.services.scene.blend_format import DAMAGED, BadBlendError
from frameloom.services.scene.block_text import decode, name_of
from frameloom.services.scene.colour_names import read_colours
from frameloom.services.scene.read_sources import chain, find_marker_cameras, read_sources
from frameloom.services.scene.read_view_layers import read_colour_depth, read_options, read_view_layers

if TYPE_CHECKING:
    from blender_asset_tracer.blendfile import BlendFileBlock

# R_BORDER and R_CROP of Blender's DNA_scene_types.h.
_CROPPED = 1 << 9 | 1 << 11
# R_SINGLE_LAYER of scemode.
_SINGLE_LAYER = 1 << 9
# R_MULTIVIEW of scemode, SCE_VIEWS_FORMAT_STEREO_3D, SCE_VIEW_DISABLE, and of DNA_scene_types.h R_IMF_VIEWS_*.
_MULTIVIEW, _STEREO, _VIEW_OFF = 1 << 21, 0, 1
_VIEWS_FORMATS: dict[int, ViewsFormat] = {0: "INDIVIDUAL", 1: "STEREO_3D", 2: "MULTIVIEW"}
# S3D_DISPLAY_* of DNA_vec_types.h and S3D_SQUEEZED_FRAME.
_DISPLAYS = {0: "ANAGLYPH", 1: "INTERLACE", 2: "TIMESEQUENTIAL", 3: "SIDEBYSIDE", 4: "TOPBOTTOM"}
_SQUEEZED = 1 << 2
# R_IMF_IMTYPE_* of DNA_scene_types.h, with the names of render.image_settings.file_format.
_FORMATS = {
    0: "TARGA", 1: "IRIS", 4: "JPEG", 14: "TARGA_RAW", 17: "PNG", 20: "BMP", 21: "HDR",
    22: "TIFF", 23: "OPEN_EXR", 24: "FFMPEG", 26: "CINEON", 27: "DPX", 28: "OPEN_EXR_MULTILAYER",
    30: "JPEG2000", 35: "WEBP",
}  # fmt: skip
# R_IMF_EXR_CODEC_*, from 0, with the names of render.image_settings.exr_codec.
_EXR_CODECS = ("NONE", "PXR24", "ZIP", "PIZ", "RLE", "ZIPS", "B44", "B44A", "DWAA", "DWAB")
# R_IMF_FLAG_PREVIEW_JPG.
_PREVIEW = 1 << 1
# R_STAMP_DRAW: the stamp is burnt into the frames. Then the parts of a stamp, by their bits.
_BURNT = 0x40
_STAMPS = {0x4: "Date", 0x400: "Render Time", 0x2000: "Memory", 0x10000: "Hostname", 0x100: FILENAME}
# The largest numerator or denominator of the pixel aspect that Blender writes into a film.
_MAX_ASPECT = 255


def read_entry(scene: "BlendFileBlock") -> SceneEntry:
    """Return the settings in a scene's block.

    Raises:
        BadBlendError: a setting has a value that no scene can have.
    """

    def setting(*path: bytes) -> Any:
        return scene.get((b"r", *path))

    def later(*path: bytes, default: Any) -> Any:
        """Return a setting that files of old Blenders lack (docs/decisions/0026-fields-of-old-files.md)."""
        return scene.get((b"r", *path), default=default)

    mode, depth = read_colour_depth(scene)
    entry = SceneEntry(
        name=name_of(scene),
        frame_start=setting(b"sfra"),
        frame_end=setting(b"efra"),
        # Old files have 0 for both: Blender then takes 1.
        frame_step=later(b"frame_step", default=0) or 1,
        fps=exact_rate(setting(b"frs_sec"), later(b"frs_sec_base", default=0) or 1),
        size=(setting(b"xsch"), setting(b"ysch")),
        percentage=setting(b"size"),
        engine=decode(later(b"engine", default=b"")),
        format=_FORMATS.get(later(b"im_format", b"imtype", default=later(b"imtype", default=None)), "UNKNOWN"),
        exr_codec=dict(enumerate(_EXR_CODECS)).get(_codec(later), "UNKNOWN"),
        exr_preview=bool(later(b"im_format", b"flag", default=0) & _PREVIEW),
        camera=pointed_name(scene, b"camera"),
        sources=read_sources(scene),
        pixel_aspect=exact_aspect(setting(b"xasp"), setting(b"yasp")),
        single_layer=bool(setting(b"scemode") & _SINGLE_LAYER),
        crop=_crop(setting) if setting(b"mode") & _CROPPED == _CROPPED else None,
        colours=read_colours(scene),
        views=_views(scene) if setting(b"scemode") & _MULTIVIEW else None,
        stamp=_stamp(later(b"stamp", default=0)),
        view_layers=read_view_layers(scene),
        options=read_options(scene),
        color_mode=mode,
        color_depth=depth,
        marker_cameras=find_marker_cameras(scene),
        time_stretching=(later(b"framapto", default=0) or 100, later(b"images", default=0) or 100),
    )
    if any(value <= 0 for value in (entry.fps, entry.frame_step, entry.percentage, *entry.size)):
        raise BadBlendError(DAMAGED)
    return entry


def _codec(later: Any) -> int:
    """Return the number of the OpenEXR compression; before 2.61 it was in the low bits of the quality."""
    codec: int = later(b"im_format", b"exr_codec", default=later(b"quality", default=0) & 7)
    return codec


def _stamp(bits: int) -> tuple[str, ...]:
    return tuple(part for bit, part in _STAMPS.items() if bits & bit) if bits & _BURNT else ()


def _views(scene: "BlendFileBlock") -> Views:
    display = scene.get((b"r", b"im_format", b"stereo3d_format", b"display_mode"))
    found = [
        (decode(view.get(b"name")), decode(view.get(b"suffix")), not view.get(b"viewflag") & _VIEW_OFF)
        for view in chain(scene, b"r", b"views")
    ]
    return Views(
        rendered=rendered_views(found, stereo=scene.get((b"r", b"views_format")) == _STEREO),
        format=_VIEWS_FORMATS.get(scene.get((b"r", b"im_format", b"views_format")), "INDIVIDUAL"),
        display=_DISPLAYS.get(display, "ANAGLYPH"),
        by_camera=scene.get((b"r", b"views_format")) != _STEREO,
        squeezed=bool(scene.get((b"r", b"im_format", b"stereo3d_format", b"flag")) & _SQUEEZED),
    )


def _crop(setting: Any) -> tuple[float, float, float, float]:
    left, bottom, right, top = (setting(b"border", side) for side in (b"xmin", b"ymin", b"xmax", b"ymax"))
    return left, bottom, right, top


def exact_aspect(across: float, down: float) -> Fraction:
    """Return the ratio of a pixel's width to its height, as Blender writes it into a film: with numbers up to 255.

    Source: writeffmpeg.cc of Blender calls libav's av_d2q(xasp / yasp, 255).
    """
    if not (math.isfinite(across) and math.isfinite(down) and across > 0 and down > 0):
        # Blender limits both to 1 to 200.
        return Fraction(1)
    wide = across > down
    narrow = Fraction(down) / Fraction(across) if wide else Fraction(across) / Fraction(down)
    limited = narrow.limit_denominator(_MAX_ASPECT) or Fraction(1, _MAX_ASPECT)
    return 1 / limited if wide else limited


def exact_rate(frames: int, seconds: float) -> Fraction:
    """Return frames per `seconds`, as the user typed them: 30 and 1.001 give 30000/1001."""
    if not math.isfinite(seconds) or seconds <= 0:
        raise BadBlendError(DAMAGED)
    # A file stores the seconds in single precision, which has seven digits.
    return Fraction(frames) / Fraction(f"{seconds:.7g}")


def pointed_name(block: "BlendFileBlock", field: bytes) -> str | None:
    """Return the name of the data-block that a field points to, None for no data-block or one outside the file."""
    target = block.bfile.block_from_addr.get(block.get(field, default=0))
    return None if target is None else name_of(target)
