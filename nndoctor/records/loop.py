"""What the loop did: iterations, backward passes, optimizers, experiments, events."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from nndoctor.records.base import Placed, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Record):
    """One training iteration: from one batch to the next.

    `loss` is the sum of the losses on which `backward` was called (unscaled), NaN where there was none; `lr` the
    largest learning rate in effect over all groups, NaN without an optimizer; times in seconds, in `watch` from one
    call of the optimizer to the next.
    """

    epoch: int = 0
    loss: float = math.nan
    score: float = math.nan
    """Accuracy on the batch before the step, where `watch` derived one."""
    lr: float = math.nan
    batch_size: int = 0
    backwards: int = 0
    optimizer_steps: int = 0
    parameters_changed: bool = False
    """Whether the value of any parameter differs from before the step, however it was changed."""
    data_seconds: float = 0.0
    compute_seconds: float = 0.0
    loader: str = ""
    """The loader that fed the step; empty for a loop without a DataLoader."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backward(Placed):
    """One call of `backward` (or of `torch.autograd.grad` on parameters).

    `reached` counts the trainable model parameters (and leaves held by an optimizer) behind the loss in the graph;
    -1 where the graph was not walked in this step. `leaves` counts all leaves that require grad behind the loss.
    `failed` holds the exception's text if the call raised.
    """

    index: int = 0
    loss: float = math.nan
    scale: float = 1.0
    reached: int = -1
    leaves: int = -1
    failed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimizer(Placed):
    """An optimizer as it was built: name (`SGD#0`), type, hyper-parameters of its first group, place of construction.

    `parameters` counts the tensors it holds; `foreign` those that no module seen in a forward pass owns.
    """

    KEY: ClassVar[tuple[str, ...]] = ("name",)

    name: str = ""
    type: str = ""
    lr: float = math.nan
    momentum: float = math.nan
    weight_decay: float = math.nan
    eps: float = math.nan
    beta1: float = math.nan
    beta2: float = math.nan
    groups: int = 1
    parameters: int = 0
    foreign: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerStep(Placed):
    """One call of an optimizer's `step`, with what its gradients were like just before it.

    `with_gradient` counts the parameters that hold a non-zero gradient. `stale` counts those whose gradient was never
    cleared between this optimizer's last step and now, so that it still holds that step's gradient. `cleared` counts
    those that had a non-zero gradient after the last `backward` and have none (or zero) now. `backwards` is how many
    times `backward` ran since this optimizer's last step. `changed` counts the parameters whose value the step changed
    (-1 where it was not measured). `skipped_by_scaler`: a GradScaler found infinite gradients and did not step.
    """

    optimizer: str = ""
    lr: float = math.nan
    parameters: int = 0
    with_gradient: int = 0
    stale: int = 0
    cleared: int = 0
    backwards: int = 0
    changed: int = -1
    gradient_norm: float = math.nan
    skipped_by_scaler: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment(Record):
    """What became of an experiment: `done`, `cut` (fewer steps than wanted), `skipped`, `failed`; `why` says so.

    `lr_factor` is what the user's learning rate was multiplied with; `batch_size` what the batch was cut to (0: as it
    was). `objectives` counts the different losses that are minimised in one iteration (2 for a GAN).
    """

    KEY: ClassVar[tuple[str, ...]] = ("segment", "name")

    name: str = ""
    outcome: str = "done"
    why: str = ""
    steps: int = 0
    wanted: int = 0
    seconds: float = 0.0
    lr_factor: float = 1.0
    batch_size: int = 0
    objectives: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(Placed):
    """Something that happened once: `kind` is one of

    `exception` (the script ended by one of its own; `text` is "ValueError: …", `detail` the traceback), `exit`
    (sys.exit; `text` is the code), `swallowed` (an exception passed a forward or a loss and the script went on),
    `save` (a write that was redirected), `loaded` (a state dict was loaded; text is the module), `instrument` (one of
    nndoctor's own instruments failed and was switched off), `cut`, `stopped` (nndoctor ended the script),
    `killed`, `timeout` (written by the doctor), `note`.
    """

    kind: str = ""
    text: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment(Record):
    """One fact of the run's surroundings: versions, device, command, seeds, the schema's version."""

    KEY: ClassVar[tuple[str, ...]] = ("name",)

    name: str = ""
    value: str = ""
