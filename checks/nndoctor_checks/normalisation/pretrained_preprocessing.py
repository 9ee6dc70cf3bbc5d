"""R14 pretrained-preprocessing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nndoctor import Evidence, Finding, Measure, Recording, Severity, Skip, SourceLine, Table, check
from nndoctor.records import LoadedInput, LoadedNorm, LoadedWeights
from nndoctor_checks.descent import middle

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SLACK = 0.25
"""Of the declared range by which values may lie beyond it: resizing overshoots, augmentation adds noise."""
HOW = {
    "_Weights": "The weights' `transforms()` do so.",
    "pretrained_cfg": "`timm.data.create_transform(**timm.data.resolve_model_data_config(model))` does so.",
    "rocessor": "`AutoImageProcessor.from_pretrained` of the same name does so.",
    "": "Their documentation says how.",
}
"""By what the source of the declaration contains."""
FITS = 2.0
"""Times wider or narrower than the loaded statistics, and at most one deviation away: the weights know such data."""


@check(
    "pretrained-preprocessing",
    reason="R14",
    severity=Severity.ERROR,
    needs=[LoadedWeights],
    explains=[
        "cannot-overfit-batch",
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
    Looks at the first training step of a model whose weights were loaded, in two ways.

    The first BatchNorm: what arrives there is compared with the running statistics that came with the weights. It is an
    error if, in the median over the channels, the mean is at least `far` loaded standard deviations away, or the
    deviation `scale` times as large or as small.

    The declared transform: torchvision's weights bring `transforms()`, timm's a `pretrained_cfg`, those of transformers
    a `preprocessor_config.json` or an image processor. Pixels prepared so have a known range. It is an error if the
    images are `scale` times as wide, or lie outside of it altogether; a warning if many values are out of that range,
    or if they go from 0 to 1 where standardised ones are declared; a note if they are far smaller than declared. What
    counts is what reaches the model and its first layer: a model may standardise inside.

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
    Weights of one's own declare nothing, and networks without BatchNorm (most transformers) are then not judged. The
    mean and deviation of another data set, or colours in another order, stay below the thresholds. Data that is no
    images may rightly have another range than the images of the pretraining.

    ## References
    - Slav Ivanov, 37 Reasons why your Neural Network is not working, 2017 (reason 14: check the preprocessing of your
      pretrained model)
    - Ioffe and Szegedy, Batch Normalization, ICML 2015
    """
    norms = [n for n in run.rows(LoadedNorm) if n.values >= min_values and math.isfinite(n.shift + n.spread)]
    declared = [d for d in run.rows(LoadedInput) if d.values >= min_values and _complete(d)]
    if not norms and not declared:
        raise Skip("the loaded weights have no BatchNorm at the front and declare no preprocessing")
    told: set[tuple[str, int]] = set()
    for segment, module in dict.fromkeys((d.segment, d.module) for d in declared):
        seen = [d for d in declared if (d.segment, d.module) == (segment, module)]
        known = any(n.segment == segment and n.shift <= 1 and 1 / FITS <= n.spread <= FITS for n in norms)
        if not known and (finding := _contradiction(seen, scale)) is not None:
            told.add((seen[0].file, seen[0].line))
            yield finding
        elif small := _smaller(seen[0]):
            yield small
    for row in norms:
        if (row.file, row.line) not in told:
            yield from _far_away(row, far, scale)


def _far_away(row: LoadedNorm, far: float, scale: float) -> Iterator[Finding]:
    wide = row.spread >= scale or 0 < row.spread <= 1 / scale
    if row.shift < far and not wide:
        return
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


# ---- the declared transform


def _complete(row: LoadedInput) -> bool:
    """Whether the numbers are there and make sense."""
    channels = len(row.got_low)
    whole = channels and len(row.got_high) == channels and len(row.got_mean) == channels
    numbers = (*row.mean, *row.std, *row.got_low, *row.got_high, *row.got_mean, row.top, row.minimum, row.maximum)
    return bool(
        whole
        and all(map(math.isfinite, numbers))
        and all(s > 0 for s in row.std)
        and row.top > 0
        and len(row.std) == len(row.mean)
        and len(row.mean) in (1, channels)
    )


