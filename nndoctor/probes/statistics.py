"""Statistics of tensors: a bounded sample is taken in the step, on its device; the numbers are computed after it.

In the step itself only a copy of the sample and the norm are made. Afterwards samples of the same length are stacked,
so that the arithmetic and the wait for the device are paid once for many tensors.
"""

from __future__ import annotations

import math
from collections import defaultdict
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
    """A sample that waits to be summed up."""

    row: TensorStats
    sample: Tensor
    norm: Tensor


def measure(kind: str, name: str, tensor: Tensor, *, type_: str = "", order: int = 0) -> Pending | None:
    """Take a sample of a tensor; None for what has no floating-point values."""
    if tensor.is_sparse:
        tensor = tensor.coalesce()._values()
    if not tensor.is_floating_point() or tensor.numel() == 0:
        return None
    detached = tensor.detach()
    row = TensorStats(kind=kind, name=name, type=type_, order=order, numel=tensor.numel())
    norm = torch.linalg.vector_norm(detached, dtype=torch.float32)
    return Pending(row, strided(detached, SAMPLE).to(torch.float32, copy=True), norm)


def read(pending: list[Pending]) -> list[TensorStats]:
    """Return the rows of what was measured, in the same order."""
    groups: defaultdict[tuple[int, torch.device], list[int]] = defaultdict(list)
    for position, each in enumerate(pending):
        groups[each.sample.numel(), each.sample.device].append(position)
    rows: dict[int, TensorStats] = {}
    for positions in groups.values():
        chosen = [pending[i] for i in positions]
        samples = torch.stack([each.sample for each in chosen])
        norms = torch.stack([each.norm for each in chosen])
        tails = torch.tensor(
            [tails_of(each.row.type) or (-math.inf, math.inf) for each in chosen], device=samples.device
        )
        for position, each, numbers in zip(positions, chosen, _summed(samples, norms, tails), strict=True):
            mean, std, absmax, norm, zeros, saturated, bad = numbers
            rows[position] = replace(
                each.row,
                mean=mean,
                std=std,
                absmax=absmax,
                norm=norm,
                zero_share=zeros,
                non_finite=int(bad),
                saturated_share=saturated if tails_of(each.row.type) is not None else math.nan,
            )
    return [rows[i] for i in range(len(pending))]


def _summed(samples: Tensor, norms: Tensor, tails: Tensor) -> list[list[float]]:
    """Return mean, std, absmax, norm, zero share, saturated share and non-finite count of every row."""
    finite = torch.isfinite(samples)
    count = finite.sum(dim=1).clamp(min=1)
    good = torch.where(finite, samples, torch.zeros_like(samples))
    mean = good.sum(dim=1) / count
    spread = torch.where(finite, samples - mean[:, None], torch.zeros_like(samples))
    std = ((spread**2).sum(dim=1) / count).sqrt()
    saturated = ((samples < tails[:, :1]) | (samples > tails[:, 1:])).float().mean(dim=1)
    zeros = (samples == 0).float().mean(dim=1)
    columns = [mean, std, good.abs().amax(dim=1), norms, zeros, saturated, (~finite).sum(dim=1).float()]
    table: list[list[float]] = torch.stack(columns, dim=1).cpu().tolist()
    return table


def _plain(kind: str) -> str:
    return kind.lower().removeprefix("log").replace("hardtanh", "tanh")


def tails_of(kind: str) -> tuple[float, float] | None:
    """Return the limits beyond which an activation of this type is saturated, None for one without flat tails."""
    return SATURATION.get(_plain(kind))
