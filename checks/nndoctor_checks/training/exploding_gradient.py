"""R35 exploding-gradient."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, Table, check, curve, names_shown
from nndoctor.records import OBSERVE, Optimizer, OptimizerStep, Parameter
from nndoctor_checks.depth import GROWTH, grown
from nndoctor_checks.descent import descent, middle, objectives
from nndoctor_checks.numerics import accidents, has_hole
from nndoctor_checks.observed import observed
from nndoctor_checks.tensors import matrices, sampled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SWOLLEN = 1e3
"""Std of a hidden output that began smaller; signals of well-scaled networks stay near 1."""
CLIP = "Clip them before the step, `torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)`, "


@check(
    "exploding-gradient",
    reason="R35",
    severity=Severity.ERROR,
    needs=[OptimizerStep],
    explains=[
        "cannot-overfit-batch",
        "collapsed-predictions",
        "dead-relu",
        "fails-on-solvable-data",
        "ignores-input",
        "input-disconnected",
        "loss-flat",
        "non-finite",
        "saturated-activation",
        "update-ratio",
    ],
    relief=["learning-rate-x0.1", "clip-gradients", "reinitialise"],
)
def exploding_gradient(
    run: Recording,
    *,
    growth: float = 100.0,  # within the run; norms of healthy runs move within a factor of about ten
    through_depth: float = GROWTH,  # first layers / last layer
    spike: float = 1000.0,  # times the median of the run's own history; others call 10 a spike
    min_steps: int = 12,  # to tell a trend from single steps
) -> Iterator[Finding]:
    """Gradients explode, within the run or on their way back through the network.

    ## What it does
    Looks at the gradients as the optimizer got them, so after clipping. Reports a model in which at least two weights
    get gradients that are `through_depth` times larger than the last layer's and large beside the weights; a norm that
    grew by `growth` within the run, or hidden activations that grew as much and beyond a std of 1000, while the loss
    did not fall. Single spikes of `spike` times the median are a warning. Only ratios are compared: a loss that is
    summed over the batch has large gradients, and rightly.

    ## Why is this bad?
    Going back, the gradient is multiplied by the weights of each layer, or of each time step of a recurrent network.
    If the factor is above one it grows exponentially, points in directions that hardly mean anything, and one step of
    SGD along it destroys what was learnt. With Adam the step stays small, and the direction is noise all the same.

    ## Example
    ```python
    nn.init.orthogonal_(rnn.weight_hh_l0, gain=2.5)
    loss.backward()
    optimizer.step()
    ```

    Use instead:
    ```python
    nn.init.orthogonal_(rnn.weight_hh_l0, gain=1.0)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    ```

    ## Known problems
    A network that leaves a plateau has growing gradients, too; it is not reported as long as the loss falls. What one
    weight gets because its inputs are large is left to the checks of the data.

    ## References
    - [Pascanu, Mikolov, Bengio, On the difficulty of training recurrent neural networks, 2013](https://arxiv.org/abs/1211.5063)
    """
    judged = False
    for segment, rows in _norms(run).items():
        if any(has_hole(row) for row in accidents(run, segment)):
            continue  # the slope of log or sqrt near 0 is large; the formula is the fault
        if deep := grown(run, segment, growth=through_depth):
            judged = True
            yield _deep(deep, through_depth)
            continue
        for name, series in rows.items():
            if len(series) < min_steps:
                continue
            judged = True
            if finding := _within_run(run, segment, (name, series), growth, spike):
                yield finding
                break
    if not judged:
        raise Skip("too few steps with finite gradients were seen, or a formula gave NaN or Inf")


def _norms(run: Recording) -> dict[int, dict[str, list[tuple[int, float]]]]:
    """Return the gradient norms by segment and optimizer, as (step, norm)."""
    found: defaultdict[int, dict[str, list[tuple[int, float]]]] = defaultdict(dict)
    for row in observed(run, OptimizerStep):
        series = found[row.segment].setdefault(row.optimizer, [])
        if math.isfinite(row.gradient_norm) and not row.skipped_by_scaler:
            series.append((row.step, row.gradient_norm))
    return dict(found)


def _deep(deep: Sequence[tuple[Parameter, float, float]], limit: float) -> Finding:
    worst, size, last = max(deep, key=lambda each: each[1] / each[2])
    names = tuple(p.name for p, _, _ in deep)
    return Finding(
        message=f"On its way back through the network the gradient grows by a factor of {size / last:.2g}: an element "
        f"of `{worst.name}` gets {size:.2g}, of the last layer's weight {last:.2g}. Concerned: {names_shown(names)}.",
        advice=f"{CLIP}and make the factor per layer or time step about 1: orthogonal or He initialisation with a gain "
        "of 1, normalisation layers, an LSTM or GRU instead of a plain recurrent cell.",
        where=SourceLine.of(worst),
        names=names,
        evidence=(
            Measure("gradient, first layers / last layer", size / last, f"<= {limit:g}"),
            Table(
                "Gradient per element (median over steps)",
                ("weight", "gradient", "last layer's"),
                tuple((p.name, f"{s:.2g}", f"{base:.2g}") for p, s, base in deep[:20]),
            ),
        ),
    )


def _within_run(
    run: Recording, segment: int, norms: tuple[str, Sequence[tuple[int, float]]], growth: float, spike: float
) -> Finding | None:
    name, series = norms
    values = [v for _, v in series]
    optimizer = next((o for o in run.rows(Optimizer) if o.name == name), None)
    course = descent(run, OBSERVE, segment)
    # An unknown loss counts as falling: then growing gradients alone prove nothing.
    falling = course is None or (not course.diverged and not course.end > 0.9 * course.start)
    early, late, usual = middle(values[:5]), middle(values[-max(3, len(values) // 4) :]), middle(values)
    sure = objectives(run, segment) == 1
    if falling:
        return None
    if early > 0 and late > growth * early:
        story = f"The norm of the gradient grew from {early:.3g} to {late:.3g} within {len(values)} steps"
        since = next((s for s, v in series if v > growth * early), 0)
        return _trend(optimizer, series, story, ("late / early", late / early, growth), (segment, since), sure=sure)
    if swollen := _swollen(run, segment, growth):
        module, before, after, since = swollen
        story = f"The std of the output of `{module}` grew from {before:.3g} to {after:.3g}"
        return _trend(optimizer, series, story, ("std of the output", after, SWOLLEN), (segment, since), sure=sure)
    if usual > 0 and max(values[3:]) > spike * usual:
        story = f"The norm of the gradient, usually {usual:.3g}, jumped to {max(values[3:]):.3g}"
        since = max(series[3:], key=lambda each: each[1])[0]
        measured = ("largest / median", max(values[3:]) / usual, spike)
        return _trend(optimizer, series, story, measured, (segment, since), sure=False)
    return None


def _swollen(run: Recording, segment: int, growth: float) -> tuple[str, float, float, int] | None:
    """Return the hidden layer whose output grew out of bounds in the course of training, from when on."""
    hidden = {p.module for p in matrices(run, segment)[:-1]}
    for name, rows in sampled(run, "activation", segment).items():
        before, after = rows[0].std, middle([r.std for r in rows[-3:]])
        if name in hidden and len(rows) >= 4 and before > 0 and after > SWOLLEN and after > growth * before:
            return name, before, after, next((r.step for r in rows if r.std > SWOLLEN), 0)
    return None


def _trend(
    optimizer: Optimizer | None,
    series: Sequence[tuple[int, float]],
    story: str,
    measured: tuple[str, float, float],
    since: tuple[int, int],
    *,
    sure: bool,
) -> Finding:
    label, value, limit = measured
    return Finding(
        message=f"{story}, and the loss did not fall.",
        advice=f"{CLIP}and lower the learning rate; if it comes from single batches, look at their content.",
        where=SourceLine.of(optimizer),
        evidence=(
            Measure(label, value, f"<= {limit:g}"),
            curve("norm of the gradient", [s for s, _ in series], [v for _, v in series]),
        ),
        severity=None if sure else Severity.WARNING,
        certain=sure,
        since=since,
    )
