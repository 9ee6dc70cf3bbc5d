"""R20 loss-term-imbalance."""

from __future__ import annotations

import math
from collections import defaultdict
from statistics import median
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, Table, check
from nndoctor.records import TRAIN, LossCall, LossTerm
from nndoctor_checks.observed import by_segment, observed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SOLVED = 0.95
"""Accuracy or R2 from which on a term has little left to ask for."""


@check(
    "loss-term-imbalance",
    reason="R20",
    severity=Severity.WARNING,
    needs=[LossTerm],
    explains=["cannot-overfit-batch", "fails-on-solvable-data", "metric-at-chance"],
    relief=["unweighted-terms"],  # what a heavy term keeps the others from shows later than a trial lasts
)
def loss_term_imbalance(
    run: Recording,
    *,
    ratio: float = 100.0,  # below, Adam and some patience still serve both; tasks of one network differ by 1 to 10
    min_steps: int = 3,  # looked at: the first steps alone say little
) -> Iterator[Finding]:
    """One term of the loss drowns another.

    ## What it does
    Takes the objective apart into its summands and asks each that compares with a target for its gradient on the
    parameters that they share, in a few steps. Reports a pair of which one was more than `ratio` times larger in each.
    Not compared is a term that the script itself multiplies with a smaller number than the other, or that is nearly
    solved. Penalties, divergences and other terms without a target count only if the script multiplies them with
    `ratio` or more and if in half of the steps they asked for `ratio` times as much as the one term with a target: they
    are satisfied soon, by a network that has given up the rest.

    ## Why is this bad?
    The shared layers follow the sum of the gradients. What asks a hundred times less loudly is not heard: its loss
    hardly falls, while the total looks fine. Typical are a sum over pixels beside a mean over samples, and targets
    of different units.

    ## Example
    ```python
    loss = F.mse_loss(decoded, x, reduction="sum") + F.cross_entropy(logits, y)
    ```

    Use instead:
    ```python
    loss = F.mse_loss(decoded, x) + F.cross_entropy(logits, y)
    ```

    ## Known problems
    Only losses of torch that are added up to one objective are seen, and only those that share parameters. A main loss
    that is written by hand is taken for a penalty if it is multiplied with a large number. An imbalance that ends after
    the steps watched is reported all the same.

    ## References
    - [Chen et al., GradNorm, ICML 2018](https://arxiv.org/abs/1711.02257)
    - [Bowman et al., Generating Sentences from a Continuous Space, 2016](https://arxiv.org/abs/1511.06349) (how the
      divergence makes a variational autoencoder collapse, and its warm-up)
    - [Wang et al., Understanding and mitigating gradient pathologies in PINNs, 2021](https://arxiv.org/abs/2001.04536)
    """
    for segment, rows in by_segment(observed(run, LossTerm)).items():
        steps: defaultdict[tuple[str, int, int], dict[int, LossTerm]] = defaultdict(dict)
        for row in rows:
            steps[row.file, row.line, row.step][row.index] = row
        by_place: defaultdict[tuple[str, int], list[dict[int, LossTerm]]] = defaultdict(list)
        for (file, line, _), terms in steps.items():
            by_place[file, line].append(terms)
        for seen in by_place.values():
            if len(seen) < min_steps or len({tuple(sorted(terms)) for terms in seen}) > 1:
                continue
            if penalty := next((t for t in seen[-1].values() if not t.loss), None):
                yield from _penalty(run, segment, seen, penalty, ratio)
                continue
            last = max(seen[-1].values(), key=lambda t: t.norm)
            weakest = min(seen[-1].values(), key=lambda t: t.norm)
            ratios = [_ratio(terms, last.index, weakest.index) for terms in seen]
            if all(r > ratio for r in ratios) and _unintended(last, weakest) and not _solved(run, segment, weakest):
                yield _finding(seen, last, weakest, ratios, ratio)


def _finding(
    seen: Sequence[dict[int, LossTerm]], strong: LossTerm, weak: LossTerm, ratios: Sequence[float], ratio: float
) -> Finding:
    typical = median(ratios)
    norms = [(t.loss, f"{t.factor:.3g}", f"{t.norm:.3g}") for t in seen[-1].values()]
    return Finding(
        message=f"On the {strong.shared} parameters that they share, the gradient of {strong.loss} is {typical:.3g} "
        f"times that of {weak.loss}, in each of {len(seen)} steps looked at.",
        advice=f"Bring the terms to one scale: average instead of summing, standardise the targets, or multiply "
        f"{strong.loss} with about {1 / typical:.1g}. Then log each term by itself.",
        where=SourceLine.of(strong),
        evidence=(
            Measure("gradient of one term / of the other", typical, f"<= {ratio:.3g}"),
            Table("terms in the last of these steps", ("loss", "factor", "norm of its gradient"), tuple(norms)),
        ),
    )


def _penalty(
    run: Recording, segment: int, seen: Sequence[dict[int, LossTerm]], penalty: LossTerm, ratio: float
) -> Iterator[Finding]:
    """Report a term without a target whose constant makes it drown the one that has one."""
    data = next(t for t in seen[-1].values() if t.loss)
    ratios = [_ratio(terms, penalty.index, data.index) for terms in seen]
    heavy = penalty.largest >= ratio and penalty.factor >= 0.1 * ratio * data.factor
    if not heavy or not median(ratios) > ratio or _solved(run, segment, data):
        return
    typical = median(ratios)
    norms = [(t.loss or "without a target", f"{t.factor:.3g}", f"{t.norm:.3g}") for t in seen[-1].values()]
    yield Finding(
        message=f"A term without a target is multiplied with {penalty.largest:.3g}, and on the {penalty.shared} "
        f"parameters that it shares with {data.loss} its gradient is {typical:.3g} times as large, in the median of "
        f"{len(seen)} steps.",
        advice=f"Multiply it with less, about {penalty.largest / typical:.1g}, or raise the factor from 0 while the "
        "training goes on (warm-up); log each term by itself.",
        where=SourceLine.of(penalty),
        evidence=(
            Measure("gradient of one term / of the other", typical, f"<= {ratio:.3g}"),
            Table("terms in the last of these steps", ("loss", "factor", "norm of its gradient"), tuple(norms)),
        ),
        certain=False,
    )


def _ratio(terms: dict[int, LossTerm], strong: int, weak: int) -> float:
    over, under = terms[strong].norm, terms[weak].norm
    return over / under if under > 0 and math.isfinite(over) else math.nan


def _unintended(strong: LossTerm, weak: LossTerm) -> bool:
    """Whether the script's own weights do not ask for it: a tenth of a helper's loss is meant to be heard less."""
    return strong.factor <= weak.factor


def _solved(run: Recording, segment: int, weak: LossTerm) -> bool:
    calls = [
        c for c in observed(run, LossCall) if c.segment == segment and c.split == TRAIN and c.function == weak.loss
    ]  # fmt: skip
    scores = [c.score for c in calls[-5:] if math.isfinite(c.score)]
    return bool(scores) and median(scores) >= SOLVED
