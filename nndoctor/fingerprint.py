"""Cheap answers to "did these values change?" and "is this the same content?"."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

SAMPLE = 256


def strided(tensor: Tensor, most: int) -> Tensor:
    """Return at most about `most` values of a tensor at an even stride, flat, detached, without a copy if possible."""
    tensor = tensor.detach()
    count = tensor.numel()
    if count > most and tensor.layout is torch.strided and tensor.is_contiguous():
        return tensor.as_strided((most,), (count // most,))  # one operation; there are many tensors in each step
    flat = tensor.reshape(-1)
    return flat[:: max(1, count // most)][:most] if count > most else flat


def fingerprint(tensors: Sequence[Tensor]) -> Tensor:
    """Return one vector that differs when a tensor was changed: all values of small ones, a sample of big ones."""
    parts = [strided(t, SAMPLE) for t in tensors if t.is_floating_point() and t.numel() and not t.is_meta]
    plain = [p if p.dtype is torch.float32 and p.is_cpu else p.float().cpu() for p in parts]
    return torch.cat(plain) if plain else torch.empty(0)


def changed(before: Tensor, after: Tensor) -> bool:
    """Whether two fingerprints differ; NaN equals NaN."""
    return before.shape != after.shape or not torch.equal(torch.nan_to_num(before), torch.nan_to_num(after))


def content_hash(tensor: Tensor) -> str:
    """Return a hash of all values, their type and shape."""
    digest = hashlib.blake2b(digest_size=12)
    digest.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
    digest.update(_bytes(tensor))
    return digest.hexdigest()


def row_hashes(tensor: Tensor) -> list[bytes]:
    """Return one hash per sample (first dimension)."""
    if tensor.dim() == 0 or tensor.numel() == 0:
        return []
    rows = np.frombuffer(_bytes(tensor), dtype=np.uint8).reshape(tensor.shape[0], -1)
    return [hashlib.blake2b(row.tobytes(), digest_size=12).digest() for row in rows]


def is_order(tensor: Tensor, size: int) -> bool:
    """Whether a tensor names each of `size` rows once."""
    if tensor.shape != (size,) or tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool:
        return False
    return torch.equal(tensor.sort().values, torch.arange(size, device=tensor.device, dtype=tensor.dtype))


def _bytes(tensor: Tensor) -> bytes:
    plain = tensor.detach().cpu().contiguous()
    if plain.dtype == torch.bfloat16:
        plain = plain.float()
    return plain.reshape(-1).view(torch.uint8).numpy().tobytes()
