"""R18 loss-sign."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, check, curve
from nndoctor.records import OVERFIT, TRAIN, LossCall, Parameter, Step, StepDirection
from nndoctor_checks.descent import descent, objectives, same_target
from nndoctor_checks.loss_calls import BROKEN_LOSS_SYMPTOMS, training_calls
from nndoctor_checks.observed import by_segment, observed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BOUNDED = (
    "cross_entropy",
    "nll_loss",
    "ctc_loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "multilabel_soft_margin_loss",
    "linear_cross_entropy",
    "mse_loss",
    "l1_loss",
    "smooth_l1_loss",
    "huber_loss",
    "soft_margin_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "hinge_embedding_loss",
    "cosine_embedding_loss",
    "margin_ranking_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
)
"""Losses that are never below zero for the targets that they are made for, and are smaller the better."""
DENSITIES = ("gaussian_nll_loss", "poisson_nll_loss")
"""Negative log-likelihoods that constants are left out of, or of a density: smaller the better, below zero as well."""
SUPERVISED = BOUNDED + DENSITIES
PICKS = ("getitem", "gather")
SAME = 0.02
"""How much the ratio of the objective to the losses called may vary, relative."""
MIN_SHARE = 0.9


@check(
    "loss-sign",
    reason="R18",
    severity=Severity.ERROR,
    needs=[LossCall, Step],
    explains=[
        *BROKEN_LOSS_SYMPTOMS,
        "dead-relu",
        "exploding-gradient",
        "learning-rate-too-high",
        "needs-more-time",
        "non-finite",
        "weight-distribution",
    ],
)
def loss_sign(
    run: Recording,
    *,
    min_steps: int = 5,  # over which objective and loss go opposite ways
    uphill: float = 0.1,  # cosine of step and gradient; -1 is steepest descent, momentum alone rarely turns the first
) -> Iterator[Finding]:
    """The training makes the loss larger instead of smaller.

    ## What it does
    Reports a phase that minimises a negative multiple of the losses that it calls (cross-entropy, squared error, CTC,
    margins and others that are smaller the better; a likelihood of a density may itself be below zero), and one whose
    parameters move up the gradient of such losses in all sampled steps. Where log-probabilities are picked by hand, it
    warns if the objective falls below zero while the network, on one small batch, gets worse than chance.

    ## Why is this bad?
    The optimizer does what it is told and makes the predictions as wrong as it can. The objective falls without bound,
    which looks like progress at first; the weights grow until numbers overflow.

    ## Example
    ```python
    loss = -nn.functional.cross_entropy(model(x), y)
    ```

    Use instead:
    ```python
    loss = nn.functional.cross_entropy(model(x), y)
    ```

    ## Known problems
    Loops with several objectives (a GAN's generator, adversarial examples) ascend on purpose and are not judged, nor
    are networks of which less than half of the weights is trained. Unlearning by ascent looks like the mistake.

    ## References
    - Humbatova et al., Taxonomy of Real Faults in Deep Learning Systems, ICSE 2020 (wrong loss function calculation)
    """
    for segment, steps in by_segment(s for s in observed(run, Step) if math.isfinite(s.loss)).items():
        if objectives(run, segment) > 1 or any(s.backwards != 1 for s in steps) or not _mostly_trained(run, segment):
            continue
        calls = [c for group in training_calls(run) for c in group if c.segment == segment]
        signs = _signs(steps, [c for c in calls if c.function in SUPERVISED])
        ascends = _ascends(run, segment, uphill)
        if len(signs) >= min_steps and signs[0] < 0 and not ascends:
            yield _finding(steps, calls, "the objective is the negative of it")
        elif len(signs) >= min_steps and signs[0] > 0 and ascends:
            maximize = any(d.maximize for d in run.rows(StepDirection) if d.segment == segment)
            why = "the optimizer was built with `maximize=True`" if maximize else "each step goes up its gradient"
            yield _finding(steps, calls, why)
        elif (picks := [c for c in calls if c.function in PICKS and c.log_probabilities]) and _worse_than_chance(
            run, segment, min_steps
        ):
            yield _finding(steps, picks, "the objective fell below zero and took the accuracy along", unsure=True)


def _finding(steps: Sequence[Step], calls: Sequence[LossCall], why: str, *, unsure: bool = False) -> Finding:
    call = calls[-1]
    values: dict[int, float] = {}
    for each in calls:
        values[each.step] = values.get(each.step, 0.0) + each.value
    known = [v for v in values.values() if math.isfinite(v)]
    course = f" from {known[0]:.3g} to {known[-1]:.3g} in {len(known)} steps" if known else ""
    return Finding(
        message=f"The training maximises {call.function}{course}: {why}.",
        advice="Take the minus sign away from the loss (or give a log-likelihood one), build the optimizer without "
        "`maximize=True`, and subtract the gradient where weights are updated by hand.",
        where=SourceLine.of(call),
        evidence=(
            Measure("objective of the last step", steps[-1].loss, "falls together with the loss"),
            curve("objective", [s.step for s in steps], [s.loss for s in steps]),
            curve(call.function, list(values), list(values.values())),
        ),
        severity=Severity.WARNING if unsure else None,
        certain=not unsure,
    )


def _signs(steps: Sequence[Step], calls: Sequence[LossCall]) -> list[int]:
    """Return the sign of objective / losses for each step, if that ratio is one constant: there is nothing else."""
    values: dict[int, float] = {}
    for call in calls:
        values[call.step] = values.get(call.step, 0.0) + (call.value if _valid(call) else math.nan)
    ratios = [s.loss / values[s.step] for s in steps if math.isfinite(v := values.get(s.step, math.nan)) and v != 0]
    if not ratios or len(ratios) < MIN_SHARE * len(steps):
        return []
    typical = median(ratios)
    same = [r for r in ratios if abs(r - typical) <= SAME * abs(typical)]
    return [1 if typical > 0 else -1] * len(same) if typical != 0 and len(same) >= MIN_SHARE * len(ratios) else []


def _valid(call: LossCall) -> bool:
    """Whether the loss was given what it is made for, so that smaller is better."""
    if call.function.startswith(("binary", "multilabel_soft")) and not 0 <= call.target_min <= call.target_max <= 1:
        return False
    if call.function in ("nll_loss", "ctc_loss") and not call.log_probabilities:
        return False
    if call.function == "poisson_nll_loss" and not call.target_min >= 0:
        return False
    return call.value > 0 or call.function in DENSITIES


def _ascends(run: Recording, segment: int, uphill: float) -> bool:
    cosines = [d.cosine for d in observed(run, StepDirection) if d.segment == segment]
    return len(cosines) >= 3 and all(c >= uphill for c in cosines)


def _mostly_trained(run: Recording, segment: int) -> bool:
    """Whether a network is trained, and not an input or a patch of it to fool one."""
    rows = [p for p in run.rows(Parameter) if p.segment == segment and p.called]
    total = sum(p.numel for p in rows)
    return not total or 2 * sum(p.numel for p in rows if p.changed and p.registered) >= total


def _worse_than_chance(run: Recording, segment: int, min_steps: int) -> bool:
    course = descent(run, OVERFIT, segment)
    if course is None or len(course.scores) < 2 * min_steps or len(course.scores) != len(course.losses):
        return False
    called = [c for c in run.rows(LossCall) if c.experiment == OVERFIT and c.segment == segment and c.split == TRAIN]
    chances = [c.chance for c in called if math.isfinite(c.chance) and c.distinct_targets > 1]
    if not chances or not same_target(run, course, segment) or not max(course.losses) < 0:
        return False
    worse = max(course.scores[-5:]) < 0.5 * median(chances)
    return worse and course.losses[-1] < 2 * course.losses[0]
