"""The experiment `causality`: does a model of tokens look ahead? The last one is exchanged, the rest must stay."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from nndoctor.experiments.calls import difference, outputs, set_mode, undisturbed
from nndoctor.feeds.state import RandomState
from nndoctor.feeds.tree import replaced
from nndoctor.probes.tokens import tokens_of
from nndoctor.records import Causality

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from nndoctor.session import Call

CHANGED = 1e-4
"""Relative change of the outputs before the last position; float32 sums stay far below."""


def causality(name: str, call: Call) -> Iterator[Causality]:
    """Yield a row for a model that reads rows of tokens and puts out something for each of them."""
    arguments = (call.args, call.kwargs)
    found = tokens_of(arguments)
    if found is None:
        return
    leaf, tokens = found
    file, line, function = call.place
    row = Causality(module=name, leaf=leaf, length=tokens.shape[1], file=file, line=line, function=function)
    other = _exchanged(tokens)
    seed = RandomState()

    def run(given: Tensor) -> list[Tensor]:
        args, kwargs = replaced(arguments, lambda path, tensor: given if path == leaf else tensor)
        return outputs(call.module, args, kwargs, seed)

    with undisturbed(call.module):
        set_mode(call.module, training=False)
        try:
            base, again, after = run(tokens), run(tokens), run(other)
        except Exception as error:  # noqa: BLE001 - a model that cannot be called again is no fault
            yield replace(row, why=f"{type(error).__name__}: {error}")
            return
    if difference(again, base) != 0.0:
        yield replace(row, why="the output differs from call to call")
        return
    pairs = [(_by_position(a, tokens.shape), _by_position(b, tokens.shape)) for a, b in zip(base, after, strict=False)]
    known = [(a, b) for a, b in pairs if a is not None and b is not None and a.shape == b.shape]
    if not known:
        return
    before, now = known[0]
    gap, size = (now - before).norm(dim=2), before.norm(dim=2) + 1e-12
    moved = float((gap[:, -1] / size[:, -1]).mean())
    leak = gap[:, :-1].norm(dim=1) / size[:, :-1].norm(dim=1)
    yield replace(row, moved=moved, leaking=float((leak > CHANGED).float().mean()), leak=float(leak.max()))


def _exchanged(tokens: Tensor) -> Tensor:
    """Return the tokens with the last of each row replaced by another one that occurs."""
    other = tokens.clone()
    values = torch.unique(tokens)
    place = (values[None, :] == tokens[:, -1:]).int().argmax(dim=1)
    other[:, -1] = values[(place + 1) % len(values)]
    return other


def _by_position(tensor: Tensor, shape: Sequence[int]) -> Tensor | None:
    """Return an output as (row, position, values), None if it does not have a value for each token."""
    rows, length = shape
    if tensor.dim() == 3 and tuple(tensor.shape[:2]) == (rows, length):
        return tensor
    if tensor.dim() == 2 and tensor.shape[0] == rows * length:
        return tensor.reshape(rows, length, -1)
    return None
