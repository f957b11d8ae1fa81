"""Shader nodes."""

from tests.compatibility.rows import Group, Stage

rows = Group("Shader nodes")


@rows.same("Noise, Voronoi, Wave, Magic, Brick and Gabor textures")
def _(s: Stage) -> None:
    previous = None
    for name in ("Noise", "Voronoi", "Wave", "Magic", "Brick", "Gabor", "Checker", "Gradient"):
        node = s.node(f"ShaderNodeTex{name}")
        vector = next((socket for socket in node.inputs if socket.name == "Vector"), None)
        if previous is not None and vector is not None:
            s.cube.data.materials[0].node_tree.links.new(previous, vector)
        previous = node.outputs[0]
    s.colour(previous)


@rows.same("Bevel and Ambient Occlusion nodes", samples=4)
def _(s: Stage) -> None:
    tree = s.cube.data.materials[0].node_tree
    tree.links.new(s.node("ShaderNodeBevel").outputs[0], s.surface().inputs["Normal"])
    s.colour(s.node("ShaderNodeAmbientOcclusion").outputs["Color"])


@rows.same("Attribute node: object, instancer, view layer and geometry")
def _(s: Stage) -> None:
    attribute = s.cube.data.attributes.new("paint", "FLOAT_COLOR", "CORNER")
    for number, value in enumerate(attribute.data):
        value.color = (number % 3 / 2, number % 5 / 4, 0.2, 1)
    node = s.node("ShaderNodeAttribute")
    node.attribute_name = "paint"
    s.colour(node.outputs["Color"])


@rows.same("Attribute node: a property of the object, animated")
def _(s: Stage) -> None:
    s.cube["tint"] = 0.0
    for frame, value in ((1, 0.0), (3, 1.0)):
        s.cube["tint"] = value
        s.cube.keyframe_insert('["tint"]', frame=frame)
    node = s.node("ShaderNodeAttribute")
    node.attribute_type, node.attribute_name = "OBJECT", "tint"
    s.colour(node.outputs["Fac"])


@rows.same("Object Info, Geometry, Light Path, Camera Data, Wireframe")
def _(s: Stage) -> None:
    tree = s.cube.data.materials[0].node_tree
    mix = s.node("ShaderNodeMixRGB")
    for node, target in (("ShaderNodeObjectInfo", 0), ("ShaderNodeNewGeometry", 1), ("ShaderNodeCameraData", 2)):
        tree.links.new(s.node(node).outputs[0], mix.inputs[target])
    s.colour(mix.outputs[0])


@rows.same("Node groups, ColorRamp, RGB Curves and drivers in nodes")
def _(s: Stage) -> None:
    group = s.data.node_groups.new("Ramp", "ShaderNodeTree")
    group.interface.new_socket(name="Color", in_out="OUTPUT", socket_type="NodeSocketColor")
    ramp, value, end = (group.nodes.new(kind) for kind in ("ShaderNodeValToRGB", "ShaderNodeValue", "NodeGroupOutput"))
    group.links.new(value.outputs[0], ramp.inputs[0])
    group.links.new(ramp.outputs[0], end.inputs[0])
    value.outputs[0].driver_add("default_value").driver.expression = "frame / 4"
    node = s.node("ShaderNodeGroup")
    node.node_tree = group
    s.colour(node.outputs[0])


@rows.same("Transparent, Emission, Toon, Hair and Principled mixed", samples=4)
def _(s: Stage) -> None:
    tree = s.cube.data.materials[0].node_tree
    mix = s.node("ShaderNodeMixShader")
    tree.links.new(s.node("ShaderNodeBsdfToon").outputs[0], mix.inputs[1])
    tree.links.new(s.node("ShaderNodeBsdfTransparent").outputs[0], mix.inputs[2])
    output = next(node for node in tree.nodes if node.type == "OUTPUT_MATERIAL")
    tree.links.new(mix.outputs[0], output.inputs["Surface"])


@rows.same("Normal Map and Bump with images")
def _(s: Stage) -> None:
    tree = s.cube.data.materials[0].node_tree
    image, bump = s.node("ShaderNodeTexImage"), s.node("ShaderNodeBump")
    image.image = s.image("height.png")
    tree.links.new(image.outputs[0], bump.inputs["Height"])
    tree.links.new(bump.outputs[0], s.surface().inputs["Normal"])


OSL = "shader tint(output color Tint = 0) { Tint = color(P[0], P[1], 0.5); }"


def _osl(s: Stage) -> None:
    s.scene.cycles.shading_system = True
    text = s.data.texts.new("tint.osl")
    text.from_string(OSL)
    node = s.node("ShaderNodeScript")
    node.script = text
    if node.outputs:
        s.colour(node.outputs[0])


rows.refused("Script node (Open Shading Language)", "InvalidRequest", "Open Shading Language")(_osl)
rows.same("Script node (Open Shading Language), trusted", request={"trust_scripts": True})(_osl)


@rows.same("Vertex colours, several UV maps and several materials")
def _(s: Stage) -> None:
    s.cube.data.materials.append(s.material("Green", (0, 1, 0)))
    for number, polygon in enumerate(s.cube.data.polygons):
        polygon.material_index, polygon.use_smooth = number % 2, True
    s.cube.data.uv_layers.new(name="Second")
    node = s.node("ShaderNodeUVMap")
    node.uv_map = "Second"
    s.colour(node.outputs[0])
