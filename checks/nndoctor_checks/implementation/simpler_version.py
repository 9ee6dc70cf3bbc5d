"""R16 simpler-version."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from nndoctor import Evidence, Finding, Recording, Severity, Skip, SourceLine, Table, check, curve, names_shown
from nndoctor.records import ALONE, OBSERVE, Experiment, LossCall, LossPart
from nndoctor_checks.descent import RAN, calls, middle, objectives

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SCORE = 0.95
"""Accuracy or R2 from which on a term is learnt: the mark of cannot-overfit-batch."""


@dataclass(frozen=True, slots=True)
class Course:
    """How one term went in one experiment: its values, its scores in the last steps, and what a constant scores."""

    values: tuple[float, ...]
    score: float
    chance: float
    floor_known: bool

    @property
    def fall(self) -> float:
        """The share of the first value that was gone in the last quarter; NaN for what did not stay finite."""
        if not self.values or not all(map(math.isfinite, self.values)) or not self.values[0]:
            return math.nan
        return (self.values[0] - self.end) / abs(self.values[0])

    @property
    def end(self) -> float:
        """The typical value of the last quarter."""
        return middle(self.values[-max(1, len(self.values) // 4) :])

    def learns(self, enough: float, lift: float) -> bool:
        """Whether the value fell by `enough`, and the score, where there is one, is not that of a constant."""
        if self.score >= SCORE:
            return True
        return self.fall >= enough and not self.score <= self.chance + lift * (1 - self.chance)

    def is_still(self, least: float, lift: float) -> bool:
        """Whether nothing was learnt. A value that may have no room to fall counts only if it does not move."""
        if math.isfinite(self.score) and math.isfinite(self.chance):
            return self.fall < least and self.score <= self.chance + lift * (1 - self.chance)
        return self.fall < (least if self.floor_known else least / 100)


@dataclass(frozen=True, slots=True)
class Term:
    """One term of the loss: by itself, and beside the others on the same data."""

    row: LossPart
    alone: Course
    beside: Course
    share: float = 1.0
    """Of the value that is this term's own: outputs that one loss takes are counted as equal parts of it."""

    @property
    def name(self) -> str:
        """Its name and where it is computed."""
        known = self.row.head or self.row.loss in ("", self.row.name)
        return self.row.name if known else f"{self.row.name} ({self.row.loss})"


@check("simpler-version", reason="R16", severity=Severity.NOTE, needs=[LossPart])
def simpler_version(
    run: Recording,
    *,
    learnt: float = 0.5,  # of a term's first value is gone on one batch: the mark of cannot-overfit-batch
    still: float = 0.1,  # less than this is gone; a term that learns at all loses more within a few dozen steps
    early: float = 0.2,  # the same as `learnt`, in the few steps on the script's own batches
    lift: float = 0.1,  # of the way from chance to a perfect score; less is the noise of a few samples
    min_steps: int = 30,
) -> Iterator[Finding]:
    """Of the terms of the loss, some do not learn, or only without the others.

    ## What it does
    Where the script cannot learn and its loss is a sum, its own loop is run once for each term: the gradient of all
    others is stopped where they enter the sum. Where one loss takes several outputs of the model, this is done for
    each output. If one small batch could not be fitted, each term gets that batch, else
    as many of the script's own batches as all together had. A note says which terms learn alone (half of the value is
    gone, or the accuracy is high), and which do not move even then.

    ## Why is this bad?
    A sum hides which of its parts is broken. A term that does not learn alone has its fault in its own head, target or
    formula; if none does, the fault is in what they share. Terms that learn alone but not together are at odds: one
    drowns the other, or pulls the shared layers elsewhere. Take the others away, then add them one by one.

    ## Example
    ```python
    loss = F.cross_entropy(logits, labels) + 1.0 * sum(p.square().sum() for p in model.parameters())
    ```

    Use instead:
    ```python
    loss = F.cross_entropy(logits, labels)  # this learns, so the penalty is to be added with a small weight
    ```

    ## Known problems
    Of outputs that one loss takes together only the common value is known, as if each had an equal part. Terms by hand
    whose lowest value is unknown count as still only if they do not move at all. A term that is meant to stay (the
    domain loss behind a reversed gradient) is named all the same. With several objectives (a GAN) nothing is tried.

    ## References
    - Slav Ivanov, 37 Reasons why your Neural Network is not working, 2017 (reason 16: solve a simpler version)
    - [Karpathy, A Recipe for Training Neural Networks, 2019](https://karpathy.github.io/2019/04/25/recipe/)
    """
    judged, why = 0, ""
    for segment in dict.fromkeys(row.segment for row in run.rows(LossPart)):
        terms = [t for t in _terms(run, segment) if len(t.alone.values) >= min_steps]
        if len(terms) < 2 or objectives(run, segment) > 1:
            why = why or _skipped(run, segment)
            continue
        judged += 1
        on_one_batch = terms[0].row.beside != OBSERVE
        dead = [
            t
            for t in terms
            if on_one_batch
            and t.alone.is_still(still * t.share, lift)
            and not t.beside.learns(1 - (1 - learnt) * t.share, lift)
        ]
        enough = learnt if on_one_batch else early
        good = [t for t in terms if t not in dead and t.alone.learns(enough * t.share, lift)]
        alone_only = [t for t in good if t.row.loss and t.beside.is_still(still * t.share, lift)]
        if dead:
            yield _dead(terms, dead, good)
        elif alone_only:
            yield _at_odds(terms, alone_only, on_one_batch=on_one_batch)
    if not judged:
        raise Skip(why or "the script learns with all terms of its loss: none had to be tried alone")


