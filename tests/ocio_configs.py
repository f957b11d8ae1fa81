"""A small OpenColorIO configuration: all names are its own, and a look-up table makes its pictures different."""

import zipfile
from pathlib import Path

CONFIG = """ocio_profile_version: 2
environment: {SHOW: grades}
search_path: [luts, ../shared/$SHOW]
roles:
  scene_linear: Studio Linear
  default: Studio Linear
  data: Studio Data
  default_sequencer: Studio Screen
  color_picking: Studio Screen
  default_byte: Studio Screen
  default_float: Studio Linear
file_rules:
  - !<Rule> {name: Default, colorspace: default}
displays:
  Projector:
    - !<View> {name: Warm, colorspace: Studio Screen}
    - !<View> {name: Plain, colorspace: Studio Linear}
active_displays: [Projector]
active_views: [Warm]
inactive_colorspaces: [Hidden]
colorspaces:
  - !<ColorSpace>
    name: Studio Linear
    aliases: [lin_studio]
  - !<ColorSpace>
    name: Studio Data
    isdata: true
  - !<ColorSpace>
    name: Hidden
  - !<ColorSpace>
    name: Studio Screen
    from_scene_reference: !<GroupTransform>
      children:
        - !<ColorSpaceTransform> {src: Studio Linear, dst: Studio Linear}
        - !<FileTransform> {src: screen.spi1d, interpolation: linear}
looks:
  - !<Look>
    name: Warm - Golden
    process_space: Studio Linear
    transform: !<FileTransform> {src: golden.spimtx}
"""
# Dark values become light ones.
TABLE = "Version 1\nFrom 0.0 1.0\nLength 3\nComponents 1\n{\n1.0\n0.7\n0.2\n}\n"
MATRIX = "1 0 0 0\n0 1 0 0\n0 0 0.5 0\n"
FILES = {"config.ocio": CONFIG, "luts/screen.spi1d": TABLE, "../shared/grades/golden.spimtx": MATRIX}
# Sets a scene's colour names to those of the configuration: Blender itself would need to run with it.
NAMES = {
    (b"SC", b"display_settings", b"display_device"): "Projector",
    (b"SC", b"view_settings", b"view_transform"): "Warm",
    (b"SC", b"sequencer_colorspace_settings", b"name"): "Studio Screen",
}


def write_config(folder: Path, *, config: str = CONFIG, table: str = TABLE) -> Path:
    """Write the configuration and its files into a folder and beside it, and return its path."""
    for name, text in (FILES | {"config.ocio": config, "luts/screen.spi1d": table}).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "config.ocio"


def write_archive(path: Path) -> Path:
    """Write the configuration as an archive, with all files in one folder."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.ocio", CONFIG.replace("[luts, ../shared/$SHOW]", "luts"))
        archive.writestr("luts/screen.spi1d", TABLE)
        archive.writestr("luts/golden.spimtx", MATRIX)
    return path
