"""The data as the network gets it: samples with their targets, classes, features, copies, loaders."""

from __future__ import annotations

import base64
import io
import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from nndoctor.records import OBSERVE, TRAIN, VALIDATION, Batch, Labels, Loader, Overlap, Sample, Scan
from nndoctor.records.exhibits import INPUT
from nndoctor.reports.html.charts import Bars, Series
from nndoctor.reports.words import number, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nndoctor.recording import Recording

MOST_SAMPLES = 16
MOST_TEXTS = 6
MOST_CLASSES = 60
MOST_FEATURES = 40
_LINE = (120, 48)
"""Size of a drawn series."""


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One sample as it is shown: exactly one of `image`, `lines`, `numbers` is filled."""

    form: str
    image: Markup | None = None
    width: int = 0
    height: int = 0
    lines: tuple[Markup, ...] = ()
    numbers: tuple[str, ...] = ()
    words: str = ""
    """What the numbers of `tokens` stand for, where that is known."""
    cut: bool = False
    alternative: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """An input and the target that goes with it."""

    index: int
    input: Exhibit
    target: Exhibit | None


@dataclass(frozen=True, slots=True)
class Gallery:
    """What the first layer got, in words and as samples."""

    sentence: str
    range: str
    pairs: tuple[Pair, ...]
    is_table: bool
    columns: int


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of the page."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def galleries(run: Recording) -> list[Gallery]:
    """Return a gallery per phase of the script."""
    by_segment: defaultdict[int, list[Sample]] = defaultdict(list)
    for row in run.rows(Sample):
        by_segment[row.segment].append(row)
    return [found for rows in list(by_segment.values())[:4] if (found := _gallery(rows)) is not None]


def _gallery(rows: Sequence[Sample]) -> Gallery | None:
    inputs = [row for row in rows if row.role == INPUT][:MOST_SAMPLES]
    if not inputs:
        return None
    if inputs[0].form == "tokens":
        inputs = inputs[:MOST_TEXTS]
    targets = {row.index: _exhibit(row) for row in rows if row.role != INPUT}
    pairs = tuple(Pair(row.index, _exhibit(row), targets.get(row.index)) for row in inputs)
    first = inputs[0]
    shown_range = {
        "image": f"values from {number(first.low)} (black) to {number(first.high)} (white)",
        "series": "each drawn to its own height",
    }.get(first.form, "")
    if first.cut:
        shown_range += (", " if shown_range else "") + "shown in part or coarser than they are"
    table = first.form == "table"
    return Gallery(_sentence(first), shown_range, pairs, table, len(pairs[0].input.numbers) if table else 0)


def _sentence(row: Sample) -> str:
    shape = _shape(row.layer_shape)
    text = f"{row.layer} ({row.layer_type}) is the first layer. It gets a batch of shape {shape}, {row.dtype}"
    if not row.same:
        return f"{text}, computed from the model's input of shape {_shape(row.model_shape)}."
    if row.layer_shape != row.model_shape:
        return f"{text}: the model's input of shape {_shape(row.model_shape)}, reshaped."
    return f"{text}: just what the model is called with."


def _exhibit(row: Sample) -> Exhibit:
    what = f"{row.role} {row.index}"
    match row.form:
        case "image" if row.pixels:
            height, width = row.size[0], row.size[1]
            return Exhibit("image", image=_png(row), width=width, height=height, alternative=f"image, {what}")
        case "series" if len(row.size) == 2:
            return Exhibit("series", lines=_polylines(row), cut=row.cut, alternative=f"series, {what}")
        case _:
            return Exhibit(row.form, numbers=_numbers(row), cut=row.cut, words="".join(_spaced(row.words)))


def _numbers(row: Sample) -> tuple[str, ...]:
    return tuple(str(int(v)) if row.form == "tokens" and math.isfinite(v) else number(v) for v in row.values)


def _spaced(words: Sequence[str]) -> Sequence[str]:
    """Return single characters as they are, whole words with spaces between them."""
    letters = all(len(word) <= 1 for word in words)
    return words if letters else [f"{word} " for word in words]


def _png(row: Sample) -> Markup | None:
    """Return the pixels as a data URI; None where they are damaged."""
    from PIL import Image

    height, width, channels = (*row.size, 1)[:3]
    pixels = base64.b64decode(row.pixels)
    if len(pixels) != height * width * channels or channels not in (1, 3):
        return None
    buffer = io.BytesIO()
    Image.frombytes("L" if channels == 1 else "RGB", (width, height), pixels).save(buffer, "PNG", optimize=True)
    return Markup("data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode())  # noqa: S704 - base64


def _polylines(row: Sample) -> tuple[Markup, ...]:
    channels, steps = row.size
    finite = [v for v in row.values if math.isfinite(v)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    width, height = _LINE
    lines = []
    for channel in range(channels):
        values = row.values[channel * steps : (channel + 1) * steps]
        points = [
            f"{i / max(1, steps - 1) * width:.1f},{height - (v - low) / ((high - low) or 1) * (height - 4) - 2:.1f}"
            for i, v in enumerate(values)
            if math.isfinite(v)
        ]
        lines.append(Markup(" ".join(points)))  # noqa: S704 - numbers
    return tuple(lines)


def class_counts(run: Recording) -> Bars | None:
    """Return how often each class was seen: of the whole data set where it was read, else of the batches."""
    counts: dict[str, Counter[int]] = {}
    scan = next((row for row in run.rows(Scan) if row.labels), None)
    if scan is not None:
        counts["training set"] = Counter(dict(zip(scan.labels, scan.counts, strict=False)))
    for split in (TRAIN, VALIDATION):
        seen = _one_pass(run, split)
        if seen and not (split == TRAIN and scan is not None):
            counts[f"{split} batches seen"] = seen
    classes = sorted({label for counter in counts.values() for label in counter})
    if not classes:
        return None
    kept = classes[:MOST_CLASSES]
    series = tuple(Series(n, range(len(kept)), [float(c[label]) for label in kept]) for n, c in counts.items())
    more = f" (the first {MOST_CLASSES} of {len(classes)})" if len(classes) > len(kept) else ""
    return Bars(f"Samples per class{more}", tuple(map(str, kept)), series, y="samples")


def _one_pass(run: Recording, split: str) -> Counter[int]:
    """Count the labels of a split, each loader's data set once: validation may have gone over it many times."""
    sizes = {row.name: row.size for row in run.rows(Loader) if row.size > 0}
    seen: Counter[int] = Counter()
    taken: Counter[str] = Counter()
    for row in run.rows(Labels):
        own = row.experiment == OBSERVE or split == VALIDATION
        if row.split != split or row.continuous or not own or taken[row.source] >= sizes.get(row.source, math.inf):
            continue
        taken[row.source] += len(row.values)
        seen.update(row.values)
    return seen