def _skipped(run: Recording, segment: int) -> str:
    rows = [e for e in run.rows(Experiment) if e.segment == segment and e.name.startswith(ALONE)]
    if not rows:
        return ""
    if reason := next((row.why for row in rows if row.why), ""):
        return reason
    return "several objectives are minimised in turn" if objectives(run, segment) > 1 else "too few steps were made"


def _terms(run: Recording, segment: int) -> Iterator[Term]:
    rows = [p for p in run.rows(LossPart) if p.segment == segment]
    ran = {e.name for e in run.rows(Experiment) if e.segment == segment and e.outcome in RAN}
    for name in dict.fromkeys(p.experiment for p in rows if p.experiment.startswith(ALONE) and p.experiment in ran):
        own = [p for p in rows if p.experiment == name and p.alone]
        if own:
            together = [p for p in rows if p.experiment == own[0].beside and p.index == own[0].index]
            heads = len({p.index for p in rows if p.head})
            yield Term(own[-1], _course(run, own, rows), _course(run, together, rows), 1 / heads if heads else 1.0)


def _course(run: Recording, own: Sequence[LossPart], every: Sequence[LossPart]) -> Course:
    values = tuple(p.value for p in own if not math.isnan(p.value))
    if not own:
        return Course((), math.nan, math.nan, floor_known=False)
    called = _calls_of(run, own[-1], every)
    late = [] if own[-1].head else [c for c in called if c.step > own[-1].step - max(5, len(own) // 4)]
    scores = [c.score for c in late if c.metric and math.isfinite(c.score)]
    chances = [c.chance for c in late if c.metric and math.isfinite(c.chance)]
    return Course(
        values,
        fmean(scores) if scores else math.nan,
        fmean(chances) if chances else math.nan,
        floor_known=bool(called) and all(math.isfinite(c.floor) for c in called),
    )


def _calls_of(run: Recording, part: LossPart, every: Sequence[LossPart]) -> list[LossCall]:
    """Return the calls of a term's loss function; several terms of one line are told apart by their order."""
    if not part.loss:
        return []
    here = [c for c in calls(run, part.experiment, part.segment) if (c.file, c.line) == (part.file, part.line)]
    if part.head:
        return here
    beside = [p for p in every if p.experiment == part.experiment and p.step == part.step and p.loss]
    same = sorted(p.index for p in beside if (p.file, p.line) == (part.file, part.line))
    by_step: dict[int, list[LossCall]] = {}
    for call in here:
        by_step.setdefault(call.step, []).append(call)
    place = same.index(part.index) if part.index in same else 0
    return [found[place] for found in by_step.values() if len(found) == len(same)]


def _dead(terms: Sequence[Term], dead: Sequence[Term], good: Sequence[Term]) -> Finding:
    named = names_shown([t.name for t in dead])
    moved = "; ".join(f"{t.name}: {t.alone.values[0]:.3g} to {t.alone.end:.3g}" for t in dead)
    if len(dead) == len(terms):
        kind = "outputs of the model" if terms[0].row.head else "terms of the loss"
        what = f"Each of the {len(terms)} {kind} was trained alone on one small batch, and none learnt"
        advice = "The terms are not in each other's way: look in what they share, the body of the model, the optimizer "
        advice += "and the loop. The other findings come first."
    else:
        what = f"Trained alone on one small batch, {named} did not learn"
        advice = (
            f"Look in what {named} has for itself: its head, its target, its formula. Leave it out until it learns "
        )
        advice += "alone."
    also = f" {names_shown([t.name for t in good])} did." if good else ""
    return Finding(
        title="" if len(dead) < len(terms) else "No part of the loss learns, not even alone.",
        message=f"{what} ({moved}).{also}",
        advice=advice,
        where=SourceLine.of(dead[0].row),
        evidence=_evidence(terms),
        certain=False,
    )


def _at_odds(terms: Sequence[Term], good: Sequence[Term], *, on_one_batch: bool) -> Finding:
    first = good[0]
    named = names_shown([t.name for t in good])
    others = names_shown([t.name for t in terms if t not in good] or [t.name for t in terms])
    on = "one small batch" if on_one_batch else "the script's own batches"
    return Finding(
        title="A part of the loss learns alone, and does not beside the others.",
        message=f"On {on}, {named} went from {first.alone.values[0]:.3g} to {first.alone.end:.3g} when it was trained "
        f"alone, and from {first.beside.values[0]:.3g} to {first.beside.end:.3g} beside {others}.",
        advice=f"The model and the loop can learn {named}; what else is in the sum keeps it from it. Begin without "
        f"{others}, then add one term at a time, with a weight at which both still fall.",
        where=SourceLine.of(first.row),
        evidence=_evidence(terms),
        certain=False,
    )


def _evidence(terms: Sequence[Term]) -> tuple[Evidence, ...]:
    rows = tuple((t.name, _told(t.alone), _told(t.beside)) for t in terms)
    table = Table("value of each term, from the first step to the last", ("term", "alone", "with the others"), rows)
    return table, *(curve(f"{t.name}, alone", range(len(t.alone.values)), t.alone.values) for t in terms)


def _told(course: Course) -> str:
    if not course.values:
        return "not seen"
    scored = f", score {course.score:.2g}" if math.isfinite(course.score) else ""
    return f"{course.values[0]:.3g} to {course.end:.3g}{scored}"
