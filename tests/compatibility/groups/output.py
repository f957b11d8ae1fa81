"""Outputs that a farm does not make as the scene asks for them."""

from tests.compatibility.rows import Build, Group, Stage

rows = Group("Other outputs")
EXR = {"format": "OPEN_EXR"}


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
):
    rows.announced(label, "output", f"is set to {label}, but the frames are PNG", frames=(1, 1))(_output(name))
for label, name in (("OpenEXR", "OPEN_EXR"), ("JPEG", "JPEG")):
    words = f"choose `--format {name}`"
    rows.announced(f"{label}, a job without a format", "output", words, frames=(1, 1))(_output(name))
rows.announced(
    "OpenEXR MultiLayer, a job with OpenEXR", "output", "without layers and passes", request=EXR, frames=(1, 1)
)(_output("OPEN_EXR_MULTILAYER"))
rows.same("FFmpeg video, frames only")(_output("FFMPEG"))


@rows.announced("OpenEXR with Preview", "output", "no JPEG beside", request=EXR, frames=(1, 1), pixels=False)
def _(s: Stage) -> None:
    s.exr("32", "NONE")
    s.image_settings.use_preview = True


@rows.announced("File Output nodes", "output", "write no files", frames=(1, 1))
def _(s: Stage) -> None:
    tree, layers, connect = s.compositor()
    node = tree.nodes.new("CompositorNodeOutputFile")
    if s.version < (5, 0):
        node.base_path = "//passes/"
    else:
        node.directory = "//passes/"
        node.file_output_items.new("RGBA", "Image")
    tree.links.new(layers.outputs["Image"], node.inputs[0])
    connect(layers.outputs["Image"])


@rows.announced("FFmpeg video with sound strips", "output", "has no sound", request={"output": "both"}, frames=(1, 2))
def _(s: Stage) -> None:
    s.file_format("FFMPEG")
    s.wave("sound.wav")
    sound = s.strips().new_sound("Sound", str(s.folder / "sound.wav"), 1, 1).sound
    sound.filepath = "//sound.wav"
