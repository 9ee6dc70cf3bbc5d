"""The numbers of one loss call: is its input probabilities, what would chance score, what is the metric."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from nndoctor.records import LossCall

Fields = dict[str, Any]
"""Values by field of a `LossCall`: a row is made once for all of them, not anew for each."""
MOST_ROWS = 4096
TOLERANCE = 1e-3
"""How far rows may be from summing to one: float16 rounding over a few hundred classes stays below."""


def scored(row: LossCall, prediction: Tensor, target: Tensor | None, ignore: int) -> LossCall:
    """Return the row with its measured fields filled in. Shapes that do not fit leave them as they are."""
    prediction, target = prediction.detach(), None if target is None else target.detach()
    found = _described(row, prediction, target)
    if target is not None:
        found |= _judged(row, prediction, target, ignore, logs=found.get("log_probabilities", False))
    return replace(row, **found)


def _judged(row: LossCall, prediction: Tensor, target: Tensor, ignore: int, *, logs: bool) -> Fields:
    if row.function in ("cross_entropy", "nll_loss", "multi_margin_loss"):
        return _classes(row, prediction, target, ignore, logs=logs)
    if row.function in {"getitem", "gather"}:
        return _picked(row, prediction, target)
    if row.function.startswith("binary_cross_entropy") or row.function == "soft_margin_loss":
        return _binary(row, prediction, target)
    if row.function in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "sub"):
        return _regression(row, prediction, target)
    if row.function == "mul":
        return _log_likelihood(prediction, target)
    return {}


def _log_likelihood(prediction: Tensor, target: Tensor) -> Fields:
    """`y * log(p)`: one half of a binary cross-entropy by hand; the other half is judged in the same way."""
    values = target.float()
    if (
        prediction.shape != target.shape
        or float(prediction.max()) > 0
        or not bool(((values == 0) | (values == 1)).all())
    ):
        return {}
    predicted = prediction.float().exp() > 0.5
    base = float(values.mean())
    return {
        "metric": "binary-accuracy",
        "score": float((predicted == (values > 0)).float().mean()),
        "chance": max(base, 1 - base),
        "classes": 2,
        "distinct_predictions": int(torch.unique(predicted).numel()),
        "distinct_targets": int(torch.unique(values).numel()),
    }


def _described(row: LossCall, prediction: Tensor, target: Tensor | None) -> Fields:
    if not prediction.is_floating_point() or prediction.numel() == 0:
        return {}
    rows = _as_rows(prediction, classes=-1 if row.function == "ctc_loss" else 1)
    low, high = (float(v) for v in torch.aminmax(rows))
    unit = low >= -1e-6 and high <= 1 + 1e-6
    probabilities = logs = False
    if rows.dim() == 2 and rows.shape[1] > 1:
        sums = rows.sum(dim=1)
        probabilities = unit and bool(((sums - 1).abs() <= TOLERANCE).all())
        logs = high <= 1e-6 and bool((rows.logsumexp(dim=1).abs() <= 10 * TOLERANCE).all())
    found: Fields = {
        "unit_interval": unit,
        "probabilities": probabilities,
        "log_probabilities": logs,
        "input_min": low,
        "input_max": high,
    }
    if target is None:
        return found
    numbers = target.float() if target.numel() else torch.zeros(1)
    return found | {
        "target_min": float(numbers.min()),
        "target_max": float(numbers.max()),
        "target_integral": target.numel() > 0 and bool((numbers == numbers.round()).all()),
        "target_mean": float(numbers.mean()),
    }


def _as_rows(prediction: Tensor, classes: int = 1) -> Tensor:
    """Return a sample of the prediction as (rows, classes) in float32; a vector is one row."""
    values = prediction.float()
    if values.dim() <= 1:
        return values.reshape(1, -1)
    if values.dim() > 2:
        values = values.movedim(classes, -1).reshape(-1, values.shape[classes])
    return values[:MOST_ROWS]


def _classes(row: LossCall, prediction: Tensor, target: Tensor, ignore: int, *, logs: bool) -> Fields:
    count = prediction.shape[1] if prediction.dim() > 1 else prediction.shape[0]
    logits = prediction if prediction.dim() > 1 else prediction.unsqueeze(0)
    if target.is_floating_point() and target.shape == prediction.shape:
        labels, ignore = target.argmax(dim=1 if target.dim() > 1 else 0), -100  # no index, none to ignore
        hard = bool(((target == 0) | (target == 1)).all())
    elif not target.is_floating_point():
        labels, hard = target, True
    else:
        return {"classes": count}
    predicted = logits.argmax(dim=1)
    labels = labels.reshape(predicted.shape)
    kept = labels != ignore
    found: Fields = {"classes": count, "ignore_index": ignore}
    found["ignored_share"] = 1 - float(kept.float().mean()) if kept.numel() else math.nan
    predicted, labels = predicted[kept], labels[kept]
    if labels.numel() == 0:
        return found
    shares = torch.unique(labels, return_counts=True)[1].float() / labels.numel()
    known = hard and row.label_smoothing == 0 and (row.function != "nll_loss" or logs)
    floor = 0.0 if known else math.nan
    likelihood = row.function != "multi_margin_loss"  # a margin is no likelihood, and has no entropy for its prior
    return found | {
        "metric": "accuracy",
        "score": float((predicted == labels).float().mean()),
        "chance": float(shares.max()),
        "prior_loss": float(-(shares * shares.log()).sum()) if likelihood else math.nan,
        "uniform_loss": math.log(max(count, 1)) if likelihood else math.nan,
        "distinct_predictions": int(torch.unique(predicted).numel()),
        "distinct_targets": int(shares.numel()),
        "floor": floor,
    }


def _picked(row: LossCall, prediction: Tensor, target: Tensor) -> Fields:
    """`log_probabilities[range(n), y]` or `gather(1, y)`: classification by hand."""
    labels = target.reshape(-1)
    if prediction.dim() != 2 or target.is_floating_point() or len(labels) != len(prediction):
        return {}
    return _classes(row, prediction, labels, -100, logs=False) | {"floor": math.nan}


def _binary(row: LossCall, prediction: Tensor, target: Tensor) -> Fields:
    if prediction.shape != target.shape:
        return {}
    low = -1 if row.function == "soft_margin_loss" else 0
    hard = bool(((target == low) | (target == 1)).all())
    base = float((target == 1).float().mean() if hard else target.float().mean())
    prior = -sum(p * math.log(p) for p in (base, 1 - base) if 0 < p < 1)
    found: Fields = {"prior_loss": prior, "uniform_loss": math.log(2), "floor": 0.0 if hard else math.nan, "classes": 2}
    if not hard:
        return found
    predicted = prediction > (0.5 if row.function == "binary_cross_entropy" else 0.0)
    return found | {
        "metric": "binary-accuracy",
        "score": float((predicted == (target > 0)).float().mean()),
        "chance": max(base, 1 - base),
        "distinct_predictions": int(torch.unique(predicted).numel()),
        "distinct_targets": int(torch.unique(target).numel()),
    }


def _regression(row: LossCall, prediction: Tensor, target: Tensor) -> Fields:
    truth = target.float()
    spread = float(truth.std()) if truth.numel() > 1 else math.nan
    values = prediction.float()
    found: Fields = {
        "target_std": spread,
        "prediction_std": float(values.std()) if values.numel() > 1 else math.nan,
        "floor": row.floor if row.written_by_hand else 0.0,
    }
    if values.shape != truth.shape or truth.numel() < 2:
        return found
    rest = float(((values - truth) ** 2).mean())
    variance = float(((truth - truth.mean(dim=0, keepdim=True)) ** 2).mean()) if truth.dim() else 0.0
    prior = {"mse_loss": variance, "l1_loss": float((truth - truth.median()).abs().mean())}.get(row.function, math.nan)
    if not variance > 0:
        return found | {"prior_loss": prior}
    return found | {"metric": "r2", "score": 1 - rest / variance, "chance": 0.0, "prior_loss": prior}
