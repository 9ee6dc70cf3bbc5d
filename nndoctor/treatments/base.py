"""What a treatment is: something done to the loop from outside while it is on a diet, and undone after it.

The engine restores the start state before each run, then calls `begin`; after the run it calls `end`, which puts back
everything that a snapshot of the training's state does not hold (flags, lists, patched functions).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from nndoctor.conductor import Conductor
    from nndoctor.session import Call, Pass

Arguments = tuple[tuple[Any, ...], dict[str, Any]]


@dataclass(slots=True)
class Ground:
    """What a treatment may look at: the conductor with all that the script owns, and what was learned in `observe`."""

    conductor: Conductor
    names: tuple[str, ...] = ()
    """Modules and parameters that the finding names."""
    followed_by: dict[int, str] = field(default_factory=dict)
    """By id of a module with weights: the activation that followed it."""
    behind_loss: dict[int, Tensor] = field(default_factory=dict)
    """Leaves that require gradients behind the losses of `observe`, by id."""
    eval_mode: bool = False
    """Some module was in eval mode in a training call."""
    dropouts: bool = False
    """Some dropout was applied."""
    weighted: bool = False
    """The script multiplied a term of a loss with a large number."""
    first_rate: float = math.inf
    """The highest learning rate of the first step; infinite where no optimizer made it."""
    repetition: int = 0


class Treatment:
    """Does nothing; every method may be overridden.

    Gradients are off in all methods but `op`. An exception spoils the trial and nothing else.
    """

    lens: ClassVar[str] = ""
    """The treatment under which both sides are measured: its own name where the loss means something else under it."""
    by_score: ClassVar[bool] = False
    """The loss is not to be compared at all: only accuracy or R2 is."""
    lr_factor: float = 1.0

    def __init__(self, ground: Ground) -> None:
        self.ground = ground

    def unfit(self) -> str:
        """Say why it cannot be applied to this loop; empty if it can. Called once, after `observe`."""
        return ""

    def against(self) -> str:
        """Name the treatment that first brings the control into the state that was found, where it is not in it.

        What a script does only in later epochs is not yet so at the start state.
        """
        return ""

    def begin(self) -> None:
        """A run begins; the start state has been restored."""

    def end(self) -> None:
        """The run is over: undo what restoring the state does not."""

    def content(self, batches: list[Any], *, measuring: bool) -> list[Any]:
        """Return what the loop is fed instead of these batches, the ones that are `measuring` or those it trains on."""
        return batches

    def outer_call(self, call: Call) -> None:
        """The outermost module is about to run."""

    def backward_begins(self, this: Pass) -> None:
        """`backward` was called and has not run."""

    def backward_ended(self, this: Pass) -> None:
        """`backward` returned."""

    def clipped(self, parameters: list[Tensor], max_norm: float, norm: Any) -> None:
        """`clip_grad_norm_` returned the norm that the gradients had."""

    def before_step(self, optimizer: torch.optim.Optimizer) -> None:
        """An optimizer is about to step."""

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        """An optimizer has stepped."""

    def step_ended(self) -> None:
        """An iteration is complete."""

    def op(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
        """Return the arguments that a torch function gets. Gradients are as the script has them."""
        return args, kwargs
