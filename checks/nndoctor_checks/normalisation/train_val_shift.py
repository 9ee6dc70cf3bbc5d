"""R15 train-val-shift."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from statistics import fmean, median
from typing import TYPE_CHECKING

from nndoctor import Finding, Recording, Severity, Skip, Table, check
from nndoctor.records import COAST, OBSERVE, TRAIN, Batch

from nndoctor_checks.batches import inputs, is_float, leaf_name, place_of, samples, width

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True, slots=True)
class Profile:
    """Location and scale of one leaf of one split, over its batches.

    Medians over the batches, so that one wild sample does not move them; the scale includes how far the batches lie
    apart, for data that comes in order.
    """

    mean: float
    std: float
    min: float
    max: float
    rows: int
    columns: tuple[tuple[float, float], ...]

    @classmethod
    def of(cls, batches: Sequence[Batch]) -> Profile:
        means = [b.mean for b in batches]
        tables = [b for b in batches if len(b.dim_mean) == len(b.dim_std) == len(batches[0].dim_mean)]
        columns = tuple(
            (
                median(b.dim_mean[i] for b in tables),
                _scale([b.dim_mean[i] for b in tables], [b.dim_std[i] for b in tables]),
            )
            for i in range(len(batches[0].dim_mean))
        )
        return cls(
            median(means), _scale(means, [b.std for b in batches]), min(b.min for b in batches),
            max(b.max for b in batches), sum(map(samples, batches)), columns,
        )  # fmt: skip


def _scale(means: Sequence[float], stds: Sequence[float]) -> float:
    center = fmean(means)
    return math.sqrt(median(s * s for s in stds) + fmean((m - center) ** 2 for m in means))


@check("train-val-shift", reason="R15", severity=Severity.ERROR, needs=[Batch])
def train_val_shift(
    run: Recording,
    *,
    shift: float = 1.5,  # training standard deviations between the means: no random split does that
    ratio: float = 3.0,  # between the standard deviations
    gross: float = 10.0,  # a factor in scale that no drift explains, but a forgotten division does
    far: float = 5.0,  # shift of the mean, with no value in common, that no drift explains
    image_ratio: float = 1.7,  # images do not drift; Normalize(0.5, 0.5) doubles the scale
    min_rows: int = 16,  # the mean of 16 samples has an error of a quarter of a standard deviation
) -> Iterator[Finding]:
    """The validation data is preprocessed differently from the training data.

    ## What it does
    Compares the model's inputs in training and in validation: kind of numbers, order of dimensions, mean, scale and
    range. Reports differences that neither chance nor drift over time explains: another type or layout, a scale off by
    `gross`, values without overlap, images rescaled as a whole. Milder ones are a warning.

    ## Why is this bad?
    The network is asked about inputs unlike any that it has learnt from, so validation looks bad, or random, however
    well training goes, and every decision that rests on it is wrong. The same happens later, in use.

    ## Example
    ```python
    x_train = StandardScaler().fit_transform(x_train)
    ```

    Use instead:
    ```python
    scaler = StandardScaler().fit(x_train)
    x_train, x_val = scaler.transform(x_train), scaler.transform(x_val)
    ```

    ## Known problems
    A scaler that was fitted to the validation data itself leaves no trace here. Strong drift between a training and a
    later validation period gives the warning.

    ## References
    - Stanford CS231n, Neural Networks Part 2: data preprocessing (statistics from the training data only)
    - Slav Ivanov, 37 Reasons why your Neural Network is not working, 2017 (reason 15)
    """
    pairs = list(_pairs(run))
    if not pairs:
        raise Skip("no validation batches were seen that go into the model as the training batches do")
    for train, other in pairs:
        fault = _kind(train, other) or _layout(train, other)
        if fault:
            yield _finding(run, train, other, fault, None)
            continue
        known, seen = [b for b in train if _judged(b)], [b for b in other if _judged(b)]
        if not known or not seen:
            continue
        was, now = Profile.of(known), Profile.of(seen)
        if was.rows < min_rows or now.rows < min_rows or not was.std > 0:
            continue
        severity, fault = _moved(was, now, shift, ratio, gross, far)
        if not fault and len(known[0].shape) >= 4 and (stretched := _stretched(was, now, image_ratio)):
            severity, fault = None, stretched
        elif fault and len(known[0].shape) >= 4 and _stretched(was, now, image_ratio):
            severity = None
        if fault:
            yield _finding(run, train, other, fault, severity)


def _pairs(run: Recording) -> Iterator[tuple[list[Batch], list[Batch]]]:
    """Yield the training and the validation batches of each input leaf, each validation source by itself."""
    rows = [b for b in inputs(run.rows(Batch)) if b.own and b.experiment in (OBSERVE, COAST) and b.shape]
    train: defaultdict[tuple[int, str, int], list[Batch]] = defaultdict(list)
    other: defaultdict[tuple[int, str, int, str], list[Batch]] = defaultdict(list)
    for row in rows:
        if row.split == TRAIN:
            train[row.segment, row.leaf, len(row.shape)].append(row)
        else:
            other[row.segment, row.leaf, len(row.shape), row.source].append(row)
    for (*key, _), batches in other.items():
        segment, leaf, rank = key
        if found := train.get((int(segment), str(leaf), int(rank))):
            yield found, batches


def _judged(row: Batch) -> bool:
    # A vector holds one number per sample: lengths and time steps are evaluated where the author likes.
    known = all(map(math.isfinite, (row.mean, row.std, row.min, row.max, *row.dim_mean, *row.dim_std)))
    return known and not row.non_finite and is_float(row) and len(row.shape) >= 2 and width(row) > 0


def _kind(train: Sequence[Batch], other: Sequence[Batch]) -> str:
    if is_float(train[0]) == is_float(other[0]) or not train[0].dtype or not other[0].dtype:
        return ""
    return f"is {other[0].dtype} in validation and {train[0].dtype} in training"


def _layout(train: Sequence[Batch], other: Sequence[Batch]) -> str:
    was, now = {b.shape[1:] for b in train}, {b.shape[1:] for b in other}
    if len(was) != 1 or len(now) != 1 or was == now:
        return ""
    before, after = next(iter(was)), next(iter(now))
    # Rank 3 and more: (channels, height, width). A sequence may well be as long as another is wide.
    if len(before) < 3 or sorted(before) != sorted(after):
        return ""
    return f"has samples of shape {after} in validation and {before} in training: dimensions are swapped"


def _moved(
    was: Profile, now: Profile, shift: float, ratio: float, gross: float, far: float
) -> tuple[Severity | None, str]:
    distance, factor = _distance(was, now), _factor(was, now)
    apart = now.min > was.max or now.max < was.min
    text = (
        f"has mean {now.mean:.3g} and standard deviation {now.std:.3g} in validation, but {was.mean:.3g} and "
        f"{was.std:.3g} in training"
    )
    wide = (now.max - now.min) / (was.max - was.min) if was.max > was.min else 1.0
    # The range must tell the same as the deviation: a few wild values alone move either of them.
    scaled = factor >= gross and wide >= gross / 3 or factor <= 1 / gross and wide <= 3 / gross
    if scaled or (distance >= far and (apart or _columns_apart(was, now, far))):
        return None, text
    if distance > shift or ((factor > ratio or factor < 1 / ratio) and min(was.rows, now.rows) >= 100):
        return Severity.WARNING, f"{text}, which may also be drift"
    return Severity.NOTE, ""


def _distance(was: Profile, now: Profile) -> float:
    """Return how far the means lie apart, in training deviations; of a table, that of the middle column."""
    pairs = [(abs(n[0] - w[0]), w[1]) for w, n in zip(was.columns, now.columns, strict=False) if w[1] > 0]
    if len(was.columns) == len(now.columns) and len(pairs) >= 2:
        return median(gap / std for gap, std in pairs)
    return abs(now.mean - was.mean) / was.std


def _factor(was: Profile, now: Profile) -> float:
    """Return the quotient of the scales; of a table, that of the middle column."""
    pairs = [n[1] / w[1] for w, n in zip(was.columns, now.columns, strict=False) if w[1] > 0]
    if len(was.columns) == len(now.columns) and len(pairs) >= 2:
        return median(pairs)
    return now.std / was.std


def _columns_apart(was: Profile, now: Profile, far: float) -> bool:
    """Whether three of four columns of a table moved by that much: drift takes some, a forgotten scaler takes all."""
    pairs = [(abs(n[0] - w[0]), w[1]) for w, n in zip(was.columns, now.columns, strict=False) if w[1] > 0]
    return len(pairs) >= 2 and sum(gap >= 2 * far * std for gap, std in pairs) >= 0.75 * len(pairs)


def _stretched(was: Profile, now: Profile, ratio: float) -> str:
    """Whether images were rescaled as a whole: deviation and range changed by the same factor."""
    before, after = was.max - was.min, now.max - now.min
    if not before > 0 or not after > 0 or not now.std > 0:
        return ""
    factor, wide = now.std / was.std, after / before
    if 1 / ratio < factor < ratio or not 0.85 <= factor / wide <= 1.18:
        return ""
    return (
        f"ranges from {now.min:.3g} to {now.max:.3g} in validation, but from {was.min:.3g} to {was.max:.3g} in training"
    )


def _finding(
    run: Recording, train: Sequence[Batch], other: Sequence[Batch], fault: str, severity: Severity | None
) -> Finding:
    rows = []
    for name, batches in (("training", train), ("validation", other)):
        first = batches[0]
        values = tuple(f"{v:.3g}" for v in (first.mean, first.std, first.min, first.max))
        rows.append((name, first.dtype, str(first.shape), *values))
    return Finding(
        message=f"The model's input ({leaf_name(train[0].leaf)}) {fault}.",
        advice="Give both splits the same preprocessing: fit scalers on the training data, keep them, and apply them to "
        "every split (`scaler.transform(x_val)`); for images, use the same Normalize in both transforms.",
        where=place_of(run, other[0].source),
        names=(train[0].leaf,) if train[0].leaf else (),
        evidence=(Table("first batches", ("split", "dtype", "shape", "mean", "std", "min", "max"), tuple(rows)),),
        severity=severity,
        certain=severity is None,
    )
