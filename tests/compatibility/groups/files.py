"""Files that a scene refers to: images, libraries, overrides, names."""

from pathlib import Path

from tests.compatibility.rows import Group, Stage

rows = Group("Files and libraries")


@rows.same("Image texture beside the scene")
def _(s: Stage) -> None:
    s.texture(s.image())


@rows.same("Image texture in a folder below")
def _(s: Stage) -> None:
    s.texture(s.image("textures/deep/wood.png"))


@rows.same("Image packed into the scene")
def _(s: Stage) -> None:
    image = s.image()
    image.pack()
    (s.folder / "wood.png").unlink()
    s.texture(image)


@rows.same("Generated image")
def _(s: Stage) -> None:
    image = s.data.images.new("Grid", 32, 32)
    image.generated_type = "COLOR_GRID"
    s.texture(image)


@rows.same("Image sequence as a texture")
def _(s: Stage) -> None:
    for frame in (1, 2, 3):
        s.picture(f"plate/plate_{frame:04d}.png", frame)
    image = s.image("plate/plate_0001.png", 1)
    image.source = "SEQUENCE"
    user = s.texture(image).image_user
    user.frame_duration, user.frame_start, user.use_auto_refresh = 3, 1, True


@rows.same("UDIM tiles")
def _(s: Stage) -> None:
    for tile in (1001, 1002):
        s.picture(f"skin.{tile}.png", tile)
    image = s.image("skin.1001.png", 1001)
    image.source, image.filepath = "TILED", "//skin.<UDIM>.png"
    image.tiles.new(1002)
    for corner in s.cube.data.uv_layers[0].data:
        corner.uv[0] *= 2
    s.texture(image)


@rows.same("Movie clip as a texture")
def _(s: Stage) -> None:
    s.movie("clip.mp4")
    image = s.data.images.load(str(s.folder / "clip.mp4"))
    image.filepath = "//clip.mp4"
    user = s.texture(image).image_user
    user.frame_duration, user.frame_start, user.use_auto_refresh = 3, 1, True


@rows.refused("A missing image", "MissingAssets", "wood.png")
def _(s: Stage) -> None:
    s.texture(s.image())
    (s.folder / "wood.png").unlink()


@rows.announced("A missing image, rendered without", "missing", "renders without", request={"missing_assets": "render"})
def _(s: Stage) -> None:
    s.texture(s.image())
    (s.folder / "wood.png").unlink()


@rows.refused("A damaged image", "MissingAssets", "damaged")
def _(s: Stage) -> None:
    s.texture(s.image())
    path = s.folder / "wood.png"
    path.write_bytes(path.read_bytes()[:-20])


def _cube_library(s: Stage, name: str = "props.blend") -> None:
    prop = s.data.objects.new("Prop", s.cube_mesh("Prop", 0.6))
    prop.data.materials.append(s.material("Prop", (0.1, 0.8, 0.2)))
    prop.location = (1.4, -1, 0.4)
    held = s.data.collections.new("Props")
    held.objects.link(prop)
    s.write_library(name, held)
    s.data.batch_remove([held, prop])


@rows.same("Linked object")
def _(s: Stage) -> None:
    _cube_library(s)
    s.scene.collection.objects.link(s.link("props.blend", "objects", "Prop")[0])


@rows.same("Linked collection as an instance")
def _(s: Stage) -> None:
    _cube_library(s, "library/props.blend")
    empty = s.add("Instance", None)
    empty.instance_type = "COLLECTION"
    empty.instance_collection = s.link("library/props.blend", "collections", "Props")[0]


@rows.same("Library override with an animation")
def _(s: Stage) -> None:
    _cube_library(s)
    prop = s.link("props.blend", "objects", "Prop")[0].override_create(remap_local_usages=True)
    s.scene.collection.objects.link(prop)
    s.key(prop, "location", {1: (1, -1, 0), 3: (-1, -2, 1)})


@rows.same("Linked material with a texture of its library")
def _(s: Stage) -> None:
    material = s.material("Wood")
    node = s.node("ShaderNodeTexImage", material.node_tree)
    node.image = s.image("library/textures/wood.png")
    # As it is written in the library.
    node.image.filepath = "//textures/wood.png"
    material.node_tree.links.new(node.outputs[0], s.surface(material).inputs["Base Color"])
    s.write_library("library/materials.blend", material)
    s.data.batch_remove([material, node.image])
    s.cube.data.materials[0] = s.link("library/materials.blend", "materials", "Wood")[0]


