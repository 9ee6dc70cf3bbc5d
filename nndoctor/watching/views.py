"""Bounded views and copies of the values of one tensor."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor, nn

SAMPLE = 256
"""Values looked at in each tensor: their std is then known to about 5 per cent."""
PLAIN = (Tensor, nn.Parameter)


def values_of(tensor: Tensor) -> Tensor | None:
    """Return a flat view (or copy) of at most `SAMPLE` values, evenly spread; None where there are none."""
    if type(tensor) in PLAIN and tensor.layout is torch.strided and tensor.is_contiguous() and not tensor.is_meta:
        if tensor.dtype is not torch.float32 and not tensor.is_floating_point():
            return None
        count = tensor.numel()
        if count > SAMPLE:
            return tensor.as_strided((SAMPLE,), (stride_of(count),))
        return (tensor if tensor.dim() == 1 else tensor.view(-1)) if count else None
    if hasattr(tensor, "to_local"):  # a DTensor: what this rank holds of it
        tensor = tensor.to_local()
    if tensor.is_sparse:
        tensor = tensor.detach().coalesce().values()
    if not tensor.is_floating_point() or tensor.numel() == 0 or tensor.is_meta:
        return None
    if tensor.numel() <= SAMPLE:
        return tensor.detach().reshape(-1)
    # What is not contiguous is not laid out anew for a few values.
    return tensor.detach()[_places(tuple(tensor.shape), tensor.device)]


def copy_of(tensor: Tensor) -> Tensor | None:
    """Return a copy of at most `SAMPLE` values as float32, in as few operations as it can be done."""
    plain = type(tensor) in PLAIN and tensor.dtype is torch.float32 and tensor.layout is torch.strided
    if plain and tensor.is_contiguous() and not tensor.is_meta:
        count = tensor.numel()
        length, stride = (SAMPLE, stride_of(count)) if count > SAMPLE else (count, 1)
        return torch.as_strided_copy(tensor.detach(), (length,), (stride,)) if count else None
    values = values_of(tensor.detach())
    if values is None:
        return None
    return values.clone() if values.dtype is torch.float32 else values.float()


@lru_cache(maxsize=512)
def _places(shape: tuple[int, ...], device: torch.device) -> tuple[Tensor, ...]:
    """Return indices of evenly spread values."""
    count = math.prod(shape)
    found: tuple[Tensor, ...] = torch.unravel_index(stride_of(count) * torch.arange(SAMPLE, device=device), shape)
    return found


def stride_of(count: int) -> int:
    """Return an odd stride: an even one would mostly stay in the same column of a matrix."""
    stride = count // SAMPLE
    return stride - 1 + stride % 2
