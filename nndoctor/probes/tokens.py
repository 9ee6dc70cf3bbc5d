"""Models that read tokens: is the target the input, or the input moved on by one?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from nndoctor.feeds.tree import leaves
from nndoctor.places import user_place
from nndoctor.records import OBSERVE, TokenTarget
from nndoctor.session import Call, Listener, Session

if TYPE_CHECKING:
    from collections.abc import Sequence

LOSSES = frozenset({"cross_entropy", "nll_loss"})
MOST_ROWS = 64
"""Rows of a batch that are compared with one another."""
SHORTEST = 4
"""Positions; in shorter rows a target may equal its input by chance."""
ANSWERS = ("label", "target", "tgt", "answer")


def tokens_of(arguments: tuple[Any, Any]) -> tuple[str, Tensor] | None:
    """Return path and tensor of the rows of tokens that a model is called with, None where it reads none."""
    found = [
        (path, tensor)
        for path, tensor in leaves(arguments)
        if tensor.dim() == 2 and tensor.shape[1] >= SHORTEST and tensor.dtype in (torch.int64, torch.int32)
    ]
    named = [(path, tensor) for path, tensor in found if not any(word in path.lower() for word in ANSWERS)]
    return next(iter(named or found), None)


class Tokens(Listener):
    """Records `TokenTarget`."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._tokens: Tensor | None = None

    def outer_call(self, call: Call) -> None:
        """Hold the tokens that the model reads, until its loss."""
        if self.session.experiment != OBSERVE or not self.session.sampled or not call.grad:
            return
        if next(call.module.parameters(), None) is not None:
            found = tokens_of((call.args, call.kwargs))
            self._tokens = found[1] if found is not None else None

    def op_done(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        """Compare the target of a loss with them."""
        tokens = self._tokens
        if name not in LOSSES or tokens is None:
            return
        target = args[1] if len(args) > 1 else kwargs.get("target")
        if not isinstance(target, Tensor) or target.is_floating_point():
            return
        given = _by_row(target, tokens.shape)
        if given is None:
            return
        ignore = int(kwargs.get("ignore_index", -100))
        whole = given.shape == tokens.shape
        following = given[:, :-1] if whole else given
        file, line, function = user_place()
        self.session.add(
            TokenTarget(
                loss=name,
                positions=given.numel(),
                kept=float((given != ignore).float().mean()),
                same=_share(given, tokens, ignore) if whole else 0.0,
                shifted=_share(following, tokens[:, 1:], ignore),
                elsewhere=_elsewhere(following, tokens[:, 1:]),
                file=file,
                line=line,
                function=function,
            )
        )

    def step_ended(self) -> None:
        """Let go of the tokens."""
        self._tokens = None

    def new_data(self) -> None:
        """Let go of the tokens."""
        self._tokens = None


def _by_row(target: Tensor, shape: Sequence[int]) -> Tensor | None:
    """Return the target as rows of tokens, of the same length or one shorter."""
    rows, length = shape
    if target.numel() == rows * length:
        return target.reshape(rows, length)
    if target.numel() == rows * (length - 1):
        return target.reshape(rows, length - 1)
    return None


def _share(one: Tensor, other: Tensor, ignore: int) -> float:
    kept = one != ignore
    return float((one == other)[kept].float().mean()) if bool(kept.any()) else 0.0


def _elsewhere(following: Tensor, tokens: Tensor) -> float:
    """Return the share of rows whose target is what another row of tokens says next, and not their own."""
    given, read = following[:MOST_ROWS], tokens[:MOST_ROWS]
    alike = torch.stack([(read == row).all(dim=1) for row in given])
    own = alike.diagonal()
    return float((alike.any(dim=1) & ~own).float().mean())
