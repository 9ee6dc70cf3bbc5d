"""Causes before symptoms: the order of what was found.

The graph is the `explains` of the checks that fired. Explanations carry on through other findings (a explains b, b
explains c), never through checks that saw nothing. A root is a finding that no other one explains. A note explains
nothing that is worse than itself, and what a trial has refuted explains nothing that another has confirmed. Among
roots of equal severity and proof (confirmed, not tried, no harm seen, refuted), what went wrong first leads: what was
so at the start before what came up in the course of the training. Where checks explain each other in a circle, the
arrows from the less to the more important one are dropped, so the order is the same on every run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nndoctor.finding import Severity
from nndoctor.reasons import REASONS, position

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nndoctor.check import Check
    from nndoctor.finding import Finding

CHAPTER_ORDER = ("I", "II", "T", "III", "IV")
"""Upstream first: what is wrong with the data is wrong before any layer sees it, the loop comes before the layers."""

Graph = dict[str, set[str]]


@dataclass(frozen=True, slots=True)
class Fired:
    """A check that found something, with its findings, worst first."""

    check: Check
    findings: tuple[Finding, ...]
    confirmed: bool | None = None
    """Whether a trial has shown that treating it helps; None where none has decided."""
    cured: bool = False
    """The treated run was well."""
    harmless: bool = False
    """The untreated run learned, and treating it made no difference."""

    @property
    def tested(self) -> int:
        """Order by what a trial has shown: confirmed (by a run that is well first), not decided, no harm, refuted."""
        return {True: 0 if self.cured else 1, None: 3 if self.harmless else 2, False: 4}[self.confirmed]

    @property
    def severity(self) -> Severity:
        """The worst of its findings."""
        return max(severity_of(self.check, finding) for finding in self.findings)

    @property
    def explains(self) -> frozenset[str]:
        """The checks that may be symptoms of these findings."""
        own = (self.check.explains if f.explains is None else f.explains for f in self.findings)
        return frozenset().union(*own)

    @property
    def since(self) -> tuple[int, int]:
        """When the first of its worst findings was first so."""
        worst = self.severity
        return min(f.since for f in self.findings if severity_of(self.check, f) is worst)

    @property
    def certain(self) -> bool:
        """Whether its worst findings hold one that was measured rather than inferred."""
        worst = self.severity
        return any(f.certain for f in self.findings if severity_of(self.check, f) is worst)


@dataclass(frozen=True, slots=True)
class Cause:
    """A root with the symptoms that it explains, most important first."""

    root: Fired
    symptoms: tuple[Fired, ...]


def severity_of(check: Check, finding: Finding) -> Severity:
    """Return how bad one finding is: the check's own severity unless the finding says otherwise."""
    return check.severity if finding.severity is None else finding.severity


def ordered(fired: Sequence[Fired]) -> list[Cause]:
    """Return the roots, most important first, each symptom under the most important root that explains it."""
    nodes = {each.check.name: each for each in fired}
    reach = closure(acyclic(_graph(nodes), rank={name: _importance(each) for name, each in nodes.items()}))
    explained = set().union(*reach.values()) if reach else set()
    roots = [name for name in nodes if name not in explained]
    weight = _below_confirmed({name: _lifted(name, roots, reach, nodes) for name in roots}, nodes)
    roots.sort(key=lambda n: (-weight[n], nodes[n].tested, *_importance(nodes[n], explains=len(reach[n]))))
    taken: set[str] = set()
    causes = []
    for name in roots:
        symptoms = sorted((nodes[s] for s in reach[name] - taken), key=_importance)
        taken |= reach[name]
        causes.append(Cause(nodes[name], tuple(symptoms)))
    return causes


def _graph(nodes: Mapping[str, Fired]) -> Graph:
    return {
        name: {
            other
            for other in each.explains & nodes.keys() - {name}
            if (each.severity > Severity.NOTE or nodes[other].severity is Severity.NOTE)
            and not (each.confirmed is False and nodes[other].confirmed)
        }
        for name, each in nodes.items()
    }


def acyclic(graph: Mapping[str, set[str]], *, rank: Mapping[str, tuple[object, ...]]) -> Graph:
    """Return the graph without the arrows inside a circle that point from a higher to a lower rank."""
    reach = closure(graph)
    return {
        name: {o for o in others if name not in reach.get(o, set()) or (rank[name], name) < (rank[o], o)}
        for name, others in graph.items()
    }


def closure(graph: Mapping[str, set[str]]) -> Graph:
    """Return for each node all nodes that can be reached from it."""
    return {name: _reached(name, graph) for name in graph}


def _reached(start: str, graph: Mapping[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for other in graph.get(waiting.pop(), ()):
            if other not in seen:
                seen.add(other)
                waiting.append(other)
    return seen


def _lifted(name: str, roots: Sequence[str], reach: Graph, nodes: Mapping[str, Fired]) -> Severity:
    """Return a root's weight: as bad as its worst symptom that no equally bad root explains as well.

    A mild root (a learning rate that is too low) that alone explains an error must not stand behind other errors; but
    one that shares its symptom with a true error is not the likelier cause.
    """
    weight = nodes[name].severity
    for symptom in reach[name]:
        bad = nodes[symptom].severity
        rivals = (r for r in roots if r != name and symptom in reach[r])
        if not any(nodes[r].severity >= bad for r in rivals):
            weight = max(weight, bad)
    return weight


def _below_confirmed(weight: dict[str, Severity], nodes: Mapping[str, Fired]) -> dict[str, Severity]:
    """Return the weights such that a cause which a trial has confirmed comes before any that is merely inferred."""
    most = max((weight[name] for name in weight if nodes[name].confirmed), default=None)
    if most is None:
        return weight
    return {
        name: w if nodes[name].confirmed or (nodes[name].certain and nodes[name].confirmed is None) else min(w, most)
        for name, w in weight.items()
    }


def _importance(each: Fired, *, explains: int = 0) -> tuple[int, int, bool, tuple[int, int], int, int, int, int, str]:
    """Return the sort key: severity, what trials say, measured before inferred, so first, explains more, upstream.

    Whatever is not known to have come up in the course of the training was there from the start.
    """
    reason = REASONS.get(each.check.reason)
    chapter = reason.chapter if reason else ""
    place = CHAPTER_ORDER.index(chapter) if chapter in CHAPTER_ORDER else len(CHAPTER_ORDER)
    potential = len(each.explains)
    return (
        -each.severity,
        each.tested,
        not each.certain,
        each.since,
        -explains,
        place,
        -potential,
        position(each.check.reason),
        each.check.name,
    )
