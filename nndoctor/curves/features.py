"""The numbers that decide: every one a share of the fall of the curves or a multiple of their noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nndoctor.curves.shape import FEWEST, Clean, Shape, cleaned, shape_of

if TYPE_CHECKING:
    from nndoctor.curves.model import History

NO_NUMBER = math.nan
OTHER_UNIT = 4.0
"""Ranges of x that differ by more have different units (steps and epochs); both are taken to span the run."""
STOOD = 0.03
"""A curve stands still while its fit falls by no more than this share of the whole fall."""


@dataclass(frozen=True, slots=True)
class Features:
    """What is measured of one history. Shares are of `scale`, the larger fall of the two curves; NaN: not known."""

    points_train: int = 0
    points_validation: int = 0
    lost: bool = False
    """The training loss ends in NaN or Inf."""
    learned: float = NO_NUMBER
    """Fall of the training loss from its first tenth to its last third, in standard deviations of one point."""
    learned_z: float = NO_NUMBER
    """The same in standard errors of the difference."""
    train_rise: float = NO_NUMBER
    """Rise of the training loss from its lowest to its end, as a share of its own larger movement."""
    train_rise_z: float = NO_NUMBER
    train_fell: float = NO_NUMBER
    """Fall of the training loss from its start to its lowest, as a share of its larger movement."""
    train_climbs: float = NO_NUMBER
    """Rise of the training loss from its second tenth to its end, as a share of its larger movement."""
    train_late: float = NO_NUMBER
    """Fall of the training loss from the last but one tenth of the run to the last, as a share."""
    train_late_z: float = NO_NUMBER
    stood: float = NO_NUMBER
    """Longest stretch, as a share of the run, on which the training loss stood still and then fell further."""
    stood_from: float = NO_NUMBER
    after: float = NO_NUMBER
    """How far it fell after that stretch, as a share."""
    validation_rise: float = NO_NUMBER
    validation_rise_z: float = NO_NUMBER
    validation_late: float = NO_NUMBER
    validation_late_z: float = NO_NUMBER
    noise: float = NO_NUMBER
    """Noise of one validation value (of a long curve: of the mean of a bin), as a share."""
    noise_ratio: float = NO_NUMBER
    """The same as a multiple of the noise of the training loss."""
    gap: float = NO_NUMBER
    """Validation minus training loss over the last fifth, as a share."""
    gap_z: float = NO_NUMBER
    widened: float = NO_NUMBER
    """How much the gap grew after the validation loss had come down, as a share."""
    below: float = NO_NUMBER
    """Share of the validation points of the second half that lie below the training loss."""
    metric: float = NO_NUMBER
    """Training accuracy (0 to 1) or R2 at the end."""
    metric_gain: float = NO_NUMBER
    """How much it gained over the run, as a share of what it lacked at first."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Features and where on the x axis things happened."""

    features: Features
    best: float | None
    metric_is_accuracy: bool
    units_differ: bool
    restarts: int
    lost_at: float
    stood_x: tuple[float, float] | None


def measure(history: History, part: slice = slice(None)) -> Measured:
    """Measure a history, or a part of its points together with the first."""
    sign = -1.0 if history.higher_is_better else 1.0
    train, validation = cleaned(history.train, sign=sign), cleaned(history.validation, sign=sign)
    train, validation = _part(train, part), _part(validation, part)
    both = len(train.x) >= FEWEST and len(validation.x) >= FEWEST
    differ = both and not 1 / OTHER_UNIT <= _width(train) / max(_width(validation), 1e-300) <= OTHER_UNIT
    common = [c for c in (train, validation) if len(c.x) >= FEWEST]
    bounds = (min((c.x[0] for c in common), default=0.0), max((c.x[-1] for c in common), default=0.0))
    low, high = float(bounds[0]), float(bounds[1])

    def shape(curve: Clean) -> Shape | None:
        if len(curve.x) < FEWEST:
            return None
        ends = (float(curve.x[0]), float(curve.x[-1])) if differ else (low, high)
        return shape_of(curve, *ends)

    t, v = shape(train), shape(validation)
    # Rounding is no noise and no fall: what is left of a shift by a large constant.
    largest = max((float(np.abs(c.y).max()) for c in common), default=0.0)
    lost_train = bool(np.isfinite(train.lost_at)) and not (
        len(validation.x) and not differ and validation.x[-1] > train.lost_at
    )
    values: dict[str, float] = {"points_train": len(train.x), "points_validation": len(validation.x)}
    scale = max((s.fall for s in (t, v) if s is not None), default=0.0)
    rise = max((s.rise for s in (t, v) if s is not None), default=0.0)
    tiny = 1e-9 * largest
    scale = scale if scale > tiny else max(rise, tiny, 1e-300)
    if t is not None:
        values |= _of_train(t, scale, tiny)
    if v is not None:
        values |= _of_validation(v, scale, tiny)
    if t is not None and v is not None:
        values |= _of_both(t, v, scale, tiny)
    accuracy = history.metric is not None and not _is_r2(history.metric.name)
    if history.metric is not None:
        values |= _of_metric(_part(cleaned(history.metric), part), accuracy=accuracy)
    counts = {name: int(values.pop(name)) for name in ("points_train", "points_validation")}
    leading, own = (v, validation) if v is not None else (t, train)
    return Measured(
        features=Features(lost=lost_train, **counts, **values),  # type: ignore[arg-type]
        best=None if leading is None else _x_at(leading.t[leading.turn], own, leading),
        metric_is_accuracy=accuracy,
        units_differ=differ,
        restarts=train.restarts + validation.restarts,
        lost_at=train.lost_at if lost_train else math.nan,
        stood_x=None if t is None or not values.get("stood", 0) > 0 else (
            _x_at(values["stood_from"], train, t), _x_at(values["stood_from"] + values["stood"], train, t)
        ),
    )  # fmt: skip


