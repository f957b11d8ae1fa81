"""The rows of the matrix: their form, and the list of all rows."""

import importlib
import pkgutil
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from tests.compatibility.stage import Stage
else:
    # Its module imports Blender, which only Blender's own process does.
    Stage = Any

__all__ = [
    "SAME",
    "VERSIONS",
    "Build",
    "Expectation",
    "Group",
    "Row",
    "Stage",
    "all_rows",
    "announced",
    "different",
    "refused",
]

VERSIONS = ("4.5", "5.0")
Build: TypeAlias = Callable[[Stage], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """The expected result of a row.

    Attributes:
        name: the error class of `refused`, the notice's kind of `announced`.
        words: a part of the sentence; of `different`, a description of the difference.
        pixels: whether the pixels of an announced row equal those of plain Blender.
    """

    verdict: Literal["same", "refused", "announced", "different"]
    name: str = ""
    words: str = ""
    pixels: bool = True


SAME = Expectation(verdict="same")


def refused(error: str, words: str) -> Expectation:
    """Return the expectation of a refusal, for `by_version`."""
    return Expectation(verdict="refused", name=error, words=words)


def announced(kind: str, words: str, *, pixels: bool = True) -> Expectation:
    """Return the expectation of a notice, for `by_version`."""
    return Expectation(verdict="announced", name=kind, words=words, pixels=pixels)


def different(words: str) -> Expectation:
    """Return the expectation of a known fault, for `by_version`."""
    return Expectation(verdict="different", words=words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One feature; see the package's docstring."""

    group: str
    feature: str
    build: Build
    expected: Expectation
    frames: tuple[int, int] = (1, 3)
    size: tuple[int, int] = (32, 18)
    samples: int = 1
    engine: str = "CYCLES"
    file: str = "shot.blend"
    request: Mapping[str, Any] = field(default_factory=dict)
    versions: tuple[str, ...] = VERSIONS
    by_version: Mapping[str, Expectation] = field(default_factory=dict)
    edit: Callable[[bytes], bytes] | None = None

    @property
    def id(self) -> str:
        """The row's name in tests and on the command line."""
        return f"{_slug(self.group)}/{_slug(self.feature)}"

    def expects(self, version: str) -> Expectation:
        """Return the expectation for a Blender of this version, such as 5.0."""
        return self.by_version.get(version, self.expected)


class Group:
    """Rows of one group; the decorators add the function that they decorate as a row."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows: list[Row] = []

    def same(self, feature: str, **options: Any) -> Callable[[Build], Build]:
        """Add a row that a farm renders as plain Blender does."""
        return self._add(feature, SAME, options)

    def refused(self, feature: str, error: str, words: str, **options: Any) -> Callable[[Build], Build]:
        """Add a row that a farm refuses."""
        return self._add(feature, refused(error, words), options)

    def announced(
        self, feature: str, kind: str, words: str, *, pixels: bool = True, **options: Any
    ) -> Callable[[Build], Build]:
        """Add a row that a farm renders with a notice."""
        return self._add(feature, announced(kind, words, pixels=pixels), options)

    def different(self, feature: str, words: str, **options: Any) -> Callable[[Build], Build]:
        """Add a row that a farm renders wrong, a known fault."""
        return self._add(feature, different(words), options)

    def _add(self, feature: str, expected: Expectation, options: Mapping[str, Any]) -> Callable[[Build], Build]:
        def add(build: Build) -> Build:
            self.rows.append(Row(group=self.name, feature=feature, build=build, expected=expected, **options))
            return build

        return add


@cache
def all_rows() -> dict[str, Row]:
    """Return all rows by their ids, group by group in the order of the modules' names."""
    package = importlib.import_module("tests.compatibility.groups")
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    rows: dict[str, Row] = {}
    for name in names:
        for row in importlib.import_module(f"{package.__name__}.{name}").rows.rows:
            if row.id in rows:
                raise ValueError(f"two rows have the id {row.id!r}")
            rows[row.id] = row
    return rows


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
