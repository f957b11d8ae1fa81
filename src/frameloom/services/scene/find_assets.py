"""Find beside a scene, in the scenes bucket, what it refers to."""

import posixpath
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from frameloom.model.assets import MOST_ASSETS, Asset, Reference, key_beside, pattern
from frameloom.model.colours import ColourSpace
from frameloom.model.errors import InvalidRequest, SceneUnreadable
from frameloom.services.scene.reader import Library, read_library
from frameloom.services.storage.ports import StoredObject

# Asked for at once: each on its own, since a listing tells no versions.
STREAMS = 10
# A message that lists thousands helps nobody, nor would it fit into the error of an execution.
_NAMED, _LONGEST_NAME = 20, 120


class Shelf(Protocol):
    """Where files are looked for: the part of a `Store` that this takes."""

    def head(self, bucket: str, key: str, /) -> StoredObject | None:
        """Return an object without its bytes, None where there is no such key."""

    def list(self, bucket: str, prefix: str, /) -> Iterator[StoredObject]:
        """Yield what lies below `prefix`."""

    def download(self, bucket: str, key: str, path: Path, /, *, version: str | None = None) -> None:
        """Write an object to `path`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The files that a scene refers to.

    Attributes:
        assets: the existing files, by key.
        named: the keys of all files that it reads, whether they exist or not.
        missing: descriptions of the missing files.
        written: descriptions of the files that Blender writes.
        computed: descriptions of the import nodes whose path is not constant.
        outside: descriptions of the files that are missing because they lie outside the bucket, but that Blender would
            open anyway.
        scripts, spaces: those of its libraries, as in `SceneFacts`.
    """

    assets: tuple[Asset, ...] = ()
    named: frozenset[str] = frozenset()
    missing: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    spaces: tuple[ColourSpace, ...] = ()
    computed: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()

    def check(self, *, file: str, trusted: bool) -> None:
        """Refuse a scene that computes the paths of its imports, or an untrusted scene that writes files.

        Raises:
            InvalidRequest: it computes the path of a file that it imports, which is then neither fetched nor part of
                the render key; or it has an unbaked simulation, which writes to paths in the scene without any script.
                Such frames would also be wrong, since a farm does not render them in sequence.
        """
        if self.computed:
            problem = (
                f"{file!r} imports files by paths that are not constants, which no farm can fetch: "
                f"{listed(self.computed)}; type each path into its node, a String node or the modifier, all in the "
                "file that holds the node group"
            )
            raise InvalidRequest(field="file", problem=problem)
        if self.written and not trusted:
            problem = (
                f"{file!r} simulates as its frames go by and would write to {listed(self.written)}: bake it (a fluid's "
                "cache as Modular or All), or trust the scene"
            )
            raise InvalidRequest(field="trust_scripts", problem=problem)

    def check_render(self, *, file: str, trusted: bool) -> None:
        """Refuse to render without missing files that Blender could open on the worker's own disk.

        Raises:
            InvalidRequest: the untrusted scene would open a file outside the bucket.
        """
        if self.outside and not trusted:
            problem = (
                f"'render' cannot leave out {listed(self.outside)}, which Blender would open outside the folder of "
                f"{file!r}; make the path relative to the scene, so that it begins with //"
            )
            raise InvalidRequest(field="missing_assets", problem=problem)