def _range(row: LoadedInput) -> list[tuple[float, float]]:
    """Return between what the declared transform puts the darkest and the brightest pixel, by channel."""
    ends = [((0 - m) / s, (row.top - m) / s) for m, s in zip(row.mean, row.std, strict=True)]
    return ends * (len(row.got_low) // len(ends))


def _wider(row: LoadedInput) -> float:
    """Return how many times as wide as declared the values are."""
    spans = zip(_range(row), row.got_low, row.got_high, strict=True)
    return middle([(high - low) / (top - bottom) for (bottom, top), low, high in spans])


def _severity(row: LoadedInput, scale: float) -> Severity | None:
    """Return how far the images are from what is declared, None if they may be just that."""
    ends = _range(row)
    outside = [not bottom <= mean <= top for (bottom, top), mean in zip(ends, row.got_mean, strict=True)]
    if _wider(row) >= scale or all(outside):
        return Severity.ERROR
    beyond = [
        low < bottom - SLACK * (top - bottom) or high > top + SLACK * (top - bottom)
        for (bottom, top), low, high in zip(ends, row.got_low, row.got_high, strict=True)
    ]
    return Severity.WARNING if all(beyond) or _unscaled(row) else None


def _unscaled(row: LoadedInput) -> bool:
    """Whether the values go from 0 to 1, of which standardised images, with their dark and bright pixels, fill more."""
    standardised = all(bottom < -SLACK and top > 1 + SLACK for bottom, top in _range(row))
    return standardised and row.minimum >= 0 and row.maximum <= 1 and max(row.got_high) > 1 - SLACK


def _contradiction(seen: Sequence[LoadedInput], scale: float) -> Finding | None:
    """Judge what the model gets and what its first layer gets: the one that fits counts."""
    judged = [(row, _severity(row, scale)) for row in seen]
    if any(severity is None for _, severity in judged):
        return None
    row, severity = min(judged, key=lambda pair: pair[1] or Severity.NOTE)
    bottom, top = (middle([end[i] for end in _range(row)]) for i in (0, 1))
    low, high = middle(row.got_low), middle(row.got_high)
    return Finding(
        message=f"The weights declare ({row.source}) pixels from {bottom:.3g} to {top:.3g}, and what reaches "
        f"{row.layer} goes from {low:.3g} to {high:.3g}.",
        advice=_line(row),
        where=SourceLine.of(row),
        names=(row.module,),
        evidence=_evidence(row),
        severity=None if severity is Severity.ERROR else severity,
        certain=severity is Severity.ERROR,
    )


def _line(row: LoadedInput) -> str:
    mean, std = (", ".join(f"{v:.4g}" for v in values) for values in (row.mean, row.std))
    scaled = "Scale the pixels to 0..1" if row.top == 1 else f"Scale the pixels to 0..{row.top:.4g}"
    plain = set(row.mean) == {0.0} and set(row.std) == {1.0}
    then = "" if plain else f", then take off the mean [{mean}] and divide by [{std}], by channel"
    how = next((text for word, text in HOW.items() if word in row.source), HOW[""])
    return f"{scaled}{then}, as in the weights' own training, for all splits. {how}"


def _evidence(row: LoadedInput) -> tuple[Evidence, ...]:
    ends = _range(row)
    rows = tuple(
        (str(i), f"{b:.3g} to {t:.3g}", f"{low:.3g} to {high:.3g}", f"{mean:.3g}")
        for i, ((b, t), low, high, mean) in enumerate(zip(ends, row.got_low, row.got_high, row.got_mean, strict=True))
    )
    return (
        Measure("range of the input, over the declared one", _wider(row), "about 1"),
        Table("by channel", ("channel", "declared", "1st to 99th percentile", "mean"), rows[:8]),
    )


def _smaller(row: LoadedInput) -> Finding | None:
    """Report images that are less than half as high or wide as those of the pretraining."""
    if len(row.size) != 2 or len(row.got_size) != 2 or not 0 < 2 * min(row.got_size) < min(row.size):
        return None
    got, size = ("x".join(map(str, sides)) for sides in (row.got_size, row.size))
    return Finding(
        title="The images are much smaller than those that the weights were trained on.",
        message=f"{row.module} gets images of {got}; its weights ({row.source}) come from images of {size}.",
        advice="Filters know things at the size that they were trained on: enlarge the images, at least to half of "
        "that, or expect less of the weights.",
        where=SourceLine.of(row),
        names=(row.module,),
        evidence=(Measure("shorter side, in pixels", float(min(row.got_size)), f"about {min(row.size)}"),),
        severity=Severity.NOTE,
        certain=False,
    )
