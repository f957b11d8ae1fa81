"""Reads the facts about a .blend file that a job needs, without Blender."""

import logging
import stat
import tempfile
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeVar, cast

from frameloom.model.assets import Reference
from frameloom.model.colours import ColourSpace
from frameloom.model.errors import SceneUnreadable
from frameloom.model.scene import SceneEntry, SceneFacts
from frameloom.model.simulations import Simulation
from frameloom.services.scene.addon_signs import find_tree_types
from frameloom.services.scene.blend_format import DAMAGED, BadBlendError, Header
from frameloom.services.scene.block_text import name_of
from frameloom.services.scene.blocks import open_blocks
from frameloom.services.scene.colour_names import find_spaces
from frameloom.services.scene.condense import condense
from frameloom.services.scene.packed_files import unpack_files
from frameloom.services.scene.references import find_references
from frameloom.services.scene.scene_entry import pointed_name, read_entry
from frameloom.services.scene.scripts import find_scripts
from frameloom.services.scene.unbaked_simulations import find_simulations

if TYPE_CHECKING:
    from blender_asset_tracer.blendfile import BlendFile, BlendFileBlock

Read = TypeVar("Read")

UNPACK_LIMIT = 8 * 2**30
# Packed libraries: all in a scene and in each other, and how often one is in another.
_MOST_PACKED, _DEEPEST = 64, 4
# A larger condensed file, of about ten thousand objects, is written to disk.
IN_MEMORY = 16 * 2**20

# OB_EMPTY and OB_CAMERA of Blender's DNA_object_types.h.
_EMPTY, _CAMERA = 0, 11


def read_scene(path: Path, *, name: str | None = None, limit: int = UNPACK_LIMIT) -> SceneFacts:
    """Return the facts about the .blend file at `path`.

    No code in the file runs, nothing is logged, and no temporary file remains, even after SIGKILL. Memory and disk use
    depend on the number of objects and images, about 2 kB each, not on the size of the file.

    Args:
        name: the file's name in messages; its own name if None.
        limit: the number of bytes that a compressed file may decompress to.

    Raises:
        FileNotFoundError: there is no file at `path`.
        SceneUnreadable: the file is not a .blend file, is damaged or incomplete, or has no scene.
    """
    file = name or path.name
    facts = _condensed(path, file, limit, lambda blend, header: _read(blend, header, file))
    return replace(facts, references=_with_packed(path, facts.references, file, limit))


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """The facts about a .blend file from which scenes link data, as in `SceneFacts`."""

    references: tuple[Reference, ...] = ()
    scripts: tuple[str, ...] = ()
    spaces: tuple[ColourSpace, ...] = ()
    simulations: tuple[Simulation, ...] = ()


@dataclass(slots=True)
class _Nesting:
    """The libraries that may still be packed into a scene and into each other."""

    libraries: int
    levels: int


def read_library(
    path: Path, *, name: str | None = None, limit: int = UNPACK_LIMIT, nesting: _Nesting | None = None
) -> Library:
    """Return the facts about the library at `path`, which may have no scene; otherwise like `read_scene`.

    Args:
        nesting: what may still be packed into the scene; None for a library that is a file.
    """
    file = name or path.name
    library = _condensed(path, file, limit, lambda blend, _: _read_library(blend, file))
    return replace(library, references=_with_packed(path, library.references, file, limit, nesting))


def read_references(path: Path, *, name: str | None = None, limit: int = UNPACK_LIMIT) -> tuple[Reference, ...]:
    """Return the references of the .blend file at `path`, which may have no scene; otherwise like `read_scene`."""
    return read_library(path, name=name, limit=limit).references


def read_empties(path: Path) -> frozenset[int]:
    """Return the addresses of the empty objects in the .blend file at `path`; otherwise like `read_scene`."""

    def read(blend: "BlendFile", _: Header) -> frozenset[int]:
        return frozenset(one.addr_old for one in blend.find_blocks_from_code(b"OB") if one.get(b"type") == _EMPTY)

    return _condensed(path, path.name, UNPACK_LIMIT, read)


def _with_packed(
    path: Path, references: tuple[Reference, ...], file: str, limit: int, nesting: _Nesting | None = None
) -> tuple[Reference, ...]:
    """Return references with the contents of the packed libraries among them, which replace their addresses."""
    packed = {reference.packed: reference for reference in references if isinstance(reference.packed, int)}
    if not packed:
        return references
    nesting = nesting or _Nesting(libraries=_MOST_PACKED, levels=_DEEPEST)
    nesting.libraries -= len(packed)
    nesting.levels -= 1
    if nesting.libraries < 0 or nesting.levels < 0:
        problem = f"more than {_MOST_PACKED} libraries are packed into it, or more than {_DEEPEST} into each other"
        raise SceneUnreadable(file=file, problem=problem)
    found: dict[Hashable, Library] = {}
    try:
        with tempfile.TemporaryDirectory() as folder:
            for address, copied in unpack_files(path, cast("set[int]", set(packed)), Path(folder), limit=limit):
                name = f"{packed[address].path} in {file}"
                found[address] = read_library(copied, name=name, limit=limit, nesting=nesting)
                copied.unlink()
    except (BadBlendError, OSError) as error:
        raise SceneUnreadable(file=file, problem=str(error)) from error
    if len(found) < len(packed):
        raise SceneUnreadable(file=file, problem=DAMAGED)
    nesting.levels += 1
    return tuple(replace(one, packed=found[one.packed]) if one.packed in found else one for one in references)


