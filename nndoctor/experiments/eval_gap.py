"""The experiment `eval-gap`: one training batch in train and in eval mode."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from nndoctor.experiments.calls import difference, outputs, set_mode, undisturbed
from nndoctor.experiments.worker_randomness import generators, set_back, state_of
from nndoctor.feeds.state import RandomState
from nndoctor.records import EvalGap

if TYPE_CHECKING:
    from torch import Tensor

    from nndoctor.session import Call

UNSEEDED = 67280421310721
"""The seed that torch's generator has until a script sets one."""


def eval_gap(name: str, call: Call) -> EvalGap:
    """Return how far the outputs in the two modes are apart, and whether eval mode repeats itself.

    The two passes in eval mode go on with the random stream, so that a dropout that ignores the mode shows.
    """
    file, line, function = call.place
    row = EvalGap(module=name, file=file, line=line, function=function)
    root, args, kwargs = call.module, call.args, call.kwargs
    again = _again(call)
    with undisturbed(root):
        set_mode(root, training=False)
        first = outputs(root, args, kwargs, RandomState())
        second = outputs(root, args, kwargs, RandomState())  # the state has moved on by what the first pass drew
        set_mode(root, training=True)
        trained = outputs(root, args, kwargs, RandomState())
    return replace(
        row,
        difference=difference(trained, first),
        repeat=difference(second, first),
        again=again,
        seeded=torch.initial_seed() != UNSEEDED,
    )


def _again(call: Call) -> float:
    """Return how far two training passes from one state are apart: of buffers, random generators, own ones too."""
    root = call.module
    state = RandomState()
    own = [(generator, state_of(generator)) for _, generator in generators(root, "", set())]

    def once() -> list[Tensor]:
        with undisturbed(root):
            set_mode(root, training=True)
            found = outputs(root, call.args, call.kwargs, state)
        for generator, value in own:
            set_back(generator, value)
        return found

    return difference(once(), once())
