"""Curves of the whole run: loss, metric and learning rate of every experiment, training against validation."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from nndoctor.rate_range import sweep, swept
from nndoctor.records import COAST, LR_SWEEP, OBSERVE, TRAIN, VALIDATION, Evaluation, LossCall, Step
from nndoctor.reports.html.charts import Band, Lines, Series, wide
from nndoctor.reports.words import number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from nndoctor.recording import Recording

MOST_SERIES = 10
"""Lines of one chart; more cannot be told apart."""
FALLS = "the loss falls within a few steps at each rate"
"""Not more: a rate that is too high for the long run may be among them."""
FEWEST_RATES = 5
"""Of a range test that is drawn."""
STRETCHES = 60
"""Points of a mean curve."""
EVALUATED = {TRAIN: "training data, evaluated", "": "evaluated"}
"""Names of evaluations that are not of validation data, or of which it could not be told."""


def all_curves(run: Recording) -> Iterator[Lines]:
    """Yield the charts of the run as a whole."""
    watched = bool(run.environment("command") == "watch" or run.rows(Evaluation))
    course = whole_training(run) if watched else (losses(run), metrics(run), *splits(run))
    for chart in (*course, *sweeps(run), rates(run)):
        if chart is not None:
            yield chart


def losses(run: Recording) -> Lines | None:
    """Return the loss of every experiment; None where no step was seen."""
    series = _by_experiment(run, "loss")
    return Lines("Loss by experiment", series, y="loss", log_y=wide(series)) if series else None


def metrics(run: Recording) -> Lines | None:
    """Return the score of every experiment on its training batches."""
    grouped: defaultdict[tuple[str, int], dict[int, list[float]]] = defaultdict(dict)
    kinds = set()
    for row in run.rows(LossCall):
        if row.split == TRAIN and row.metric and math.isfinite(row.score) and row.experiment != COAST:
            grouped[row.experiment, row.segment].setdefault(row.step, []).append(row.score)
            kinds.add(row.metric)
    series = [
        Series(_name(*key, several=_several(grouped)), list(steps), [sum(v) / len(v) for v in steps.values()])
        for key, steps in grouped.items()
    ]
    name = " / ".join(sorted(kinds))
    return Lines(f"Score on the training batches ({name})", tuple(series[:MOST_SERIES]), y=name) if series else None


def rates(run: Recording) -> Lines | None:
    """Return the learning rate of every experiment; None where none of them changed it."""
    series = _rates(run)
    if all(map(_constant, series)):
        return None
    if len(series) == 1:
        series = (replace(series[0], name="learning rate"),)
    return Lines("Learning rate", series, y="learning rate", log_y=wide(series))


def rate_sentence(run: Recording) -> str:
    """Say which learning rate was in effect where it stood still; empty where a chart shows it."""
    series = _rates(run)
    if not series or not all(map(_constant, series)):
        return ""
    names: defaultdict[float, list[str]] = defaultdict(list)
    for each in series:
        names[each.values[0]].append(each.name)
    if len(names) == 1:
        return f"The learning rate was {number(series[0].values[0])} throughout."
    told = (f"{number(rate)} ({', '.join(shared)})" for rate, shared in names.items())
    return f"The learning rate stood still: {', '.join(told)}."


def _rates(run: Recording) -> tuple[Series, ...]:
    return tuple(each for each in _by_experiment(run, "lr") if each.name.partition(" ")[0] != LR_SWEEP)


def _constant(series: Series) -> bool:
    return len(set(series.values)) == 1


def splits(run: Recording) -> Iterator[Lines]:
    """Yield training against validation, as the script itself computed them: each pass over the validation data."""
    own = [row for row in run.rows(LossCall) if row.experiment in (OBSERVE, COAST) and not row.written_by_hand]
    starts = _starts(run)
    for field, label in (("value", "loss"), ("score", "score")):
        series = []
        for split in (TRAIN, VALIDATION):
            moments: dict[int, list[float]] = {}
            for row in own:
                value = float(getattr(row, field))
                if row.split == split and not math.isnan(value):
                    moments.setdefault(starts.get((row.segment, row.experiment), 0) + row.step, []).append(value)
            if moments:
                steps = sorted(moments)
                means = [sum(moments[step]) / len(moments[step]) for step in steps]
                series.append(Series(split, steps, means, dashed=split == VALIDATION))
        if len(series) == 2:
            title = f"Training against validation: {label} of the script's own passes"
            yield Lines(title, tuple(series), x="training step", y=label)


def _starts(run: Recording) -> dict[tuple[int, str], int]:
    """Return how many training steps of its own the script had done when each part of the run began."""
    lengths: dict[tuple[int, str], int] = {}
    for row in run.rows(Step):
        if row.experiment in (OBSERVE, COAST):
            part = (row.segment, row.experiment)
            lengths[part] = max(lengths.get(part, 0), row.step + 1)
    starts, done = {}, 0
    for part, length in lengths.items():
        starts[part] = done
        done += length
    return starts


def sweeps(run: Recording) -> Iterator[Lines]:
    """Yield loss against learning rate of each range test: the usable range is shaded, the script's own rate marked."""
    segments = sorted({row.segment for row in run.rows(Step) if row.experiment == LR_SWEEP})
    for segment in segments:
        steps = [row for row in sweep(run, segment) if row.lr > 0 and math.isfinite(row.loss)]
        if len(steps) < FEWEST_RATES:
            continue
        found = swept(run, segment)
        bands = [Band("x", found.begins, found.lowest, FALLS)] if found and found.begins < found.lowest else []
        own = [row.lr for row in run.rows(Step) if row.experiment == OBSERVE and row.segment == segment and row.lr > 0]
        if own:
            bands.append(Band("x", median(own), median(own), "the script's own rate"))
        series = Series(LR_SWEEP, [row.lr for row in steps], [row.loss for row in steps])
        title = "Loss against learning rate" + (f" (phase {segment + 1})" if len(segments) > 1 else "")
        yield Lines(
            title, (series,), x="learning rate", y="loss", log_x=True, log_y=wide((series,)), bands=tuple(bands)
        )


