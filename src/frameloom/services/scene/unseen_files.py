"""Finds missing files of a scene that no frame shows: those of unused data, and those for the artist's view.

The search follows pointers from the file's scenes to its data-blocks, without the names of Blender's structs: any word
in the blocks of a data-block that is the address of another one counts as a pointer. So an image that a frame shows is
never left out, and some that no frame shows are still required. The worker asks Blender itself
(`worker/blender_process/unseen_images.py`).
"""

import re
from array import array
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from frameloom.model.errors import SceneUnreadable
from frameloom.model.request import JobRequest
from frameloom.services.scene.blend_format import BadBlendError, read_struct_names
from frameloom.services.scene.blocks import open_blocks
from frameloom.services.scene.find_assets import FoundAssets
from frameloom.services.scene.reader import UNPACK_LIMIT, read_empties

# More data-blocks or links take too much memory, and more missing files too much time: all then count as seen.
_MOST_BLOCKS, _MOST_LINKED, _MOST_MISSING = 1_000_000, 10_000_000, 1000
# Larger blocks hold meshes and pixels, and no pointers to data-blocks.
_LARGEST = 2**20
_SCENE = b"SC\0\0"
# Images and movie clips; all data-blocks that name a file which a frame may show: also fonts, volumes and caches.
_PICTURES = frozenset({b"IM\0\0", b"MC\0\0"})
_NAMED = _PICTURES | {b"VF\0\0", b"VO\0\0", b"CF\0\0"}
_BESIDE = frozenset({b"DATA", b"DNA1", b"ENDB", b"GLOB", b"REND", b"TEST", b"USER", b"WM\0\0", b"SR\0\0", b"WS\0\0"})
# Nodes that only hand their image to other nodes. Workbench shows the texture of a selected node without links.
_NODES = (b"ShaderNodeTexImage\0", b"ShaderNodeTexEnvironment\0")
_WORKBENCH = b"BLENDER_WORKBENCH\0"
# The sizes of block heads on machines with 64 bits.
_WIDE = frozenset({24, 32})


def unseen_files(scene: Path | None, request: JobRequest, found: FoundAssets) -> tuple[str, ...]:
    """Return the descriptions of the missing files that only hidden data of the scene's own file names.

    Args:
        scene: the scene's file; None if Blender alone can read it.
    """
    own = [one for one in found.missing if found.paths[one] == one]
    if scene is None or not own or len(own) > _MOST_MISSING:
        return ()
    try:
        graph = _Graph.read(scene, own, empties=read_empties(scene), shows_nodes=request.engine == "WORKBENCH")
    except (BadBlendError, SceneUnreadable):
        return ()
    return tuple(one for one in own if graph.hides(one))


@dataclass(slots=True)
class _Graph:
    """The data-blocks of a file by their addresses.

    Attributes:
        users: for each data-block, the data-blocks that point to it.
        named: the images and other data-blocks of each path.
        others: whether other data-blocks name a path, too.
    """

    scenes: set[int] = field(default_factory=set)
    users: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    named: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    others: set[str] = field(default_factory=set)

    def hides(self, path: str) -> bool:
        """Return whether no scene leads to a data-block with a path."""
        if not self.named[path] or path in self.others:
            return False
        seen, pending = set(self.named[path]), list(self.named[path])
        while pending:
            one = pending.pop()
            if one in self.scenes:
                return False
            pending += (new := self.users[one] - seen)
            seen |= new
        return True

    @classmethod
    def read(cls, path: Path, wanted: list[str], *, empties: frozenset[int], shows_nodes: bool) -> "_Graph":
        graph, survey = cls(), _Survey.read(path)
        texts = _Texts(wanted)
        idle = () if shows_nodes or survey.has_workbench else _NODES
        owner = 0
        for block in _blocks(path):
            owner = (owner if block.code == b"DATA" else 0) if block.code in _BESIDE else block.address
            if block.code == _SCENE:
                graph.scenes.add(owner)
            if owner:
                graph.name(block, texts, survey)
                if not survey.is_idle(block, idle):
                    others = survey.blocks.intersection(_words(block.body)) - {owner}
                    # Only the artist's view shows the image of an empty.
                    for other in others - survey.pictures if block.address in empties else others:
                        graph.users[other].add(owner)
        return graph

    def name(self, block: "_Block", texts: "_Texts", survey: "_Survey") -> None:
        """Record the paths in a block."""
        for path in texts.found_in(block.body):
            if block.code in _NAMED:
                self.named[path].add(block.address)
            elif block.struct not in survey.views:
                self.others.add(path)


