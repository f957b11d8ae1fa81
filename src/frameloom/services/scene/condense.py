"""Copies the few blocks of a .blend file that describe its scenes into a small .blend file.

Blocks are read as a stream, so a file of any size, or a file that claims any size, needs neither memory nor disk. A
block of code DATA is identified by its struct alone, whose name is in DNA1, near the end of the file. A file that holds
such structs is therefore read twice. The blocks of scenes and compositors are few, so they wait in memory for DNA1.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

from frameloom.services.scene.blend_format import DAMAGED, TOO_LARGE, BadBlendError, Header, read_struct_names
from frameloom.services.scene.blocks import BlockReader, open_blocks

# File-wide facts, scenes, objects, texts, placeholders for data in other files, and DNA1; then data-blocks that name a
# file: images, movie clips, libraries, fonts, sounds, caches, volumes, node groups and cameras; the
# settings of particles.
KEPT_CODES = frozenset(
    {b"GLOB", b"SC\0\0", b"OB\0\0", b"TX\0\0", b"ID\0\0", b"DNA1"}
    | {b"IM\0\0", b"MC\0\0", b"LI\0\0", b"VF\0\0", b"SO\0\0", b"CF\0\0", b"VO\0\0", b"NT\0\0", b"CA\0\0", b"PA\0\0"}
)
# Structs in blocks of code DATA that name files (modifiers, caches, strips and nodes), that name colour spaces, or that
# hold code (drivers and Freestyle styles); simulations.
KEPT_STRUCTS = frozenset({
    b"ChannelDriver", b"DriverVar", b"Editing", b"FreestyleModuleConfig", b"NodeConvertColorSpace",
    b"CacheFileLayer", b"CustomDataExternal", b"FluidDomainSettings", b"ImageView", b"MeshCacheModifierData",
    b"NodesModifierBake", b"NodesModifierData", b"NodeShaderScript", b"NodeShaderTexIES", b"OceanModifierData",
    b"PointCache", b"Strip", b"StripElem",
    b"ClothModifierData", b"DynamicPaintModifierData", b"DynamicPaintSurface", b"FluidModifierData",
    b"NodeGeometrySimulationOutput", b"PartEff", b"ParticleSystem", b"ParticleSystemModifierData",
    b"RigidBodyWorld", b"SoftBody", b"SoftbodyModifierData",
})  # fmt: skip
# Structs of scenes and compositors: strips with their channels, markers and nodes, which let a scene render without its
# own camera, the views of a stereo scene, and view layers. They are kept only there, since materials have thousands of
# nodes.
SCENE_STRUCTS = frozenset({
    b"Editing", b"SceneRenderView", b"SeqTimelineChannel", b"Sequence", b"Strip", b"StripElem", b"TimeMarker",
    b"ViewLayer", b"ViewLayerAOV", b"ViewLayerLightgroup", b"bNode", b"bNodeTree",
})  # fmt: skip
# The type of the node groups that are compositors.
_COMPOSITOR = b"CompositorNodeTree"
# The structs that determine the path of a Geometry Nodes import node, kept only if the file has such a node.
IMPORT_STRUCTS = frozenset({
    b"IDProperty", b"NodeInputString", b"bNode", b"bNodeLink", b"bNodeSocket", b"bNodeSocketValueString",
})  # fmt: skip
# The prefix of the identifiers of import nodes, and a size that no node exceeds: Blender's nodes take 400 bytes.
_IMPORT_NODE, _MAX_NODE = b"GeometryNodeImport", 4096
# Blocks without a struct have the number 0. A Geometry Nodes modifier points to paths in such blocks.
_NO_STRUCT, _POINTS_TO_PATHS = 0, b"NodesModifierData"
_MAX_PATH, _PATH, _TEXT = 1024, re.compile(rb"/|[A-Za-z]:[/\\]"), re.compile(rb"[^\0]*\0+")
# Structs kept only if the file has the struct before or after which they are stored.
_COMPANIONS = {b"FreestyleModuleConfig": (b"ViewLayer", b"SceneRenderLayer")}
# A driver's location: its data-block, its curve, and the path from the data-block to the property. A file stores all
# three before the driver. If they take more bytes than this, they are not kept, and the driver has no location.
_DRIVER, _CURVE, _MAX_PENDING = b"ChannelDriver", b"FCurve", 16 * 2**20
# The bytes of the blocks of scenes and compositors that wait for DNA1; a file with more is read twice.
_MAX_WAITING = 8 * 2**20
_PROPERTY = re.compile(rb"[\x20-\x7e\x80-\xff]+\0+")
# DNA1 takes 130 kB, a scene 10 kB, an object 1.3 kB. 400,000 objects fit; a malicious file does not.
MAX_BLOCK, MAX_KEPT = 16 * 2**20, 512 * 2**20
# A struct's number is stored in two bytes.
_MAX_STRUCTS = 2**16


def condense(file: io.BufferedReader, target: IO[bytes], *, limit: int) -> Header:
    """Write an uncompressed .blend file to `target`, with only the blocks that describe the scenes of `file`.

    Args:
        file: an open file, compressed or not.
        limit: the number of bytes that a compressed file may decompress to.

    Raises:
        BadBlendError: the file is not a .blend file, is cut or damaged, or exceeds a limit.
    """
    with open_blocks(file, limit=limit) as reader:
        first = _Pass(reader, target)
        first.run()
    if first.needs_second():
        target.seek(0)
        target.truncate()
        with open_blocks(file, limit=limit) as reader:
            _Pass(
                reader,
                target,
                second=True,
                structs=first.structs_to_keep(),
                scene_structs=first.scene_structs_to_keep(),
                curve=first.curve_to_keep(),
                texts=first.has_imports,
            ).run()
    return first.header


@dataclass(slots=True)
class _Pass:
    """One pass over the blocks of a file.

    Attributes:
        second: whether the numbers of the structs to keep are known from a first pass.
        structs: the numbers of the structs whose blocks of code DATA are kept.
        scene_structs: the numbers of those that are kept in scenes and compositors.
        curve: the number of the struct of curves, None if the file has no driver.
        texts: whether all short texts are kept, not only paths.
        kept: the bytes kept so far.
        pending: the head and body of blocks that are kept if a driver follows.
        in_scene: whether the present data-block is a scene or a compositor.
        waiting: the struct, head and body of the blocks of scenes and compositors, in the first pass.
        met: the numbers of the structs of all blocks of code DATA.
        unread_in_scenes: those of blocks of scenes and compositors that were too many to wait.
        has_imports: whether one of these blocks was an import node.
        names: the names of all structs, by number.
    """

    reader: BlockReader
    target: IO[bytes]
    second: bool = False
    structs: frozenset[int] = frozenset()
    scene_structs: frozenset[int] = frozenset()
    curve: int | None = None
    texts: bool = False
    kept: int = 0
    pending: list[tuple[bytes, bytes]] = field(default_factory=list)
    pending_bytes: int = 0
    in_scene: bool = False
    waiting: list[tuple[int, bytes, bytes]] = field(default_factory=list)
    waiting_bytes: int = 0
    met: set[int] = field(default_factory=set)
    unread_in_scenes: set[int] = field(default_factory=set)
    has_imports: bool = False
    names: list[bytes] = field(default_factory=list)

    @property
    def header(self) -> Header:
        return self.reader.header

    def needs_second(self) -> bool:
        """Return whether blocks to keep were skipped, or need the blocks before them."""
        of_scenes = self.scene_structs_to_keep()
        return bool(self.structs_to_keep() - of_scenes or of_scenes & self.unread_in_scenes)

    def scene_structs_to_keep(self) -> frozenset[int]:
        """Return the numbers of the structs to keep in scenes and compositors."""
        return frozenset(self._numbers(SCENE_STRUCTS))

    def structs_to_keep(self) -> frozenset[int]:
        """Return the numbers of the structs to keep anywhere in a second pass."""
        wanted = KEPT_STRUCTS | IMPORT_STRUCTS if self.has_imports else KEPT_STRUCTS
        found = {number for number in self._numbers(wanted) if number in self.met}
        names = {self.names[number] for number in found}
        found |= set(self._numbers({companion for name in names for companion in _COMPANIONS.get(name, ())}))
        if self.has_imports or _POINTS_TO_PATHS in names:
            found.add(_NO_STRUCT)
        return frozenset(found)

    def curve_to_keep(self) -> int | None:
        """Return the number of the struct of curves, None if the file has no driver."""
        has_driver = any(number in self.met for number in self._numbers({_DRIVER}))
        return self.names.index(_CURVE) if has_driver and _CURVE in self.names else None

    def _numbers(self, wanted: set[bytes] | frozenset[bytes]) -> Iterator[int]:
        return (number for number, name in enumerate(self.names) if name in wanted)

    def run(self) -> None:
        self.target.write(self.header.raw)
        for head, code, size, number in self.reader:
            if code == b"DATA":
                self._data(head, size, number)
            elif code == b"ENDB":
                self._keep_waiting()
                self.target.write(head)
            else:
                self._data_block(head, code, size)
        if not self.names:
            raise BadBlendError("it has no DNA1 block, which describes its data")

    def _data_block(self, head: bytes, code: bytes, size: int) -> None:
        if code == b"DNA1" and self.names:
            # Blender uses the first and the reader the last: each would read a different scene.
            raise BadBlendError(DAMAGED)
        self.pending, self.pending_bytes = [], 0
        self.in_scene = code == b"SC\0\0"
        if code in KEPT_CODES:
            body = self._read(size)
            self._keep(head, body)
            self.in_scene |= code == b"NT\0\0" and _COMPOSITOR in body
            if code == b"DNA1":
                self.names = read_struct_names(body, self.header.byte_order)
        elif self.curve is None:
            self.reader.skip(size)
        else:
            self._hold(head, self._read(size))

    def _data(self, head: bytes, size: int, number: int) -> None:
        if 0 <= number < _MAX_STRUCTS:
            self.met.add(number)
        if not self.second:
            self._first(head, size, number)
        elif number == _NO_STRUCT:
            self._text(head, size)
        elif number in self.structs or (self.in_scene and number in self.scene_structs):
            for pending in self.pending:
                self._keep(*pending)
            self.pending, self.pending_bytes = [], 0
            self._keep(head, self._read(size))
        elif number == self.curve:
            self._hold(head, self._read(size))
        else:
            self.reader.skip(size)

    def _first(self, head: bytes, size: int, number: int) -> None:
        """In the first pass, keep blocks of scenes and compositors until DNA1 is known, and look for import nodes."""
        if self.in_scene:
            if self.waiting_bytes + size <= _MAX_WAITING:
                self.waiting.append((number, head, self._read(size)))
                self.waiting_bytes += size
                return
            self.unread_in_scenes.add(number)
        if not self.has_imports and size <= _MAX_NODE:
            # The second pass then keeps nodes.
            self.has_imports = _IMPORT_NODE in self._read(size)
        else:
            self.reader.skip(size)

    def _keep_waiting(self) -> None:
        wanted = self.scene_structs_to_keep()
        for number, head, body in self.waiting:
            if number in wanted:
                self._keep(head, body)

    def _text(self, head: bytes, size: int) -> None:
        """Keep a possible path to a file, and hold a possible path to a property."""
        if size > _MAX_PATH or (self.curve is None and _NO_STRUCT not in self.structs):
            self.reader.skip(size)
            return
        body = self._read(size)
        if _NO_STRUCT in self.structs and (_TEXT.fullmatch(body) if self.texts else _PATH.match(body)):
            self._keep(head, body)
        elif _PROPERTY.fullmatch(body):
            self._hold(head, body)

    def _hold(self, head: bytes, body: bytes) -> None:
        """Hold a block that is kept only if a driver follows."""
        if self.curve is None or self.pending_bytes + len(body) > _MAX_PENDING:
            return
        self.pending.append((head, body))
        self.pending_bytes += len(body)

    def _read(self, size: int) -> bytes:
        if size > MAX_BLOCK or self.kept + size > MAX_KEPT:
            raise BadBlendError(TOO_LARGE)
        return self.reader.read(size)

    def _keep(self, head: bytes, body: bytes) -> None:
        self.kept += len(body)
        self.target.write(head)
        self.target.write(body)