def features(run: Recording) -> list[Grid]:
    """Return the statistics of what the batches hold, and of the columns of tables."""
    grids = []
    seen: dict[tuple[str, str, str], list[Batch]] = {}
    for row in run.rows(Batch):
        if row.own and row.shape and (row.experiment == OBSERVE or row.split == VALIDATION):
            seen.setdefault((row.split, row.leaf, row.role), []).append(row)
    rows = [_summed_up(*key, batches) for key, batches in list(seen.items())[:MOST_FEATURES]]
    if rows:
        header = ("split", "part", "used as", "shape", "type", "min", "mean", "max", "std", "batches")
        grids.append(Grid("What the batches hold", header, tuple(rows)))
    table = next((b[0] for b in seen.values() if b[0].dim_mean and b[0].split == TRAIN), None)
    if table is not None:
        columns = [
            (str(i), number(mean), number(std))
            for i, (mean, std) in enumerate(zip(table.dim_mean, table.dim_std, strict=False))
        ]
        note = f"the first {MOST_FEATURES} of {len(columns)} columns" if len(columns) > MOST_FEATURES else ""
        grids.append(Grid("Features (first batch)", ("column", "mean", "std"), tuple(columns[:MOST_FEATURES]), note))
    return grids


def _summed_up(split: str, leaf: str, role: str, rows: Sequence[Batch]) -> tuple[str, ...]:
    means = [r.mean for r in rows if math.isfinite(r.mean)]
    stds = [r.std for r in rows if math.isfinite(r.std)]
    lows = [r.min for r in rows if math.isfinite(r.min)]
    highs = [r.max for r in rows if math.isfinite(r.max)]
    numbers = (
        number(min(lows)) if lows else "",
        number(sum(means) / len(means)) if means else "",
        number(max(highs)) if highs else "",
        number(sum(stds) / len(stds)) if stds else "",
    )
    return (split, leaf, role or "unknown", _shape(rows[0].shape), rows[0].dtype, *numbers, str(len(rows)))


def copies(run: Recording) -> list[str]:
    """Return sentences on duplicates within and between the data sets."""
    told = []
    for row in run.rows(Scan):
        if row.keyed:
            of = f"{row.keyed} of {row.total} samples" if row.keyed < row.total else f"{row.total} samples"
            text = f"{row.loader} ({row.dataset}): {plural(row.duplicates, 'exact copy')} among {of}"
            text = text.replace("copys", "copies")
            told.append(f"{text}; {row.conflicts} share their input with a sample of another target.")
    told += [
        f"{plural(row.shared, 'sample')} of {row.compared} in {row.validation} also in {row.train} (by {row.by})."
        for row in run.rows(Overlap)
    ]
    return told


def loaders(run: Recording) -> Grid | None:
    """Return the DataLoaders that were iterated."""
    rows = tuple(
        (
            row.name,
            row.split or "unknown",
            row.dataset_type,
            *(_count(v) for v in (row.size, row.batch_size, row.batches)),
            row.order,
            str(row.workers),
        )
        for row in run.rows(Loader)
    )
    header = ("loader", "split", "data set", "samples", "batch size", "batches", "order", "workers")
    return Grid("Loaders", header, rows) if rows else None


def _count(value: int) -> str:
    return f"{value:,}" if value >= 0 else "unknown"


def _shape(shape: Sequence[int]) -> str:
    return "\N{MULTIPLICATION SIGN}".join(map(str, shape)) if shape else "scalar"
