"""R15 train-val-shift."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from nndoctor import Finding, Recording, Severity, Skip, Table, check
from nndoctor.records import TRAIN, Batch
from nndoctor_checks.batches import OWN, inputs, is_float, leaf_name, place_of
from nndoctor_checks.profiles import Profile, columns_apart, distance, judged, scale_factor, stretched

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@check("train-val-shift", reason="R15", severity=Severity.ERROR, needs=[Batch])
def train_val_shift(
    run: Recording,
    *,
    shift: float = 1.5,  # training standard deviations between the means: no random split does that
    ratio: float = 3.0,  # between the standard deviations
    gross: float = 10.0,  # a factor in scale that no drift explains, but a forgotten division does
    far: float = 5.0,  # shift of the mean, with no value in common, that no drift explains
    image_ratio: float = 1.7,  # images do not drift; Normalize(0.5, 0.5) doubles the scale
    tails: float = 0.35,  # where single values lie far out, the range of a few batches is known no better than by this
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
        known, seen = [b for b in train if judged(b)], [b for b in other if judged(b)]
        if not known or not seen:
            continue
        was, now = Profile.of(known), Profile.of(seen)
        if was.rows < min_rows or now.rows < min_rows or not was.std > 0:
            continue
        image = len(known[0].shape) >= 4
        if (image and stretched(was, now, image_ratio)) or _beyond_drift(was, now, gross, far):
            yield _finding(run, train, other, _described(was, now), None)
        elif _drifted(was, now, shift, ratio) or (image and stretched(was, now, image_ratio, tails=tails)):
            fault = f"{_described(was, now)}, which may also be drift"
            yield _finding(run, train, other, fault, Severity.WARNING)


def _pairs(run: Recording) -> Iterator[tuple[list[Batch], list[Batch]]]:
    """Yield the training and the validation batches of each input leaf, each validation source by itself."""
    rows = [b for b in inputs(run.rows(Batch)) if b.experiment in OWN and b.shape]
    train: defaultdict[tuple[int, str, int], list[Batch]] = defaultdict(list)
    other: defaultdict[tuple[int, str, int, str], list[Batch]] = defaultdict(list)
    for row in rows:
        if row.split == TRAIN:
            train[row.segment, row.leaf, len(row.shape)].append(row)
        else:
            other[row.segment, row.leaf, len(row.shape), row.source].append(row)
    for (segment, leaf, rank, _), batches in other.items():
        if found := train.get((segment, leaf, rank)):
            yield found, batches


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


def _beyond_drift(was: Profile, now: Profile, gross: float, far: float) -> bool:
    """Whether the scales differ grossly, or no value of the one is near the other."""
    factor = scale_factor(was, now)
    wide = (now.max - now.min) / (was.max - was.min) if was.max > was.min else 1.0
    # The range must tell the same as the deviation: a few wild values alone move either of them.
    if (factor >= gross and wide >= gross / 3) or (factor <= 1 / gross and wide <= 3 / gross):
        return True
    apart = now.min > was.max or now.max < was.min
    return distance(was, now) >= far and (apart or columns_apart(was, now, 2 * far))


def _drifted(was: Profile, now: Profile, shift: float, ratio: float) -> bool:
    factor = scale_factor(was, now)
    # A deviation takes more samples to know than a mean.
    rescaled = not 1 / ratio <= factor <= ratio and min(was.rows, now.rows) >= 100
    return distance(was, now) > shift or rescaled


def _described(was: Profile, now: Profile) -> str:
    return (
        f"has mean {now.mean:.3g} and standard deviation {now.std:.3g} (from {now.min:.3g} to {now.max:.3g}) in "
        f"validation, but {was.mean:.3g} and {was.std:.3g} (from {was.min:.3g} to {was.max:.3g}) in training"
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
        advice="Give both splits the same preprocessing: fit scalers on the training data, keep them, and apply them "
        "to every split (`scaler.transform(x_val)`); for images, use the same Normalize in both transforms.",
        where=place_of(run, other[0].source),
        names=(train[0].leaf,) if train[0].leaf else (),
        evidence=(Table("first batches", ("split", "dtype", "shape", "mean", "std", "min", "max"), tuple(rows)),),
        severity=severity,
        certain=severity is None,
    )
