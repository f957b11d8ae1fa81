"""Finds the paths that reach Geometry Nodes' import nodes through links, groups and modifiers.

PrepareJob builds the trees from a .blend file without Blender, the worker from the open scene in Blender. Both follow
the rules here.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

# A constant text: its value, or an object by which it can be changed.
Slot = TypeVar("Slot")

# The prefix of the identifiers of import nodes, and the identifier of their path socket.
IMPORT, PATH = "GeometryNodeImport", "Path"
STRING, GROUP, REROUTE = "FunctionNodeInputString", "GeometryNodeGroup", "NodeReroute"
GROUP_INPUT, GROUP_OUTPUT = "NodeGroupInput", "NodeGroupOutput"
# The limit for all steps through a file; a hostile file could require far more.
_MAX_STEPS = 1_000_000


@dataclass(slots=True, kw_only=True, eq=False)
class Node(Generic[Slot]):
    """A node of a node group.

    Attributes:
        kind: its Blender identifier, such as "NodeGroupInput".
        inputs: the text that each input socket holds, by the socket's identifier.
        text: the text of a String node.
        group: the tree that a group node stands for.
    """

    name: str
    kind: str
    muted: bool = False
    inputs: Mapping[str, Slot] = field(default_factory=dict)
    text: Slot | None = None
    group: Hashable = None


@dataclass(slots=True, kw_only=True, eq=False)
class Tree(Generic[Slot]):
    """A node group.

    Attributes:
        key: the identity by which group nodes and modifiers refer to it.
        links: source, its output, target, its input; without muted links.
    """

    key: Hashable
    name: str
    nodes: list[Node[Slot]]
    links: Iterable[tuple[Node[Slot], str, Node[Slot], str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModifierUse(Generic[Slot]):
    """A modifier: the tree that it evaluates, and the constant texts that it passes to it, by identifier."""

    tree: Hashable
    inputs: Mapping[str, Slot]


@dataclass(frozen=True, slots=True, kw_only=True)
class Import(Generic[Slot]):
    """An import node.

    Attributes:
        tree: the tree that holds it.
        slots: the constants that may be its path.
        covered: texts of linked sockets, which Blender uses only where it ignores the link.
        computed: whether its path may be something other than a constant.
        exposed: the trees whose inputs may supply its path; other files may set these inputs.
    """

    tree: Tree[Slot]
    node: Node[Slot]
    slots: tuple[Slot, ...]
    covered: tuple[Slot, ...]
    computed: bool
    exposed: tuple[Tree[Slot], ...]

    @property
    def where(self) -> str:
        """Return its description for a message."""
        return f"node {self.node.name!r} of node group {self.tree.name!r}"


def find_imports(trees: Iterable[Tree[Slot]], uses: Iterable[ModifierUse[Slot]]) -> Iterator[Import[Slot]]:
    """Yield each import node of `trees` with all its possible paths, for every modifier or group that uses it."""
    network = _Network(list(trees), uses)
    for tree in network.trees.values():
        for node in tree.nodes:
            if node.kind.startswith(IMPORT):
                yield network.follow(tree, node)


# An input of a node in a tree; an output of a node.
_Input = tuple[Tree[Slot], Node[Slot], str]
_Output = tuple[Node[Slot], str]


class _Network(Generic[Slot]):
    def __init__(self, trees: list[Tree[Slot]], uses: Iterable[ModifierUse[Slot]]) -> None:
        self.trees = {tree.key: tree for tree in trees}
        self._uses: dict[Hashable, list[ModifierUse[Slot]]] = defaultdict(list)
        for use in uses:
            self._uses[use.tree].append(use)
        self._instances: dict[Hashable, list[tuple[Tree[Slot], Node[Slot]]]] = defaultdict(list)
        self._links: dict[Node[Slot], dict[str, list[_Output[Slot]]]] = defaultdict(lambda: defaultdict(list))
        self._ends: dict[Hashable, list[Node[Slot]]] = {}
        for tree in trees:
            self._ends[tree.key] = [node for node in tree.nodes if node.kind == GROUP_OUTPUT]
            for node in tree.nodes:
                if node.group is not None:
                    self._instances[node.group].append((tree, node))
            for source, output, target, place in tree.links:
                self._links[target][place].append((source, output))
        self._steps = 0

    def follow(self, tree: Tree[Slot], node: Node[Slot]) -> Import[Slot]:
        texts: list[Slot | None] = []
        covered: list[Slot | None] = []
        exposed: dict[Hashable, Tree[Slot]] = {}
        pending: list[_Input[Slot]] = [(tree, node, PATH)]
        seen: set[_Input[Slot]] = set()
        while pending and self._steps <= _MAX_STEPS:
            home, target, place = pending.pop()
            if (home, target, place) in seen:
                continue
            seen.add((home, target, place))
            sources = self._sources(target, place)
            self._steps += 1 + len(sources)
            (covered if sources else texts).append(target.inputs.get(place))
            for source, output in sources:
                if source.kind == GROUP_INPUT:
                    exposed[home.key] = home
                    texts += [use.inputs.get(output) for use in self._uses[home.key]]
                    pending += [(outer, user, output) for outer, user in self._instances[home.key]]
                    self._steps += len(self._uses[home.key]) + len(self._instances[home.key])
                elif source.kind == GROUP and source.group in self.trees and not source.muted:
                    inner = self.trees[source.group]
                    pending += [(inner, end, output) for end in self._ends[source.group]]
                else:
                    texts.append(source.text if source.kind == STRING else None)
        slots = tuple(text for text in texts if text is not None)
        computed = bool(pending) or len(slots) < len(texts)
        return Import(
            tree=tree,
            node=node,
            slots=slots,
            covered=tuple(text for text in covered if text is not None),
            computed=computed,
            exposed=tuple(exposed.values()),
        )

    def _sources(self, target: Node[Slot], place: str) -> list[_Output[Slot]]:
        """Return the outputs linked to an input, through reroutes; an unconnected reroute counts as no link."""
        found: list[_Output[Slot]] = []
        pending, seen = list(self._links[target][place]), set[Node[Slot]]()
        while pending:
            source, output = pending.pop()
            if source.kind != REROUTE:
                found.append((source, output))
            elif source not in seen:
                seen.add(source)
                self._steps += 1
                pending += [link for links in self._links[source].values() for link in links]
        return found
