"""How the script handles its training besides the steps: validation passes, clipping, schedules, what it keeps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from nndoctor.records.base import Placed


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationCall(Placed):
    """How often a model was called on the batches of a loader that is not trained on, and how often with a graph.

    `graphs` counts the calls whose output requires grad. `wanted`: the script asks for gradients with respect to
    something other than parameters (forces, saliency, attacks), or the input itself requires grad. The place is that
    of the latest call with a graph.
    """

    KEY: ClassVar[tuple[str, ...]] = ("segment", "module")

    module: str = ""
    calls: int = 0
    graphs: int = 0
    wanted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DropoutCall(Placed):
    """A functional dropout that was switched on while the module that called it, and its root, were in eval mode.

    Only calls on validation data are counted. `name` is the module path with the function, `p` the rate. `repeated`
    counts the calls in which the model got the same input as in the call before (Monte Carlo dropout).
    """

    KEY: ClassVar[tuple[str, ...]] = ("segment", "name")

    name: str = ""
    function: str = "dropout"
    p: float = math.nan
    calls: int = 0
    repeated: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Clipping(Placed):
    """One call of `clip_grad_norm_` in `observe`: the limit, and the norm of the gradients before it.

    `scale` is the factor of a GradScaler that was still on the gradients (1: none). `after_step`: no backward pass
    ran since the last step of the optimizer that holds these parameters.
    """

    max_norm: float = math.nan
    norm: float = math.nan
    scale: float = 1.0
    after_step: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerStep(Placed):
    """One call of a learning-rate scheduler's `step` by the script itself, in `observe` or before the first step.

    `optimizer_steps` is how often its optimizer had stepped by then, `lr` the largest rate after the call. `scaled`:
    a GradScaler is in use, which may skip steps of the optimizer.
    """

    name: str = ""
    type: str = ""
    optimizer_steps: int = 0
    lr: float = math.nan
    scaled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptGraphs(Placed):
    """Of the losses of `observe` that are ten or more steps old at its end, how many still have their graph alive.

    `losses` were looked at, of `alive` some node near the loss still exists. The place is that of the backward pass.
    """

    KEY: ClassVar[tuple[str, ...]] = ("segment",)

    losses: int = 0
    alive: int = 0
