"""R13 heavy-augmentation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, check
from nndoctor.records import Loader, Module, Parameter, Redraw

if TYPE_CHECKING:
    from collections.abc import Iterator

RECURRENT = ("RNN", "GRU", "LSTM")
"""Beside the convolutions, the layers to which the order of values matters in any case."""


@check(
    "heavy-augmentation",
    reason="R13",
    severity=Severity.WARNING,
    needs=[Redraw],
    explains=[
        "cannot-overfit-batch",
        "learning-rate-too-high",  # gradients that are mostly noise want small steps
        "learning-rate-too-low",
        "noisy-labels",
        "targets-unpredictable",
        "train-val-shift",
        "update-ratio",
    ],
)
def heavy_augmentation(
    run: Recording,
    *,
    ratio: float = 1.0,  # a draw is then as far from another draw of its sample as from another sample
    min_samples: int = 8,
    in_place: float = 0.8,  # of the covariance of neighbours is left in the mean of draws; of flipped images about 0.6
    torn: float = 0.9,  # of the samples hold the same values in another order in two draws, neighbours apart
) -> Iterator[Finding]:
    """Random augmentation changes a sample more than samples differ.

    ## What it does
    Draws samples of the training data set several times and compares the variance between the draws of one sample
    with that between samples, once over all values and once over how the values of each sample are distributed, which
    flips, shifts, rotations and moderate crops leave alone. Warns if both ratios reach `ratio`; the first is enough
    where the draws lie on each other (`in_place`), so that noise was added and nothing moved. Warns as well if the
    draws of a sample hold the same values in an order of their own (`torn`), with neighbours apart, and the model reads
    neighbours: it has a convolution that is wider than one value, or a recurrent layer.

    ## Why is this bad?
    What tells the classes apart drowns in what was added. Augmentation regularises; beyond a point it makes a network
    underfit, which looks like a model that is too small or a learning rate that is too low.

    ## Example
    ```python
    x = x + 3.0 * torch.randn_like(x)
    ```

    Use instead:
    ```python
    x = x + 0.1 * torch.randn_like(x)
    ```

    ## Known problems
    Augmentation inside the training loop or the model is not seen. Inputs without a label of their own (contrastive
    learning, denoising) are left alone. A class that is told by very little (one pixel) can drown in less.

    ## References
    - Slav Ivanov, 37 Reasons why your Neural Network is not working, 2017 (reason 13: are you using too much data
      augmentation?)
    - Shorten and Khoshgoftaar, A survey on Image Data Augmentation for Deep Learning, Journal of Big Data 2019
    """
    for row in run.rows(Redraw):
        if row.samples < min_samples or not row.label:
            continue
        loader = next((r for r in run.rows(Loader) if r.name == row.loader), None)
        if row.scattered >= torn and _reads_neighbours(run):
            yield _scattered(row, SourceLine.of(row) or SourceLine.of(loader))
            continue
        # Between draws that lie on each other the values themselves can be compared.
        alone = math.isnan(row.shades) or row.kept >= in_place
        least = row.values if alone else min(row.values, row.shades)
        if not ratio <= least:
            continue
        evidence = [
            Measure(f"variance between draws over that between samples, {what}", value, f"< {ratio:g}")
            for what, value in (("values", row.values), ("distribution of values", row.shades))
            if math.isfinite(value)
        ]
        times = f"{least:.1f} times" if math.isfinite(least) else "far more than"
        yield Finding(
            message=f"Two draws of one training sample differ by {times} the variance between different samples "
            f"({row.samples} samples, {row.draws} draws each).",
            advice="Look at some draws beside their originals (can you tell the class?), train once without "
            "augmentation, then put the parts back one by one, each at a strength that still shows the class.",
            where=SourceLine.of(row) or SourceLine.of(loader),
            evidence=tuple(evidence),
        )


def _reads_neighbours(run: Recording) -> bool:
    weights = (p for p in run.rows(Parameter) if p.module_type.startswith("Conv") and len(p.shape) > 2)
    return any(max(p.shape[2:]) > 1 for p in weights) or any(
        m.type in RECURRENT and m.calls > 0 for m in run.rows(Module)
    )


def _scattered(row: Redraw, where: SourceLine | None) -> Finding:
    return Finding(
        title="The values of a sample come in another order each time it is drawn.",
        message=f"Each draw of a training sample holds its values in another order, with neighbours torn apart "
        f"({row.samples} samples, {row.draws} draws each): the order is what the network reads.",
        advice="Look at two draws of one sample. To shuffle samples is the loader's business (`shuffle=True`); within "
        "`__getitem__` nothing may be permuted but what has no order (the points of a cloud, whole).",
        where=where,
        evidence=(Measure("share of samples with their values in another order", row.scattered, "0"),),
    )
