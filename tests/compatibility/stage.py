"""The scene that a row starts with, and helpers to build on it; imported only in Blender's process."""

import importlib
import os
import struct
import sys
import wave
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import av
import bpy
import numpy as np

from tests.compatibility.rows import Row

EEVEE = "BLENDER_EEVEE" if bpy.app.version >= (5, 0, 0) else "BLENDER_EEVEE_NEXT"


class Stage:
    """A scene with a turning cube, a light, a camera and a world.

    Attributes:
        bpy: Blender's module.
        folder: the folder of the scene; it is empty but for the scene.
        path: the scene's file.
        version: of Blender, such as (4, 5).
    """

    def __init__(self, row: Row, path: Path) -> None:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        self.bpy, self.path, self.folder = bpy, path, path.parent
        self.version = tuple(bpy.app.version[:2])
        self.data, self.scene = bpy.data, bpy.context.scene
        self.render = self.scene.render
        self._set(row)
        self.cube = self.add("Cube", self.cube_mesh("Cube"))
        self.cube.data.materials.append(self.material("Red", (0.8, 0.2, 0.1)))
        self.key(self.cube, "rotation_euler", {0: (0.3, 0.0, 0.2), 20: (0.5, 0.4, 3.0)})
        self.light = self.add("Sun", bpy.data.lights.new("Sun", "SUN"))
        self.light.data.energy, self.light.rotation_euler = 3.0, (0.9, 0.3, 0.0)
        self.camera = self.add("Camera", bpy.data.cameras.new("Camera"))
        self.camera.location, self.camera.rotation_euler = (0.0, -6.0, 0.0), (1.5707964, 0.0, 0.0)
        self.scene.camera = self.camera
        self.world = self.scene.world = bpy.data.worlds.new("World")
        self.world.color = (0.05, 0.06, 0.08)
        bpy.ops.wm.save_as_mainfile(filepath=str(path))

    def _set(self, row: Row) -> None:
        scene, render = self.scene, self.render
        scene.frame_end, scene.frame_start = row.frames[1], row.frames[0]
        render.resolution_x, render.resolution_y = row.size
        render.engine = EEVEE if row.engine == "EEVEE" else row.engine
        scene.cycles.samples, scene.cycles.use_denoising = row.samples, False
        scene.eevee.taa_render_samples = row.samples

    def add(self, name: str, data: Any, *, scene: Any = None) -> Any:
        """Return a new object with this data, in the scene's own collection."""
        thing = self.data.objects.new(name, data)
        (scene or self.scene).collection.objects.link(thing)
        return thing

    def cube_mesh(self, name: str, size: float = 1.0) -> Any:
        """Return a new mesh with six sides and a UV map."""
        mesh = self.data.meshes.new(name)
        corners = [(x * size, y * size, z * size) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]
        sides = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
        mesh.from_pydata(corners, [], sides)
        layer = mesh.uv_layers.new(name="UVMap")
        for number, corner in enumerate(layer.data):
            corner.uv = ((0, 0), (0, 1), (1, 1), (1, 0))[number % 4]
        return mesh

    def material(self, name: str, colour: tuple[float, float, float] = (0.8, 0.2, 0.1)) -> Any:
        """Return a new material with a Principled BSDF of this colour."""
        material = self.data.materials.new(name)
        material.use_nodes = True
        self.surface(material).inputs["Base Color"].default_value = (*colour, 1.0)
        return material

    def surface(self, material: Any = None) -> Any:
        """Return the Principled BSDF of a material, by default the cube's."""
        material = material or self.cube.data.materials[0]
        return next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")

    def colour(self, socket: Any) -> None:
        """Make a socket of the cube's material tree its base colour."""
        self.cube.data.materials[0].node_tree.links.new(socket, self.surface().inputs["Base Color"])

    def node(self, kind: str, tree: Any = None) -> Any:
        """Return a new node, by default in the cube's material."""
        return (tree or self.cube.data.materials[0].node_tree).nodes.new(kind)

    def texture(self, image: Any) -> Any:
        """Return a new Image Texture node, which gives the cube its colour."""
        node = self.node("ShaderNodeTexImage")
        node.image = image
        self.colour(node.outputs["Color"])
        return node

    @property
    def image_settings(self) -> Any:
        """The settings of the output's format."""
        return self.render.image_settings

    def file_format(self, name: str) -> None:
        """Set the output's format; Blender 5 has a media type before it."""
        if hasattr(self.image_settings, "media_type"):
            kinds = {"FFMPEG": "VIDEO", "OPEN_EXR_MULTILAYER": "MULTI_LAYER_IMAGE"}
            self.image_settings.media_type = kinds.get(name, "IMAGE")
        self.image_settings.file_format = name

    def exr(self, depth: str, codec: str) -> None:
        """Set the output to OpenEXR."""
        self.file_format("OPEN_EXR")
        self.image_settings.color_depth, self.image_settings.exr_codec = depth, codec

    def border(self, left: float, bottom: float, right: float, top: float) -> None:
        """Set the render region, in fractions of the size."""
        self.render.use_border = True
        self.render.border_min_x, self.render.border_min_y = left, bottom
        self.render.border_max_x, self.render.border_max_y = right, top

    def curves(self, thing: Any) -> list[Any]:
        """Return the F-Curves of a data-block's action."""
        action = thing.animation_data.action
        if hasattr(action, "fcurves"):
            return list(action.fcurves)
        return [
            curve
            for layer in action.layers
            for strip in layer.strips
            for bag in strip.channelbags
            for curve in bag.fcurves
        ]

    def key(self, thing: Any, path: str, values: Mapping[int, Any]) -> None:
        """Insert keyframes of a property, by frame."""
        for frame, value in values.items():
            setattr(thing, path, value)
            thing.keyframe_insert(path, frame=frame)

    def picture(self, name: str, seed: int = 0, size: int = 8) -> Path:
        """Write a PNG with a pattern of colours below the scene's folder; return its path."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = bytearray()
        for y in range(size):
            rows.append(0)
            for x in range(size):
                rows += bytes(((x * 29 + seed * 71) % 256, (y * 31 + seed * 13) % 256, (x * y * 7 + seed) % 256))
        header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
        chunks = (b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows))), (b"IEND", b"")
        data = b"".join(
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
            for kind, body in chunks
        )
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)
        return path

    def image(self, name: str = "wood.png", seed: int = 0) -> Any:
        """Return an image whose file is `//NAME`, with a pattern."""
        self.picture(name, seed)
        image = self.data.images.load(str(self.folder / name))
        image.filepath = f"//{name}"
        return image

    def movie(self, name: str, frames: int = 3) -> Path:
        """Write a film with a pattern of its own in each frame to `//NAME`; return its path."""
        path = self.folder / name
        with av.open(str(path), "w") as film:
            stream = film.add_stream("mpeg4", rate=24)
            stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
            y, x = np.mgrid[:32, :32]
            for number in range(frames):
                lines = np.stack([x * 7 + number * 60, y * 7, x * y], axis=-1) % 256
                film.mux(stream.encode(av.VideoFrame.from_ndarray(lines.astype(np.uint8), format="rgb24")))
            film.mux(stream.encode())
        return path

    def wave(self, name: str) -> Path:
        """Write a sound of half a second to `//NAME`; return its path."""
        path = self.folder / name
        with wave.open(str(path), "wb") as sound:
            sound.setparams((1, 2, 8000, 0, "NONE", ""))
            sound.writeframes(bytes(range(200)) * 40)
        return path

    @staticmethod
    def openvdb() -> Any:
        """Return the module openvdb, which is among the modules of Blender's own Python."""
        own = Path(bpy.utils.resource_path("LOCAL"), "python", "lib")
        sys.path += [str(path) for path in own.glob("python3*/site-packages") if str(path) not in sys.path]
        return importlib.import_module("openvdb")

    def bake_point_caches(self) -> None:
        """Bake all particles, cloth and rigid bodies."""
        bpy.ops.ptcache.bake_all(bake=True)

    def compositor(self) -> tuple[Any, Any, Any]:
        """Return the scene's new compositor tree, its Render Layers node, and a function that connects its output."""
        if hasattr(self.scene, "compositing_node_group"):
            tree = self.data.node_groups.new("Compositing", "CompositorNodeTree")
            tree.interface.new_socket(name="Image", in_out="OUTPUT", socket_type="NodeSocketColor")
            self.scene.compositing_node_group = tree
            output = tree.nodes.new("NodeGroupOutput")
        else:
            self.scene.use_nodes = True
            tree = self.scene.node_tree
            tree.nodes.clear()
            output = tree.nodes.new("CompositorNodeComposite")
        layers = tree.nodes.new("CompositorNodeRLayers")
        layers.scene = self.scene
        return tree, layers, lambda socket: tree.links.new(socket, output.inputs["Image"])

    def geometry_nodes(self, thing: Any = None) -> tuple[Any, Any, Any]:
        """Return a new Geometry Nodes modifier's group, its Group Input and its Group Output, which are not linked."""
        group = self.data.node_groups.new("Geometry Nodes", "GeometryNodeTree")
        group.interface.new_socket(name="Geometry", in_out="INPUT", socket_type="NodeSocketGeometry")
        group.interface.new_socket(name="Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
        (thing or self.cube).modifiers.new("GeometryNodes", "NODES").node_group = group
        return group, group.nodes.new("NodeGroupInput"), group.nodes.new("NodeGroupOutput")

    def strips(self, scene: Any = None) -> Any:
        """Return the strips of the scene's sequencer."""
        editor = (scene or self.scene).sequence_editor_create()
        return editor.strips if hasattr(editor, "strips") else editor.sequences

    def link(self, name: str, kind: str, *names: str) -> list[Any]:
        """Link data-blocks from the library `//NAME`; return them. `kind` is a collection of bpy.data."""
        with self.data.libraries.load(str(self.folder / name), link=True, relative=True) as (_, wanted):
            setattr(wanted, kind, list(names))
        return list(getattr(wanted, kind))

    def write_library(self, name: str, *blocks: Any) -> Path:
        """Write data-blocks to the library `//NAME`; return its path. Paths stay as they are."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        self.data.libraries.write(str(path), set(blocks), path_remap="NONE", fake_user=True)
        return path


def build(row: Row, path: Path) -> None:
    """Build the scene of a row at `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.chdir(path.parent)
    stage = Stage(row, path)
    row.build(stage)
    bpy.context.preferences.filepaths.save_version = 0
    bpy.ops.wm.save_as_mainfile(filepath=str(path), compress=False)
    if row.edit is not None:
        path.write_bytes(row.edit(path.read_bytes()))
