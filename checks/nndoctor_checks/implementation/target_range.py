"""R19 target-range."""

from __future__ import annotations

import math
import re
from collections import Counter
from statistics import fmean
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Quote, Recording, Severity, Skip, SourceLine, check, names_shown
from nndoctor.backward_nodes import head
from nndoctor.records import OVERFIT, TRAIN, VALIDATION, Batch, Event, Labels, LossCall
from nndoctor_checks.label_streams import representative, streams
from nndoctor_checks.loss_calls import BROKEN_LOSS_SYMPTOMS, place, training_calls
from nndoctor_checks.observed import observed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

REGRESSION = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "sub")
SHAPING = ("Squeeze", "Unsqueeze", "View", "UnsafeView", "Reshape", "Permute", "Transpose", "T", "Select", "Slice")
MOVING = ("Alias", "Clone", "ToCopy", "Expand", "Index", "Unbind", "Split")
"""Backward nodes of what moves values about and leaves them as they are."""
RANGES = {"Relu": (0.0, math.inf), "Sigmoid": (0.0, 1.0), "Tanh": (-1.0, 1.0)}
"""What an output activation can reach."""
MOST_CLASSES = 20
"""With more, a rare one may not have come yet (words, species)."""


@check(
    "target-range",
    reason="R19",
    severity=Severity.ERROR,
    needs=[],
    explains=[*BROKEN_LOSS_SYMPTOMS, "dead-relu"],
)
def target_range(
    run: Recording,
    *,
    beyond: float = 0.1,  # share of the targets' range that is out of reach; noise about a bound stays below
    min_calls: int = 3,
    fitted: float = 0.985,  # R2 on one small batch at which its targets were reached after all
    per_output: int = 50,  # labels seen for each output, before one that never came is called unused
) -> Iterator[Finding]:
    """The network's output cannot reach the targets.

    ## What it does
    Reports a regression whose prediction comes straight out of a ReLU, sigmoid or tanh while at least `beyond` of the
    range of its targets lies outside of what that function can give, unless the network reached the targets of a small
    batch. A script that failed because a class label is not below the number of outputs is explained. Outputs for
    labels that never occur are noted.

    ## Why is this bad?
    The loss cannot fall below what the unreachable targets cost. Worse, the outputs are pushed against the bound, where
    a sigmoid is flat and a ReLU dead, and the gradient of just those samples vanishes.

    ## Example
    ```python
    model = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 1), nn.ReLU())  # targets of mean 0
    ```

    Use instead:
    ```python
    model = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 1))
    ```

    ## Known problems
    Only the last operation before the loss is looked at. Vocabularies that are padded on purpose are not noted.
    Continual learning leaves classes out by design. A class that validation has is another check's: class-imbalance.

    ## References
    - Stanford CS231n, Convolutional Neural Networks for Visual Recognition, notes on neural networks: the output layer
      of a regression has no activation function
    """
    stopped = list(_out_of_bounds(run))
    yield from stopped
    if not stopped and not run.rows(LossCall):
        raise Skip("no call of a loss function was seen")
    for calls in training_calls(run, REGRESSION):
        yield from _unreachable(run, calls, beyond, min_calls, fitted)
    for calls in training_calls(run, ("cross_entropy", "nll_loss")):
        yield from _unused(run, calls, per_output)


def _out_of_bounds(run: Recording) -> Iterator[Finding]:
    for event in run.rows(Event):
        found = re.search(r"Target (-?\d+) is out of bounds", event.text) if event.kind == "exception" else None
        if found is None:
            continue
        label = int(found.group(1))
        outputs = [c.classes for c in run.rows(LossCall) if c.classes > 0]
        low = "negative" if label < 0 else f"the network has {outputs[-1]} outputs" if outputs else "too large"
        yield Finding(
            message=f"The script stopped at the class label {label}: {low}. With C outputs labels go from 0 to C - 1.",
            advice=f"Give the last layer at least {label + 1} outputs, or map the labels to 0 .. C - 1 "
            "(`np.unique(labels, return_inverse=True)`); labels that count from 1 need a `- 1`."
            if label >= 0
            else "Map the labels to 0 .. C - 1 (`np.unique(labels, return_inverse=True)`), or name the label that "
            f"stands for nothing: `ignore_index={label}`.",
            where=SourceLine.of(event),
            evidence=(Quote("exception", event.text),),
        )


