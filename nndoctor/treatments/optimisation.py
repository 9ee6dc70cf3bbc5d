"""Treatments of the optimisation: gradients, learning rate, hyper-parameters, another optimizer."""

from __future__ import annotations

import inspect
import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from nndoctor.treatments.base import Ground, Treatment

if TYPE_CHECKING:
    from nndoctor.session import Call, Pass

MOST_NORM = 1.0
LIKE = 4.0
"""Times above or below: a rate so near to the usual one is no other."""
USUAL_RATE = {"adaptive": 1e-3, "plain": 1e-2}


def held_by(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """Return the tensors that an optimizer holds."""
    return [p for group in optimizer.param_groups for p in group["params"]]


class LearningRate(Treatment):
    """Multiplies the learning rate of every group, for the duration of each step."""

    def __init__(self, ground: Ground, factor: float) -> None:
        super().__init__(ground)
        self.lr_factor = factor

    def unfit(self) -> str:
        """A loop that writes its own update has no rate that could be reached."""
        return "" if self.ground.conductor.rates_reach() else "no torch optimizer steps in this loop"


class UsualLearningRate(Treatment):
    """Sets the rate at which the kind of optimizer is usually begun with, for the duration of each step."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self._own: list[Any] = []

    def unfit(self) -> str:
        """As for a multiplied rate; and it has to be another one."""
        conductor = self.ground.conductor
        if not conductor.rates_reach():
            return "no torch optimizer steps in this loop"
        optimizers = list(conductor.owned.optimizers)
        rates = [(group["lr"], _usual(optimizer)) for optimizer in optimizers for group in optimizer.param_groups]
        alike = rates and all(1 / LIKE < float(own) / usual < LIKE for own, usual in rates)
        return "the learning rate is the usual one" if alike else ""

    def before_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Set it."""
        usual = _usual(optimizer)
        self._own = [group["lr"] for group in optimizer.param_groups]
        for group in optimizer.param_groups:
            group["lr"] = usual

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Put the script's own back."""
        for group, rate in zip(optimizer.param_groups, self._own, strict=False):
            group["lr"] = rate


def _usual(optimizer: torch.optim.Optimizer) -> float:
    adaptive = any(name in optimizer.param_groups[0] for name in ("betas", "rho", "alpha"))
    return USUAL_RATE["adaptive" if adaptive else "plain"]


class ClearGradients(Treatment):
    """Clears the gradients after each step, which is when the next iteration's accumulation begins."""

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Only of what this optimizer has used: a second one may step on its own gradients later."""
        for tensor in held_by(optimizer):
            tensor.grad = None

    def begin(self) -> None:
        """What has been left over from before the start state is cleared too."""
        for tensor in self.ground.conductor.owned.tensors():
            tensor.grad = None


class KeepGradients(Treatment):
    """Gives a step the gradients of the last backward pass, where they were cleared in between.

    A step between a forward pass and its backward pass would change the weights of the graph: it is made after it.
    """

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self._kept: dict[int, Tensor] = {}
        self._graph = False
        """A forward pass waits for its backward pass."""
        self._late: list[torch.optim.Optimizer] = []

    def outer_call(self, call: Call) -> None:
        """A forward pass begins."""
        self._graph = self._graph or call.grad

    def backward_ended(self, this: Pass) -> None:
        """Copy them: `zero_grad(set_to_none=False)` would clear ours too."""
        self._graph = False
        if self._late:
            late, self._late = self._late, []
            for optimizer in late:
                optimizer.step()
            return
        tensors = self.ground.conductor.owned.trained_tensors()
        self._kept = {id(t): t.grad.clone() for t in tensors if t.grad is not None}

    def before_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Put them back."""
        if self._graph:
            self._late.append(optimizer)
            return
        for tensor in held_by(optimizer):
            if id(tensor) in self._kept:
                tensor.grad = self._kept[id(tensor)]

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Clear them, as the script has done: the next backward pass must not add to them."""
        if self._graph:
            return
        for tensor in held_by(optimizer):
            if id(tensor) in self._kept:
                tensor.grad = None


class StepEachIteration(Treatment):
    """Steps every optimizer that has not stepped by itself in an iteration, then clears its gradients."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self._stepped: set[int] = set()

    def unfit(self) -> str:
        """There has to be an optimizer."""
        return "" if list(self.ground.conductor.owned.optimizers) else "the script has no torch optimizer"

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        """It steps by itself."""
        self._stepped.add(id(optimizer))

    def step_ended(self) -> None:
        """Step for the script."""
        for optimizer in list(self.ground.conductor.owned.optimizers):
            if id(optimizer) not in self._stepped and any(p.grad is not None for p in held_by(optimizer)):
                optimizer.step()
                optimizer.zero_grad()
        self._stepped = set()


class ClipGradients(Treatment):
    """Scales the gradients of an optimizer down to a norm of one."""

    def before_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Clip."""
        with_gradient = [p for p in held_by(optimizer) if p.grad is not None]
        if with_gradient:
            torch.nn.utils.clip_grad_norm_(with_gradient, MOST_NORM)


class NoClipping(Treatment):
    """Scales clipped gradients back up."""

    def clipped(self, parameters: list[Tensor], max_norm: float, norm: Any) -> None:
        """Undo one call of `clip_grad_norm_`."""
        had = float(norm)
        if not (math.isfinite(had) and had > max_norm > 0):
            return
        for tensor in parameters:
            if tensor.grad is not None:
                tensor.grad.mul_((had + 1e-6) / max_norm)


class ReverseGradients(Treatment):
    """Steps up where the script steps down."""

    by_score = True

    def before_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Turn them around."""
        for tensor in held_by(optimizer):
            if tensor.grad is not None:
                tensor.grad.neg_()

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Turn them back: the script may accumulate on."""
        self.before_step(optimizer)


class OtherOptimizer(Treatment):
    """Lets the script's optimizer step, takes that back, and steps with another one."""

    def __init__(self, ground: Ground, kind: str) -> None:
        super().__init__(ground)
        self._kind = kind
        self._others: dict[int, torch.optim.Optimizer] = {}
        self._before: list[tuple[Tensor, Tensor]] = []

    def unfit(self) -> str:
        """Closures would be evaluated for the step that is taken back."""
        if not self.ground.conductor.rates_reach():
            return "no torch optimizer steps in this loop"
        optimizers = list(self.ground.conductor.owned.optimizers)
        if any(isinstance(o, torch.optim.LBFGS) for o in optimizers):
            return "the optimizer evaluates a closure"
        return ""

    def begin(self) -> None:
        """Forget the state of the last run."""
        self._others = {}

    def before_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Remember the values."""
        self._before = [(p, p.detach().clone()) for p in held_by(optimizer)]

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Put them back and step otherwise."""
        for tensor, value in self._before:
            tensor.copy_(value)
        other = self._others.get(id(optimizer))
        if other is None:
            tensors = held_by(optimizer)
            other = (
                torch.optim.AdamW(tensors, lr=1e-3, weight_decay=0.0)
                if self._kind == "adamw"
                else torch.optim.SGD(tensors, lr=1e-2, momentum=0.9)
            )
            self._others[id(optimizer)] = other
        other.step()


class DefaultHyperparameters(Treatment):
    """Sets what the optimizer's class has by default, save for the learning rate; and a momentum in usual bounds."""

    def unfit(self) -> str:
        """Something has to differ."""
        changed = (self._usual(o, group) for o in self.ground.conductor.owned.optimizers for group in o.param_groups)
        return "" if any(changed) else "the optimizer has its default hyper-parameters"

    def begin(self) -> None:
        """The groups are part of the saved state and are restored with it."""
        for optimizer in list(self.ground.conductor.owned.optimizers):
            for group in optimizer.param_groups:
                group.update(self._usual(optimizer, group))

    def _usual(self, optimizer: torch.optim.Optimizer, group: dict[str, Any]) -> dict[str, Any]:
        """Return what of a group is to be changed, with its usual value."""
        parameters = inspect.signature(type(optimizer).__init__).parameters
        names = [
            n for n in ("betas", "eps", "weight_decay", "alpha", "rho", "dampening") if n in group.keys() & parameters
        ]
        usual: dict[str, Any] = {name: parameters[name].default for name in names}
        if not 0 <= group.get("momentum", 0.0) <= 0.95:
            usual["momentum"] = 0.9
        return {n: v for n, v in usual.items() if v is not inspect.Parameter.empty and group[n] != v}


class NoWeightDecay(Treatment):
    """Sets the weight decay of every group to zero."""

    def unfit(self) -> str:
        """There has to be some."""
        groups = [group for o in self.ground.conductor.owned.optimizers for group in o.param_groups]
        return "" if any(group.get("weight_decay") for group in groups) else "no optimizer decays weights"

    def begin(self) -> None:
        """The groups are part of the saved state and are restored with it."""
        for optimizer in list(self.ground.conductor.owned.optimizers):
            for group in optimizer.param_groups:
                if "weight_decay" in group:
                    group["weight_decay"] = type(group["weight_decay"])(0)
