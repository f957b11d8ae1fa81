"""View layers, passes, the compositor and the sequencer."""

from typing import Any

from tests.compatibility.rows import Group, Stage

rows = Group("Layers, compositor and sequencer")


def _two_layers(s: Stage) -> Any:
    other = s.data.collections.new("Second")
    s.scene.collection.children.link(other)
    thing = s.data.objects.new("Second", s.cube_mesh("Second", 0.5))
    other.objects.link(thing)
    thing.location = (1.4, -1, 0.4)
    layer = s.scene.view_layers.new("Only first")
    layer.layer_collection.children["Second"].exclude = True
    return layer


@rows.same("Two view layers")
def _(s: Stage) -> None:
    _two_layers(s)


@rows.same("Render Single Layer")
def _(s: Stage) -> None:
    _two_layers(s)
    s.render.use_single_layer = True


@rows.same("Two view layers composited")
def _(s: Stage) -> None:
    layer = _two_layers(s)
    tree, layers, connect = s.compositor()
    other, over = tree.nodes.new("CompositorNodeRLayers"), tree.nodes.new("CompositorNodeAlphaOver")
    other.scene, other.layer = s.scene, layer.name
    s.render.film_transparent = True
    images = [socket for socket in over.inputs if socket.type == "RGBA"]
    tree.links.new(layers.outputs["Image"], images[0])
    tree.links.new(other.outputs["Image"], images[1])
    connect(over.outputs[0])


@rows.same("Passes composited: Depth, Normal, Mist, Diffuse, AOV, Cryptomatte")
def _(s: Stage) -> None:
    layer = s.scene.view_layers[0]
    layer.use_pass_z = layer.use_pass_normal = layer.use_pass_mist = layer.use_pass_diffuse_color = True
    layer.use_pass_cryptomatte_object = True
    aov = layer.aovs.add()
    aov.name = "Tint"
    node = s.node("ShaderNodeOutputAOV")
    node.aov_name = "Tint"
    node.inputs["Color"].default_value = (0.2, 0.9, 0.4, 1)
    tree, layers, connect = s.compositor()
    over = tree.nodes.new("CompositorNodeAlphaOver")
    next(one for one in over.inputs if one.type == "VALUE").default_value = 0.5
    images = [socket for socket in over.inputs if socket.type == "RGBA"]
    tree.links.new(layers.outputs["Tint"], images[0])
    tree.links.new(layers.outputs["Normal"], images[1])
    connect(over.outputs[0])


@rows.same("Material override and samples of a view layer")
def _(s: Stage) -> None:
    layer = s.scene.view_layers[0]
    layer.material_override, layer.samples = s.material("Clay", (0.5, 0.5, 0.5)), 2


@rows.same("Compositor: Blur, Glare and Lens Distortion")
def _(s: Stage) -> None:
    tree, layers, connect = s.compositor()
    previous = layers.outputs["Image"]
    for name in ("Blur", "Glare", "Lensdist"):
        node = tree.nodes.new(f"CompositorNode{name}")
        if name == "Blur" and hasattr(node, "size_x"):
            node.size_x = node.size_y = 3
        tree.links.new(previous, node.inputs[0])
        previous = node.outputs[0]
    connect(previous)


@rows.same("Compositor: Denoise", frames=(1, 1))
def _(s: Stage) -> None:
    tree, layers, connect = s.compositor()
    node = tree.nodes.new("CompositorNodeDenoise")
    tree.links.new(layers.outputs["Image"], node.inputs[0])
    connect(node.outputs[0])


@rows.same("Compositor: Image and Viewer nodes")
def _(s: Stage) -> None:
    tree, layers, connect = s.compositor()
    image, over = tree.nodes.new("CompositorNodeImage"), tree.nodes.new("CompositorNodeAlphaOver")
    image.image = s.image("over.png")
    next(one for one in over.inputs if one.type == "VALUE").default_value = 0.5
    images = [socket for socket in over.inputs if socket.type == "RGBA"]
    tree.links.new(layers.outputs["Image"], images[0])
    tree.links.new(image.outputs[0], images[1])
    tree.links.new(over.outputs[0], tree.nodes.new("CompositorNodeViewer").inputs[0])
    connect(over.outputs[0])


