"""R21 collapsed-predictions."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, check, curve
from nndoctor.records import COAST, OBSERVE, OVERFIT, LossCall, OptimizerStep
from nndoctor_checks.loss_calls import place, training_calls

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


MIN_SHARE = 0.9
"""Of the calls judged: a constant prediction may flicker between two equally good classes."""


@check(
    "collapsed-predictions",
    reason="R21",
    severity=Severity.ERROR,
    needs=[LossCall],
    explains=["cannot-overfit-batch"],
)
def collapsed_predictions(
    run: Recording,
    *,
    min_steps: int = 20,  # optimizer steps; before that a healthy network may still predict one class
    min_overfit_steps: int = 50,  # on one batch of 16; a third of the experiment
    spread: float = 0.05,  # standard deviation of the predictions, in that of the targets
    max_chance: float = 0.7,  # if one class has more than that, predicting it alone may be all one can learn so soon
) -> Iterator[Finding]:
    """The network predicts one class, or one value, for every sample.

    ## What it does
    Looks at the last third of the watched steps, after at least `min_steps` optimizer steps: reports a loss whose
    predictions were all of one class (or varied by less than `spread` of the targets' standard deviation) while the
    targets varied and the score was no better than a constant's. It is an error if the same holds after
    `min_overfit_steps` steps on one small batch, or earlier if that satisfied the loss; a warning if that experiment is
    missing and the loss does not fall. If the batch was learnt there, the network can tell samples apart and nothing is
    reported.

    ## Why is this bad?
    A constant is the best prediction that does not look at the input. The loss falls to the entropy of the labels and
    stays there; with an uneven data set the accuracy even looks good. Behind it are dead units, an output activation
    that cannot reach the targets, an input that does not arrive, or a learning rate that threw the network off.

    ## Example
    ```python
    probability = torch.softmax(model(x), dim=1)  # over a single column: always 1
    loss = nn.functional.binary_cross_entropy(probability, y)
    ```

    Use instead:
    ```python
    loss = nn.functional.binary_cross_entropy_with_logits(model(x), y)
    ```

    ## Known problems
    Only losses whose score can be measured (class labels, squared errors) are judged. A network that collapses much
    later in the training is not seen.

    ## References
    - Andrej Karpathy, A Recipe for Training Neural Networks, 2019: "visualize prediction dynamics"
    """
    for calls in training_calls(run):
        first, last = calls[: max(1, len(calls) // 3)], _last_third(calls)
        if _steps(run, calls[-1].segment) < min_steps or not _collapsed(last, spread):
            continue
        if _mean([c.chance for c in last if c.metric != "r2"]) > max_chance:
            continue
        overfit = [c for c in _overfit(run, calls[-1]) if _varied(c)]
        long_enough = len(overfit) >= min_overfit_steps or _satisfied(overfit)
        if overfit and not (long_enough and _collapsed(_last_third(overfit), spread)):
            continue
        falls = _mean([c.value for c in last]) < _mean([c.value for c in first]) * 0.98
        if not overfit and falls:
            continue  # seen too briefly to tell
        yield replace(_finding(run, calls, overfit, spread), since=_since(calls, spread))


def _finding(run: Recording, calls: Sequence[LossCall], overfit: Sequence[LossCall], spread: float) -> Finding:
    last = _last_third(calls)
    call = last[-1]
    evidence: list[Measure] = []
    if call.metric == "r2":
        what = f"varied by only {call.prediction_std:.2g} where the targets vary by {call.target_std:.2g}"
        evidence.append(Measure("spread of the predictions", call.prediction_std, f"> {spread * call.target_std:.2g}"))
    else:
        what = f"were all of one class in batches with up to {max(c.distinct_targets for c in last)} classes"
        evidence.append(Measure("classes predicted", call.distinct_predictions, f"{call.distinct_targets}"))
    score = _mean([c.score for c in last])
    if math.isfinite(score):
        evidence.append(Measure(call.metric, score, f"> {_mean([c.chance for c in last]):.2g}, a constant's"))
    same = [c for c in run.rows(LossCall) if c.experiment == COAST and place(c)[2] == call.function]
    also = " Validation shows the same." if same and _collapsed(same, spread) else ""
    small = f" So they did after {len(overfit)} steps on one small batch." if overfit else ""
    return Finding(
        message=f"The predictions that {call.function} got in the last {len(last)} of {len(calls)} steps {what}."
        f"{small}{also}",
        advice="The loss is content with a constant: check that it also punishes the opposite answer."
        if _satisfied(overfit)
        else "Print a few predictions for different inputs, then go back through the model until they differ: look "
        "for dead units, an output activation that cannot reach the targets, and a softmax over one column.",
        where=SourceLine.of(call),
        names=(call.module,) if call.module else (),
        evidence=(*evidence, curve(f"{call.metric} by step", [c.step for c in calls], [c.score for c in calls])),
        severity=None if overfit else Severity.WARNING,
        certain=bool(overfit),
    )


def _since(calls: Sequence[LossCall], spread: float) -> tuple[int, int]:
    """Return from when on the predictions were constant."""
    varied = [c for c in calls if _varied(c)]
    last = next((c for c in reversed(varied) if not _constant(c, spread)), None)
    since = next((c.step for c in varied if last is not None and c.step > last.step), 0)
    return calls[-1].segment, since


def _last_third(calls: Sequence[LossCall]) -> Sequence[LossCall]:
    return calls[-max(1, len(calls) // 3) :]


def _satisfied(calls: Sequence[LossCall]) -> bool:
    """Whether the loss itself was driven down to next to nothing."""
    return len(calls) >= 2 and calls[-1].value < 0.1 * calls[0].value


def _varied(call: LossCall) -> bool:
    """Whether the targets of this batch leave something to tell apart."""
    return call.target_std > 0 if call.metric == "r2" else bool(call.metric) and call.distinct_targets >= 2


def _collapsed(calls: Sequence[LossCall], spread: float) -> bool:
    judged = [call for call in calls if _varied(call)]
    hits = [call for call in judged if _constant(call, spread)]
    return bool(hits) and len(hits) >= MIN_SHARE * len(judged)


def _constant(call: LossCall, spread: float) -> bool:
    if call.metric == "r2":
        return 0 <= call.prediction_std <= spread * call.target_std < math.inf and call.score <= spread
    return call.distinct_predictions == 1 and call.score <= call.chance + 1e-6


def _overfit(run: Recording, call: LossCall) -> list[LossCall]:
    """Return the calls of the same loss on the one small batch, at the user's own learning rate."""
    return [
        row
        for calls in training_calls(run, (call.function,), experiment=OVERFIT)
        for row in calls
        if row.segment == call.segment and place(row) == place(call)
    ]


def _steps(run: Recording, segment: int) -> int:
    return sum(row.experiment == OBSERVE and row.segment == segment for row in run.rows(OptimizerStep))


def _mean(values: Sequence[float]) -> float:
    known = [v for v in values if math.isfinite(v)]
    return sum(known) / len(known) if known else math.nan