def whole_training(run: Recording) -> Iterator[Lines]:
    """Yield loss and score of a training that was watched from its beginning to its end, with its evaluations."""
    starts = _starts(run)
    for field in ("loss", "score"):
        trained = [
            (starts.get((row.segment, row.experiment), 0) + row.step, float(getattr(row, field)))
            for row in run.rows(Step)
            if row.experiment == OBSERVE
        ]
        if field == "score":  # NaN: not derived; of a loss it is what it is
            trained = [(step, value) for step, value in trained if not math.isnan(value)]
        evaluated: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
        for row in run.rows(Evaluation):
            value = float(getattr(row, field))
            if field == "loss" or math.isfinite(value):
                step = starts.get((row.segment, row.experiment), 0) + row.step
                evaluated[EVALUATED.get(row.split, row.split)].append((step, value))
        series = [*_smoothed(trained), *(_series(name, points, dashed=True) for name, points in evaluated.items())]
        series.sort(key=lambda each: each.faint)
        if not any(math.isfinite(value) for each in series for value in each.values):
            continue
        label = field if field == "loss" else next((e.metric for e in run.rows(Evaluation) if e.metric), "accuracy")
        against = " of training and validation" if VALIDATION in evaluated and trained else ""
        log_y = field == "loss" and wide(series)
        yield Lines(f"{label.capitalize()}{against}", tuple(series), x="training step", y=label, log_y=log_y)


def _series(name: str, points: Sequence[tuple[int, float]], *, dashed: bool = False) -> Series:
    return Series(name, [step for step, _ in points], [value for _, value in points], dashed=dashed)


def _smoothed(points: Sequence[tuple[int, float]]) -> list[Series]:
    """Return a curve of single batches; where it is long, pale behind the means of its stretches."""
    if not points:
        return []
    if len(points) <= 2 * STRETCHES:
        return [_series(TRAIN, points)]
    steps, values = np.array(points, dtype=float).T
    middles, means = [], []
    for part in np.array_split(np.arange(len(steps)), STRETCHES):
        finite = part[np.isfinite(values[part])]
        middles.append(float(steps[part].mean()))
        means.append(float(values[finite].mean()) if len(finite) else math.nan)
    each = Series("each training batch", steps.tolist(), values.tolist(), faint=True)
    return [Series(f"{TRAIN}, mean of {len(steps) // STRETCHES} steps", middles, means), each]


def _steps(run: Recording) -> dict[tuple[str, int], list[Step]]:
    grouped: defaultdict[tuple[str, int], list[Step]] = defaultdict(list)
    for row in run.rows(Step):
        grouped[row.experiment, row.segment].append(row)
    return grouped


def _by_experiment(run: Recording, field: str) -> tuple[Series, ...]:
    grouped = _steps(run)
    series = []
    for key, rows in grouped.items():
        values = [float(getattr(row, field)) for row in rows]
        # After the experiments the script's own epochs are cut short: their steps are no curve.
        if key[0] != COAST and any(map(math.isfinite, values)):
            series.append(Series(_name(*key, several=_several(grouped)), [row.step for row in rows], values))
    return tuple(series[:MOST_SERIES])


def _several(grouped: Mapping[tuple[str, int], object]) -> bool:
    return len({segment for _, segment in grouped}) > 1


def _name(experiment: str, segment: int, *, several: bool) -> str:
    return f"{experiment} (phase {segment + 1})" if several else experiment
