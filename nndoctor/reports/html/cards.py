"""The findings: what was found, where, the evidence, what to do, and the chart that shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from nndoctor.finding import Curve, Evidence, Measure, Quote, Severity, Table
from nndoctor.records import Histogram, Labels, LossCall, Scan, Step, TensorStats, Trial, Units
from nndoctor.reports.html import curves, data, distributions, trials
from nndoctor.reports.html.charts import Bars, Charts, Figure, Lines, Series, wide
from nndoctor.reports.places import shown
from nndoctor.reports.words import number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from markupsafe import Markup

    from nndoctor.check import Check
    from nndoctor.diagnose import Diagnosis, Entry
    from nndoctor.recording import Recording
    from nndoctor.reports.html.code import Code, Snippet
    from nndoctor.reports.html.distributions import Distribution
    from nndoctor.reports.html.trials import Tried

MOST_CARDS = 80
"""Findings that get a card; the rest is listed by name."""
MOST_NAMES = 12
MOST_ROWS = 40
_OF_LAYERS = (TensorStats, Units, Histogram)
_OF_CLASSES = (Labels, Scan)
_OF_LOSS = (LossCall, Step)


@dataclass(frozen=True, slots=True)
class Item:
    """One piece of evidence. `kind` is measure, table, quote or curve."""

    kind: str
    label: str
    value: str = ""
    expected: str = ""
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    more: int = 0
    """Rows that are left out."""
    figure: Figure | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """One finding."""

    id: str
    check: str
    reason: str
    severity: str
    title: str
    message: str
    advice: str
    certain: bool
    explained_by: str
    explains: tuple[str, ...]
    names: tuple[str, ...]
    more_names: int
    snippet: Snippet | None
    evidence: tuple[Item, ...]
    figures: tuple[Figure, ...]
    distributions: tuple[Distribution, ...]
    tried: Tried | None
    """What the trials say of it."""
    explanation: Markup | None
    """The page of the check; None on further findings of the same check."""


@dataclass(frozen=True, slots=True)
class Known:
    """A finding that counts for nothing, because the user has accepted it."""

    check: str
    reason: str
    severity: str
    title: str
    message: str
    place: str
    by: str


class Cards:
    """Makes the cards of a diagnosis."""

    def __init__(self, run: Recording, code: Code, charts: Charts) -> None:
        self._run = run
        self._code = code
        self._charts = charts
        self._explained: set[str] = set()

    def of(self, diagnosis: Diagnosis) -> list[Card]:
        """Return a card for each of the most important findings."""
        entries = diagnosis.entries[:MOST_CARDS]
        symptoms = {c.root.check.name: tuple(s.check.name for s in c.symptoms) for c in diagnosis.causes}
        return [
            self._card(f"finding-{i}", entry, symptoms.get(entry.check.name, ()))
            for i, entry in enumerate(entries, start=1)
        ]

    def _card(self, name: str, entry: Entry, symptoms: tuple[str, ...]) -> Card:
        finding = entry.finding
        items = self._items(finding.evidence)
        figures: tuple[Figure, ...] = ()
        shapes: tuple[Distribution, ...] = ()
        if entry.severity > Severity.NOTE and not any(item.figure for item in items):
            figures, shapes = self._pictures(entry.check, finding.names)
        return Card(
            id=name,
            check=entry.check.name,
            reason=entry.check.reason,
            severity=entry.severity.label,
            title=entry.title.rstrip("."),
            message=finding.message,
            advice=finding.advice,
            certain=finding.certain,
            explained_by=entry.explained_by,
            explains=symptoms,
            names=finding.names[:MOST_NAMES],
            more_names=max(0, len(finding.names) - MOST_NAMES),
            snippet=self._code.around(entry.where),
            evidence=items,
            figures=figures,
            distributions=shapes,
            tried=trials.tried(entry, any_trials=bool(self._run.rows(Trial))),
            explanation=self._explanation(entry.check),
        )

    def _items(self, evidence: Sequence[Evidence]) -> tuple[Item, ...]:
        """Return the evidence; curves of the same thing (`loss, overfit`, `loss, observe`) share a chart."""
        items: list[Item] = []
        joined: dict[str, list[Curve]] = {}
        for item in evidence:
            match item:
                case Curve():
                    joined.setdefault(item.label.partition(",")[0], []).append(item)
                case _:
                    items.append(_item(item))
        for subject, drawn in joined.items():
            series = tuple(Series(curve.label, curve.steps, curve.values) for curve in drawn)
            title = drawn[0].label if len(drawn) == 1 else subject
            chart = Lines(title, series, y=subject, log_y=wide(series))
            items.append(Item("curve", title, figure=self._charts.add(chart, size="small")))
        return tuple(items)

    def _pictures(self, check: Check, names: Sequence[str]) -> tuple[tuple[Figure, ...], tuple[Distribution, ...]]:
        """Choose what shows the finding by what the check looked at."""
        if names and not set(_OF_LAYERS).isdisjoint(check.needs):
            shapes = distributions.of_layers(self._run, names, most=3)
            if shapes:
                return (), tuple(shapes)
        if not set(_OF_CLASSES).isdisjoint(check.needs):
            return tuple(self._drawn(data.class_counts(self._run))), ()
        if not set(_OF_LOSS).isdisjoint(check.needs):
            return tuple(self._drawn(curves.losses(self._run))), ()
        return (), ()

    def _drawn(self, chart: Lines | Bars | None) -> Iterator[Figure]:
        if chart is not None:
            yield self._charts.add(chart, size="small")

    def _explanation(self, check: Check) -> Markup | None:
        if check.name in self._explained:
            return None
        self._explained.add(check.name)
        return explained(check)


def _item(item: Measure | Table | Quote) -> Item:
    match item:
        case Measure(label, value, expected):
            return Item("measure", label, value=number(value), expected=expected)
        case Table(label, header, rows):
            return Item("table", label, header=header, rows=rows[:MOST_ROWS], more=max(0, len(rows) - MOST_ROWS))
        case Quote(label, text):
            return Item("quote", label, value=text)
        case _:
            assert_never(item)


def accepted(diagnosis: Diagnosis) -> list[Known]:
    """Return the findings that the user has accepted."""
    return [
        Known(
            check=entry.check.name,
            reason=entry.check.reason,
            severity=entry.severity.label,
            title=entry.title.rstrip("."),
            message=entry.finding.message,
            place=shown(entry.where) if entry.where is not None else "",
            by=each.by,
        )
        for each in diagnosis.accepted
        for entry in (each.entry,)
    ]


def explained(check: Check) -> Markup:
    """Return the page of a check as HTML. Raw HTML in it stays text: checks of third parties are strangers' text."""
    from markdown_it import MarkdownIt
    from markupsafe import Markup

    _, _, body = check.documentation.partition("\n")  # the first line is the card's title
    renderer = MarkdownIt("commonmark", {"html": False, "linkify": False})
    html: str = renderer.render(body.replace("\n## ", "\n#### "))
    return Markup(html)  # noqa: S704 - made by the renderer, which escapes what it is given
