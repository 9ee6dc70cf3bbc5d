"""R19 wrong-loss-for-target."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, check
from nndoctor.backward_nodes import head
from nndoctor.records import Batch, LossCall, Step
from nndoctor_checks.loss_calls import BROKEN_LOSS_SYMPTOMS, training_calls
from nndoctor_checks.observed import observed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

REGRESSION = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")
BINARY = ("binary_cross_entropy", "binary_cross_entropy_with_logits")
ORDERED = (*BINARY, "cross_entropy", "poisson_nll_loss")
"""Losses in which prediction and target cannot change places. kl_div is none: its two directions are both in use."""
SIGNED = ("soft_margin_loss", "hinge_embedding_loss", "cosine_embedding_loss", "margin_ranking_loss")
"""Losses whose two kinds of target are 1 and -1."""
MAY_MASK = ("cosine_embedding_loss", "margin_ranking_loss")
"""Of these: a target of 0 takes a pair out of the loss, which may be meant where all other pairs are of one kind."""
BOUNDED = ("Sigmoid", "Tanh", "Softmax", "HardSigmoid", "Hardsigmoid", "Clamp")
"""Backward nodes of what keeps a prediction within bounds: a score of probabilities, such as Brier's, is meant then."""
IGNORED = -100
"""What torch's cross-entropy leaves out of the loss, where nothing else is asked for."""
Fault = tuple[str, str, Measure]
CLASSES = "Give the network one output for each class and use `cross_entropy(logits, labels.long())`."


@check(
    "wrong-loss-for-target",
    reason="R19",
    severity=Severity.ERROR,
    needs=[LossCall],
    explains=[*BROKEN_LOSS_SYMPTOMS, "initial-loss", "no-gradient", "parameters-not-updating"],
)
def wrong_loss_for_target(
    run: Recording,
    *,
    min_share: float = 0.9,  # of a place's calls; what is wrong with the kind of target is wrong in every call
    positive: float = 1e-3,  # log-probabilities are never above 0 by more than rounding
    most_classes: int = 20,  # whole numbers up to more than that are counts or measurements
) -> Iterator[Finding]:
    """The loss function does not fit the targets that it is given.

    ## What it does
    Reports a cross-entropy over a single output column (its loss is always 0), a cross-entropy whose input lost its
    class dimension and is normalised over the batch, a `kl_div` whose input has values above 0 and so is not
    log-probabilities, a binary cross-entropy whose targets are whole numbers outside of 0 and 1, and a loss for targets
    of 1 and -1 (soft margin, hinge and cosine embedding, ranking) that gets 1 and 0. A cross-entropy
    got its arguments in the wrong order if what it takes for the target carries the gradient and its input does not.
    It is a warning if a regression loss gets integer class labels 0, 1, 2, ... (and -100), or if the absolute error
    compares a bare output with labels that are all 0 or 1, one for each sample; other regression losses on such labels
    are noted.

    ## Why is this bad?
    The loss has its lowest value somewhere else than at the right answer, or has no lowest value at all: a softmax over
    one column is 1 whatever the network says, binary cross-entropy with a target of 2 falls without end, and with
    swapped arguments it is linear in the prediction: it falls without end, too. The absolute error asks for the median
    of the labels, which is the more frequent class and nothing between; the answer then lies about 0 or 1 and has to
    be compared with 0.5, while a logit is compared with 0.

    ## Example
    ```python
    model = nn.Linear(30, 1)
    loss = nn.functional.cross_entropy(model(x), y.float().unsqueeze(1))
    ```

    Use instead:
    ```python
    model = nn.Linear(30, 1)
    loss = nn.functional.binary_cross_entropy_with_logits(model(x), y.float().unsqueeze(1))
    ```

    ## Known problems
    Whether whole numbers are classes or an ordered quantity (a rating) cannot be seen, hence only a warning. The
    squared error on labels of 0 and 1 is a classifier as good as others if its answers are compared with 0.5.

    ## References
    - [PyTorch, CrossEntropyLoss](https://pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html)
    - [PyTorch, KLDivLoss](https://pytorch.org/docs/stable/generated/torch.nn.KLDivLoss.html)
    - [PyTorch, SoftMarginLoss](https://pytorch.org/docs/stable/generated/torch.nn.SoftMarginLoss.html)
    - [Hui and Belkin, Evaluation of Neural Architectures Trained with Square Loss, 2021](https://arxiv.org/abs/2006.07322)
    """
    sizes = {(s.segment, s.step): s.batch_size for s in observed(run, Step)}
    for calls in training_calls(run):
        judged = [(c, found) for c in calls if (found := _fault(c, sizes, positive)) is not None]
        if judged and len(judged) >= min_share * len(calls):
            call, (message, advice, measure) = judged[-1]
            yield Finding(
                message=f"{message}, in {len(judged)} of {len(calls)} calls.",
                advice=advice,
                where=SourceLine.of(call),
                names=(call.module,) if call.module else (),
                evidence=(measure,),
                severity=Severity.WARNING if call.function in MAY_MASK else None,
                certain=call.function not in MAY_MASK,
            )
        elif _indices(run, calls, most_classes):
            call = calls[-1]
            top = max(c.target_max for c in calls)
            padded = any(c.target_min == IGNORED for c in calls)
            yield Finding(
                message=f"{call.function} gets class labels from 0 to {top:.0f} as if they were amounts: "
                + (
                    f"it does not leave out the {IGNORED} of padded places either, as cross_entropy does."
                    if padded
                    else f"a 1 for a {top:.0f} costs {(top - 1) ** 2:.0f} times a 1 for a 2."
                ),
                advice=f"If they are classes: {CLASSES[0].lower()}{CLASSES[1:]} If they are amounts, all is well.",
                where=SourceLine.of(call),
                evidence=(Measure("different labels", top + 1, "an amount, not the number of a class"),),
                severity=Severity.WARNING,
                certain=False,
            )
        elif _binary_labels(run, calls, min_share):
            yield _regressed(calls)


