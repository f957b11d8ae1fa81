"""Scenes with a missing image, or with a missing sound."""

TEXTURE = """
image = bpy.data.images.new("image", 8, 8)
image.source, image.filepath = "FILE", "//lost.png"
"""
# Scenes with a missing image, by where they use it; True if no frame shows it.
USES = {
    "fake user": ("image.use_fake_user = True", True),
    "material with a fake user": (
        (
            "unused = bpy.data.materials.new('unused')\nunused.use_fake_user = unused.use_nodes = True\n"
            "tree = unused.node_tree\nnode = tree.nodes.new('ShaderNodeTexImage')\nnode.image = image\n"
            "tree.links.new(node.outputs[0], tree.nodes['Principled BSDF'].inputs[0])"
        ),
        True,
    ),
    "camera background": ("scene.camera.data.background_images.new().image = image", True),
    "image of an empty": (
        (
            "empty = bpy.data.objects.new('reference', None)\nempty.empty_display_type = 'IMAGE'\nempty.data = image\n"
            "scene.collection.objects.link(empty)"
        ),
        True,
    ),
    "node without links": (
        "bpy.data.materials[0].node_tree.nodes.new('ShaderNodeTexImage').image = image",
        True,
    ),
    "node without links in Workbench": (
        (
            "bpy.data.materials[0].node_tree.nodes.new('ShaderNodeTexImage').image = image\n"
            "scene.render.engine = 'BLENDER_WORKBENCH'"
        ),
        False,
    ),
    "node with links": (
        (
            "tree = bpy.data.materials[0].node_tree\nnode = tree.nodes.new('ShaderNodeTexImage')\nnode.image = image\n"
            "tree.links.new(node.outputs[0], tree.nodes['Principled BSDF'].inputs[0])"
        ),
        False,
    ),
    "node whose link ends at an unlinked node": (
        (
            "tree = bpy.data.materials[0].node_tree\nnode = tree.nodes.new('ShaderNodeTexImage')\nnode.image = image\n"
            "tree.links.new(node.outputs[0], tree.nodes.new('ShaderNodeInvert').inputs['Color'])"
        ),
        False,
    ),
    "background and texture": (
        (
            "scene.camera.data.background_images.new().image = image\n"
            "tree = bpy.data.worlds[0]\ntree.use_nodes = True\ntree = tree.node_tree\n"
            "node = tree.nodes.new('ShaderNodeTexEnvironment')\nnode.image = image\n"
            "tree.links.new(node.outputs[0], tree.nodes['Background'].inputs[0])"
        ),
        False,
    ),
    "texture of a brush-like modifier": (
        (
            "texture = bpy.data.textures.new('bumps', 'IMAGE')\ntexture.image = image\n"
            "bpy.data.objects['Cube'].modifiers.new('bumps', 'DISPLACE').texture = texture"
        ),
        False,
    ),
    "sound of a strip": (
        (
            "bpy.data.images.remove(image)\nimport struct\n"
            "data = b'WAVEfmt ' + struct.pack('<IHHIIHH', 16, 1, 1, 8000, 8000, 1, 8)\n"
            "data += b'data' + struct.pack('<I', 8000)\n"
            "open(path + '.wav', 'wb').write(b'RIFF' + struct.pack('<I', 8036) + data + bytes(8000))\n"
            "editor = scene.sequence_editor_create()\n"
            "strip = editor.strips.new_sound('sound', path + '.wav', 1, 1)\nstrip.sound.filepath = '//lost.png'"
        ),
        True,
    ),
}
