"""R12 unstandardised-target."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check
from nndoctor.records import TRAIN, LossCall
from nndoctor_checks.label_streams import adversarial
from nndoctor_checks.numerics import accidents
from nndoctor_checks.observed import by_segment, observed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LARGEST = 1e30


@check(
    "unstandardised-target",
    reason="R12",
    severity=Severity.WARNING,
    needs=[LossCall],
    explains=[
        "cannot-overfit-batch",
        "collapsed-predictions",
        "dead-relu",
        "exploding-gradient",
        "fails-on-solvable-data",
        "initial-loss",
        "learning-rate-too-high",
        "learning-rate-too-low",
        "loss-flat",
        "non-finite",
        "update-ratio",
    ],
    treatments=["standardise-targets"],
)
def unstandardised_target(
    run: Recording,
    *,
    wide: float = 100.0,  # deviation of the target; a fresh network's output has one below 1
    offset: float = 10.0,  # |mean| over deviation: the mean alone is then 99 % of the squared error
    learned: float = 0.5,  # R2 at the end: so the scale is no obstacle
    scaled: float = 0.1,  # prediction's over target's deviation at the start: the model scales its output itself
    min_steps: int = 5,  # one is enough where the run ended in NaN: nothing more was to be seen
) -> Iterator[Finding]:
    """The regression targets are not scaled to about mean 0 and standard deviation 1.

    ## What it does
    Looks at the targets that a regression loss gets in training. Warns if their standard deviation is above `wide`, or
    their mean more than `offset` deviations from 0, as long as the network predicts them badly. A model that scales
    its output itself, or starts at the targets' mean, is left alone.

    ## Why is this bad?
    A new network answers with numbers around 0 and of size 1, and takes steps made for that. To reach targets in the
    thousands its last layer must grow for thousands of steps, with gradients as large as the targets; all that it
    learns meanwhile is their mean.

    ## Example
    ```python
    y = torch.tensor(prices)  # 50,000 to 500,000
    loss = nn.functional.mse_loss(model(x), y)
    ```

    Use instead:
    ```python
    y = (torch.tensor(prices) - y_mean) / y_std  # statistics of the training set
    loss = nn.functional.mse_loss(model(x), y)
    prediction = model(x) * y_std + y_mean
    ```

    ## Known problems
    Values that are bootstrapped by the loop itself (reinforcement learning) have no fixed scale; reward scaling helps.

    ## References
    - Bishop, Neural Networks for Pattern Recognition, 1995 (section 8.2, pre-processing)
    - LeCun, Bottou, Orr and Mueller, Efficient BackProp, 1998 (section 4.5, choosing target values)
    """
    calls = [c for c in observed(run, LossCall) if c.split == TRAIN and c.metric == "r2" and not c.target_is_input]
    groups: dict[tuple[int, str, int, int], list[LossCall]] = {}
    for call in calls:
        if 0 < call.target_std <= LARGEST and abs(call.target_mean) <= LARGEST and math.isfinite(call.score):
            groups.setdefault((call.segment, call.file, call.line, call.index), []).append(call)
    judged = {
        key: rows
        for key, rows in groups.items()
        if (len(rows) >= min_steps or accidents(run, key[0])) and not adversarial(run, key[0])
    }
    if not judged:
        raise Skip("no regression loss was seen in training")
    for segment in by_segment(row for rows in judged.values() for row in rows):
        for key, rows in judged.items():
            if key[0] != segment:
                continue
            start = rows[:1] if accidents(run, segment) else rows[: max(3, len(rows) // 8)]
            fault = _fault(rows, start, (wide, offset, learned, scaled))
            if fault:
                yield _finding(rows, fault)
                break  # several losses on one target are one fault


def _fault(rows: Sequence[LossCall], first: Sequence[LossCall], marks: tuple[float, float, float, float]) -> str:
    wide, offset, learned, scaled = marks
    std, mean = median(r.target_std for r in rows), median(r.target_mean for r in rows)
    last = rows[-max(3, len(rows) // 4) :]
    if median(r.score for r in last) >= learned:
        return ""
    starts = median(r.prediction_std for r in first)
    if std > wide and starts < scaled * std:
        return f"a standard deviation of {std:,.4g}"
    # With predictions around 0, R2 is -(mean / std)**2; better means that the network starts elsewhere.
    if abs(mean) > max(1.0, offset * std) and median(r.score for r in first) < -0.3 * (mean / std) ** 2:
        return f"a mean of {mean:,.4g} at a standard deviation of {std:,.3g}"
    return ""


def _finding(rows: Sequence[LossCall], fault: str) -> Finding:
    last = median(r.score for r in rows[-max(3, len(rows) // 4) :])
    return Finding(
        message=f"The targets of {rows[0].function} have {fault}; a new network answers with numbers around 0 and of "
        "about size 1.",
        advice="Standardise the target with the training set's statistics, `y = (y - y_mean) / y_std`, and scale "
        "predictions back where you report them: `model(x) * y_std + y_mean`.",
        where=SourceLine.of(rows[0]),
        evidence=(
            Measure("target's mean", median(r.target_mean for r in rows), "about 0"),
            Measure("target's standard deviation", median(r.target_std for r in rows), "about 1"),
            Measure("prediction's standard deviation, first step", rows[0].prediction_std, "near the target's")
            if math.isfinite(rows[0].prediction_std)
            else Measure("smallest target", rows[0].target_min, ""),
            Measure("R2 of the last steps", last, "> 0.5"),
        ),
    )
