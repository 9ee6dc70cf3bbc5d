"""The loss curves of a run, read once: what the checks of the chapter "curves" have in common.

A recording of `watch` holds the whole training. One of `check` is cut off after a few steps, so that its curve says
nothing of where the training would have ended: it is judged only where the script itself ended within them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from nndoctor import Finding, Measure, Skip, SourceLine, curve
from nndoctor.curves import ADVICE, History, Label, Series, Verdict
from nndoctor.records import OBSERVE, VALIDATION, Evaluation, Event, Experiment, NonFinite, Optimizer, Parameter, Step
from nndoctor_checks.observed import by_segment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nndoctor import Recording, Severity

MIN_STEPS = 100
"""Single batches are noisy: fewer of their losses are no curve of a training."""
MOST_CLASSES = 20
"""Outputs of the last layer beyond which a low accuracy is no sign of an underfit: that of good language models is."""
ENDED = "the script ended after"
"""How the reason of an experiment begins that the script's own end cut off."""
CUT = ("exception", "exit", "interrupted", "stopped", "killed", "timeout")


@dataclass(frozen=True, slots=True)
class Judged:
    """One phase of the script: its curves and what they say, or why they were not judged."""

    steps: tuple[Step, ...]
    evaluations: tuple[Evaluation, ...] = ()
    verdict: Verdict | None = None
    skipped: str = ""
    ended: bool = True
    """The training came to its own end: no exception, no kill, not still running."""
    place: SourceLine | None = None

    @property
    def supervised(self) -> bool:
        """Whether a DataLoader fed it. In reinforcement learning the loss moves with the policy, and may rise."""
        return any(s.batch_size > 0 for s in self.steps)


_KNOWN: WeakKeyDictionary[Recording, tuple[Judged, ...]] = WeakKeyDictionary()


def judged(run: Recording) -> tuple[Judged, ...]:
    """Return every phase of a run with its class. Classified once for each recording."""
    if run not in _KNOWN:
        _KNOWN[run] = tuple(_phases(run))
    return _KNOWN[run]


def named(
    run: Recording, label: Label, *, confidence: float, unfinished: bool = False, validated: bool = False
) -> Iterator[Judged]:
    """Yield the phases of one class. Raises `Skip` if no phase could be judged.

    `unfinished`: the class can be told of a training that was cut short as well. `validated`: not without a validation
    loss. `confidence` is the least share of the readings that must agree.
    """
    reasons = []
    for each in judged(run):
        why = _not_judged(each, label, confidence, unfinished=unfinished, validated=validated)
        if why:
            reasons.append(why)
        elif each.verdict is not None and each.verdict.label is label:
            yield each
    if len(reasons) == len(judged(run)):
        raise Skip(reasons[0] if reasons else "no training steps were seen")


def finding(each: Judged, measures: Sequence[Measure] = (), severity: Severity | None = None) -> Finding:
    """Return the finding of a phase: the classifier's reason, its numbers and the curves."""
    verdict = each.verdict
    if verdict is None:
        raise Skip(each.skipped)
    evaluated = [e for e in each.evaluations if math.isfinite(e.loss)]
    curves = [curve("training loss", [s.step for s in each.steps], [s.loss for s in each.steps])]
    if evaluated:
        curves.append(curve("validation loss", [e.step for e in evaluated], [e.loss for e in evaluated]))
    sentence = f"{verdict.why[:1].upper()}{verdict.why[1:]}"
    return Finding(
        message=f"{sentence} ({len(each.steps)} steps, {len(evaluated)} evaluations; "
        f"{verdict.confidence:.0%} of the readings agree).",
        advice=ADVICE[verdict.label],
        where=each.place,
        evidence=(*(m for m in measures if math.isfinite(m.value)), *(c for c in curves if c.steps)),
        severity=severity,
        certain=verdict.confidence >= 1.0,
    )


