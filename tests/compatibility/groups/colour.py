"""Colour management."""

from tests.compatibility.rows import Build, Group, Stage

rows = Group("Colour management")


def _view(name: str) -> Build:
    def build(s: Stage) -> None:
        s.scene.view_settings.view_transform = name

    return build


for view in ("Standard", "AgX", "Filmic", "Filmic Log", "False Color", "Raw", "Khronos PBR Neutral"):
    rows.same(f"View {view}")(_view(view))


@rows.same("Look, Exposure and Gamma")
def _(s: Stage) -> None:
    settings = s.scene.view_settings
    settings.look, settings.exposure, settings.gamma = "AgX - Punchy", 0.7, 1.2


@rows.same("Curves and White Balance")
def _(s: Stage) -> None:
    settings = s.scene.view_settings
    settings.use_curve_mapping = True
    settings.curve_mapping.curves[3].points.new(0.3, 0.6)
    settings.curve_mapping.update()
    settings.use_white_balance, settings.white_balance_temperature = True, 3500


@rows.same("Display Device Display P3")
def _(s: Stage) -> None:
    s.scene.display_settings.display_device = "Display P3"


@rows.same("Display Device Rec.1886")
def _(s: Stage) -> None:
    s.scene.display_settings.display_device = "Rec.1886"


@rows.same("Output with Color Management Override")
def _(s: Stage) -> None:
    s.image_settings.color_management = "OVERRIDE"
    s.image_settings.view_settings.view_transform = "Raw"


@rows.same("OpenEXR in a linear space of its own", request={"format": "OPEN_EXR"})
def _(s: Stage) -> None:
    s.exr("32", "ZIP")
    s.image_settings.color_management = "OVERRIDE"
    s.image_settings.linear_colorspace_settings.name = "Linear Rec.2020"


@rows.same("Image texture with the colour space Non-Color and AgX Log")
def _(s: Stage) -> None:
    image = s.image()
    image.colorspace_settings.name = "Non-Color"
    s.texture(image)


@rows.same("Working space ACEScg", versions=("5.0",))
def _(s: Stage) -> None:
    s.bpy.ops.wm.set_working_color_space(working_space="ACEScg", convert_colors=False)


def _aces(data: bytes) -> bytes:
    return data.replace(b"Filmic\0", b"ACES13\0")


@rows.refused("A view of another OpenColorIO configuration", "InvalidRequest", "ACES13", edit=_aces)
def _(s: Stage) -> None:
    s.scene.view_settings.view_transform = "Filmic"
