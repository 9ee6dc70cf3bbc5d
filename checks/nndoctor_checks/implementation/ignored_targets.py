"""R19 ignored-targets."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, check
from nndoctor.records import LossCall, Step
from nndoctor_checks.loss_calls import training_calls
from nndoctor_checks.observed import observed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@check(
    "ignored-targets",
    reason="R19",
    severity=Severity.WARNING,
    needs=[LossCall],
    explains=["collapsed-predictions", "learning-rate-too-low", "non-finite"],
)
def ignored_targets(
    run: Recording,
    *,
    most: float = 0.95,  # masked language models ignore 85 % of their tokens on purpose
    a_class: float = 0.02,  # of the labels of a classification; less than that may be missing labels
    min_calls: int = 3,
) -> Iterator[Finding]:
    """The loss leaves out targets that it should learn from.

    ## What it does
    Adds up how many targets equal the `ignore_index` of a cross-entropy. Warns if at least `most` of all targets of the
    observed steps were left out, or if a classifier with one label for each sample leaves out a class of its own: an
    `ignore_index` of 0 or more that `a_class` of the labels carry.

    ## Why is this bad?
    What is ignored gives no gradient. A class that is ignored is never predicted; a padding index that is also the
    index of a real token (often end-of-sequence) makes a language model that never stops; a batch in which all is
    ignored has the loss 0 / 0, which is NaN.

    ## Example
    ```python
    criterion = nn.CrossEntropyLoss(ignore_index=0)  # copied from a tagger; here 0 is a digit
    ```

    Use instead:
    ```python
    criterion = nn.CrossEntropyLoss()
    ```

    ## Known problems
    Masks that are multiplied with the loss by hand are not seen. A background class that is left out on purpose in a
    classification of single samples looks like the mistake.

    ## References
    - [PyTorch, CrossEntropyLoss](https://pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html)
    """
    sizes = {(s.segment, s.step): s.batch_size for s in observed(run, Step)}
    for calls in training_calls(run, ("cross_entropy", "nll_loss")):
        known = [c for c in calls if math.isfinite(c.ignored_share)]
        total = sum(math.prod(c.target_shape) for c in known)
        if len(known) < min_calls or total <= 0:
            continue
        share = sum(c.ignored_share * math.prod(c.target_shape) for c in known) / total
        index = known[-1].ignore_index
        if share >= most:
            yield _finding(
                known,
                share,
                f"ignores {share:.1%} of its {total} targets (ignore_index={index}).",
                "Look at a batch of targets: `(y != ignore_index).float().mean()`. Check that the mask is not inverted "
                "and that padding is not most of each batch.",
                f"< {most:g}",
            )
        elif 0 <= index < known[-1].classes and share >= a_class and _one_each(known, sizes):
            yield _finding(
                known,
                share,
                f"ignores class {index} of {known[-1].classes} (ignore_index={index}), {share:.1%} of all labels: the "
                "network never learns it.",
                f"Remove `ignore_index={index}`, or use an index that is no class, such as -100, for what is missing.",
                "0",
            )


def _finding(calls: Sequence[LossCall], share: float, what: str, advice: str, expected: str) -> Finding:
    call = calls[-1]
    return Finding(
        message=f"{call.function} {what}",
        advice=advice,
        where=SourceLine.of(call),
        names=(call.module,) if call.module else (),
        evidence=(Measure("share of targets ignored", share, expected),),
    )


def _one_each(calls: Sequence[LossCall], sizes: dict[tuple[int, int], int]) -> bool:
    """Whether there is one label for each sample of the batch, not one for each token or pixel."""
    return all(len(c.input_shape) == 2 and c.target_shape[:1] == (sizes.get((c.segment, c.step), -1),) for c in calls)