def number(each: Judged, name: str) -> float:
    """Return one of the numbers that decided, NaN where it is not known."""
    return each.verdict.numbers.get(name, math.nan) if each.verdict is not None else math.nan


def _not_judged(each: Judged, label: Label, confidence: float, *, unfinished: bool, validated: bool) -> str:
    """Return why a phase cannot be told to be of a class or not; empty if it can."""
    if each.verdict is None:
        return each.skipped
    if not each.ended and not unfinished:
        return "the training has not come to its own end"
    if validated and not number(each, "points_validation") >= 1:
        return "no evaluation was seen that is known to be of other data than the training's"
    if each.verdict.label is Label.CANNOT_TELL:
        return each.verdict.why
    if each.verdict.label is label and not each.verdict.confidence >= confidence:
        return f"only {each.verdict.confidence:.0%} of the readings say {label}"
    return ""


def _phases(run: Recording) -> Iterator[Judged]:
    watched = run.environment("command") == "watch"
    whole = {e.segment for e in run.rows(Experiment) if e.name == OBSERVE and e.why.startswith(ENDED)}
    cut = any(e.kind in CUT for e in run.rows(Event))
    phases = by_segment(s for s in run.rows(Step) if s.experiment == OBSERVE and s.backwards > 0)
    for segment, steps in phases.items():
        if not watched and segment not in whole:
            yield Judged(tuple(steps), skipped="the run was too short: it was cut off before the script's own end")
        elif len(steps) < MIN_STEPS:
            yield Judged(tuple(steps), skipped=f"the run was too short: {len(steps)} steps, {MIN_STEPS} are needed")
        elif any(s.optimizer_steps > 1 and s.backwards > 1 for s in steps):
            yield Judged(tuple(steps), skipped="several objectives are minimised in turn: their losses need not fall")
        else:
            last = segment == max(phases)
            ended = not last or not watched or (run.environment("ended") == "yes" and not cut)
            yield _classified(run, segment, steps, ended=ended)


def _classified(run: Recording, segment: int, steps: Sequence[Step], *, ended: bool) -> Judged:
    from nndoctor.curves.classify import classify

    evaluations = tuple(e for e in run.rows(Evaluation) if e.segment == segment and e.split == VALIDATION)
    known = [e for e in evaluations if math.isfinite(e.loss)]
    history = History(
        train=_training(run, segment, steps),
        validation=Series([e.step for e in known], [e.loss for e in known], "loss") if known else None,
        metric=_accuracy(run, segment, steps),
    )
    optimizer = next((o for o in run.rows(Optimizer) if o.segment == segment), None)
    return Judged(tuple(steps), evaluations, classify(history), ended=ended, place=SourceLine.of(optimizer))


def _training(run: Recording, segment: int, steps: Sequence[Step]) -> Series:
    """Return the training loss; NaN counts only where it stayed: on an accelerator not every loss is read."""
    points = [(s.step, s.loss) for s in steps if math.isfinite(s.loss)]
    bad = [n.step for n in run.rows(NonFinite) if n.segment == segment and n.experiment == OBSERVE and not n.harmless]
    if bad and all(step < min(bad) for step, _ in points):
        points.append((max(min(bad), points[-1][0] + 1 if points else 0), math.nan))
    return Series([s for s, _ in points], [v for _, v in points], "loss")


def _accuracy(run: Recording, segment: int, steps: Sequence[Step]) -> Series | None:
    """Return the accuracy of the training batches, if the model tells few classes apart."""
    layers = [p for p in run.rows(Parameter) if p.segment == segment and p.shape and p.order >= 0]
    last = max(layers, key=lambda p: p.order, default=None)
    scores = [(s.step, s.score) for s in steps if math.isfinite(s.score)]
    if last is None or not last.shape[0] <= MOST_CLASSES or not scores:
        return None
    return Series([s for s, _ in scores], [v for _, v in scores], "accuracy")
