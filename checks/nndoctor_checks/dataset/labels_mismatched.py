"""R04 labels-mismatched."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check
from nndoctor.records import Collation, Loader, Pairing

if TYPE_CHECKING:
    from collections.abc import Iterator


@check(
    "labels-mismatched",
    reason="R04",
    severity=Severity.ERROR,
    needs=[],
    explains=[
        "collapsed-predictions",
        "conflicting-labels",
        "ignores-input",
        "learning-rate-too-low",
        "loss-flat",
        "noisy-labels",
        "targets-unpredictable",
    ],
)
def labels_mismatched(
    run: Recording,
    *,
    share: float = 0.25,  # of the rows of a collated batch; any of them is one too many, but two classes hide half
    right: float = 0.9,  # of the samples of two loaders; those that go together match without exception
    min_samples: int = 30,
) -> Iterator[Finding]:
    """Inputs stand beside the targets of other samples.

    ## What it does
    Puts samples of the data set through the loader's `collate_fn` and looks which input and which target of the batch
    is whose. Where one loader gives the inputs and another the targets, finds the observed samples again in the two
    data sets, and reports it if the target is that of the same index for less than `right` of them.

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
    Pairs that were already wrong in the data set are right to this check: see targets-unpredictable. What the loop
    itself does with a batch (sorting it for a packed sequence) is not followed.

    ## References
    - Slav Ivanov, 37 Reasons why your Neural Network is not working, 2017 (reason 4)
    - Andrej Karpathy, A Recipe for Training Neural Networks, 2019 (visualize just before the net)
    """
    pairs, leaves = run.rows(Pairing), [row for row in run.rows(Collation) if row.role == "target"]
    if not pairs and not leaves:
        raise Skip("no loader whose samples could be told apart gave both inputs and targets")
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
