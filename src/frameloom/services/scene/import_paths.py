"""The import nodes of a scene's Geometry Nodes, and the constant paths that reach them, read from its condensed copy.

Lists in a damaged file may form cycles or share blocks, so each list ends at a block that was read before.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from frameloom.model.assets import Reference
from frameloom.model.import_nodes import Import, ModifierUse, Node, Tree, find_imports
from frameloom.services.scene.block_text import decode, name_of, typed_name

if TYPE_CHECKING:
    from blender_asset_tracer.blendfile import BlendFile, BlendFileBlock

# NODE_MUTED and NODE_LINK_MUTED of DNA_node_types.h; IDP_STRING of DNA_ID.h.
_MUTED, _LINK_MUTED = 1 << 9, 1 << 4
_TEXT = 0


def import_references(blend: "BlendFile") -> Iterator[Reference]:
    """Yield the references of import nodes; for a node without a constant path, its description and an empty path."""
    reader = _Nodes(blend)
    for found in find_imports(list(reader.trees()), list(reader.uses())):
        yield from _references(found)


def linked_groups(blend: "BlendFile") -> dict[int, tuple[str, ...]]:
    """Return the node groups that a file links, keyed by the address of their library."""
    groups: dict[int, list[str]] = defaultdict(list)
    for placeholder in blend.find_blocks_from_code(b"ID"):
        kind, name = typed_name(placeholder)
        groups[placeholder.get(b"lib")] += [name] if kind == "NT" else []
    return {library: tuple(names) for library, names in groups.items()}


def _references(found: Import[bytes]) -> Iterator[Reference]:
    if found.computed:
        yield Reference(path="", node=found.where)
    for tree in found.exposed:
        yield Reference(path="", node=found.where, group=tree.name)
    for slot in found.slots:
        if slot:
            yield Reference(path=decode(slot), required=not found.node.muted)


class _Nodes:
    """Node groups and their modifiers as the blocks of a file."""

    def __init__(self, blend: "BlendFile") -> None:
        self._blend = blend
        self._blocks = blend.block_from_addr
        self._met: set[int] = set()

    def trees(self) -> Iterator[Tree[bytes]]:
        for block in self._blend.find_blocks_from_code(b"NT"):
            if block.addr_old in self._met:
                continue
            self._met.add(block.addr_old)
            nodes = {one.addr_old: self._node(one) for one in self._list(block.get((b"nodes", b"first")))}
            yield Tree(
                key=block.addr_old,
                name=name_of(block),
                nodes=list(nodes.values()),
                links=list(self._links(block, nodes)),
            )

    def uses(self) -> Iterator[ModifierUse[bytes]]:
        for block in self._blend.find_blocks_from_code(b"DATA"):
            if block.dna_type.dna_type_id == b"NodesModifierData":
                inputs = self._inputs(block.get((b"settings", b"properties"), default=0))
                yield ModifierUse(tree=block.get(b"node_group"), inputs=inputs)

    def _node(self, block: "BlendFileBlock") -> Node[bytes]:
        inputs = {}
        for socket in self._list(block.get((b"inputs", b"first"))):
            value = self._blocks.get(socket.get(b"default_value"))
            if value is not None and value.dna_type.dna_type_id == b"bNodeSocketValueString":
                inputs[decode(socket.get(b"identifier"))] = value.get(b"value")
        return Node(
            name=decode(block.get(b"name")),
            kind=decode(block.get(b"idname")),
            muted=bool(block.get(b"flag") & _MUTED),
            inputs=inputs,
            text=self._string(block),
            group=block.get(b"id") or None,
        )

    def _string(self, node: "BlendFileBlock") -> bytes | None:
        storage = self._blocks.get(node.get(b"storage"))
        if storage is None or storage.dna_type.dna_type_id != b"NodeInputString":
            return None
        return self._text(storage.get(b"string"))

    def _links(
        self, tree: "BlendFileBlock", nodes: dict[int, Node[bytes]]
    ) -> Iterator[tuple[Node[bytes], str, Node[bytes], str]]:
        for link in self._list(tree.get((b"links", b"first"))):
            source, target = nodes.get(link.get(b"fromnode")), nodes.get(link.get(b"tonode"))
            if source is None or target is None or link.get(b"flag") & _LINK_MUTED:
                continue
            output, place = (self._blocks.get(link.get(end)) for end in (b"fromsock", b"tosock"))
            if output is not None and place is not None:
                yield source, decode(output.get(b"identifier")), target, decode(place.get(b"identifier"))

    def _inputs(self, properties: int) -> dict[str, bytes]:
        group = self._blocks.get(properties)
        if group is None:
            return {}
        members = self._list(group.get((b"data", b"group", b"first")))
        texts = {
            decode(one.get(b"name")): self._text(one.get((b"data", b"pointer")))
            for one in members
            if one.get(b"type") == _TEXT
        }
        return {name: text for name, text in texts.items() if text is not None}

    def _text(self, address: int) -> bytes | None:
        """Return the text in the block at an address; empty for address 0, None if the block is unknown."""
        if not address:
            return b""
        block = self._blocks.get(address)
        return None if block is None else block.as_bytes_string()

    def _list(self, address: int) -> Iterator["BlendFileBlock"]:
        while address not in self._met and (block := self._blocks.get(address)) is not None:
            self._met.add(address)
            yield block
            address = block.get(b"next")
