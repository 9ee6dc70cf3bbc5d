"""Which treatments are tried, for which findings: the likeliest cause first. Without torch.

Nothing is tried for a note, nor where nothing is wrong: a healthy script is not started a second time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from nndoctor.diagnose import diagnose, examine
from nndoctor.finding import Severity
from nndoctor.recording import Recording
from nndoctor.records import KINDS, OBSERVE, Trial
from nndoctor.treatments.names import TREATMENTS
from nndoctor.verdict import own_failure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nndoctor.check import Check
    from nndoctor.diagnose import Entry
    from nndoctor.finding import Finding

Extent = Literal["none", "auto", "all"]
OTHER_OPTIMIZERS = ("adamw", "sgd-momentum")
"""What is tried although no finding asks for it: last, where nothing has made the run well; always if all is wanted."""


@dataclass(slots=True)
class Asked:
    """One treatment in one segment, and the findings that it is tried for."""

    treatment: str
    segment: int
    checks: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    symptom: bool = True
    """All those findings are explained by others."""

    def as_json(self) -> dict[str, Any]:
        """Return what the child process reads."""
        return {
            "treatment": self.treatment,
            "segment": self.segment,
            "checks": list(dict.fromkeys(self.checks)),
            "names": list(dict.fromkeys(self.names)),
            "symptom": self.symptom,
        }


def treatments_of(check: Check, finding: Finding) -> tuple[str, ...]:
    """Return the treatments of a finding: its own, else those of its check."""
    return (*check.treatments, *check.relief) if finding.treatments is None else finding.treatments


def chosen(run: Recording, checks: Sequence[Check], extent: Extent = "auto") -> list[dict[str, Any]]:
    """Return the treatments to try, in that order, as the child process reads them."""
    failure = own_failure(run)
    if extent == "none" or (failure is not None and failure.experiment == OBSERVE):
        return []  # nor where the script would fail again before anything could be compared
    asked: dict[tuple[int, str], Asked] = {}
    segments = sorted({row.segment for kind in KINDS for row in run.rows(kind) if row.experiment == OBSERVE})
    for entry in diagnose(run, checks).entries:
        if entry.severity is Severity.NOTE:
            continue
        wanted = [name for name in treatments_of(entry.check, entry.finding) if name in TREATMENTS]
        segment = _segment(entry, run, segments) if wanted and len(segments) > 1 else 0
        for name in wanted:
            one = asked.setdefault((segment, name), Asked(name, segment))
            one.checks.append(entry.check.name)
            one.names += entry.finding.names
            one.symptom = one.symptom and bool(entry.explained_by) and extent != "all"
    if asked or extent == "all":
        for name in OTHER_OPTIMIZERS:
            asked.setdefault((0, name), Asked(name, 0, ["optimizer-choice"], symptom=extent != "all"))
    return [one.as_json() for one in asked.values()]


def _segment(entry: Entry, run: Recording, segments: Sequence[int]) -> int:
    """Return the first segment whose own rows let the check find the same: findings do not tell."""
    for segment in segments:
        part = Recording({kind: [r for r in run.rows(kind) if r.segment == segment] for kind in KINDS})
        _, found = examine(entry.check, part)
        if any(set(f.names) == set(entry.finding.names) and f.where == entry.finding.where for f in found):
            return segment
    return segments[-1]


def left_over(asked: Sequence[dict[str, Any]], run: Recording) -> list[dict[str, Any]]:
    """Return what has not been tried yet."""
    tried = {(row.segment, row.treatment) for row in run.rows(Trial)}
    return [one for one in asked if (one["segment"], one["treatment"]) not in tried]
