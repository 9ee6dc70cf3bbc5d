"""R14 pretrained-preprocessing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, check
from nndoctor.records import LoadedNorm

if TYPE_CHECKING:
    from collections.abc import Iterator


@check(
    "pretrained-preprocessing",
    reason="R14",
    severity=Severity.ERROR,
    needs=[LoadedNorm],
    explains=[
        "exploding-gradient",
        "feature-scales-differ",
        "initial-loss",
        "learning-rate-too-high",
        "saturated-activation",
        "train-val-shift",
        "unstandardised-input",
        "update-ratio",
    ],
)
def pretrained_preprocessing(
    run: Recording,
    *,
    far: float = 3.0,  # loaded standard deviations; other images of the same kind stay below 1
    scale: float = 8.0,  # times wider or narrower; a range of 255 instead of 1 is far beyond
    min_values: int = 32,  # by channel, for a mean and a deviation
) -> Iterator[Finding]:
    """The input is not prepared as it was for the loaded weights.

    ## What it does
    Looks at the first BatchNorm of a model whose weights were loaded, in the first training step: what arrives there
    is compared with the running statistics that came with the weights. It is an error if, in the median over the
    channels, the mean is at least `far` loaded standard deviations away, or the deviation `scale` times as large or as
    small.

    ## Why is this bad?
    Loaded weights expect their own range and normalisation. On pixels from 0 to 255 instead of standardised ones every
    filter answers far outside of what the later layers know; what was learnt is lost in the first steps, and with
    frozen layers it is never regained. Use the mean and deviation of the original training, not of your own data.

    ## Example
    ```python
    model.load_state_dict(torch.load("pretrained.pt"))
    output = model(images.float())  # 0 to 255
    ```

    Use instead:
    ```python
    model.load_state_dict(torch.load("pretrained.pt"))
    output = model((images.float() / 255 - MEAN) / STD)  # as in the original training
    ```

    ## Known problems
    Networks without BatchNorm (most transformers) are not judged. A loss of normalisation that is smaller (pixels from
    0 to 1 instead of standardised) can stay below the thresholds.

    ## References
    - Slav Ivanov, 37 Reasons why your Neural Network is not working, 2017 (reason 14: check the preprocessing of your
      pretrained model)
    - Ioffe and Szegedy, Batch Normalization, ICML 2015
    """
    for row in run.rows(LoadedNorm):
        if row.values < min_values or not (math.isfinite(row.shift) and math.isfinite(row.spread)):
            continue
        wide = row.spread >= scale or 0 < row.spread <= 1 / scale
        if row.shift < far and not wide:
            continue
        known = math.isfinite(row.low) and math.isfinite(row.high)
        span = f" (the model's input goes from {row.low:.3g} to {row.high:.3g})" if known else ""
        yield Finding(
            message=f"What reaches {row.module} is {row.shift:.1f} standard deviations away from the statistics that "
            f"were loaded with the weights, and {row.spread:.2g} times as wide{span}.",
            advice="Prepare the input as the weights' own training did: the same range (0 to 1 or 0 to 255), then the "
            "same mean and standard deviation by channel, the same order of channels. Their documentation names them.",
            where=SourceLine.of(row),
            names=(row.module,),
            evidence=(
                Measure("distance of the mean, in loaded standard deviations", row.shift, f"< {far:g}"),
                Measure("standard deviation, over the loaded one", row.spread, "about 1"),
            ),
        )
