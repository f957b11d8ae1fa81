"""Reads OpenColorIO configurations: the names in them, and the files that they refer to.

Blender takes the configuration from `OCIO` in its environment, a file `config.ocio` or an archive `.ocioz` that holds
one with its files. It offers only active displays, views and colour spaces. A path of a file is relative to the search
paths, and these to the configuration.
https://opencolorio.readthedocs.io/en/latest/guides/authoring/overview.html
"""

import itertools
import re
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frameloom.model.assets import MAX_ASSETS, Asset, key_of
from frameloom.model.colours import ColourNames
from frameloom.model.counts import listed
from frameloom.model.errors import InvalidRequest
from frameloom.services.scene.find_assets import AssetSource
from frameloom.services.scene.zip_archive import BadArchiveError, open_archive
from frameloom.services.storage.ports import StoredObject

ARCHIVE = ".ocioz"
# The largest in use, that of ACES 1.2, has half a megabyte.
LONGEST = 8 * 2**20
_IN_ARCHIVE = "config.ocio"
_VARIABLE = re.compile(r"\$\{?(\w+)\}?|%(\w+)%")
_ABSOLUTE = re.compile(r"[/\\]|[A-Za-z]:")
# In the name of a look, between the view that it is for and its own name.
_SEPARATOR = " - "
# Limits above those of known configurations: YAML can repeat a list of views by its alias, and deep nesting crashes the
# parser.
_MOST_VIEWS, _MOST_LOOKS, _DEEPEST = 10_000, 1000, 100
# Parallel requests for the files.
_PARALLEL = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class OcioConfig:
    """A configuration.

    Attributes:
        key: the key of its file.
        files: for each file that it refers to, the keys at which OpenColorIO looks for it, in order.
        variables: the environment variables that it uses, with their defaults.
    """

    key: str
    names: ColourNames
    files: tuple[tuple[str, ...], ...] = ()
    variables: tuple[tuple[str, str], ...] = ()

    def assets(self, store: AssetSource, bucket: str) -> list[Asset]:
        """Return the configuration and the files that it refers to, from the scenes bucket.

        Raises:
            InvalidRequest: one does not exist, also if this job's pictures do not need it.
        """
        with ThreadPoolExecutor(max_workers=_PARALLEL, thread_name_prefix="ocio") as pool:
            wanted = ((self.key,), *self.files)
            found = list(pool.map(lambda keys: _first(store, bucket, keys), wanted))
        missing = [keys[0] for keys, stored in zip(wanted, found, strict=True) if stored is None]
        if missing:
            raise _invalid(f"it refers to files that are missing: {listed(missing)}")
        return [
            Asset(key=one.key, version=one.version, etag=one.etag, size=one.size) for one in found if one is not None
        ]


def read_config(path: Path, *, key: str) -> OcioConfig:
    """Return the configuration in a file.

    Args:
        key: the file's key, from which the keys of other files follow.

    Raises:
        InvalidRequest: it cannot be read, or refers to files by paths that no farm can map.
    """
    text = _archived(path) if key.endswith(ARCHIVE) else _text(path)
    document = _parsed(text)
    variables = {str(name): str(value) for name, value in _mapping(document.get("environment")).items()}
    # An archive holds its files.
    files = () if key.endswith(ARCHIVE) else tuple(_files(document, variables, key))
    return OcioConfig(key=key, names=_names(document), files=files, variables=tuple(variables.items()))


def fetch_config(store: AssetSource, bucket: str, key: str) -> OcioConfig:
    """Return the configuration at a key of the scenes bucket; raise as `read_config` does."""
    stored = store.head(bucket, key)
    if stored is None:
        raise InvalidRequest(field="ocio", problem=f"bucket {bucket!r} has no {key!r}: upload the configuration first")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "config")
        store.download(bucket, key, path, version=stored.version)
        return read_config(path, key=key)


def _first(store: AssetSource, bucket: str, keys: Iterable[str]) -> StoredObject | None:
    return next((stored for key in keys if (stored := store.head(bucket, key)) is not None), None)


def _text(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LONGEST + 1)


def _archived(path: Path) -> bytes:
    try:
        with open_archive(path) as archive, archive.open(_IN_ARCHIVE) as file:
            return file.read(LONGEST + 1)
    except KeyError:
        raise _invalid(f"the archive has no {_IN_ARCHIVE}") from None
    except BadArchiveError as error:
        raise _invalid(f"it is no readable {ARCHIVE} archive: {error}") from error


def _parsed(text: bytes) -> Mapping[str, Any]:
    # Other functions share this package and read no configuration.
    import yaml  # noqa: PLC0415

    class Loader(getattr(yaml, "CBaseLoader", yaml.BaseLoader)):  # type: ignore[misc]
        """Returns texts, lists and dicts only; a file transform keeps its kind."""

    def transform(loader: Any, node: Any) -> Any:
        return {"": "file", **loader.construct_mapping(node, deep=True)}

    Loader.add_constructor("FileTransform", transform)
    if len(text) > LONGEST:
        raise _invalid(f"it has more than {LONGEST:,} bytes")
    try:
        depth = 0
        for event in yaml.parse(text.decode(), Loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:
                raise _invalid(f"it nests more than {_DEEPEST} levels")
        document = yaml.load(text.decode(), Loader)  # noqa: S506  this loader constructs no objects
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError, TypeError) as error:
        raise _invalid(f"it is not valid YAML: {' '.join(str(error).split())[:200]}") from error
    if not isinstance(document, dict) or "ocio_profile_version" not in document:
        raise _invalid("it has no ocio_profile_version")
    return document


