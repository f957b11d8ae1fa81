"""Recipes for `make_scene`: scenes that import a text by Geometry Nodes and show it as letters in place of the cube."""

_TEXT = """
group = bpy.data.node_groups.new("Letters", "GeometryNodeTree")
group.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
names = ("ImportText", "StringToCurves", "FillCurve", "RealizeInstances")
nodes = [group.nodes.new("GeometryNode" + name) for name in names]
nodes.append(group.nodes.new("NodeGroupOutput"))
for left, right in zip(nodes, nodes[1:]):
    group.links.new(left.outputs[0], right.inputs[0])
text = nodes[0]
modifier = bpy.data.objects["Cube"].modifiers.new("letters", "NODES")
modifier.node_group = group
path_of_text = {path!r}
"""
SOCKET = "text.inputs['Path'].default_value = path_of_text\n"
_STRING = """
string = group.nodes.new("FunctionNodeInputString")
string.string = path_of_text
"""
STRING = f"""{_STRING}
reroute = group.nodes.new("NodeReroute")
group.links.new(string.outputs[0], reroute.inputs[0])
group.links.new(reroute.outputs[0], text.inputs[0])
"""
_INPUT = """
socket = group.interface.new_socket("File", in_out="INPUT", socket_type="NodeSocketString")
group.links.new(group.nodes.new("NodeGroupInput").outputs["File"], text.inputs[0])
"""
MODIFIER = f"{_INPUT}modifier[socket.identifier] = path_of_text\n"
_OUTER = """
outer = bpy.data.node_groups.new("Outer", "GeometryNodeTree")
outer.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
inner = outer.nodes.new("GeometryNodeGroup")
inner.node_tree = group
outer.links.new(inner.outputs[0], outer.nodes.new("NodeGroupOutput").inputs[0])
modifier.node_group = outer
"""
NESTED = f"{_INPUT}{_OUTER}inner.inputs['File'].default_value = path_of_text\n"
# A group whose output is the path, beside the node that imports.
GIVEN = """
giver = bpy.data.node_groups.new("Giver", "GeometryNodeTree")
giver.interface.new_socket("File", in_out="OUTPUT", socket_type="NodeSocketString")
giver.nodes.new("NodeGroupOutput").inputs["File"].default_value = path_of_text
user = group.nodes.new("GeometryNodeGroup")
user.node_tree = giver
group.links.new(user.outputs["File"], text.inputs[0])
"""
# Places of a constant path.
WAYS = {
    "its own socket": SOCKET,
    "a String node behind a reroute": STRING,
    "a modifier": MODIFIER,
    "a group node": NESTED,
    "the output of a group": GIVEN,
}
_JOIN = f"""{_STRING}
join = group.nodes.new("GeometryNodeStringJoin")
group.links.new(string.outputs[0], join.inputs[1])
group.links.new(join.outputs[0], text.inputs[0])
"""
_NUMBER = """
number = group.nodes.new("FunctionNodeValueToString")
group.links.new(number.outputs[0], text.inputs[0])
"""
_SWITCH = f"""{_STRING}
switch = group.nodes.new("GeometryNodeSwitch")
switch.input_type = "STRING"
group.links.new(string.outputs[0], switch.inputs["True"])
group.links.new(switch.outputs[0], text.inputs[0])
"""
# Ways to compute a path.
COMPUTED = {"strings joined": _JOIN, "a number": _NUMBER, "a switch": _SWITCH}


def letters(way: str, path: str) -> str:
    """Return what to give `make_scene` as `also`: the text at `path` is imported by one of the ways above."""
    return _TEXT.format(path=path) + way
