"""Confines an open scene to its own folder: Blender opens no other file of the worker's machine.

A path that leads elsewhere is replaced by a path to a missing file, so the scene renders as if its file were missing.
That happens after Blender has read the scene and before it evaluates it: `load_post` runs in between (measured on 4.5
and 5.0). Until then Blender has opened only libraries, and PrepareJob refuses those outside. RNA, Blender's description
of its data, identifies the paths (`model/blender_paths.py`).
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import bpy

from frameloom.model.blender_paths import BUILTIN_FONT, CONFINED, PATHS, PathUse
from frameloom.model.errors import InvalidRequest
from frameloom.model.import_nodes import IMPORT, Import, ModifierUse, Node, Tree, find_imports
from worker.blender_process.bakes import check_bakes
from worker.blender_process.missing_files import is_linked
from worker.blender_process.scene_folder import NOWHERE, SceneFolder

_TREE = "GEOMETRY"
_SEPARATORS = re.compile(r"[/\\]")
# Structs that are not part of a scene, or lead back to nodes that are visited anyway.
_BESIDE = frozenset({"Depsgraph", "NodeLink", "NodeSocket", "Screen", "WindowManager"})
# Operators, panels, menus and lists.
_OF_WINDOW = re.compile(r"_(?:OT|PT|MT|UL|HT)_")


@contextmanager
def confined(root: Path, *, file: str, absolute: Path | None = None, trusted: bool = False) -> Iterator[dict[str, str]]:
    """Confine the scene that is opened in the block to the files below `root`, unless it is trusted.

    Args:
        absolute: the folder below `root` with the files that have absolute paths in the scene, also a trusted one.

    Yields:
        The replacement paths, each with its original path; complete after the scene is open.

    Raises:
        InvalidRequest: a library is outside, or the path of an import node is computed.
    """
    if trusted and absolute is None:
        yield {}
        return
    folder = SceneFolder(root, absolute, trusted=trusted)
    problems: list[Exception] = [RuntimeError("Blender opened the scene without calling load_post")]

    @bpy.app.handlers.persistent  # type: ignore[untyped-decorator]
    def loaded(*_: object) -> None:
        problems.clear()
        try:
            _confine(folder, file)
        except Exception as error:  # noqa: BLE001  Blender would print it and go on
            problems.append(error)

    bpy.app.handlers.load_post.insert(0, loaded)
    try:
        yield folder.replaced
    finally:
        bpy.app.handlers.load_post.remove(loaded)
    if problems:
        raise problems[0]


def prepare() -> None:
    """Find the structs that lead to paths before a scene is opened, which takes a tenth of a second."""
    _leading()


def _confine(folder: SceneFolder, file: str) -> None:
    for library in bpy.data.libraries:
        is_packed = not is_linked(library)
        instead = folder.instead(library.filepath, library.parent, must_exist=not is_packed)
        if is_packed:
            folder.make_home(instead or library.filepath, library.parent)
        if instead is None:
            continue
        if not is_packed:
            problem = f"{file!r} links {library.filepath!r}, which lies outside the scene's bucket"
            raise InvalidRequest(field="file", problem=problem)
        # The files and caches of a packed library are relative to its path.
        library.filepath = instead
    _confine_imports(folder, file)
    if folder.trusted:
        _Walk(folder, file).run()
        return
    if any(modifier.type == "NODES" and modifier.bakes for one in bpy.data.objects for modifier in one.modifiers):
        check_bakes(folder.root, file=file)
    for scene in bpy.data.scenes:
        for view in scene.render.views:
            # Part of a file's name for each eye, both of images and of frames.
            view.file_suffix = _SEPARATORS.sub("_", view.file_suffix)
    _Walk(folder, file).run()


@dataclass(frozen=True, slots=True)
class _Slot:
    """A text in the scene, and a function that changes it."""

    text: str
    put: Callable[[str], None]


def _confine_imports(folder: SceneFolder, file: str) -> None:
    trees = {tree.as_pointer(): tree for tree in bpy.data.node_groups if tree.type == _TREE}
    if not any(node.bl_idname.startswith(IMPORT) for tree in trees.values() for node in tree.nodes):
        return
    for tree in trees.values():
        # An animation could make one count again.
        while muted := next((link for link in tree.links if link.is_muted), None):
            tree.links.remove(muted)
    found: Iterable[Import[_Slot]] = find_imports([_tree(key, tree) for key, tree in trees.items()], list(_uses()))
    for one in found:
        if one.computed and folder.trusted:
            continue
        if one.computed:
            problem = f"{file!r} imports a file by a path that is not a constant: {one.where}"
            raise InvalidRequest(field="file", problem=problem)
        library = trees[int(str(one.tree.key))].library
        for slot in (*one.slots, *one.covered):
            if (mapped := folder.mapped(slot.text)) is not None:
                slot.put(mapped)
            elif not folder.trusted and not folder.holds(slot.text, library):
                # With an empty path the node imports nothing, as with a missing file.
                slot.put("")


def _tree(key: int, tree: Any) -> Tree[_Slot]:
    nodes = {node.as_pointer(): _node(node) for node in tree.nodes}
    links = [
        (
            nodes[link.from_node.as_pointer()],
            link.from_socket.identifier,
            nodes[link.to_node.as_pointer()],
            link.to_socket.identifier,
        )
        for link in tree.links
    ]
    return Tree(key=key, name=tree.name, nodes=list(nodes.values()), links=links)


def _node(node: Any) -> Node[_Slot]:
    group = getattr(node, "node_tree", None)
    text = getattr(node, "string", None)
    return Node(
        name=node.name,
        kind=node.bl_idname,
        muted=node.mute,
        inputs={one.identifier: _slot(one, "default_value") for one in node.inputs if one.type == "STRING"},
        text=_slot(node, "string") if isinstance(text, str) else None,
        group=None if group is None else group.as_pointer(),
    )


def _slot(owner: Any, name: str) -> _Slot:
    return _Slot(getattr(owner, name), lambda text: setattr(owner, name, text))


def _uses() -> Iterator[ModifierUse[_Slot]]:
    for thing in bpy.data.objects:
        for modifier in thing.modifiers:
            if modifier.type == "NODES" and modifier.node_group is not None:
                yield ModifierUse(tree=modifier.node_group.as_pointer(), inputs=dict(_inputs(modifier)))


def _inputs(modifier: Any) -> Iterator[tuple[str, _Slot]]:
    for name, value in modifier.items():
        if isinstance(value, str):
            yield name, _Slot(value, lambda text, name=name: modifier.__setitem__(name, text))  # type: ignore[misc]


class _Walk:
    """A walk over all data of a scene that leads to a path."""

    def __init__(self, folder: SceneFolder, file: str) -> None:
        self._folder, self._file = folder, file
        self._seen: set[tuple[str, int]] = set()
        self._members: dict[str, tuple[list[str], list[str]]] = {}

    def run(self) -> None:
        for collection in bpy.data.bl_rna.properties:
            if collection.type == "COLLECTION" and _leads(collection.fixed_type):
                self._visit(getattr(bpy.data, collection.identifier))

    def _visit(self, start: Iterable[Any]) -> None:
        pending = list(start)
        while pending:
            item = pending.pop()
            kind = item.bl_rna
            mark = kind.identifier, item.as_pointer()
            if mark in self._seen:
                continue
            self._seen.add(mark)
            paths, further = self._members_of(kind)
            for name in paths:
                self._confine(item, name)
            for name in further:
                value = getattr(item, name)
                if value is None:
                    continue
                pending += [value] if isinstance(value, bpy.types.bpy_struct) else value

    def _confine(self, item: Any, name: str) -> None:
        if isinstance(item, bpy.types.PointCache | bpy.types.PointCacheItem) and _SEPARATORS.search(item.name):
            # Blender uses it in file names, and its interface does not accept it: another program changed the file.
            raise InvalidRequest(
                field="file",
                problem=f"{self._file!r} has a cache with an invalid name, {item.name!r}: a name has no slashes",
            )
        path, library = getattr(item, name), item.id_data.library
        if isinstance(item, bpy.types.ImageStrip):
            # The scene's own folder is `//`, and `///` would be an absolute path.
            place = f"{(self._folder.mapped(path) or path).removesuffix('/')}/"
            for element in item.elements:
                if not self._folder.trusted and not self._folder.holds(f"{place}{element.filename}", library):
                    element.filename = NOWHERE
        packed = isinstance(item, bpy.types.Image) and item.packed_files
        instead = self._folder.instead(path, library) if path not in ("", BUILTIN_FONT) else None
        if instead is not None:
            # A reload of a packed image would look for the file.
            setattr(item, "filepath_raw" if packed else name, instead)
        if isinstance(item, bpy.types.Image) and item.is_multiview and not packed:
            # The file holds a path for each view. This makes Blender derive them again from the image's own path.
            item.views_format = item.views_format

    def _members_of(self, kind: Any) -> tuple[list[str], list[str]]:
        """Return a struct's paths to confine, and its members that lead to more."""
        known = self._members.get(kind.identifier)
        if known is None:
            paths = [each.identifier for each in kind.properties if _is_confined(kind, each)]
            further = [each.identifier for each in kind.properties if _is_further(each)]
            known = self._members[kind.identifier] = paths, further
        return known