def _files(document: Mapping[str, Any], variables: Mapping[str, str], key: str) -> Iterator[tuple[str, ...]]:
    """Yield the keys of each file that a transform names."""
    listed_paths = document.get("search_path") or ""
    paths = listed_paths if isinstance(listed_paths, list) else str(listed_paths).split(":")
    folders = list(dict.fromkeys(_resolved(str(path), variables) for path in paths)) or [""]
    sources = dict.fromkeys(_sources(document))
    if len(sources) * len(folders) > MAX_ASSETS:
        raise _invalid(f"it looks for its files in more than {MAX_ASSETS:,} places, this farm's limit")
    for source in sources:
        name = _resolved(source, variables)
        keys = [key_of(key, f"//{folder}/{name}" if folder else f"//{name}") for folder in folders]
        inside = tuple(dict.fromkeys(each for each in keys if each is not None))
        if not inside:
            raise _invalid(f"it refers to {source!r}, which lies outside the scenes bucket")
        yield inside


def _sources(document: Any) -> Iterator[str]:
    """Yield the paths in all file transforms, each part of the document once: YAML can repeat a part."""
    pending, seen = [document], set()
    while pending:
        part = pending.pop()
        if not isinstance(part, dict | list) or id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, dict):
            if part.get("") == "file" and part.get("src"):
                yield str(part["src"])
            pending += part.values()
        else:
            pending += part


def _resolved(path: str, variables: Mapping[str, str]) -> str:
    """Return a path with the values of its variables."""

    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        if name not in variables:
            raise _invalid(f"its path {path!r} uses the variable {name}, which workers do not have")
        if _VARIABLE.search(variables[name]):
            raise _invalid(f"its variable {name} uses another variable: write the path itself")
        return variables[name]

    full = _VARIABLE.sub(value, path.strip())
    if _ABSOLUTE.match(full):
        raise _invalid(
            f"its path {path!r} is absolute: make it relative to the configuration, or pack both into an {ARCHIVE} "
            "archive with `ocioarchive`"
        )
    return full


def _names(document: Mapping[str, Any]) -> ColourNames:
    listed_views = _mapping(document.get("displays"))
    looks = [str(look["name"]) for look in _dicts(document.get("looks")) if "name" in look]
    if len(looks) > _MOST_LOOKS:
        raise _invalid(f"it has more than {_MOST_LOOKS:,} looks")
    shared = frozenset(str(each.get("name")) for each in _dicts(document.get("shared_views")))
    displays: dict[str, list[str]] = {}
    left = _MOST_VIEWS
    for name, views in listed_views.items():
        displays[str(name)] = found = list(itertools.islice(_views(views, shared), left + 1))
        left -= len(found)
        if left < 0:
            raise _invalid(f"its displays have more than {_MOST_VIEWS:,} views")
    active = [name for name in _list(document.get("active_displays")) if name in displays] or list(displays)
    views = {name: _active(displays[name], _list(document.get("active_views"))) for name in active}
    every = list(dict.fromkeys(view for each in views.values() for view in each))
    return ColourNames(
        views=views,
        looks={view: ["None", *_looks_of(view, looks)] for view in every},
        spaces=frozenset(_spaces(document)),
    )


def _views(views: Any, shared: Collection[str]) -> Iterator[str]:
    """Yield the names of a display's views, shared ones too."""
    for view in views if isinstance(views, list) else []:
        if isinstance(view, dict) and "name" in view:
            yield str(view["name"])
        elif isinstance(view, list):
            yield from (str(name) for name in view if str(name) in shared)


def _active(names: list[str], active: list[str]) -> list[str]:
    """Return the active names in their order; all if no name is active."""
    known = frozenset(names)
    return [name for name in active if name in known] or names


def _looks_of(view: str, looks: Iterable[str]) -> list[str]:
    """Return the looks that Blender offers for a view: its own, named `View - Look`, or else those of no view.

    The view `AgX - SDR` has the looks of `AgX`.
    """
    own = [look for look in looks if _SEPARATOR in look and f"{view}{_SEPARATOR}".startswith(_owner(look))]
    return own or [look for look in looks if _SEPARATOR not in look]


def _owner(look: str) -> str:
    return look.partition(_SEPARATOR)[0] + _SEPARATOR


def _spaces(document: Mapping[str, Any]) -> Iterator[str]:
    inactive = set(_list(document.get("inactive_colorspaces")))
    for section in ("colorspaces", "display_colorspaces"):
        for space in _dicts(document.get(section)):
            if (name := str(space.get("name"))) not in inactive:
                yield name
                yield from _list(space.get("aliases"))
    yield from map(str, _mapping(document.get("roles")))


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> list[dict[Any, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _list(value: Any) -> list[str]:
    """Return a list of names, which version 1 may write with commas."""
    if isinstance(value, list):
        return [str(each) for each in value]
    return [name.strip() for name in str(value or "").split(",") if name.strip()]


def _invalid(problem: str) -> InvalidRequest:
    return InvalidRequest(field="ocio", problem=f"cannot be used: {problem}")