def find_assets(store: Shelf, bucket: str, scene: str, references: Iterable[Reference]) -> Found:
    """Look for what a scene refers to, and for what its libraries refer to in turn.

    Raises:
        SceneUnreadable: a library is no readable .blend, or the scene refers to more files than this farm takes.
    """
    assets: dict[str, Asset] = {}
    missing: dict[str, None] = {}
    written: dict[str, None] = {}
    outside: dict[str, None] = {}
    imports = _Imports(scene)
    known, asked = {scene}, 0
    scripts: dict[str, None] = {}
    spaces: dict[ColourSpace, None] = {}
    pending = [(scene, tuple(references))]
    with ThreadPoolExecutor(max_workers=STREAMS, thread_name_prefix="assets") as pool:
        while pending:
            file, wanted = pending.pop(0)
            # Before the first is looked for: a sequence of which nothing is there costs a listing and adds no file.
            asked += len(wanted)
            if asked > MOST_ASSETS:
                raise _too_many(scene)
            wanted = imports.add(file, wanted)
            written |= _words(scene, file, [reference for reference in wanted if reference.written])
            fresh: list[tuple[Reference, str]] = []
            # What one part can do without, another may need: whoever asks first is asked for.
            for reference in sorted(wanted, key=lambda reference: not reference.required):
                keys = list(_keys(store, bucket, file, reference))
                imports.link(keys, reference.groups)
                if not keys:
                    missing |= _words(scene, file, [reference] if reference.required else [])
                if (reference.library or reference.unguarded) and key_beside(file, reference.path) is None:
                    outside |= _words(scene, file, [reference])
                fresh += [(reference, key) for key in keys if key not in known]
                known.update(keys)
                if len(known) > MOST_ASSETS:
                    raise _too_many(scene)
            heads = pool.map(lambda one: store.head(bucket, one[1]), fresh)
            for (reference, key), stored in zip(fresh, heads, strict=True):
                if stored is None:
                    missing |= _words(scene, file, [reference] if reference.required else [])
                    continue
                assets[key] = Asset(key=key, version=stored.version, etag=stored.etag, size=stored.size)
                if reference.library:
                    library = _library(store, bucket, assets[key])
                    pending.append((key, library.references))
                    of = _of(scene, key)
                    scripts |= dict.fromkeys(words + of for words in library.scripts)
                    spaces |= {replace(space, owner=space.owner + of): None for space in library.spaces}
    there = tuple(assets[key] for key in sorted(assets))
    return Found(
        assets=there,
        named=frozenset(known - {scene}),
        missing=tuple(missing),
        written=tuple(written),
        computed=imports.computed(),
        outside=tuple(outside),
        scripts=tuple(scripts),
        spaces=tuple(spaces),
    )


class _Imports:
    """Import nodes whose path is not constant, in a scene and its libraries."""

    def __init__(self, scene: str) -> None:
        self._scene = scene
        self._nodes: dict[tuple[str, Reference], None] = {}
        self._linked: set[tuple[str, str]] = set()

    def add(self, file: str, references: Iterable[Reference]) -> tuple[Reference, ...]:
        """Record the import nodes among a file's references, and return the other references."""
        self._nodes |= dict.fromkeys((file, reference) for reference in references if reference.node)
        return tuple(reference for reference in references if not reference.node)

    def link(self, keys: Iterable[str], groups: Iterable[str]) -> None:
        """Record the node groups that a file links from the libraries at `keys`."""
        self._linked |= {(key, group) for key in keys for group in groups}

    def computed(self) -> tuple[str, ...]:
        """Return descriptions of these nodes, including nodes with a path from a group input that another file sets."""
        nodes = [(file, one.node) for file, one in self._nodes if not one.group or (file, one.group) in self._linked]
        return tuple(dict.fromkeys(node + _of(self._scene, file) for file, node in nodes))


def _too_many(scene: str) -> SceneUnreadable:
    return SceneUnreadable(file=scene, problem=f"it refers to more than {MOST_ASSETS:,} files, this farm's limit")


def listed(missing: Iterable[str]) -> str:
    """Return what is missing in one line: the first of them, and how many more."""
    names = [_shortened(name) for name in missing]
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _keys(store: Shelf, bucket: str, file: str, reference: Reference) -> Iterator[str]:
    """Yield where a reference's files may lie; of a sequence and of tiles, only what is there."""
    key = key_beside(file, reference.path)
    if key is None:
        return
    keys = pattern(key, reference)
    if keys is None:
        yield key
        return
    for stored in store.list(bucket, keys.prefix):
        if keys.expression.fullmatch(stored.key):
            yield stored.key


def _library(store: Shelf, bucket: str, library: Asset) -> Library:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "library.blend")
        store.download(bucket, library.key, path, version=library.version)
        return read_library(path, name=library.key)


def _words(scene: str, file: str, references: Iterable[Reference]) -> dict[str, None]:
    of = _of(scene, file)
    return dict.fromkeys(reference.path + of for reference in references)


def _of(scene: str, file: str) -> str:
    """Return which file a message is about, by its path from the scene's folder; nothing for the scene itself.

    A key mirrors a disk, and would be longer than the message.
    """
    return "" if file == scene else f" (of //{posixpath.relpath(f'/{file}', f'/{posixpath.dirname(scene)}')})"


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 3]}..."