class _Texts:
    """Paths to find in blocks, in a time that hardly depends on their number."""

    def __init__(self, paths: list[str]) -> None:
        self._paths = {path.encode(errors="surrogateescape"): path for path in paths}
        self._lengths = sorted({len(text) for text in self._paths})
        self._candidate = re.compile(rb"[^\0]{%d,}(?=\0)" % self._lengths[0])

    def found_in(self, body: bytes) -> Iterator[str]:
        """Yield the paths before a zero byte in a body, whatever bytes precede them."""
        for text in self._candidate.findall(body):
            for length in self._lengths:
                if length > len(text):
                    break
                if (path := self._paths.get(text[-length:])) is not None:
                    yield path


@dataclass(slots=True)
class _Survey:
    """The first two passes: the numbers of structs, and the addresses of data-blocks, pictures and linked nodes."""

    names: list[bytes] = field(default_factory=list)
    blocks: set[int] = field(default_factory=set)
    pictures: set[int] = field(default_factory=set)
    linked: set[int] = field(default_factory=set)
    has_workbench: bool = False

    @property
    def views(self) -> set[int]:
        """The structs of the parts of images, which repeat their paths."""
        return {self.number(b"ImageView"), self.number(b"ImagePackedFile")}

    def number(self, name: bytes) -> int:
        """Return the number of a struct, -1 if the file has no such struct."""
        return self.names.index(name) if name in self.names else -1

    def is_idle(self, block: "_Block", idle: tuple[bytes, ...]) -> bool:
        """Return whether a block is a camera's background, or a node with one of these types and without links."""
        if block.struct == self.number(b"CameraBGImage"):
            return True
        is_node = block.struct == self.number(b"bNode") and block.address not in self.linked
        return is_node and any(kind in block.body for kind in idle)

    @classmethod
    def read(cls, path: Path) -> "_Survey":
        found = cls()
        for block in _blocks(path, only=b"DNA1"):
            if block.code == b"DNA1":
                found.names = read_struct_names(block.body, "<")
        link = found.number(b"bNodeLink")
        for block in _blocks(path):
            if block.code == b"DATA" and block.struct == link:
                found.linked.update(_words(block.body))
            elif block.code not in _BESIDE:
                found.blocks.add(block.address)
                if block.code in _PICTURES:
                    found.pictures.add(block.address)
                found.has_workbench |= block.code == _SCENE and _WORKBENCH in block.body
            if len(found.blocks) > _MOST_BLOCKS or len(found.linked) > _MOST_LINKED:
                raise BadBlendError("it has too many data-blocks")
        return found


class _Block(NamedTuple):
    """A block of a file, with the number of its struct; large bodies are empty."""

    code: bytes
    body: bytes
    address: int
    struct: int


def _blocks(path: Path, *, only: bytes | None = None) -> Iterator[_Block]:
    """Yield the blocks of a file.

    Args:
        only: the code of the blocks to read; other bodies are empty.

    Raises:
        BadBlendError: the file is damaged, or of a machine with 32 bits or with big-endian numbers.
    """
    with path.open("rb") as file, open_blocks(file, limit=UNPACK_LIMIT) as reader:
        if reader.header.byte_order != "<" or reader.header.head.size not in _WIDE:
            raise BadBlendError("it is of another machine")
        for head, code, size, struct in reader:
            body = b""
            if code != b"ENDB" and only in (None, code) and (size <= _LARGEST or code == b"DNA1"):
                body = reader.read(size)
            elif code != b"ENDB":
                reader.skip(size)
            yield _Block(code, body, reader.header.head.unpack(head)[2], struct)


def _words(body: bytes) -> "array[int]":
    return array("Q", body[: len(body) & ~7])
