"""The objects of a cluster in memory, with server-side apply, selectors, owners and slow deletes.

Lists are replaced as a whole. Kubernetes merges some lists by a key, which no manifest here needs.
"""

import copy
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Body = dict[str, Any]
Path = tuple[str, ...]
# An API version, a plural, a namespace and a name.
Key = tuple[str, str, str, str]


class Conflict(Exception):
    """Another manager has set a field to another value."""


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield the paths and values of a body's fields without nested fields."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from leaves(inner, (*path, name))
    else:
        yield path, value


# Fields of every body, which have no manager.
IDENTITY = {("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace")}


@dataclass(kw_only=True)
class Objects:
    """All objects. `settle` is called with each changed object, and may change it again."""

    settle: Callable[[Body], None] = lambda _: None
    # Polls during which a deleted object still exists, as with a finalizer or a grace period.
    lingers: int = 0
    items: dict[Key, Body] = field(default_factory=dict)
    managers: dict[Key, dict[str, Body]] = field(default_factory=dict)
    versions: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def apply(self, key: Key, body: Body, *, manager: str, force: bool) -> tuple[Body, bool]:
        """Apply a manager's body; return the object and whether it is new."""
        before = self.items.get(key)
        managers = self.managers.setdefault(key, {})
        wanted = dict(leaves(body))
        others = {path for name, each in managers.items() if name != manager for path, _ in leaves(each)}
        found = copy.deepcopy(before) if before is not None else {}
        for path, value in wanted.items():
            if path in others and path not in IDENTITY and _get(found, path) != value and not force:
                raise Conflict(".".join(path))
        for path, _ in leaves(managers.get(manager, body)):
            if path not in wanted and path not in others:
                _drop(found, path)
        for path, value in wanted.items():
            _put(found, path, copy.deepcopy(value))
        changed = found != before or managers.get(manager) != body
        managers[manager] = copy.deepcopy(body)
        if not changed and before is not None:
            return before, False
        return self.store(key, found), before is None

    def store(self, key: Key, body: Body) -> Body:
        """Store a changed object."""
        version = next(self.versions)
        metadata = body["metadata"]
        before = self.items.get(key)
        metadata.setdefault("uid", f"uid-{version}")
        metadata.setdefault("creationTimestamp", "2026-11-25T00:00:00Z")
        metadata["resourceVersion"] = str(version)
        if before is None or before.get("spec") != body.get("spec"):
            metadata["generation"] = metadata.get("generation", 0) + 1
        self.items[key] = body
        self.settle(body)
        return body

    def list(self, version: str, plural: str, namespace: str | None, labels: Mapping[str, str]) -> list[Body]:
        """Return the objects of a kind with these labels, by name."""
        return [
            body
            for key, body in sorted(self.items.items())
            if key[:2] == (version, plural)
            and namespace in (None, key[2])
            and labels.items() <= body["metadata"].get("labels", {}).items()
        ]

    def delete(self, key: Key) -> None:
        """Delete an object with its dependents, and a namespace with its objects."""
        body = self.items[key]
        if self.lingers:
            body["metadata"].setdefault("deletionTimestamp", "2026-11-25T00:01:00Z")
            body["metadata"].setdefault("looks", self.lingers)
        else:
            del self.items[key]
            self.managers.pop(key, None)
        uid = body["metadata"]["uid"]
        for other in list(self.items):
            owners = self.items[other]["metadata"].get("ownerReferences", []) if other in self.items else []
            inside = key[1] == "namespaces" and other[2] == key[3] and other in self.items
            if (inside or any(owner["uid"] == uid for owner in owners)) and other != key:
                self.delete(other)

    def look(self) -> None:
        """Advance all deletions by one poll."""
        for key, body in list(self.items.items()):
            if "looks" in body["metadata"]:
                body["metadata"]["looks"] -= 1
                if body["metadata"]["looks"] <= 0:
                    del self.items[key]
                    self.managers.pop(key, None)


def _get(body: Body, path: Path) -> Any:
    for name in path:
        body = body.get(name, {}) if isinstance(body, dict) else {}
    return body


def _put(body: Body, path: Path, value: Any) -> None:
    for name in path[:-1]:
        inner = body.get(name)
        body = body.setdefault(name, {}) if isinstance(inner, dict) or name not in body else _replace(body, name)
    body[path[-1]] = value


def _replace(body: Body, name: str) -> Body:
    body[name] = {}
    inner: Body = body[name]
    return inner


def _drop(body: Body, path: Path) -> None:
    """Remove a field, and parents that become empty."""
    if len(path) == 1:
        body.pop(path[0], None)
        return
    inner = body.get(path[0])
    if isinstance(inner, dict):
        _drop(inner, path[1:])
        if not inner:
            body.pop(path[0])
