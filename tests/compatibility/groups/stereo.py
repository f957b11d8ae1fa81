"""Stereoscopy: views, their files, and pictures with several views."""

from typing import Any

from tests.compatibility.rows import Group, Stage, announced

rows = Group("Stereoscopy")
_SHORT: dict[str, Any] = {"frames": (1, 2), "size": (16, 10)}
_STILL: dict[str, Any] = {"frames": (1, 1), "size": (16, 10)}


def _stereo(s: Stage, held: str = "INDIVIDUAL") -> Any:
    """Switch Stereo 3D on; return the image settings."""
    s.render.use_multiview, s.camera.data.stereo.interocular_distance = True, 1.0
    s.render.image_settings.views_format = held
    return s.render.image_settings


def _pair(s: Stage) -> None:
    """Switch Multi-View on, with a camera for each view."""
    s.camera.name = "Camera_L"
    right = s.add("Camera_R", s.data.cameras.new("Camera_R"))
    right.location, right.rotation_euler = (1.0, -7.0, 0.5), (1.5707964, 0.0, 0.0)
    s.render.use_multiview, s.render.views_format = True, "MULTIVIEW"


@rows.same("Stereo 3D, individual views", size=(16, 10))
def _(s: Stage) -> None:
    _stereo(s)


@rows.same("Stereo 3D, individual views in OpenEXR", request={"format": "OPEN_EXR"}, **_SHORT)
def _(s: Stage) -> None:
    _stereo(s)


@rows.same("Stereo 3D, individual views in JPEG", request={"format": "JPEG"}, **_STILL)
def _(s: Stage) -> None:
    _stereo(s)


@rows.same("One view of two, individual", **_SHORT)
def _(s: Stage) -> None:
    _stereo(s)
    s.render.views["left"].use = False


@rows.same("No view", **_STILL)
def _(s: Stage) -> None:
    _stereo(s)
    for view in s.render.views:
        view.use = False


@rows.same("Views of negative frames", request={"frames": "-1-1"}, size=(16, 10))
def _(s: Stage) -> None:
    _stereo(s)


@rows.same("Suffixes of the scene's own, Unicode", **_SHORT)
def _(s: Stage) -> None:
    _stereo(s)
    s.render.views["left"].file_suffix, s.render.views["right"].file_suffix = "-links ü", ".rechts"


@rows.refused("Two views with one suffix", "InvalidRequest", "have the same suffix", **_STILL)
def _(s: Stage) -> None:
    _stereo(s)
    s.render.views["right"].file_suffix = "_L"


def _shared(mode: str, feature: str, *, squeezed: bool = False, **more: Any) -> None:
    @rows.same(f"Stereo 3D, {feature}", **_STILL)
    def _(s: Stage) -> None:
        stereo = _stereo(s, "STEREO_3D").stereo_3d_format
        stereo.display_mode, stereo.use_squeezed_frame = mode, squeezed
        for name, value in more.items():
            setattr(stereo, name, value)


_shared("SIDEBYSIDE", "side by side")
_shared("SIDEBYSIDE", "side by side, squeezed", squeezed=True)
_shared("SIDEBYSIDE", "side by side, cross-eyed", use_sidebyside_crosseyed=True)
_shared("TOPBOTTOM", "top-bottom")
_shared("TOPBOTTOM", "top-bottom, squeezed", squeezed=True)
_shared("ANAGLYPH", "anaglyph")
_shared("ANAGLYPH", "anaglyph, green and magenta", anaglyph_type="GREEN_MAGENTA")
_shared("INTERLACE", "interlace")
_shared("INTERLACE", "interlace, swapped", interlace_type="CHECKERBOARD_INTERLEAVED", use_interlace_swap=True)


@rows.same("Stereo 3D, side by side with a cropped border", **_STILL)
def _(s: Stage) -> None:
    _stereo(s, "STEREO_3D").stereo_3d_format.display_mode = "SIDEBYSIDE"
    s.render.use_border = s.render.use_crop_to_border = True
    s.render.border_max_x = 0.5


@rows.same("Multi-View, a camera for each view", **_SHORT)
def _(s: Stage) -> None:
    _pair(s)


@rows.same("Multi-View, a third view", **_SHORT)
def _(s: Stage) -> None:
    _pair(s)
    centre = s.add("Camera_C", s.data.cameras.new("Camera_C"))
    centre.location, centre.rotation_euler = (0.0, -8.0, 0.0), (1.5707964, 0.0, 0.0)
    s.render.views.new("centre").file_suffix = "_C"


@rows.announced("Multi-View with one camera", "stereo", "All views show the same camera", **_SHORT)
def _(s: Stage) -> None:
    s.render.use_multiview, s.render.views_format = True, "MULTIVIEW"


@rows.same("All views in one OpenEXR", request={"format": "OPEN_EXR"}, **_SHORT)
def _(s: Stage) -> None:
    _pair(s)
    s.render.image_settings.file_format = "OPEN_EXR"
    s.render.image_settings.views_format = "MULTIVIEW"


@rows.announced(
    "All views in one OpenEXR, rendered as PNG",
    "stereo",
    "Each view is a file of its own",
    pixels=False,
    by_version={"5.0": announced("stereo", "Each view is a file of its own")},
    request={"format": "PNG"},
    **_STILL,
)
def _(s: Stage) -> None:
    _pair(s)
    s.render.image_settings.file_format = "OPEN_EXR"
    s.render.image_settings.views_format = "MULTIVIEW"


@rows.same("Views of the sequencer", frames=(1, 2), size=(16, 10))
def _(s: Stage) -> None:
    _stereo(s)
    other = s.data.scenes.new("Edit")
    other.render.use_multiview = True
    end = {"length": 9} if s.version >= (5, 0) else {"frame_end": 9}
    strip = s.strips().new_effect(name="colour", type="COLOR", channel=1, frame_start=1, **end)
    s.key(strip, "color", {1: (0.2, 0.4, 0.6), 2: (0.6, 0.4, 0.2)})


@rows.same("Views of the compositor", **_SHORT)
def _(s: Stage) -> None:
    _stereo(s)
    _, layers, connect = s.compositor()
    connect(layers.outputs["Image"])
