"""R18 loss-ignores-target."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Quote, Recording, Severity, SourceLine, check
from nndoctor.records import OTHER_TARGETS, SAME_TARGETS, Batch, LossTarget, Module, Step
from nndoctor_checks.loss_calls import BROKEN_LOSS_SYMPTOMS, training_calls
from nndoctor_checks.networks import networks
from nndoctor_checks.observed import by_segment, observed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MIN_SHARE = 0.9
"""Of the calls at one place: an odd one out may come from a last, smaller batch."""


@check(
    "loss-ignores-target",
    reason="R18",
    severity=Severity.ERROR,
    needs=[LossTarget, Step],
    explains=[*BROKEN_LOSS_SYMPTOMS, "dead-relu", "initial-loss", "single-label-batches"],
)
def loss_ignores_target(
    run: Recording,
    *,
    min_calls: int = 5,  # so many times in a row no healthy loop compares with a target of long ago
    tolerance: float = 1e-6,  # relative; the same arithmetic on the same numbers gives the same loss
) -> Iterator[Finding]:
    """The loss does not look at the targets of the batch.

    ## What it does
    Reports a class loss that is all of the objective and whose target was computed from the very prediction that it
    judges (or from another pass of the same network over the same input), and a loss whose target is a leaf of another
    batch than the one at hand, of which nothing else is used. If no leaf of the batch was seen to reach a loss, two
    experiments repeat the first steps, the second with those leaves drawn anew: if the losses differ, the targets do
    count and nothing is reported. If they do not, and a class loss has as many outputs as the unused labels have
    classes, it is a warning.

    ## Why is this bad?
    A network that is told that its own answers are right becomes surer of them: the loss falls to zero, the training
    accuracy is perfect, and nothing was learnt. With the labels of another batch it can learn no more than their
    frequencies.

    ## Example
    ```python
    pred = model(x).argmax(dim=1)
    loss = nn.functional.cross_entropy(model(x), pred)
    ```

    Use instead:
    ```python
    loss = nn.functional.cross_entropy(model(x), y)
    ```

    ## Known problems
    Adaptation by pseudo-labels does this on purpose; with weights loaded before, or in a later phase of the script, it
    is only a warning. Autoencoders, contrastive losses and distillation need no labels and are not meant. Loops without
    a DataLoader are judged by the first rule only.

    ## References
    - Humbatova et al., Taxonomy of Real Faults in Deep Learning Systems, ICSE 2020 (wrong loss function calculation)
    """
    for segment, rows in by_segment(observed(run, LossTarget)).items():
        unmoved = _unmoved(run, segment, tolerance)
        if unmoved is False:
            continue
        places: defaultdict[tuple[str, int, str], list[LossTarget]] = defaultdict(list)
        for row in rows:
            places[row.file, row.line, row.function].append(row)
        for calls in places.values():
            if len(calls) < min_calls:
                continue
            if _share(calls, [c for c in calls if c.own and c.classes]) and _whole_objective(run, segment, calls):
                loaded = segment > 0 or any(m.loaded for m in run.rows(Module) if m.segment == segment)
                yield _finding(calls, "the network's own answer", unmoved=unmoved, unsure=loaded)
            elif leaf := _of_another_batch(run, segment, calls):
                yield _finding(calls, f"the leaf {leaf} of an earlier batch", unmoved=unmoved)
            elif unmoved and (leaf := _looks_meant(run, segment, calls)):
                yield _finding(calls, f"something else than the batch's labels ({leaf})", unmoved=unmoved, unsure=True)


def _finding(calls: Sequence[LossTarget], what: str, *, unmoved: bool | None, unsure: bool = False) -> Finding:
    tried = " Labels drawn anew left the loss of every step as it was." if unmoved else ""
    return Finding(
        message=f"{calls[-1].function} compared the prediction with {what} in {len(calls)} steps; the labels of the "
        f"batch are not used.{tried}",
        advice="Pass the targets that came with the batch to the loss, and look for a variable of the same name from "
        "somewhere else: `loss = criterion(model(x), y)`.",
        where=SourceLine.of(calls[-1]),
        evidence=(
            Measure("losses that changed with other labels", 0, "all") if unmoved else Quote("target", what),
            *([Measure("loss of the last step", calls[-1].value)] if math.isfinite(calls[-1].value) else []),
        ),
        severity=Severity.WARNING if unsure else None,
        certain=not unsure,
    )


def _unmoved(run: Recording, segment: int, tolerance: float) -> bool | None:
    """Whether other labels left all losses as they were; None if that was not tried."""
    same, other = (
        {s.step: s.loss for s in run.rows(Step) if s.experiment == name and s.segment == segment}
        for name in (SAME_TARGETS, OTHER_TARGETS)
    )
    pairs = [(same[step], other[step]) for step in same.keys() & other.keys()]
    if len(pairs) < 3 or not all(math.isfinite(v) for pair in pairs for v in pair):
        return None
    return all(abs(a - b) <= tolerance * max(abs(a), abs(b)) for a, b in pairs)


def _share(calls: Sequence[LossTarget], hits: Sequence[LossTarget]) -> bool:
    return len(hits) >= MIN_SHARE * len(calls)


def _whole_objective(run: Recording, segment: int, calls: Sequence[LossTarget]) -> bool:
    """Whether the loss is all that is minimised: beside a supervised one, pseudo-labels are a method."""
    losses = {s.step: s.loss for s in observed(run, Step) if s.segment == segment}
    same = [c for c in calls if abs(losses.get(c.step, math.nan) - c.value) <= 0.01 * abs(c.value) + 1e-6]
    return _share(calls, same)


def _of_another_batch(run: Recording, segment: int, calls: Sequence[LossTarget]) -> str:
    """Return the leaf that the target of nearly every call is, of another batch than the one of its step."""
    now: defaultdict[int, dict[str, str]] = defaultdict(dict)
    leaf_of: dict[str, str] = {}
    unused: defaultdict[int, set[str]] = defaultdict(set)
    for batch in observed(run, Batch):
        if batch.segment == segment and batch.source != "call" and batch.content and not batch.constant:
            now[batch.step][batch.content] = batch.leaf
            leaf_of[batch.content] = batch.leaf
            if not batch.role:
                unused[batch.step].add(batch.leaf)
    later = [c for c in calls if c.step > 0 and c.content]
    hits = [
        c for c in later if c.content not in now[c.step] and leaf_of.get(c.content, "") in unused[c.step]
    ]  # fmt: skip
    return leaf_of[hits[-1].content] if hits and len(later) >= 3 and _share(later, hits) else ""


def _looks_meant(run: Recording, segment: int, calls: Sequence[LossTarget]) -> str:
    """Return the unused leaf that fits a class loss as labels, if the model's one loss is not plainly another task."""
    last = calls[-1]
    seen = [c for g in training_calls(run, (last.function,)) for c in g if c.segment == segment]
    if not last.classes or not seen or len(networks(run, segment)) > 1 or len(list(training_calls(run))) > 1:
        return ""
    call = seen[-1]
    # One class for all, or one for each sample, is a pretext task. The network's own answers end in one class, too.
    if not any(1 < c.distinct_targets < (c.target_shape or (0,))[0] for c in seen):
        return ""
    for batch in observed(run, Batch):
        fits = batch.segment == segment and not batch.role and batch.dtype.startswith("int") and batch.min >= 0
        if fits and batch.shape == seen[min(batch.step, len(seen) - 1)].target_shape and batch.max == call.classes - 1:
            return batch.leaf
    return ""