@rows.same("Compositor off")
def _(s: Stage) -> None:
    tree, layers, connect = s.compositor()
    node = tree.nodes.new("CompositorNodeInvert")
    tree.links.new(layers.outputs["Image"], node.inputs["Color"])
    connect(node.outputs[0])
    s.render.use_compositing = False


@rows.same("Compositor without Render Layers")
def _(s: Stage) -> None:
    tree, layers, connect = s.compositor()
    tree.nodes.remove(layers)
    image = tree.nodes.new("CompositorNodeImage")
    image.image = s.image("plate.png")
    connect(image.outputs[0])


@rows.same("Sequencer: colour, text, transform and adjustment strips")
def _(s: Stage) -> None:
    strips = s.strips()
    length = {"frame_end": 6} if s.version < (5, 0) else {"length": 6}
    strips.new_effect("Card", "COLOR", 1, 1, **length).color = (0.2, 0.6, 0.3)
    text = strips.new_effect("Title", "TEXT", 2, 1, **length)
    text.text, text.font_size = "Ab", 12
    s.key(text, "font_size", {1: 8.0, 3: 16.0})


@rows.same("Sequencer: scene strip")
def _(s: Stage) -> None:
    edit = s.data.scenes.new("Edit")
    edit.render.resolution_x, edit.render.resolution_y = 32, 18
    edit.frame_start, edit.frame_end, edit.render.engine = 1, 3, "CYCLES"
    s.strips(edit).new_scene("Shot", scene=s.scene, channel=1, frame_start=1)
    s.bpy.context.window.scene = edit


@rows.same("Sequencer: image strip and image sequence")
def _(s: Stage) -> None:
    for frame in (1, 2, 3):
        s.picture(f"plate_{frame:04d}.png", frame, size=16)
    strip = s.strips().new_image("Plate", str(s.folder / "plate_0001.png"), 1, 1)
    strip.directory = "//"
    for frame in (2, 3):
        strip.elements.append(f"plate_{frame:04d}.png")
    strip.frame_final_duration = 3


@rows.same("Sequencer: movie strip and sound strip")
def _(s: Stage) -> None:
    s.movie("clip.mp4")
    s.wave("sound.wav")
    strips = s.strips()
    strips.new_movie("Clip", str(s.folder / "clip.mp4"), 1, 1).filepath = "//clip.mp4"
    strips.new_sound("Sound", str(s.folder / "sound.wav"), 2, 1).sound.filepath = "//sound.wav"


@rows.same("Sequencer: meta strip, cross, speed and modifiers")
def _(s: Stage) -> None:
    strips = s.strips()
    length = {"frame_end": 6} if s.version < (5, 0) else {"length": 6}
    first = strips.new_effect("First", "COLOR", 1, 1, **length)
    second = strips.new_effect("Second", "COLOR", 2, 1, **length)
    first.color, second.color = (1, 0, 0), (0, 0, 1)
    strips.new_effect("Cross", "CROSS", 3, 1, input1=first, input2=second, **length)
    if s.version < (5, 0):
        # 5.0.1 crashes here, without a window.
        first.modifiers.new("Bright", "BRIGHT_CONTRAST")


@rows.same("Sequencer off")
def _(s: Stage) -> None:
    length = {"frame_end": 6} if s.version < (5, 0) else {"length": 6}
    s.strips().new_effect("Card", "COLOR", 1, 1, **length)
    s.render.use_sequencer = False


@rows.refused("A Cryptomatte node alone, without a camera", "NoCamera", "camera")
def _(s: Stage) -> None:
    tree, layers, connect = s.compositor()
    tree.nodes.remove(layers)
    connect(s.node("CompositorNodeCryptomatteV2", tree).outputs["Image"])
    s.data.objects.remove(s.camera)