def _regressed(calls: Sequence[LossCall]) -> Finding:
    call = calls[-1]
    absolute = call.function == "l1_loss"
    return Finding(
        message=f"{call.function} compares a bare output with labels that are all 0 or 1, in {len(calls)} calls: "
        + (
            "the absolute error is smallest at the more frequent label, with nothing between the two."
            if absolute
            else "the output is no logit, and is to be compared with 0.5."
        ),
        advice="For two classes use `binary_cross_entropy_with_logits(output, y.float())`, whose output is a logit: "
        "above 0 means 1.",
        where=SourceLine.of(call),
        evidence=(Measure("different labels", 2, "a quantity"),),
        severity=Severity.WARNING if absolute else Severity.NOTE,
        certain=False,
    )


def _fault(call: LossCall, sizes: dict[tuple[int, int], int], positive: float) -> Fault | None:
    """Return message, advice and number of a loss that cannot be right, None for others."""
    if call.function in ORDERED and call.target_requires_grad and not call.requires_grad:
        return (
            f"{call.function} gets its target first and the prediction second: only the second carries a gradient",
            f"The prediction comes first: `{call.function}(output, target)`.",
            Measure("inputs with a gradient", 0, "all, and no target"),
        )
    if call.function == "cross_entropy":
        return _cross_entropy(call, sizes.get((call.segment, call.step), 0))
    if call.function == "kl_div" and positive < call.input_max < math.inf:
        what = "probabilities" if call.unit_interval else "values"
        return (
            f"kl_div gets {what} up to {call.input_max:.3g} as input, where it expects log-probabilities",
            "Give it `log_softmax(logits, dim=-1)` first and the target's probabilities second.",
            Measure("largest input", call.input_max, "<= 0"),
        )
    if call.function in SIGNED and call.target_integral and (call.target_min, call.target_max) == (0, 1):
        return (
            f"{call.function} gets 0 and 1 as targets; it knows 1 and -1, and what has a target of 0 teaches nothing",
            "Map the labels: `2 * y - 1`.",
            Measure("lowest target", 0, "-1"),
        )
    plain = call.reduction != "none" and not call.weighted  # else what is missing may be masked afterwards
    outside = 2 <= call.target_max < math.inf or -math.inf < call.target_min <= -1
    if call.function in BINARY and plain and call.target_integral and outside:
        worst = call.target_max if call.target_max >= 2 else call.target_min
        return (
            f"{call.function} gets {worst:.0f} as target; it knows 0 and 1",
            "Map two labels to 0.0 and 1.0. For more than two classes: " + CLASSES,
            Measure("target", worst, "from 0 to 1"),
        )
    return None


def _cross_entropy(call: LossCall, size: int) -> Fault | None:
    one = call.input_shape
    advice = f"For two classes use `binary_cross_entropy_with_logits(output, y.float())`. For more: {CLASSES}"
    if len(one) >= 2 and one[1] == 1:
        message = f"cross_entropy gets one output column (shape {one}): its softmax is 1, its loss always the same"
        return message, advice, Measure("output columns", 1, ">= 2, one for each class")
    if len(one) == 1 and one == call.target_shape and one[0] == size > 1 and call.target_integral:
        message = f"cross_entropy gets one number for each of {size} samples: its softmax runs over the batch"
        return message, advice, Measure("dimensions of the output", 1, "2: samples and classes")
    return None


def _indices(run: Recording, calls: Sequence[LossCall], most: int) -> bool:
    """Whether a regression's targets are whole numbers from 0 (or `IGNORED`) that came as integers."""
    if calls[-1].function not in REGRESSION or not all(c.target_integral and not c.target_is_input for c in calls):
        return False
    top = max(c.target_max for c in calls)
    if not (min(c.target_min for c in calls) in (0, IGNORED) and 2 <= top < most and len(calls) >= 3):
        return False
    whole = [
        b
        for b in observed(run, Batch)
        if b.segment == calls[-1].segment and b.role == "target" and b.dtype.startswith(("int", "uint"))
    ]
    return bool(whole) and max((b.max for b in whole if math.isfinite(b.max)), default=math.nan) == top


def _binary_labels(run: Recording, calls: Sequence[LossCall], share: float) -> bool:
    """Whether a regression without bounds gets labels from the data that are 0 and 1, one for each sample.

    Of sorted data a batch holds one of the two only.
    """
    call = calls[-1]
    if call.function not in REGRESSION or len(calls) < 3 or any(n.startswith(BOUNDED) for n in head(call.graph)):
        return False
    labels = [b for b in observed(run, Batch) if _labels(b, call.segment)]
    sizes = {math.prod(b.shape) for b in labels}
    one_kind = {(b.step, b.min, b.max) for b in labels}  # a critic's ones and zeros come from no loader
    fed = [
        c
        for c in calls
        if c.target_integral
        and not c.target_is_input
        and ((c.target_min, c.target_max) == (0, 1) or (c.step, c.target_min, c.target_max) in one_kind)
    ]
    if len(fed) < share * len(calls) or (min(c.target_min for c in fed), max(c.target_max for c in fed)) != (0, 1):
        return False
    return all(math.prod(c.target_shape) in sizes for c in fed)


def _labels(batch: Batch, segment: int) -> bool:
    one_each = bool(batch.shape) and math.prod(batch.shape) == batch.shape[0] > 1
    return batch.segment == segment and batch.role == "target" and one_each and {batch.min, batch.max} <= {0, 1}
