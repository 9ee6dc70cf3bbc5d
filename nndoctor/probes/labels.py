"""Recognises class labels among the leaves of a batch, in the order in which they came."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from nndoctor.records import Labels

MOST_VALUES = 4096
MOST_CLASSES = 1000


def labels_of(tensor: Tensor, batch_size: int, median: float | None) -> tuple[Labels | None, float]:
    """Return the labels of a leaf (None if it holds none) and the running median of continuous targets.

    `median` is that of the earlier batches, so that "above or below" means the same throughout the run.
    """
    values = tensor.detach()
    if values.dtype == torch.bool:
        if values.dim() > 1:
            return None, math.nan if median is None else median  # a mask
        values = values.long()
    if values.dim() == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.dim() == 2 and 2 <= values.shape[1] <= MOST_CLASSES and _one_hot(values):
        values = values.argmax(dim=1)
    if values.dim() != 1 or len(values) != batch_size or not 1 <= batch_size <= MOST_VALUES:
        return None, math.nan if median is None else median
    if not (values.is_floating_point() or values.is_complex()):
        if int(values.max()) - int(values.min()) > MOST_CLASSES:
            return None, math.nan
        return Labels(values=tuple(int(v) for v in values.tolist())), math.nan
    if bool(((values == 0) | (values == 1)).all()):
        return Labels(values=tuple(int(v) for v in values.tolist())), math.nan
    middle = median if median is not None and math.isfinite(median) else float(values.median())
    return Labels(values=tuple(int(v > middle) for v in values.tolist()), continuous=True), middle


def _one_hot(values: Tensor) -> bool:
    return bool(((values == 0) | (values == 1)).all()) and bool((values.sum(dim=1) == 1).all())
