"""R06 noisy-labels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check
from nndoctor.records import Learner

if TYPE_CHECKING:
    from collections.abc import Iterator


@check("noisy-labels", reason="R06", severity=Severity.WARNING, needs=[Learner], explains=[])
def noisy_labels(
    run: Recording,
    *,
    share: float = 0.1,  # of wrong labels; well-kept data sets have up to 6 % (Northcutt 2021), training bears more
    skill: float = 0.4,  # of the way from chance to perfect recall; a learner that is worse is no judge of labels
    flat: float = 0.55,  # of the error over all samples; where samples are hard, the easy ones have far less of it
    min_sure: int = 60,
    sigmas: float = 1.64,  # one-sided 95 %
    pattern: float = 0.05,  # p-value from which on errors count as having none, as wrong labels have
) -> Iterator[Finding]:
    """Many training labels seem to be wrong.

    ## What it does
    Cross-validates two simple learners on the samples that the loop was given, and takes the third of the samples of
    each class about which both are surest. Warns if at least `share` of these carry another label than both predict,
    with 95 % confidence. Hard samples lower the learners' sureness and are not among them; wrong labels hit easy
    samples like hard ones, so that their share among the easy ones estimates that in the whole data set.
    Learners that are too weak (`skill`), or much better on easy samples than on all (`flat`), accuse nobody; nor do
    errors of theirs that a single feature gives away (`pattern`): that is something they cannot see, as the "not" in
    front of a word, and no accident of the labels.

    ## Why is this bad?
    A large network learns wrong labels by heart, late in training and at the cost of what it had understood. The
    validation score, whose labels were made in the same way, has a ceiling below 1, and good models are not told from
    better ones.

    ## Example
    ```python
    labels = first_annotator
    ```

    Use instead:
    ```python
    labels = np.where(first_annotator == second_annotator, first_annotator, reviewed)
    ```

    ## Known problems
    Outcomes that are random by nature (will this customer come back?) look like wrong labels. Errors that always hit
    the same kind of sample are learnt like a truth, and not seen.

    ## References
    - Northcutt, Jiang and Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels, JAIR 2021
    - Westfall and Young, Resampling-Based Multiple Testing, Wiley 1993 (the p-value of the greatest correlation)
    - Patrini et al., Making Deep Neural Networks Robust to Label Noise: a Loss Correction Approach, CVPR 2017
    - Northcutt, Athalye and Mueller, Pervasive Label Errors in Test Sets, NeurIPS 2021
    """
    judged = False
    for row in run.rows(Learner):
        if row.classes < 2 or row.sure < min_sure or not row.balanced <= 1:
            continue
        if (row.balanced - 1 / row.classes) / (1 - 1 / row.classes) < skill:
            continue
        judged = True
        measured = row.sure_wrong / row.sure
        if not measured >= flat * (1 - row.score) or not share <= _at_least(measured, row.sure, sigmas) <= 1:
            continue
        if row.pattern_p < pattern:
            continue
        yield Finding(
            message=f"About {measured:.0%} of the training labels seem to be wrong: so many of the {row.sure} samples "
            "that two simple learners find easiest carry another label than both predict.",
            advice="Look at these samples first: train any classifier, and list where its cross-validated prediction "
            "is sure and differs from the label (cleanlab's find_label_issues does that). Correct or drop the wrong "
            "ones; until then label smoothing and early stopping limit the harm.",
            where=SourceLine.of(row),
            evidence=(
                Measure("wrong labels among the easiest samples", measured, f"< {share:g}"),
                Measure("at least, with 95 % confidence", _at_least(measured, row.sure, sigmas), f"< {share:g}"),
                Measure("mean recall of the better learner", row.balanced),
                Measure("p-value of a pattern in the errors", row.pattern_p, f">= {pattern:g}"),
            ),
            certain=False,
        )
    if not judged:
        raise Skip("no simple learner knows the classes well enough to judge their labels")


def _at_least(measured: float, count: int, sigmas: float) -> float:
    """Return the lower end of the Wilson interval of a share."""
    square = sigmas**2
    centre = measured + square / (2 * count)
    spread = sigmas * math.sqrt(max(0.0, measured * (1 - measured)) / count + square / (4 * count**2))
    return (centre - spread) / (1 + square / count)
