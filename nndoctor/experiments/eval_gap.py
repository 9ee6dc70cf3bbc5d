"""The experiment `eval-gap`: one training batch in train and in eval mode."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nndoctor.experiments.calls import difference, outputs, set_mode, undisturbed
from nndoctor.feeds.state import RandomState
from nndoctor.records import EvalGap

if TYPE_CHECKING:
    from nndoctor.session import Call


def eval_gap(name: str, call: Call) -> EvalGap:
    """Return how far the outputs in the two modes are apart, and whether eval mode repeats itself.

    The two passes in eval mode go on with the random stream, so that a dropout that ignores the mode shows.
    """
    file, line, function = call.place
    row = EvalGap(module=name, file=file, line=line, function=function)
    root, args, kwargs = call.module, call.args, call.kwargs
    with undisturbed(root):
        set_mode(root, training=False)
        first = outputs(root, args, kwargs, RandomState())
        second = outputs(root, args, kwargs, RandomState())  # the state has moved on by what the first pass drew
        set_mode(root, training=True)
        trained = outputs(root, args, kwargs, RandomState())
    return replace(row, difference=difference(trained, first), repeat=difference(second, first))
