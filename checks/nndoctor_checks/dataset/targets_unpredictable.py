"""R05 targets-unpredictable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check
from nndoctor.records import Learner
from nndoctor_checks.generalisation import generalises

if TYPE_CHECKING:
    from collections.abc import Iterator


@check(
    "targets-unpredictable",
    reason="R05",
    severity=Severity.WARNING,
    needs=[Learner],
    explains=["collapsed-predictions", "ignores-input", "learning-rate-too-low", "loss-flat"],
)
def targets_unpredictable(
    run: Recording,
    *,
    p_value: float = 0.05,  # the usual level, shared by two learners (Bonferroni): the smaller of two values counts
    min_samples: int = 300,  # with fewer, a weak relationship does not show
) -> Iterator[Finding]:
    """Nothing in the inputs was found to tell the targets.

    ## What it does
    Cross-validates two simple learners (kernel ridge regression and extremely randomised trees) on the samples that
    the loop was given, and compares their scores with those on permuted targets (permutation test). Warns if neither
    does significantly better on the real targets, and the network is not above chance on new samples either.

    ## Why is this bad?
    No architecture finds a relationship that is not there; a large network learns the targets by heart instead. Often
    the relationship was lost on the way: inputs and targets were shuffled, sorted or filtered apart from each other, a
    column was joined by the wrong key, or the wrong column serves as target. Sometimes (prices, draws of a lottery) it
    was never there.

    ## Example
    ```python
    x = x[rng.permutation(len(x))]
    y = y[rng.permutation(len(y))]
    ```

    Use instead:
    ```python
    order = rng.permutation(len(x))
    x, y = x[order], y[order]
    ```

    ## Known problems
    What only a deep network can see (fine detail of large images, long texts) is invisible to simple learners, and 40
    steps may be too few for the network: train longer before you believe it.

    ## References
    - Ojala and Garriga, Permutation Tests for Studying Classifier Performance, JMLR 2010
    - Zhang et al., Understanding deep learning requires rethinking generalization, ICLR 2017
    """
    judged = False
    for row in run.rows(Learner):
        if row.samples < min_samples:
            continue
        network = generalises(run, row.chance, classes=row.classes)
        if network is None:
            continue
        judged = True
        level = max(p_value / 2, 1 / (row.permutations + 1))  # no p-value is smaller than that
        if network or not level < row.p_value <= 1 or not -10 < row.score <= 1:
            continue
        metric = "accuracy" if row.classes else "R2"
        yield Finding(
            message=f"Simple learners predict the targets of {row.samples} training samples no better than permuted "
            f"ones ({metric} {row.score:.3f}, by chance {row.chance:.3f}; p = {row.p_value:.2f}), and the network is "
            "not above chance on new samples.",
            advice="Check that inputs and targets still belong together: print ten pairs just before the loss and "
            "compare them with the source; look for a shuffle, sort, filter or join that touched only one of the two.",
            where=SourceLine.of(row),
            evidence=(
                Measure(f"cross-validated {metric} of the best learner", row.score, f"> {row.chance:.3g}"),
                Measure(f"p-value ({row.permutations} permutations)", row.p_value, f"<= {level:.2g}"),
            ),
            certain=False,
        )
    if not judged:
        raise Skip("too few different samples with one target each were seen, or the network has no score")
