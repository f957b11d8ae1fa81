"""Print every path property and socket of this interpreter's Blender, one per line, as struct and name.

    python tools/blender_paths.py 2> tests/conformance/blender_5.0_paths.txt

It asks RNA, Blender's description of its own data, for properties with a path subtype, for properties that only have
the name of a path, and for node sockets. `frameloom.model.blender_paths` classifies each, and a test compares it with
this list. Operators are left out: their properties are arguments and are not stored in a file.
"""

import os
import re
import sys
from collections.abc import Iterator
from typing import Any

import bpy

_SUBTYPES = {"FILE_PATH", "DIR_PATH", "FILE_NAME", "BYTE_STRING"}
# Names of paths without a path subtype; paths to properties and menus are excluded.
_NAME = re.compile(r"(?:file|dir|folder|path|url)", re.IGNORECASE)
_TREES = ("GeometryNodeTree", "ShaderNodeTree", "CompositorNodeTree", "TextureNodeTree")


def main() -> None:
    """Print the sorted list to standard error, since Blender prints to standard output."""
    print("\n".join(sorted({*_properties(), *_sockets()})), file=sys.stderr)
    sys.stderr.flush()
    # A normal exit may hang in Blender.
    os._exit(0)


def structs() -> dict[str, Any]:
    """Return all structs by name, including those of add-ons, which only properties lead to."""
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
                # Not a node, or not a node of this kind of tree.
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
