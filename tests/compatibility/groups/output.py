"""Outputs that a farm does not make as the scene asks for them."""

from tests.compatibility.rows import Build, Group, Stage

rows = Group("Other outputs")


def _output(name: str, depth: str | None = None) -> Build:
    def build(s: Stage) -> None:
        s.file_format(name)
        if depth is not None:
            s.image_settings.color_depth = depth

    return build


for label, name in (
    ("TIFF", "TIFF"),
    ("WebP", "WEBP"),
    ("BMP", "BMP"),
    ("Targa", "TARGA"),
    ("Radiance HDR", "HDR"),
    ("DPX", "DPX"),
    ("Cineon", "CINEON"),
    ("JPEG 2000", "JPEG2000"),
    ("OpenEXR MultiLayer", "OPEN_EXR_MULTILAYER"),
    ("FFmpeg video", "FFMPEG"),
    ("OpenEXR, without a format in the job", "OPEN_EXR"),
    ("JPEG, without a format in the job", "JPEG"),
):
    rows.different(label, "the frames are PNG")(_output(name))
