"""Curves of the whole run: loss, metric and learning rate of every experiment, training against validation."""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING

from nndoctor.records import COAST, OBSERVE, TRAIN, VALIDATION, LossCall, Step
from nndoctor.reports.html.charts import Band, Lines, Series, wide

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nndoctor.recording import Recording

MOST_SERIES = 10
"""Lines of one chart; more cannot be told apart."""
DECADES = 2.0
"""Powers of ten that the rate covers in an experiment that counts as a sweep of learning rates."""


def all_curves(run: Recording) -> Iterator[Lines]:
    """Yield the charts of the run as a whole."""
    for chart in (losses(run), metrics(run), *splits(run), *sweeps(run), rates(run)):
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
    """Return the learning rate of every experiment."""
    series = _by_experiment(run, "lr")
    return Lines("Learning rate", series, y="learning rate", log_y=wide(series)) if series else None


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
    """Yield loss against learning rate of every experiment that went through the rates, the usable range shaded."""
    for name, rows in _steps(run).items():
        pairs = [(row.lr, row.loss) for row in rows if row.lr > 0 and math.isfinite(row.loss)]
        if len(pairs) < 5 or name[0] in (OBSERVE, COAST) or math.log10(pairs[-1][0] / pairs[0][0]) < DECADES:
            continue
        if any(later < earlier for (earlier, _), (later, _) in pairwise(pairs)):
            continue
        low, high = usable(pairs)
        bands = (Band("x", low, high, "usable"),) if low < high else ()
        series = Series(name[0], [rate for rate, _ in pairs], [loss for _, loss in pairs])
        yield Lines("Loss against learning rate", (series,), x="learning rate", y="loss", log_x=True, bands=bands)


def usable(pairs: list[tuple[float, float]]) -> tuple[float, float]:
    """Return the rates between where a tenth of the fall of the loss is reached and where the loss is lowest."""
    lowest = min(range(len(pairs)), key=lambda i: pairs[i][1])
    start, bottom = pairs[0][1], pairs[lowest][1]
    first = next((i for i in range(lowest + 1) if pairs[i][1] <= start - 0.1 * (start - bottom)), lowest)
    return (pairs[first][0], pairs[lowest][0]) if bottom < start else (pairs[0][0], pairs[0][0])


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
