"""R01 non-finite-input."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, Table, check, names_shown
from nndoctor.records import OBSERVE, TRAIN, Batch, LossCall, NonFinite, Step
from nndoctor_checks.batches import OWN, by_leaf, is_float, place_of, samples

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@check(
    "non-finite-input",
    reason="R01",
    severity=Severity.ERROR,
    needs=[Batch],
    explains=[
        "cannot-overfit-batch",
        "collapsed-predictions",
        "constant-input",
        "dead-relu",
        "exploding-gradient",
        "ignores-input",
        "initial-loss",
        "initialisation-scale",
        "learning-rate-too-high",
        "learning-rate-too-low",
        "loss-flat",
        "no-gradient",
        "non-finite",
        "parameters-not-updating",
        "saturated-activation",
        "train-val-shift",
        "unstandardised-input",
        "update-ratio",
        "vanishing-gradient",
    ],
    treatments=["drop-non-finite"],
)
def non_finite_input(run: Recording) -> Iterator[Finding]:
    """The data holds NaN or Inf before the network has seen it.

    ## What it does
    Looks at every floating-point tensor of every batch. Reports NaN and Inf, and in which batch and sample they were
    first seen. If the loss of those batches is finite all the same, the script masks or fills them, and it is a note.

    ## Why is this bad?
    A single NaN in one sample makes the batch's loss NaN, its gradient NaN, and with one step of the optimizer every
    weight NaN. From then on the model is lost. Typical are empty cells of a table, a division by a standard deviation
    of 0, and the logarithm of 0 in a transform.

    ## Example
    ```python
    table = pandas.read_csv("sensors.csv")  # empty cells become NaN
    x = torch.tensor(table.to_numpy())
    ```

    Use instead:
    ```python
    table = pandas.read_csv("sensors.csv")
    x = torch.tensor(table.fillna(table.median()).to_numpy())
    assert torch.isfinite(x).all()
    ```

    ## Known problems
    Additive attention masks hold -Inf on purpose: a tensor that is 0 wherever it is finite is taken for one.

    ## References
    - Slav Ivanov, 37 Reasons why your Neural Network is not working, 2017 (reasons 1 and 37)
    """
    rows = [b for b in run.rows(Batch) if b.experiment in OWN and is_float(b)]
    bad = [b for b in rows if b.non_finite > 0 and not _mask(b)]
    if not bad:
        return
    harmful = [b for b in bad if _harms(run, b)]
    worst = harmful or bad
    first = min(worst, key=lambda b: (b.split != TRAIN, b.segment, b.experiment != OBSERVE, b.step))
    alike = by_leaf(b for b in rows if b.split == first.split)[first.source, first.leaf]
    hit = [b for b in alike if b.non_finite > 0]
    where = place_of(run, first.source) or _traced(run, first)
    sample = f", first in sample {first.first_bad} of the batch of step {first.step}" if first.first_bad >= 0 else ""
    leaves = tuple(dict.fromkeys(b.leaf for b in worst))
    tail = "" if harmful else " The loss stayed finite: the script seems to mask or fill them."
    yield Finding(
        message=f"{names_shown([f'`{leaf}`' for leaf in leaves])} of the {_split(first)} batch holds NaN or Inf in "
        f"{len(hit)} of {len(alike)} batches: {sum(b.non_finite for b in hit)} values{sample}.{tail}",
        advice="Fill or drop the missing values before the tensors are made, and assert it there: "
        "`assert torch.isfinite(x).all()`. Look for empty cells, division by a standard deviation of 0 and log(0).",
        where=where,
        names=leaves,
        evidence=(
            Measure("NaN or Inf in the first such batch", first.non_finite, "0"),
            _table(worst),
        ),
        severity=None if harmful else Severity.NOTE,
        certain=bool(harmful),
    )


def _mask(row: Batch) -> bool:
    """Whether the finite part is all 0, as in an additive mask; of a leaf without any finite value nothing is known."""
    return row.min == 0 and row.max == 0


def _harms(run: Recording, row: Batch) -> bool:
    """Whether the loss of the batch's step was not finite, or the first NaN of the run was traced to the data."""
    if row.split != TRAIN:
        calls = [c for c in run.rows(LossCall) if (c.experiment, c.segment) == (row.experiment, row.segment)]
        return any(c.split != TRAIN and not math.isfinite(c.value) for c in calls)
    key = (row.experiment, row.segment)
    if any(n.phase == "data" and n.segment == row.segment and not n.harmless for n in run.rows(NonFinite)):
        return True
    steps = [s for s in run.rows(Step) if (s.experiment, s.segment) == key and s.step == row.step]
    return not steps or any(not math.isfinite(s.loss) for s in steps)


def _traced(run: Recording, row: Batch) -> SourceLine | None:
    found = (n for n in run.rows(NonFinite) if n.phase == "data" and n.segment == row.segment)
    return SourceLine.of(next(found, None))


def _split(row: Batch) -> str:
    return "training" if row.split == TRAIN else "validation"


def _table(rows: Sequence[Batch], most: int = 8) -> Table:
    lines = tuple(
        (_split(r), str(r.step), r.leaf, r.role, str(samples(r)), str(r.non_finite), str(r.first_bad))
        for r in rows[:most]
    )
    header = ("split", "step", "leaf", "role", "samples", "NaN or Inf", "first sample")
    return Table("batches with NaN or Inf", header, lines)