class _Listing(_Walk):
    """A walk that changes nothing."""

    def __init__(self) -> None:
        super().__init__(SceneFolder(Path(), None, trusted=True), "")
        self.found: list[tuple[Any, str]] = []

    def _confine(self, item: Any, name: str) -> None:
        self.found.append((item, name))


def list_paths() -> list[tuple[Any, str]]:
    """Return each struct of the open file with a path that a render may read, and the name of that property."""
    listing = _Listing()
    listing.run()
    return listing.found


def list_imports() -> list[tuple[Any, Import[_Slot]]]:
    """Return the import nodes of the open file, each with its node group."""
    trees = {tree.as_pointer(): tree for tree in bpy.data.node_groups if tree.type == _TREE}
    found: Iterable[Import[_Slot]] = find_imports([_tree(key, tree) for key, tree in trees.items()], list(_uses()))
    return [(trees[int(str(one.tree.key))], one) for one in found]


def _is_confined(kind: Any, member: Any) -> bool:
    """Return whether a property is a path to confine; a path that the table lacks is one too."""
    if member.type != "STRING" or member.subtype not in ("FILE_PATH", "DIR_PATH") or member.is_readonly:
        return False
    while kind.base is not None and member.identifier in kind.base.properties:
        kind = kind.base
    return PATHS.get(f"{kind.identifier}.{member.identifier}", PathUse.READ) in CONFINED


