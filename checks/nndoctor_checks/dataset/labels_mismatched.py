"""R04 labels-mismatched."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check
from nndoctor.records import Collation, Loader, Pairing, RowOrder, TokenTarget
from nndoctor_checks.observed import by_segment, observed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


EXPLAINS = frozenset(
    {
        "collapsed-predictions",
        "conflicting-labels",
        "ignores-input",
        "learning-rate-too-high",
        "learning-rate-too-low",
        "loss-flat",
        "noisy-labels",
        "targets-unpredictable",
    }
)
IN_THE_LOOP = frozenset({"fails-on-solvable-data", "metric-at-chance"})
"""What more comes of it if the loop itself puts the targets in another order: it does so with any data."""
TOGETHER = (
    "Reorder inputs and targets with the same index, `x, y = x[order], y[order]`, or neither; look for a `roll`, "
    "`flip`, `sort` or permutation of one of them."
)


@check("labels-mismatched", reason="R04", severity=Severity.ERROR, needs=[], explains=sorted(EXPLAINS))
def labels_mismatched(
    run: Recording,
    *,
    share: float = 0.25,  # of the rows of a collated batch; any of them is one too many, but two classes hide half
    right: float = 0.9,  # of the samples of two loaders; those that go together match without exception
    min_samples: int = 30,
    elsewhere: float = 0.5,  # of the rows of tokens; a whole row is the next tokens of another one for no other reason
) -> Iterator[Finding]:
    """Inputs stand beside the targets of other samples.

    ## What it does
    Puts samples of the data set through the loader's `collate_fn` and looks which input and which target of the batch
    is whose. Where one loader gives the inputs and another the targets, finds the observed samples again in the two
    data sets, and reports it if the target is that of the same index for less than `right` of them. Where the rows of a
    batch reach the model and the loss with their values as they were, reports a loop that put the targets in another
    order than the inputs, in `right` of the steps and with no other loss in which they are in order. So it does where
    the targets are next tokens, and `elsewhere` of the rows have those of another row of the batch. Targets in an order
    in which the model itself puts its rows (by length, to pack them) are right.

    ## Why is this bad?
    The network is taught at random. On a small data set it learns the wrong labels by heart, and the training loss
    falls; on new data it is no better than chance. Typical are a collate function that sorts the inputs by length and
    not the labels, and two loaders that each shuffle for themselves.

    ## Example
    ```python
    images = DataLoader(TensorDataset(x), batch_size=32, shuffle=True)
    labels = DataLoader(TensorDataset(y), batch_size=32, shuffle=True)
    for (xb,), (yb,) in zip(images, labels):
        train_step(xb, yb)
    ```

    Use instead:
    ```python
    loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)
    for xb, yb in loader:
        train_step(xb, yb)
    ```

    ## Known problems
    Pairs that were already wrong in the data set are right to this check: see targets-unpredictable. A loop that
    changes the values of its inputs (mixup, augmentation) is not followed.

    ## References
    - Slav Ivanov, 37 Reasons why your Neural Network is not working, 2017 (reason 4)
    - Andrej Karpathy, A Recipe for Training Neural Networks, 2019 (visualize just before the net)
    """
    pairs, leaves = run.rows(Pairing), [row for row in run.rows(Collation) if row.role == "target"]
    order, tokens = observed(run, RowOrder), observed(run, TokenTarget)
    if not pairs and not leaves and not order and not tokens:
        raise Skip("no loader whose samples could be told apart gave both inputs and targets")
    yield from _in_the_loop(order, right, min_samples)
    yield from _next_tokens(tokens, elsewhere)
    for leaf in leaves:
        if leaf.mispaired < 2 or leaf.mispaired < share * leaf.compared:
            continue
        loader = next((r for r in run.rows(Loader) if r.name == leaf.loader), None)
        yield Finding(
            message=f"In a batch that the loader made of {leaf.compared} known samples, {leaf.mispaired} inputs stand "
            "beside the target of another sample.",
            advice="Reorder whole samples, never a part of them: `batch = sorted(batch, key=...)` first, then take "
            "inputs and labels from it.",
            where=SourceLine.of(leaf) or SourceLine.of(loader),
            evidence=(Measure("inputs beside another sample's target", leaf.mispaired, "0"),),
        )
    for pair in pairs:
        if pair.compared < min_samples or not pair.matched < right * pair.compared:
            continue
        measured = pair.matched / pair.compared
        evidence = [Measure("share of samples with their own target", measured, "1")]
        if math.isfinite(pair.by_chance):
            evidence.append(Measure("the same in a random order", pair.by_chance))
        yield Finding(
            message=f"Inputs come from one loader and targets from another, and only {measured:.0%} of "
            f"{pair.compared} observed samples have their own target: the two loaders go through their data in "
            "different orders.",
            advice="Put inputs and targets into one data set, `TensorDataset(x, y)` or a class whose `__getitem__` "
            "returns both, and iterate over one loader.",
            where=SourceLine.of(pair),
            evidence=tuple(evidence),
        )


def _in_the_loop(order: Sequence[RowOrder], right: float, min_samples: int) -> Iterator[Finding]:
    """Report what the loop itself does to the order of a batch's targets."""
    for rows in by_segment(order).values():
        steps: defaultdict[int, list[RowOrder]] = defaultdict(list)
        for row in rows:
            steps[row.step].append(row)
        # The best of a step counts: a second loss on the labels of others (mixup, negative pairs) is a method.
        best = [max(several, key=lambda r: r.own / r.samples) for several in steps.values()]
        moved = [r for r in best if r.own < right * r.samples]
        samples = sum(r.samples for r in moved)
        if len(moved) < 3 or len(moved) < right * len(best) or samples < min_samples:
            continue
        measured = sum(r.own for r in moved) / samples
        chance = sum(r.by_chance * r.samples for r in moved) / samples
        if measured - chance > (1 - chance) / 2:
            continue  # most are in their place: some are exchanged on purpose
        yield Finding(
            message=f"The loop gives the loss the targets of the batch in another order than the model the inputs: "
            f"{measured:.0%} of {samples} samples stand beside their own target or an equal one; by chance it would be "
            f"{chance:.0%}.",
            advice=TOGETHER,
            where=SourceLine.of(moved[-1]),
            evidence=(
                Measure("share of samples with their own target", measured, "1"),
                Measure("the same in a random order", chance),
            ),
            explains=EXPLAINS | IN_THE_LOOP,
        )


def _next_tokens(tokens: Sequence[TokenTarget], elsewhere: float) -> Iterator[Finding]:
    """Report rows of tokens that are to be continued as other rows of the batch."""
    for rows in by_segment(tokens).values():
        if len(rows) < 3 or not all(row.elsewhere >= elsewhere for row in rows):
            continue
        measured = sum(row.elsewhere for row in rows) / len(rows)
        yield Finding(
            message=f"The targets are the next tokens of other rows of the batch, for {measured:.0%} of the rows in "
            f"each of {len(rows)} steps looked at.",
            advice=TOGETHER,
            where=SourceLine.of(rows[-1]),
            evidence=(Measure("share of rows with the next tokens of another row", measured, "0"),),
            explains=EXPLAINS | IN_THE_LOOP,
        )
