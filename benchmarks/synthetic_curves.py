"""Histories of known classes: what each class means, written down as a generator.

Shapes, noise, number of points, units of x, scale and offset of the loss are drawn; the class fixes what happens with
the two curves. The generator knows nothing of the thresholds of the classifier. Amounts are shares of the whole fall.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nndoctor.curves import History, Label, Series

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

LABELS: tuple[Label, ...] = tuple(label for label in Label if label is not Label.CANNOT_TELL)


def generate(label: Label, seed: int) -> History:
    """Return one history of a class."""
    random = np.random.default_rng([LABELS.index(label), seed])
    points = round(10 ** random.uniform(1.0, 2.6))
    t = np.linspace(0.0, 1.0, points)
    train, validation, noise, noise_validation = CURVES[label](t, random)
    train = train + noise * random.standard_normal(points)
    validation = validation + noise_validation * random.standard_normal(points)
    scale, offset = 10 ** random.uniform(-4, 4), random.normal() * 3
    x = np.arange(points) * float(random.choice([1.0, 1.0, 50.0, 390.0]))
    if label is Label.DIVERGING and random.random() < 0.25:
        lost = round(points * random.uniform(0.6, 0.95))
        train[lost:], validation[lost:] = np.nan, np.nan
    kept, kept_validation = np.arange(points), np.arange(points)
    if points > 60 and random.random() < 0.4:  # validated more rarely than the training loss is written
        kept_validation = np.arange(0, points, int(random.integers(2, max(3, points // 20))))
    if points > 40 and random.random() < 0.2:  # a gap: the logger was away
        hole = round(points * random.uniform(0.2, 0.6))
        kept = np.delete(kept, slice(hole, hole + points // 10))

    def series(y: Array, rows: Any, name: str) -> Series:
        return Series(x[rows], scale * (y[rows] + offset), name)

    return History(series(train, kept, "loss"), series(validation, kept_validation, "val_loss"))


def _decay(t: Array, random: np.random.Generator, slowest: float = 0.14) -> Array:
    """Return a fall from 1 to nearly 0 that has come to rest: exponential, stretched or after a short shoulder."""
    tau = random.uniform(0.03, slowest)
    y: Array
    match random.integers(3):
        case 0:
            y = np.exp(-t / tau)
        case 1:
            y = (1 + t / (0.5 * tau)) ** -random.uniform(1.6, 2.5)
            y = (y - y[-1]) / (y[0] - y[-1])
        case _:
            y = 1 / (1 + np.exp((t - 2 * tau) / (0.5 * tau)))
            y = y / y[0]
    return y


def _noise(random: np.random.Generator) -> float:
    return float(10 ** random.uniform(-3.5, -1.7))


def _good_fit(t: Array, random: np.random.Generator) -> Any:
    train = _decay(t, random)
    gap = random.uniform(-0.01, 0.07)
    return train, train * (1 - gap) + gap, _noise(random), _noise(random)


def _underfitting(t: Array, random: np.random.Generator) -> Any:
    noise = random.uniform(0.5, 2.0)
    fall = random.uniform(0.0, 0.15) * noise * (1 - t)
    return fall, fall + random.normal() * 0.2, noise, noise * random.uniform(0.3, 1.5)


def _not_converged(t: Array, random: np.random.Generator) -> Any:
    train = 1 - t ** random.uniform(0.7, 1.2) if random.random() < 0.5 else np.exp(-t / random.uniform(0.4, 2.0))
    train = (train - train[-1]) / (train[0] - train[-1])
    gap = random.uniform(0.0, 0.08)
    return train, train + gap * t, _noise(random), _noise(random)


def _overfitting(t: Array, random: np.random.Generator) -> Any:
    train = 0.7 * _decay(t, random, 0.12) + 0.3 * (1 - t) ** random.uniform(0.8, 2.0)
    turn = random.uniform(0.15, 0.65)
    rise = random.uniform(0.15, 0.8)
    floor = random.uniform(0.25, 0.4)
    validation = floor + (1 - floor) * np.exp(-t / (0.25 * turn))
    validation = validation + rise * (np.maximum(0.0, t - turn) / (1 - turn)) ** random.uniform(0.8, 1.6)
    return train, validation, _noise(random), _noise(random)


def _noisy_validation(t: Array, random: np.random.Generator) -> Any:
    train = _decay(t, random)
    gap = random.uniform(0.0, 0.05)
    return train, train + gap, _noise(random) / 2, random.uniform(0.14, 0.5)


def _validation_easier(t: Array, random: np.random.Generator) -> Any:
    train = _decay(t, random)
    gap = random.uniform(0.12, 0.5)
    return train, train - gap * (1 - train * random.uniform(0.0, 1.0)), _noise(random), _noise(random)


def _unrepresentative_train(t: Array, random: np.random.Generator) -> Any:
    train = _decay(t, random)
    gap = random.uniform(0.25, 0.8)
    return train, train * (1 - gap * random.uniform(0, 1)) + gap, _noise(random), _noise(random)


def _diverging(t: Array, random: np.random.Generator) -> Any:
    turn = random.uniform(0.0, 0.75)
    rise = (np.maximum(0.0, t - turn) / (1 - turn)) ** random.uniform(0.7, 3.0) * 10 ** random.uniform(-0.2, 2.0)
    train = _decay(t, random) * float(random.random() < 0.7) + rise
    return train, train * random.uniform(1.0, 1.1), _noise(random), _noise(random)


def _plateau(t: Array, random: np.random.Generator) -> Any:
    start = random.uniform(0.0, 0.15)
    end = start + random.uniform(0.35, 0.55)
    upper = random.uniform(0.3, 1.0)
    first = np.where(t < start, 1 - (1 - upper) * t / max(start, 1e-9), upper) if start > 0 else np.full_like(t, upper)
    train = np.where(t < end, first, upper * np.exp(-(t - end) / random.uniform(0.02, 0.07)))
    gap = random.uniform(0.0, 0.05)
    return train, train + gap, _noise(random), _noise(random)


CURVES = {
    Label.GOOD_FIT: _good_fit,
    Label.UNDERFITTING: _underfitting,
    Label.NOT_CONVERGED: _not_converged,
    Label.OVERFITTING: _overfitting,
    Label.NOISY_VALIDATION: _noisy_validation,
    Label.VALIDATION_EASIER: _validation_easier,
    Label.UNREPRESENTATIVE_TRAIN: _unrepresentative_train,
    Label.DIVERGING: _diverging,
    Label.PLATEAU: _plateau,
}
