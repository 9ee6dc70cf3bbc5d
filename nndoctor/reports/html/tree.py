"""The model as a tree: type, shapes, parameters, what is trained, by which optimizer, and what was found there."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nndoctor.records import Module, Parameter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nndoctor.recording import Recording
    from nndoctor.reports.html.cards import Card

MOST_NODES = 2_500
WIDEST = 100
"""Children that the outermost module shows unfolded."""


@dataclass(slots=True)
class Node:
    """One module. `name` is its path below its parent; `total` counts the parameters of its children too."""

    name: str
    path: str
    type: str
    output: str
    shapes: str
    total: int
    trained: str
    optimizer: str
    calls: int
    findings: list[Card] = field(default_factory=list)
    children: list[Node] = field(default_factory=list)
    is_open: bool = False


def trees(run: Recording, cards: Sequence[Card]) -> tuple[list[Node], int]:
    """Return the outermost modules, and how many modules are left out."""
    latest = {row.name: row for row in run.rows(Module)}  # a later phase replaces the earlier one's row
    held: defaultdict[str, list[Parameter]] = defaultdict(list)
    for parameter in {row.name: row for row in run.rows(Parameter)}.values():
        held[parameter.module].append(parameter)
    found: defaultdict[str, list[Card]] = defaultdict(list)
    for card in cards:
        for name in card.names:
            found[_owner(name, latest)].append(card)
    shown = dict(list(latest.items())[:MOST_NODES])
    nodes = {name: _node(row, held[name], found[name]) for name, row in shown.items()}
    roots: list[Node] = []
    for name, row in shown.items():
        parent = _parent(name, row.root, nodes)
        (nodes[parent].children if parent else roots).append(nodes[name])
        nodes[name].name = name.removeprefix(f"{parent}.")
    few = len(nodes) <= 60
    for node in roots:
        _sum_up(node)
        _open(node, depth=0, few=few)
    return roots, len(latest) - len(shown)


def parameter_count(run: Recording) -> int:
    """Return the number of trained values."""
    return sum(row.numel for row in {row.name: row for row in run.rows(Parameter)}.values())


def _owner(name: str, modules: dict[str, Module]) -> str:
    """Return the module that a finding's name means: the module itself or that of a parameter."""
    if name in modules:
        return name
    return name.rpartition(".")[0]


def _parent(name: str, root: str, nodes: dict[str, Node]) -> str:
    """Return the nearest module above that has a node; empty for an outermost one."""
    if name == root:
        return ""
    above = name
    while "." in above:
        above = above.rpartition(".")[0]
        if above in nodes:
            return above
    return root if root in nodes else ""


def _node(row: Module, parameters: Sequence[Parameter], findings: list[Card]) -> Node:
    trainable = [p for p in parameters if p.requires_grad]
    trained = ""
    if parameters:
        trained = "all" if len(trainable) == len(parameters) else "some" if trainable else "frozen"
    holders = sorted({p.optimizer or "none" for p in trainable})
    return Node(
        name=row.name,
        path=row.name,
        type=row.type,
        output=_shape(row.output_shape),
        shapes=", ".join(f"{p.name.rpartition('.')[2]} {_shape(p.shape)}" for p in parameters[:4]),
        total=row.parameters,
        trained=trained,
        optimizer=", ".join(holders),
        calls=row.all_calls,
        findings=list({card.id: card for card in findings}.values()),
    )


def _shape(shape: Sequence[int]) -> str:
    return "\N{MULTIPLICATION SIGN}".join(map(str, shape)) if shape else ""


def _sum_up(node: Node) -> int:
    """Add the parameters of the children."""
    node.total += sum(_sum_up(child) for child in node.children)
    return node.total


def _open(node: Node, *, depth: int, few: bool) -> bool:
    """Unfold what is near the top, and the way to everything in which something was found."""
    inside = [_open(child, depth=depth + 1, few=few) for child in node.children]
    node.is_open = few or (depth < 1 and len(node.children) <= WIDEST) or any(inside)
    return any(inside) or bool(node.findings)
