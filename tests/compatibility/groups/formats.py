"""Image formats, bit depths, sizes and borders."""

from tests.compatibility.rows import Group, Stage

rows = Group("Formats and sizes")
EXR = {"format": "OPEN_EXR"}
JPEG = {"format": "JPEG"}


@rows.same("PNG, RGBA, 8 bits")
def _(s: Stage) -> None:
    s.image_settings.color_mode = "RGBA"


@rows.same("PNG, RGB, 8 bits, Compression 90")
def _(s: Stage) -> None:
    s.image_settings.color_mode, s.image_settings.compression = "RGB", 90


@rows.same("PNG, BW, 8 bits")
def _(s: Stage) -> None:
    s.image_settings.color_mode = "BW"


@rows.same("PNG, RGBA, 16 bits, transparent")
def _(s: Stage) -> None:
    s.image_settings.color_mode, s.image_settings.color_depth = "RGBA", "16"
    s.render.film_transparent = True


@rows.same("PNG, BW, 16 bits")
def _(s: Stage) -> None:
    s.image_settings.color_mode, s.image_settings.color_depth = "BW", "16"


@rows.same("JPEG, Quality 60", request=JPEG)
def _(s: Stage) -> None:
    s.image_settings.file_format, s.image_settings.quality = "JPEG", 60


@rows.same("JPEG, BW", request=JPEG)
def _(s: Stage) -> None:
    s.image_settings.file_format, s.image_settings.color_mode = "JPEG", "BW"


@rows.same("OpenEXR, half floats, ZIP", request=EXR)
def _(s: Stage) -> None:
    s.image_settings.file_format, s.image_settings.color_depth = "OPEN_EXR", "16"


@rows.same("OpenEXR, full floats, PIZ", request=EXR)
def _(s: Stage) -> None:
    s.exr("32", "PIZ")


@rows.same("OpenEXR, half floats, DWAA", request=EXR)
def _(s: Stage) -> None:
    s.exr("16", "DWAA")


@rows.same("OpenEXR, RGBA, transparent, RLE", request=EXR)
def _(s: Stage) -> None:
    s.exr("16", "RLE")
    s.image_settings.color_mode, s.render.film_transparent = "RGBA", True


@rows.same("OpenEXR, BW, PXR24", request=EXR)
def _(s: Stage) -> None:
    s.exr("32", "PXR24")
    s.image_settings.color_mode = "BW"


@rows.same("OpenEXR, B44A", request=EXR)
def _(s: Stage) -> None:
    s.exr("16", "B44A")


@rows.same("OpenEXR, no compression", request=EXR)
def _(s: Stage) -> None:
    s.exr("32", "NONE")


@rows.same("OpenEXR of a PNG scene, chosen by the job", request=EXR)
def _(s: Stage) -> None:
    s.image_settings.file_format = "PNG"


@rows.same("Dither 2.0")
def _(s: Stage) -> None:
    s.render.dither_intensity = 2.0


@rows.same("Resolution percentage 33 %")
def _(s: Stage) -> None:
    s.render.resolution_percentage = 33


@rows.same("Odd sizes", size=(31, 17))
def _(s: Stage) -> None:
    del s


@rows.same("Pixel aspect 2:1")
def _(s: Stage) -> None:
    s.render.pixel_aspect_x = 2.0


@rows.same("Render Region")
def _(s: Stage) -> None:
    s.border(0.2, 0.3, 0.7, 0.9)


@rows.same("Crop to Render Region")
def _(s: Stage) -> None:
    s.border(0.2, 0.3, 0.71, 0.93)
    s.render.use_crop_to_border = True


@rows.same("Crop to Render Region, OpenEXR", request=EXR)
def _(s: Stage) -> None:
    s.exr("16", "ZIP")
    s.border(0.2, 0.3, 0.71, 0.93)
    s.render.use_crop_to_border = True


@rows.same("Output without Overwrite, with Placeholders")
def _(s: Stage) -> None:
    s.render.use_overwrite, s.render.use_placeholder = False, True


@rows.same("File Extensions off, an odd output path")
def _(s: Stage) -> None:
    s.render.use_file_extension, s.render.filepath = False, "//renders/shot_####_v1"


@rows.same("Metadata burned into the image: Note and Frame", size=(96, 54))
def _(s: Stage) -> None:
    s.render.use_stamp = s.render.use_stamp_note = s.render.use_stamp_frame = True
    for name in ("date", "time", "render_time", "filename", "memory", "hostname"):
        setattr(s.render, f"use_stamp_{name}", False)
    s.render.stamp_note_text = "Shot 7"