def _part(curve: Clean, part: slice) -> Clean:
    kept = np.zeros(len(curve.x), dtype=bool)
    kept[part] = True
    kept[:1] = True  # most of a fast fall lies between the first two points
    return Clean(curve.x[kept], curve.y[kept], curve.lost_at, curve.restarts)


def _width(curve: Clean) -> float:
    return float(curve.x[-1] - curve.x[0])


def _x_at(t: float, curve: Clean, shape: Shape) -> float:
    """Return the x of the curve's point nearest to a place on the common range."""
    first, last = float(shape.t[0]), float(shape.t[-1])
    share = (t - first) / (last - first) if last > first else 0.0
    # The thinned curve begins and ends within the first and the last bin of the curve itself.
    target = curve.x[0] + share * (curve.x[-1] - curve.x[0])
    return float(curve.x[int(np.abs(curve.x - target).argmin())])


def _z(difference: float, error: float, tiny: float) -> float:
    return difference / max(error, tiny, 1e-300)


def _of_train(s: Shape, scale: float, tiny: float) -> dict[str, float]:
    first, last = s.level(0.0, 0.1), s.level(2 / 3, 1.0)
    learned = first - last
    error = math.hypot(s.error(0.0, 0.1), s.error(2 / 3, 1.0))
    late = s.level(0.8, 0.9) - s.level(0.9, 1.0)
    rise, rise_z = _risen(s, tiny)
    stood, stood_from, after = _longest_stand(s)
    return {
        "learned": _z(learned, s.noise, tiny),
        "learned_z": _z(learned, error, tiny),
        "train_rise": rise / max(s.fall, rise, tiny, 1e-300),
        "train_rise_z": rise_z,
        "train_fell": s.fall / max(s.fall, rise, tiny, 1e-300),
        "train_climbs": (s.level(0.9, 1.0) - s.level(0.1, 0.2)) / max(s.fall, rise, tiny, 1e-300),
        "train_late": late / scale,
        "train_late_z": _z(late, math.hypot(s.error(0.8, 0.9), s.error(0.9, 1.0)), tiny),
        "stood": stood,
        "stood_from": stood_from,
        "after": after / scale,
    }


def _risen(s: Shape, tiny: float) -> tuple[float, float]:
    """Return by how much the curve rose from around its lowest point to its last tenth, and in standard errors."""
    turn = float(s.t[s.turn])
    rise = s.level(0.9, 1.0) - s.level(turn - 0.05, turn + 0.05)
    return max(0.0, rise), _z(rise, math.hypot(s.error(turn - 0.05, turn + 0.05), s.error(0.9, 1.0)), tiny)


def _of_validation(s: Shape, scale: float, tiny: float) -> dict[str, float]:
    late = s.level(0.8, 0.9) - s.level(0.9, 1.0)
    rise, rise_z = _risen(s, tiny)
    return {
        "validation_rise": rise / scale,
        "validation_rise_z": rise_z,
        "validation_late": late / scale,
        "validation_late_z": _z(late, math.hypot(s.error(0.8, 0.9), s.error(0.9, 1.0)), tiny),
        "noise": max(s.fine, s.left) / scale,
    }


def _of_both(t: Shape, v: Shape, scale: float, tiny: float) -> dict[str, float]:
    gap = v.level(0.8, 1.0) - t.level(0.8, 1.0)
    error = math.hypot(v.error(0.8, 1.0), t.error(0.8, 1.0))
    # Down: where the fit has first come within a tenth of its fall of its lowest level.
    down = float(v.t[int(np.argmax(v.fit <= v.bottom + 0.1 * v.fall))])
    width = 0.05 if down > 0.05 else 0.02
    before = v.level(down - width, down + width) - t.level(down - width, down + width)
    trains = np.interp(v.t, t.t, t.fit)
    late = v.t >= 0.5
    return {
        "gap": gap / scale,
        "gap_z": _z(abs(gap), error, tiny),
        "widened": (gap - before) / scale,
        "below": float((v.y[late] < trains[late]).mean()) if late.any() else NO_NUMBER,
        "noise_ratio": v.fine / max(t.fine, tiny, 1e-300),
    }


def _longest_stand(s: Shape) -> tuple[float, float, float]:
    """Return length and start of the longest stretch without a fall that is not the end, and the fall after it."""
    if not s.fall > 0:
        return 0.0, 0.0, 0.0
    best = (0.0, 0.0, 0.0)
    fit, times = s.fit[: s.turn + 1], s.t[: s.turn + 1]
    # A fall after the stretch that is worth the name: a fifth of the whole.
    for i in range(len(fit)):
        allowed = fit[i] - STOOD * s.fall
        j = int(np.searchsorted(-fit, -allowed, side="right")) - 1
        length, after = float(times[j] - times[i]), float(fit[j] - fit[-1])
        if after >= 0.1 * s.fall and length > best[0]:
            best = (length, float(times[i]), after)
    return best


def _is_r2(name: str) -> bool:
    return name.lower().replace("_", "").replace("^", "").endswith(("r2", "r2score"))


def _of_metric(curve: Clean, *, accuracy: bool) -> dict[str, float]:
    if len(curve.y) < FEWEST:
        return {}
    y = curve.y / 100.0 if accuracy and curve.y.max() > 1.5 else curve.y
    if accuracy and (y.min() < 0 or y.max() > 1.0):
        return {}  # whatever it is, it is no accuracy
    few = max(1, len(y) // 10)
    first, last = float(y[:few].mean()), float(y[-2 * few :].mean())
    return {"metric": last, "metric_gain": (last - first) / max(1.0 - first, 1e-9)}
