"""R17 initial-loss."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, check
from nndoctor.records import OBSERVE, TRAIN, Batch, Event, LossCall, Module, Parameter, Step
from nndoctor_checks.loss_calls import training_calls

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CLASSIFICATION = ("cross_entropy", "nll_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits")


@check(
    "initial-loss",
    reason="R17",
    severity=Severity.WARNING,
    needs=[LossCall],
    explains=["cannot-overfit-batch", "fails-on-solvable-data", "learning-rate-too-low", "update-ratio"],
)
def initial_loss(
    run: Recording,
    *,
    factor: float = 1.5,  # the catalogue's 50 %; a He-initialised last layer gives about 1.3 times ln C
    margin: float = 0.5,  # nats above chance that are always allowed: ln 2 is small, half of it is noise
    regression_factor: float = 3.0,  # an untrained network's output varies too, so a regression may start at 2
    offset_deviations: float = 10.0,  # the mean of unstandardised targets, in their standard deviations
) -> Iterator[Finding]:
    """The first loss is far above that of a guess.

    ## What it does
    Compares the loss of the first batch, before any step, with the loss of predicting the prior: ln C or the entropy of
    the labels for cross-entropy, ln 2 for binary cross-entropy, the variance of the targets for the squared error.
    Reports a loss above `factor` times that (`regression_factor` for the squared error) and, for classification, more
    than `margin` nats plus the noise of a small batch above it. A lower loss is never reported. Weights that were
    loaded or trained by an earlier phase are exempt.

    ## Why is this bad?
    A network that knows nothing should say so. If it is confidently wrong instead, the first hundreds of steps only
    shrink the last layer (the hockey stick in the loss curve), and units may saturate on the way. Usually the last
    layer is initialised too large, the input is not standardised, or a regression has to travel to far-off targets.

    ## Example
    ```python
    nn.init.normal_(model.head.weight)
    ```

    Use instead:
    ```python
    nn.init.normal_(model.head.weight, std=0.01)
    nn.init.zeros_(model.head.bias)
    ```

    ## Known problems
    Losses with a fixed large scale (ArcFace, contrastive learning at a low temperature) start high by design.
    Weights that are copied in by hand may not be recognised as loaded.

    ## References
    - Andrej Karpathy, A Recipe for Training Neural Networks, 2019: "verify loss @ init"
    """
    for calls in training_calls(run, (*CLASSIFICATION, "mse_loss")):
        first = [call for call in calls if call.step == calls[0].step]
        if not all(_comparable(call) for call in first) or not _fresh(run, first[0]):
            continue
        value = sum(call.value for call in first) / len(first)
        guess = sum(_guess(call) for call in first) / len(first)
        if not (guess > 0 and math.isfinite(value)):
            continue
        if first[0].function in CLASSIFICATION:
            samples = sum(_rows(call) for call in first)
            if value > max(factor * guess, guess + margin + 1 / math.sqrt(samples)):
                yield _confident(first[0], value, guess)
        elif value > regression_factor * guess:
            offset = value <= factor * _second_moment(run, first)
            yield _far_off(
                first[0], value, guess, offset=offset, mild=value < guess * offset_deviations * offset_deviations
            )


def _confident(call: LossCall, value: float, guess: float) -> Finding:
    return Finding(
        message=f"The first loss of {call.function} is {value:.3g}; guessing without looking would give {guess:.3g}.",
        advice="Make the last layer start small (std 0.01, bias 0) and standardise its input: the outputs are far too "
        "large for a network that has learnt nothing yet.",
        where=SourceLine.of(call),
        names=(call.module,) if call.module else (),
        evidence=(Measure("first loss", value, f"about {guess:.3g}"),),
    )


def _far_off(call: LossCall, value: float, guess: float, *, offset: bool, mild: bool) -> Finding:
    if offset:
        why = "The targets lie far from 0, where an untrained network's predictions are."
        advice = "Standardise the targets, or start the last bias at their mean: `model.out.bias.data.fill_(y.mean())`."
    else:
        why = "The first predictions are much larger than the targets."
        advice = "Make the last layer start small (std 0.01), and check the scale of its input and of the targets."
    return Finding(
        message=f"The first loss of {call.function} is {value:.3g}, {value / guess:.3g} times that of predicting the "
        f"targets' mean. {why}",
        advice=advice,
        where=SourceLine.of(call),
        names=(call.module,) if call.module else (),
        evidence=(Measure("first loss", value, f"about {guess:.3g}, the variance of the targets"),),
        severity=Severity.NOTE if offset and mild else None,
    )


def _comparable(call: LossCall) -> bool:
    if call.reduction != "mean" or call.written_by_hand or not math.isfinite(call.value):
        return False
    if call.function == "mse_loss":
        return math.prod(call.target_shape) >= 8  # fewer give no variance worth the name
    if call.function == "nll_loss":
        return call.log_probabilities
    if call.function == "cross_entropy":  # a square of similarities is contrastive: its scale is deliberate
        return not (len(call.input_shape) == 2 and call.input_shape[0] == call.input_shape[1])
    return not call.weighted  # pos_weight moves the loss of a guess


def _guess(call: LossCall) -> float:
    return max((g for g in (call.prior_loss, call.uniform_loss) if math.isfinite(g)), default=math.nan)


def _rows(call: LossCall) -> int:
    return max(1, call.input_shape[0]) if call.input_shape else 1


def _second_moment(run: Recording, calls: Sequence[LossCall]) -> float:
    """Return what predicting 0 costs; its upper bound where the batch's target is not known."""
    targets = [
        batch.mean * batch.mean + batch.std * batch.std
        for batch in run.rows(Batch)
        if batch.experiment == OBSERVE
        and batch.segment == calls[0].segment
        and batch.step == calls[0].step
        and batch.split == TRAIN
        and "target" in batch.role
        and math.isfinite(batch.mean + batch.std)
    ]
    bounds = [b * b for call in calls for b in (call.target_min, call.target_max) if math.isfinite(b)]
    return targets[0] if len(targets) == 1 else max(bounds, default=math.nan)


def _fresh(run: Recording, call: LossCall) -> bool:
    """Whether the weights at this call are as they were initialised."""
    segment = call.segment
    parameters = run.rows(Parameter)
    if any(p.loaded for p in parameters if p.segment == segment):
        return False
    if any(m.loaded for m in run.rows(Module) if m.segment == segment):
        return False
    before = {p.name for p in parameters if p.segment < segment}
    if any(p.segment == segment and p.name in before for p in parameters):
        return False
    if any(e.kind == "loaded" and e.experiment == OBSERVE and e.segment <= segment for e in run.rows(Event)):
        return False
    return not any(
        s.experiment == OBSERVE and s.segment == segment and s.step < call.step and s.parameters_changed
        for s in run.rows(Step)
    )
