"""R01 constant-input."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, check
from nndoctor.records import OBSERVE, TRAIN, Batch
from nndoctor_checks.batches import by_leaf, inputs, is_float, leaf_name, main_leaves, place_of, samples
from nndoctor_checks.observed import by_segment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nndoctor_checks.batches import Leaf


@check(
    "constant-input",
    reason="R01",
    severity=Severity.ERROR,
    needs=[Batch],
    explains=[
        "cannot-overfit-batch",
        "collapsed-predictions",
        "dead-relu",
        "ignores-input",
        "initialisation-scale",
        "learning-rate-too-low",
        "loss-flat",
        "no-gradient",
        "parameters-not-updating",
        "repeated-batch",
        "saturated-activation",
        "symmetric-initialisation",
        "train-val-leakage",
        "train-val-shift",
        "unstandardised-input",
        "update-ratio",
        "vanishing-gradient",
    ],
)
def constant_input(
    run: Recording,
    *,
    share: float = 0.9,  # "nearly all": one odd batch must not hide it
    min_batches: int = 3,  # a single batch of equal samples may be an accident
) -> Iterator[Finding]:
    """The input is the same number everywhere, or the same sample again and again.

    ## What it does
    Reports an input of which at least `share` of the training batches hold one constant (all zeros, mostly), or hold
    only copies of one sample.

    ## Why is this bad?
    Without differences in the input there is nothing from which the targets could be told: the best that the network
    can do is to predict their mean. Typical are an integer division (`image // 255`), a cast to uint8 after scaling to
    [0, 1], an array that was allocated and never filled, and an index that is not used in `__getitem__`.

    ## Example
    ```python
    def __getitem__(self, index):
        return self.images[index] // 255, self.labels[index]
    ```

    Use instead:
    ```python
    def __getitem__(self, index):
        return self.images[index] / 255, self.labels[index]
    ```

    ## Known problems
    Graphs without node features are often given ones as features, and recurrent networks zeros as their first state.
    A constant beside another input that varies is therefore a warning at most.

    ## References
    - Slav Ivanov, 37 Reasons why your Neural Network is not working, 2017 (reason 1: check your input data)
    - Andrej Karpathy, A Recipe for Training Neural Networks, 2019 (visualize just before the net)
    """
    # Rows after the first NaN count as well: what is fed does not depend on what became of the weights.
    fed = [b for b in inputs(run.rows(Batch)) if b.split == TRAIN and b.experiment == OBSERVE]
    if not fed:
        raise Skip("it is not known which part of the batch goes into the model")
    for rows in by_segment(fed).values():
        leaves = by_leaf(rows)
        stuck = {leaf: of for leaf, of in leaves.items() if _stuck(of, share, min_batches)}
        if not stuck:
            continue
        if len(stuck) == len(leaves):
            yield _finding(run, stuck, None)
            continue
        beside = {leaf: of for leaf, of in stuck.items() if leaf in main_leaves(leaves) and is_float(of[0])}
        if beside:
            yield _finding(run, beside, Severity.WARNING)


def _stuck(rows: Sequence[Batch], share: float, min_batches: int) -> bool:
    # Two or three equal samples are common among few distinct ones (truth tables); a constant needs two numbers.
    same = [
        r
        for r in rows
        if (r.constant and math.isfinite(r.min) and samples(r) > 1) or (r.identical_samples and samples(r) >= 4)
    ]
    once = len({r.content for r in rows}) == 1 and bool(rows[0].content)  # all of the data in every step
    return len(same) >= share * len(rows) and (len(rows) >= min_batches or once) and bool(rows)


def _finding(run: Recording, stuck: dict[Leaf, list[Batch]], severity: Severity | None) -> Finding:
    (source, leaf), rows = next(iter(stuck.items()))
    constants = [r for r in rows if r.constant and math.isfinite(r.min)]
    count = len(constants) or sum(r.identical_samples for r in rows)
    if constants:
        values = {r.min for r in constants}
        what = f"is {constants[0].min:g} everywhere" if len(values) == 1 else "is one constant per batch"
    else:
        what = f"holds copies of one sample ({samples(rows[0])} of them)"
    more = f" The same holds for {len(stuck) - 1} more inputs." if len(stuck) > 1 else ""
    beside = " Another input varies, so this may be meant." if severity else ""
    spread = max((r.std for r in rows if 0 <= r.std < math.inf), default=0.0)
    return Finding(
        message=f"In {count} of {len(rows)} training batches, {leaf_name(leaf)} {what}: the network cannot tell one "
        f"sample from another by it.{more}{beside}",
        advice="Print one sample as it comes out of the data set, before and after each transform. Look for an integer "
        "division (`// 255`), a cast to an integer type after scaling, and an array that is never filled.",
        where=place_of(run, source),
        names=tuple(name for _, name in stuck),
        evidence=(
            Measure("batches without differences", count / len(rows), "0"),
            Measure("largest standard deviation in a batch", spread, "> 0"),
        ),
        severity=severity,
        certain=severity is None,
    )