@rows.same("Linked scene as a background set")
def _(s: Stage) -> None:
    other = s.data.scenes.new("Set")
    prop = s.add("Prop", s.cube_mesh("Prop", 0.6), scene=other)
    prop.location = (1.4, -1, 0.4)
    s.write_library("set.blend", other)
    s.data.scenes.remove(other)
    s.data.objects.remove(prop)
    s.scene.background_set = s.link("set.blend", "scenes", "Set")[0]


@rows.same("Library in a library")
def _(s: Stage) -> None:
    _cube_library(s, "library/props.blend")
    empty = s.data.objects.new("Outer", None)
    empty.instance_type = "COLLECTION"
    empty.instance_collection = s.link("library/props.blend", "collections", "Props")[0]
    s.write_library("outer.blend", empty)
    s.data.objects.remove(empty)
    s.data.libraries.remove(s.data.libraries[0])
    s.scene.collection.objects.link(s.link("outer.blend", "objects", "Outer")[0])


@rows.same("Packed library")
def _(s: Stage) -> None:
    _cube_library(s)
    s.scene.collection.objects.link(s.link("props.blend", "objects", "Prop")[0])
    s.bpy.ops.file.pack_libraries()
    (s.folder / "props.blend").unlink()


@rows.refused("A missing library", "MissingAssets", "props.blend")
def _(s: Stage) -> None:
    _cube_library(s)
    s.scene.collection.objects.link(s.link("props.blend", "objects", "Prop")[0])
    (s.folder / "props.blend").unlink()


@rows.same("A compressed .blend", edit=lambda data: __import__("zstandard").compress(data))
def _(s: Stage) -> None:
    s.texture(s.image())


NAMES = "Szene № 1, 'Probe' \"ü\""


@rows.same("Names with Unicode, quotes, spaces and emoji", file="Ünï cödé 'shot' №7 🎬.blend")
def _(s: Stage) -> None:
    s.scene.name, s.cube.name, s.camera.name = NAMES, "立方体 🎲", "Kamera 'A' 100%"
    s.scene.view_layers[0].name = "Ebene «1»"
    s.texture(s.image("Bilder & Texturen/hölz 木 #1.png"))


@rows.same("A scene and a camera chosen by the job", request={"scene": NAMES, "camera": "Kamera 'B'"})
def _(s: Stage) -> None:
    other = s.data.scenes.new(NAMES)
    other.render.engine, other.cycles.samples = "CYCLES", 1
    other.render.resolution_x, other.render.resolution_y = 32, 18
    other.frame_start, other.frame_end, other.world = 1, 3, s.world
    for thing in (s.cube, s.light):
        other.collection.objects.link(thing)
    for number, name in enumerate(("Kamera 'A'", "Kamera 'B'")):
        camera = s.add(name, s.data.cameras.new(name), scene=other)
        camera.location, camera.rotation_euler = (number * 3, -5, 0), (1.57, 0, number * 0.6)
        other.camera = other.camera or camera


@rows.refused("A name that the file lacks", "InvalidRequest", "has no scene", request={"scene": "Scene 7"})
def _(s: Stage) -> None:
    del s


@rows.same("Image with an absolute path to a file of the scene's folder")
def _(s: Stage) -> None:
    image = s.image()
    image.filepath = str(s.folder / "wood.png")
    s.texture(image)


def _outside(s: Stage) -> Path:
    folder = s.folder.parent / f"{s.folder.name}-elsewhere"
    folder.mkdir(exist_ok=True)
    return s.picture(f"../{folder.name}/wood.png")


@rows.same("Image above the scene's folder (//../)")
def _(s: Stage) -> None:
    image = s.data.images.load(str(_outside(s)))
    image.filepath = f"//../{s.folder.name}-elsewhere/wood.png"
    s.texture(image)


@rows.announced("Sound of a file that is missing", "unneeded", "no frame shows: //lost.wav")
def _(s: Stage) -> None:
    sound = s.data.sounds.load(str(s.wave("lost.wav")))
    sound.filepath = "//lost.wav"
    speaker = s.add("Speaker", s.data.speakers.new("Speaker"))
    speaker.data.sound = sound
    (s.folder / "lost.wav").unlink()
