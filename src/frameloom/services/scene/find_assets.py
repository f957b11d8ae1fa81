"""Finds the files that a scene refers to, in the scenes bucket or on a local disk."""

import posixpath
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from frameloom.model.assets import MAX_ASSETS, Asset, Reference, is_relative, key_of, key_pattern
from frameloom.model.colours import ColourSpace
from frameloom.model.counts import listed
from frameloom.model.errors import InvalidRequest, SceneUnreadable
from frameloom.model.notices import Notice
from frameloom.model.simulations import Simulation
from frameloom.services.scene.reader import Library, read_library
from frameloom.services.storage.ports import StoredObject

# Parallel requests. Each file needs its own request, since listings do not contain versions.
_PARALLEL = 10


class AssetSource(Protocol):
    """The part of a `Store` that the search needs."""

    def head(self, bucket: str, key: str, /) -> StoredObject | None:
        """Return an object without its bytes, None if the key has no object."""

    def list(self, bucket: str, prefix: str, /) -> Iterator[StoredObject]:
        """Yield all objects whose keys start with `prefix`."""

    def download(self, bucket: str, key: str, path: Path, /, *, version: str | None = None) -> None:
        """Write an object to `path`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundAssets:
    """The files that a scene refers to.

    Attributes:
        assets: the existing files, by key.
        named: the keys of all files that it reads, whether they exist or not.
        missing: descriptions of the missing files that are required.
        unseen: descriptions of the missing files that no frame shows.
        paths: the paths of the missing files in the scene or library, by their descriptions.
        written: descriptions of the files that Blender writes.
        computed: descriptions of the import nodes whose path is not constant.
        outside: descriptions of the missing files that Blender would open anyway, at their paths on the worker's disk.
        above: descriptions of the files that are missing because their relative paths lead out of the bucket.
        absolute: the keys of the assets that have absolute paths, or are beside a library that has one.
        scripts, spaces, simulations: those of its libraries, as in `SceneFacts`.
        notices: notices about the files.
    """

    assets: tuple[Asset, ...] = ()
    named: frozenset[str] = frozenset()
    missing: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    paths: Mapping[str, str] = field(default_factory=dict)
    written: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    spaces: tuple[ColourSpace, ...] = ()
    simulations: tuple[Simulation, ...] = ()
    computed: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    above: tuple[str, ...] = ()
    absolute: frozenset[str] = frozenset()
    notices: tuple[Notice, ...] = ()

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
                f"{file!r} simulates while it renders, and would write to {listed(self.written)}: bake the simulation "
                "(a fluid's cache as Modular or All), or trust the scene"
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


def find_assets(
    store: AssetSource, bucket: str, scene: str, references: Iterable[Reference], *, root: str | None = None
) -> FoundAssets:
    """Find the files that a scene and its libraries refer to.

    Args:
        scene: the scene's key.
        references: the references in the scene.
        root: the folder of the bucket for files with absolute paths; None without such a folder.

    Raises:
        SceneUnreadable: a library is not a readable .blend file, or there are more files than this farm allows.
    """
    search = _Search(store, bucket, scene, root)
    with ThreadPoolExecutor(max_workers=_PARALLEL, thread_name_prefix="assets") as pool:
        search.run(pool, tuple(references))
    return search.found()


class _Search:
    def __init__(self, store: AssetSource, bucket: str, scene: str, root: str | None) -> None:
        self._store, self._bucket, self._scene, self._root = store, bucket, scene, root
        self._assets: dict[str, Asset] = {}
        self._absolute: set[str] = set()
        # The absolute paths of libraries, by their keys.
        self._links: dict[str, dict[str, None]] = {}
        self._known = {scene}
        self._imports = _Imports(scene)
        # Descriptions for messages; dicts keep their order.
        self._missing: dict[str, None] = {}
        self._unseen: dict[str, None] = {}
        self._paths: dict[str, str] = {}
        self._written: dict[str, None] = {}
        self._outside: dict[str, None] = {}
        self._above: dict[str, None] = {}
        self._scripts: dict[str, None] = {}
        self._spaces: dict[ColourSpace, None] = {}
        self._simulations: dict[Simulation, None] = {}

    def run(self, pool: ThreadPoolExecutor, references: tuple[Reference, ...]) -> None:
        count = 0
        pending = [(self._scene, references)]
        while pending:
            file, wanted = pending.pop(0)
            # Check before the first request: a sequence without files costs a listing, but adds no file.
            count += len(wanted)
            if count > MAX_ASSETS:
                raise self._too_many()
            pending += self._packed_libraries(file, wanted)
            new = self._new_keys(file, tuple(one for one in wanted if one.packed is None))
            heads = pool.map(lambda one: self._store.head(self._bucket, one[1]), new)
            for (reference, key), stored in zip(new, heads, strict=True):
                if stored is None:
                    self._add_missing(file, reference)
                    continue
                if file in self._absolute or not is_relative(reference.path):
                    self._absolute.add(key)
                self._assets[key] = Asset(key=key, version=stored.version, etag=stored.etag, size=stored.size)
                if reference.library:
                    pending.append((key, self._read_library(key)))

    def _new_keys(self, file: str, wanted: tuple[Reference, ...]) -> list[tuple[Reference, str]]:
        """Return the keys that references in `file` stand for, except keys from earlier references."""
        wanted = self._imports.add(file, wanted)
        self._written |= dict.fromkeys(self._describe(file, reference) for reference in wanted if reference.written)
        new: list[tuple[Reference, str]] = []
        # Required references first: the first reference to a key decides whether the file is required.
        for reference in sorted(wanted, key=lambda reference: not reference.required):
            keys = list(_keys(self._store, self._bucket, file, reference, self._root))
            self._imports.link(keys, reference.groups)
            if not keys:
                self._add_missing(file, reference)
            if reference.library and not is_relative(reference.path):
                for key in keys:
                    self._links.setdefault(key, {})[reference.path] = None
            new += [(reference, key) for key in keys if key not in self._known]
            self._known.update(keys)
            if len(self._known) > MAX_ASSETS:
                raise self._too_many()
        return new

    def _read_library(self, key: str) -> tuple[Reference, ...]:
        """Add the scripts, colour spaces and simulations of a library, and return its references."""
        return self._add_library(key, _library(self._store, self._bucket, self._assets[key]))

    def _packed_libraries(self, file: str, wanted: tuple[Reference, ...]) -> list[tuple[str, tuple[Reference, ...]]]:
        """Return the keys and references of the libraries that are packed into a file."""
        found = []
        for reference in wanted:
            if isinstance(reference.packed, Library):
                key = key_of(file, reference.path, root=self._root)
                # The files beside a library without a key have no keys: a key has no control characters.
                key = key or f"\0/{reference.path}"
                self._known.add(key)
                if file in self._absolute or not is_relative(reference.path):
                    self._absolute.add(key)
                self._imports.link([key], reference.groups)
                found.append((key, self._add_library(key, reference.packed)))
        return found

    def _add_library(self, key: str, library: Library) -> tuple[Reference, ...]:
        origin = _origin(self._scene, key)
        self._scripts |= dict.fromkeys(script + origin for script in library.scripts)
        self._simulations |= dict.fromkeys(library.simulations)
        self._spaces |= {replace(space, owner=space.owner + origin): None for space in library.spaces}
        return library.references

    def _add_missing(self, file: str, reference: Reference) -> None:
        described = self._describe(file, reference)
        self._paths[described] = reference.path
        if not reference.seen:
            self._unseen[described] = None
        is_outside = key_of(file, reference.path, root=self._root) is None
        if reference.required:
            self._missing[described] = None
            if is_outside and is_relative(reference.path):
                self._above[described] = None
        # Only Blender opens these, before the worker can map or confine their paths.
        if (reference.library or reference.unguarded) and (is_outside or not is_relative(reference.path)):
            self._outside[described] = None

    def _describe(self, file: str, reference: Reference) -> str:
        return reference.path + _origin(self._scene, file)

    def _asset(self, key: str) -> Asset:
        links = tuple(self._links.get(key, ()))
        return self._assets[key].model_copy(update={"links": links}) if links else self._assets[key]

    def _too_many(self) -> SceneUnreadable:
        problem = f"it refers to more than {MAX_ASSETS:,} files, this farm's limit"
        return SceneUnreadable(file=self._scene, problem=problem)

    def found(self) -> FoundAssets:
        return FoundAssets(
            assets=tuple(self._asset(key) for key in sorted(self._assets)),
            named=frozenset(self._known - {self._scene}),
            missing=tuple(self._missing),
            unseen=tuple(self._unseen),
            paths=self._paths,
            written=tuple(self._written),
            computed=self._imports.computed(),
            outside=tuple(self._outside),
            above=tuple(self._above),
            absolute=frozenset(self._absolute),
            scripts=tuple(self._scripts),
            spaces=tuple(self._spaces),
            simulations=tuple(self._simulations),
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
        return tuple(dict.fromkeys(node + _origin(self._scene, file) for file, node in nodes))


def _keys(store: AssetSource, bucket: str, file: str, reference: Reference, root: str | None) -> Iterator[str]:
    """Yield the keys that a reference stands for; for several files or a folder, the keys of existing files."""
    key = key_of(file, reference.path, root=root)
    if key is None:
        return
    keys = key_pattern(key, reference)
    if keys is None:
        # The bucket's root is no file.
        yield from [key] if key else []
        return
    for prefix in keys.prefixes:
        for stored in store.list(bucket, prefix):
            if keys.expression.fullmatch(stored.key):
                yield stored.key


def _library(store: AssetSource, bucket: str, library: Asset) -> Library:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "library.blend")
        store.download(bucket, library.key, path, version=library.version)
        return read_library(path, name=library.key)


def _origin(scene: str, file: str) -> str:
    """Return a suffix with the file that a description is from, empty for the scene itself.

    The suffix has the path from the scene's folder, since keys mirror disks and are long.
    """
    return "" if file == scene else f" (of //{posixpath.relpath(f'/{file}', f'/{posixpath.dirname(scene)}')})"