def _is_further(member: Any) -> bool:
    """Return whether a property may lead to a path."""
    return _target(member) in _leading()


def _leads(kind: Any) -> bool:
    return kind.identifier in _leading() and kind.identifier not in _BESIDE


def _target(member: Any) -> str | None:
    """Return the struct that a property leads to; None for other data-blocks, which are visited separately.

    Node trees that are part of another data-block are not in a list of their own, so they are returned.
    """
    if member.type not in ("POINTER", "COLLECTION"):
        return None
    bases = [base.identifier for base in _bases(member.fixed_type)]
    if _BESIDE.intersection(bases) or ("ID" in bases and "NodeTree" not in bases):
        return None
    return str(bases[0])


@cache
def _leading() -> frozenset[str]:
    """Return the names of structs that hold or lead to a path to confine, and of their base structs."""
    kinds = _structs()
    bases = {name: {base.identifier for base in _bases(kind)} for name, kind in kinds.items()}
    targets = {name: {_target(each) for each in kind.properties} for name, kind in kinds.items()}
    more = {name for name, kind in kinds.items() if any(_is_confined(kind, each) for each in kind.properties)}
    leading: set[str] = set()
    while more:
        leading.update(*(bases[name] for name in more))
        more = {name for name in kinds.keys() - leading if targets[name] & leading}
    return frozenset(leading)


def _structs() -> dict[str, Any]:
    """Return all structs of a scene's data by name, including those of add-ons, which only properties lead to."""
    names = (name for name in dir(bpy.types) if not _OF_WINDOW.search(name))
    found = {name: kind.bl_rna for name in names if hasattr(kind := getattr(bpy.types, name), "bl_rna")}
    pending = list(found.values())
    while pending:
        for each in pending.pop().properties:
            kind = each.fixed_type if each.type in ("POINTER", "COLLECTION") else None
            if kind is not None and kind.identifier not in found:
                found[kind.identifier] = kind
                pending.append(kind)
    return found


def _bases(kind: Any) -> Iterator[Any]:
    while kind is not None:
        yield kind
        kind = kind.base
