"""A few hundred numbers of each sample, for learners that know nothing of images and texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

MOST = 512
WORDS = 256
ENDS = 64


def features(values: Tensor) -> Array:
    """Return a table with a row for each sample (first dimension)."""
    values = values.detach().cpu()
    if values.dim() == 1:
        values = values.unsqueeze(1)
    if values.dtype in (torch.int32, torch.int64):
        return _words(values.reshape(len(values), -1))
    plain = values.float()
    if plain[0].numel() <= MOST:
        return plain.reshape(len(plain), -1).numpy()
    if plain.dim() == 2:
        return functional.adaptive_avg_pool1d(plain.unsqueeze(1), MOST // 2).flatten(1).numpy()
    planes = plain.reshape(len(plain), -1, *plain.shape[-2:])
    planes = planes[:, :32]
    side = max(1, int((MOST / planes.shape[1]) ** 0.5))
    size = (min(side, planes.shape[2]), min(side, planes.shape[3]))
    return functional.adaptive_avg_pool2d(planes, size).flatten(1).numpy()


def _words(tokens: Tensor) -> Array:
    """Count the tokens, and note the first and the last; ids beyond the width share columns."""
    counts = np.zeros((len(tokens), WORDS + 2 * ENDS), dtype=np.float32)
    rows = np.arange(len(tokens))
    ids = tokens.numpy()
    np.add.at(counts, (rows[:, None], ids % WORDS), 1)
    counts[rows, WORDS + ids[:, 0] % ENDS] = 1
    counts[rows, WORDS + ENDS + ids[:, -1] % ENDS] = 1
    return counts
