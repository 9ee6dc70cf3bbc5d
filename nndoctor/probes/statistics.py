"""Statistics of one tensor: on its own device, over a bounded sample, read back only when the step is over."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nndoctor.fingerprint import strided
from nndoctor.records import TensorStats

SAMPLE = 4096
SATURATION = {"sigmoid": (0.025, 0.975), "tanh": (-0.95, 0.95), "softmax": (-math.inf, 0.999)}
"""Where an output lies in the flat tails: slopes below a tenth of the greatest; for softmax, certainty."""


@dataclass(slots=True)
class Pending:
    """Statistics that wait on the device."""

    row: TensorStats
    values: Tensor


def measure(kind: str, name: str, tensor: Tensor, *, type_: str = "", order: int = 0) -> Pending | None:
    """Begin to measure a tensor; None for what has no floating-point values."""
    if tensor.is_sparse:
        tensor = tensor.coalesce()._values()
    if not tensor.is_floating_point() or tensor.numel() == 0:
        return None
    sample = strided(tensor, SAMPLE).float()
    finite = torch.isfinite(sample)
    good = torch.where(finite, sample, torch.zeros_like(sample))
    count = finite.sum().clamp(min=1)
    mean = good.sum() / count
    variance = (torch.where(finite, sample - mean, torch.zeros_like(sample)) ** 2).sum() / count
    low, high = SATURATION.get(type_.lower().removeprefix("log").replace("hardtanh", "tanh"), (math.nan, math.nan))
    saturated = (
        ((sample < low) | (sample > high)).float().mean() if not math.isnan(high) else sample.new_tensor(math.nan)
    )
    numbers = [
        mean,
        variance.sqrt(),
        good.abs().max(),
        tensor.detach().float().norm(),
        (sample == 0).float().mean(),
        saturated,
        (~finite).sum().float(),
    ]
    row = TensorStats(kind=kind, name=name, type=type_, order=order, numel=tensor.numel())
    return Pending(row, torch.stack([n.reshape(()) for n in numbers]))


def read(pending: list[Pending]) -> list[TensorStats]:
    """Wait for the device, once for all, and return the rows."""
    if not pending:
        return []
    table = torch.stack([p.values.cpu() for p in pending]).tolist()
    return [
        replace(
            p.row,
            mean=mean,
            std=std,
            absmax=absmax,
            norm=norm,
            zero_share=zeros,
            saturated_share=saturated,
            non_finite=int(bad) if math.isfinite(bad) else 0,
        )
        for p, (mean, std, absmax, norm, zeros, saturated, bad) in zip(pending, table, strict=True)
    ]
