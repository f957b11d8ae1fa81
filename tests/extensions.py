"""A small Blender extension with a render engine, and scenes that need it."""

import zipfile
from pathlib import Path

MANIFEST = """schema_version = "1.0.0"
id = "flat_engine"
version = "1.0.0"
name = "Flat Engine"
tagline = "Renders one colour"
maintainer = "The Frameloom authors"
type = "add-on"
blender_version_min = "4.2.0"
license = ["SPDX:GPL-3.0-or-later"]
"""
# Two shades, since a frame of one colour is rendered twice.
CODE = """
import bpy

class Engine(bpy.types.RenderEngine):
    bl_idname, bl_label = "FLAT_ENGINE", "Flat"

    def render(self, depsgraph):
        width, height = self.resolution_x, self.resolution_y
        result = self.begin_result(0, 0, width, height)
        shades = [(depsgraph.scene.flat_red, 0.2, 0.3, 1.0), (0.0, 0.0, 0.0, 1.0)]
        result.layers[0].passes["Combined"].rect = [shades[pixel % 2] for pixel in range(width * height)]
        self.end_result(result)

def register():
    bpy.utils.register_class(Engine)
    bpy.types.Scene.flat_red = bpy.props.FloatProperty(default=0.1)

def unregister():
    bpy.utils.unregister_class(Engine)
"""
# For `make_scene(also=...)`: registers the engine in the maker's Blender, and uses it.
USES_ENGINE = CODE + "\nregister()\nscene.render.engine = 'FLAT_ENGINE'\nscene.flat_red = 0.9\n"


def write_extension(path: Path, *, manifest: str = MANIFEST, code: str = CODE) -> Path:
    """Write the extension as `blender -c extension build` does, and return its path."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("blender_manifest.toml", manifest)
        archive.writestr("__init__.py", code)
    return path