def _unreachable(
    run: Recording, calls: Sequence[LossCall], beyond: float, min_calls: int, fitted: float
) -> Iterator[Finding]:
    if len(calls) < min_calls or (calls[-1].written_by_hand and calls[-1].floor != 0):
        return
    names = [_activation(call) for call in calls]
    name = names[-1]
    if name not in RANGES or names.count(name) < 0.9 * len(names):
        return
    out = [_outside(call, *RANGES[name]) for call in calls]
    hits = [share for share in out if share >= beyond]
    if len(hits) < 0.5 * len(calls) or _fits(run, calls[-1], fitted):
        return
    low, high = min(c.target_min for c in calls), max(c.target_max for c in calls)
    reach = "0 and more" if name == "Relu" else f"{RANGES[name][0]:g} to {RANGES[name][1]:g}"
    call = calls[-1]
    shown = {"Relu": "ReLU"}.get(name, name.lower())
    yield Finding(
        message=f"The prediction comes out of a {shown}, which gives {reach}; the targets go from {low:.3g} to "
        f"{high:.3g}, and {fmean(hits):.0%} of their range is out of reach.",
        advice=f"Remove the {shown} after the last layer, or bring the targets into its range (and back for use).",
        where=SourceLine.of(call),
        names=(call.module,) if call.module else (),
        evidence=(
            Measure("lowest target", low, f">= {RANGES[name][0]:g}"),
            *([Measure("highest target", high, f"<= {RANGES[name][1]:g}")] if name != "Relu" else []),
        ),
    )


def _activation(call: LossCall) -> str:
    """Return what made the prediction, after all that only moved values about: `Relu`."""
    for node in head(call.graph):
        name = node.partition("Backward")[0]
        if name not in SHAPING + MOVING:
            return name
    return ""


def _outside(call: LossCall, low: float, high: float) -> float:
    """Return the share of the targets' range that lies outside of the bounds; 0 where it is not known."""
    span = call.target_max - call.target_min
    if not 0 < span < math.inf:
        return 0.0
    return max(0.0, low - call.target_min, call.target_max - high) / span


def _fits(run: Recording, call: LossCall, fitted: float) -> bool:
    scores = [
        c.score
        for c in run.rows(LossCall)
        if c.experiment.startswith(OVERFIT)
        and c.split == TRAIN
        and c.segment == call.segment
        and place(c) == place(call)
    ]
    return any(score >= fitted for score in scores)


def _unused(run: Recording, calls: Sequence[LossCall], per_output: int) -> Iterator[Finding]:
    call = calls[-1]
    if holes := _holes(run, call, per_output):
        yield _unasked(call, holes)
    tokens = any(
        b.segment == call.segment and "input" in b.role and b.dtype.startswith(("int", "uint"))
        for b in observed(run, Batch)
    )
    samples = sum(math.prod(c.target_shape) for c in calls)
    top = max((c.target_max for c in calls if math.isfinite(c.target_max)), default=math.nan)
    if tokens or len(call.input_shape) != 2 or len(call.target_shape) != 1 or not samples >= per_output * call.classes:
        return
    if 0 <= top < call.classes - 1:
        yield Finding(
            message=f"The network has {call.classes} outputs; among {samples} labels none was above {top:.0f}.",
            advice=f"Give the last layer {top + 1:.0f} outputs, unless the other classes are still to come.",
            where=SourceLine.of(call),
            evidence=(Measure("outputs", call.classes, f"{top + 1:.0f}"),),
            severity=Severity.NOTE,
            title="The network has outputs for labels that never occur.",
        )


def _holes(run: Recording, call: LossCall, per_output: int) -> list[int]:
    """Return the labels below the highest one that never came, of a few classes of which most did."""
    here = [s for s in streams(run) if s.segment == call.segment and not s.continuous]
    counts = Counter(label for stream in here for label in stream.labels)
    if counts.total() < per_output * call.classes or not all(representative(run, s) for s in here):
        return []
    elsewhere = {v for r in run.rows(Labels) if r.split == VALIDATION and not r.continuous for v in r.values}
    absent = [label for label in range(max(counts)) if label not in counts and label not in elsewhere]
    few = call.classes <= MOST_CLASSES and 0 < 2 * len(absent) < call.classes
    return absent if few and min(counts) >= 0 and max(counts) < call.classes else []


def _unasked(call: LossCall, holes: Sequence[int]) -> Finding:
    shown = names_shown([str(label) for label in holes])
    return Finding(
        title="The network has outputs for labels that never occur.",
        message=f"The network has {call.classes} outputs; the label{'s' if len(holes) > 1 else ''} {shown} never came, "
        "though higher ones did.",
        advice="Count the classes of the training set, `torch.unique(labels, return_counts=True)`: has a filter or a "
        "split lost one?"
        + (" If the labels begin at 1, subtract 1 and take one output away." if list(holes) == [0] else ""),
        where=SourceLine.of(call),
        evidence=(Measure("labels that never came", len(holes), "0"),),
        severity=Severity.WARNING,
        certain=False,
    )
