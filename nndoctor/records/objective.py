"""What the loss is made of and what its gradient does: targets, direction of steps, passes in vain, summands."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from nndoctor.records.base import Placed, Record

SAME_TARGETS = "same-targets"
"""The first batches of `observe` again, as they were: what the next experiment is compared with."""
OTHER_TARGETS = "other-targets"
"""The same, with the leaves of the batch that nothing was seen to use drawn anew from their own samples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LossTarget(Placed):
    """Where the target of a loss function came from, in a training step of `observe`.

    `own`: it was computed (argmax, max, round, a threshold) from the very prediction that it is compared with.
    `content` is the hash of its values, the same that `Batch.content` holds. `value` is the loss, NaN if it was not
    reduced to a number. `classes`: the target holds class indices.
    """

    function: str = ""
    own: bool = False
    content: str = ""
    value: float = math.nan
    classes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDirection(Record):
    """Where a sampled training step went: the cosine between what the parameters changed by and their gradient.

    -1 is steepest descent, +1 steepest ascent. Taken over a sample of the parameters registered in models, whose
    gradients were those of a single backward pass. `maximize`: an optimizer that stepped was built to ascend.
    """

    cosine: float = math.nan
    maximize: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LossTerm(Placed):
    """One summand of the objective that compares with a target, and its gradient on what the summands share.

    `index` is its position among the summands, `loss` names its function. `norm` is that of its gradient with respect
    to `shared` parameters that all such summands depend on, as it enters the sum. `factor` is the constant that the
    script multiplies it with, 1 without one, NaN where it could not be read; `largest` the largest single constant of
    which it is made. Beside a single such summand, one without a target (`loss` is empty) that is multiplied with a
    large constant. The place is that of the backward pass.
    """

    index: int = 0
    loss: str = ""
    norm: float = math.nan
    factor: float = 1.0
    largest: float = 1.0
    shared: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LossPart(Placed):
    """What one summand of the objective was worth in a training step, where there are several.

    In `observe`, in `overfit`, and in the experiments `alone:0`, `alone:1`, ..., in each of which one of them is
    trained and the gradient of all others stopped. `index` is its number, `loss` the loss function of torch's in which
    it ends, empty for another. `name` is how the script writes it, else that function or the operation that made it;
    `penalty` stands for all that depend on a single parameter. `value` is as it enters the sum, NaN where it was not
    seen. `alone`: it is the one that is trained. `beside` is the experiment in which they were trained together, on
    the same data. `head`: no summand but an output of the model, of several that one loss takes; `value` is then the
    loss of all. The place is that of the call of the loss function, else of the backward pass.
    """

    index: int = 0
    loss: str = ""
    name: str = ""
    value: float = math.nan
    alone: bool = False
    beside: str = ""
    head: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PassUse(Placed):
    """What became of the gradients of the backward passes at one place, over the sampled steps of `observe`.

    `used` counts the passes of which some gradient was there when an optimizer that holds its parameter stepped, or
    whose parameters changed otherwise before it was cleared. `wasted`: all were cleared before, in an iteration in
    which another pass was used. `last` is the loss of the latest such pass.
    """

    KEY: ClassVar[tuple[str, ...]] = ("segment", "file", "line")

    used: int = 0
    wasted: int = 0
    parameters: int = 0
    last: float = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Broadcast(Placed):
    """An element-wise operation on a column (N, 1) and a vector (N,) of the same N samples, in training steps.

    Only where the column came so from a layer or a loader, and not from an inserted dimension, a view or a sum that
    kept its dimension. `operation` is its name, `module` the path of the module in whose forward it ran. `count` is how
    often it happened in the sampled steps of `observe`. `source` is `layer` or the path of the batch's leaf.
    """

    KEY: ClassVar[tuple[str, ...]] = ("segment", "file", "line", "operation")

    operation: str = ""
    module: str = ""
    source: str = ""
    column: tuple[int, ...] = ()
    vector: tuple[int, ...] = ()
    count: int = 0