def _condensed(path: Path, file: str, limit: int, read: Callable[["BlendFile", Header], Read]) -> Read:
    """Return the result of `read` for the condensed file; raise as `read_scene` does."""
    try:
        # Check before opening: `open` would wait for the writer of a pipe.
        regular = stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise SceneUnreadable(file=file, problem=error.strerror or str(error)) from error
    if not regular:
        raise SceneUnreadable(file=file, problem="it is not a regular file")
    try:
        with path.open("rb") as source, tempfile.SpooledTemporaryFile(IN_MEMORY) as condensed:
            header = condense(source, condensed, limit=limit)
            return _read_condensed(condensed, file, header, read)
    except BadBlendError as error:
        raise SceneUnreadable(file=file, problem=str(error)) from error
    except OSError as error:
        raise SceneUnreadable(file=file, problem=error.strerror or str(error)) from error


def may_open_in_blender(error: SceneUnreadable) -> bool:
    """Return whether Blender may read a file that `read_scene` refuses with this error."""
    cause = error.__cause__
    return isinstance(cause, BadBlendError) and not cause.certain


def read_header(path: Path) -> Header:
    """Return the header of a file, which has the version of the Blender that saved it.

    Raises:
        BadBlendError: the file does not start as a .blend file.
    """
    with path.open("rb") as source, open_blocks(source, limit=UNPACK_LIMIT) as blocks:
        return blocks.header


@dataclass(frozen=True, slots=True, repr=False)
class _OpenFile:
    """Replaces a Path for an open file without a path; BlendFile opens it and uses its text in messages."""

    name: str
    file: IO[bytes]

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return repr(self.name)

    def open(self, _mode: str, *, buffering: int) -> IO[bytes]:  # noqa: ARG002  BlendFile passes it.
        return self.file


def _read_condensed(
    condensed: IO[bytes], file: str, header: Header, read: Callable[["BlendFile", Header], Read]
) -> Read:
    # Imported here, since other Lambdas share this package and read no scene.
    from blender_asset_tracer.blendfile import BlendFile  # noqa: PLC0415

    # It prints warnings about damage to stderr, but the caller gets an exception.
    logging.getLogger("blender_asset_tracer").setLevel(logging.CRITICAL)

    class Condensed(BlendFile):  # type: ignore[misc]  # the package has no types
        def decode_glob(self, block: "BlendFileBlock") -> None:
            # It would leave the file within this block if Blender 2.42 or older saved it.
            self.fileobj.seek(block.file_offset + block.size)

    try:
        with Condensed(cast("Path", _OpenFile(file, condensed))) as blend:
            return read(blend, header)
    except BadBlendError:
        raise
    except Exception as error:  # With damaged data, BlendFile raises many kinds of errors.
        raise BadBlendError(DAMAGED) from error


def _read(blend: "BlendFile", header: Header, file: str) -> SceneFacts:
    scenes = tuple(read_entry(block) for block in blend.find_blocks_from_code(b"SC"))
    if not scenes:
        raise BadBlendError("it contains no scene")
    objects = blend.find_blocks_from_code(b"OB")
    placeholders = blend.find_blocks_from_code(b"ID")
    active = _active(blend, scenes)
    return SceneFacts(
        file=file,
        blender_version=header.version,
        big_endian=header.byte_order == ">",
        scenes=scenes,
        active=active,
        cameras=tuple(name_of(block) for block in objects if block.get(b"type") == _CAMERA),
        linked_objects=tuple(name_of(block) for block in placeholders if block.get(b"name").startswith(b"OB")),
        linked_groups=any(block.get(b"name")[:2] in (b"GR", b"SC") for block in placeholders),
        references=find_references(blend, file),
        scripts=find_scripts(blend),
        spaces=find_spaces(blend),
        simulations=find_simulations(blend),
        tree_types=find_tree_types(blend),
    )


def _active(blend: "BlendFile", scenes: tuple[SceneEntry, ...]) -> str:
    """Return the name of the active scene; if it is linked from another file, that of the first one, as Blender does.

    Raises:
        BadBlendError: the file has several scenes and does not name the active one, as before Blender 2.35.
    """
    settings = blend.find_blocks_from_code(b"GLOB")[0]
    if len(scenes) > 1 and not settings.get(b"curscene", default=0):
        raise BadBlendError(DAMAGED)
    active = pointed_name(settings, b"curscene")
    return active if active is not None and active in {scene.name for scene in scenes} else scenes[0].name


def _read_library(blend: "BlendFile", file: str) -> Library:
    return Library(
        references=find_references(blend, file),
        scripts=find_scripts(blend),
        spaces=find_spaces(blend),
        simulations=find_simulations(blend),
    )
