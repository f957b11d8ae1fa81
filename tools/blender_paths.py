"""Print every path that the Blender of this interpreter knows: one a line, its struct and its name.

    python tools/blender_paths.py > tests/conformance/blender_5.0_paths.txt

Asked of RNA, Blender's description of its own data: properties of a path's subtype, those whose name speaks of a path
though their subtype does not, and the sockets of nodes. `frameloom.model.blender_paths` says what each one is, and a
test holds that against this list. Operators are left out: their properties are arguments and stand in no file.
"""

import os
import re
import sys
from collections.abc import Iterator
from typing import Any

import bpy

_SUBTYPES = {"FILE_PATH", "DIR_PATH", "FILE_NAME", "BYTE_STRING"}
# What a path may be called that has no subtype of one; not the path of a property or of a menu.
_NAME = re.compile(r"(?:file|dir|folder|path|url)", re.IGNORECASE)
_TREES = ("GeometryNodeTree", "ShaderNodeTree", "CompositorNodeTree", "TextureNodeTree")


def main() -> None:
    """Print the list, sorted."""
    # Blender prints to standard output as well.
    print("\n".join(sorted({*_properties(), *_sockets()})), file=sys.stderr)
    sys.stderr.flush()
    # An ordinary exit may wait for ever in Blender.
    os._exit(0)


def structs() -> dict[str, Any]:
    """Return all structs by name, those of add-ons as well, which only a property leads to."""
    kinds = (getattr(getattr(bpy.types, name), "bl_rna", None) for name in dir(bpy.types))
    found = {kind.identifier: kind for kind in kinds if kind is not None}
    pending = list(found.values())
    while pending:
        for each in pending.pop().properties:
            kind = each.fixed_type if each.type in ("POINTER", "COLLECTION") else None
            if kind is not None and kind.identifier not in found:
                found[kind.identifier] = kind
                pending.append(kind)
    return found


def _properties() -> Iterator[str]:
    for name, kind in structs().items():
        if any(base.identifier in ("Operator", "OperatorProperties", "Macro") for base in _bases(kind)):
            continue
        inherited = set() if kind.base is None else set(kind.base.properties.keys())
        for each in kind.properties:
            called = each.subtype == "NONE" and _NAME.search(each.identifier)
            if each.type == "STRING" and each.identifier not in inherited and (called or each.subtype in _SUBTYPES):
                yield f"{name}.{each.identifier}"


def _sockets() -> Iterator[str]:
    for kind in _TREES:
        tree = bpy.data.node_groups.new(kind, kind)
        for name in dir(bpy.types):
            try:
                node = tree.nodes.new(name)
            except RuntimeError:
                # No node, or none of this kind of tree.
                continue
            for socket in node.inputs:
                if socket.type == "STRING" and socket.bl_rna.properties["default_value"].subtype in _SUBTYPES:
                    yield f"{name}.inputs[{socket.identifier}]"


def _bases(kind: Any) -> Iterator[Any]:
    while kind is not None:
        yield kind
        kind = kind.base


if __name__ == "__main__":
    main()
