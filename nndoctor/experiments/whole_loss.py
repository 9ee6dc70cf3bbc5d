"""The other half of `gradient-check`: is the gradient of the whole loss its derivative?

The script's own loop runs on one batch, in float64, from the same state and with the same random numbers each time:
once for its gradient, then with the parameters moved a little in some directions, for differences of its loss.
"""

from __future__ import annotations

import math
import re
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from nndoctor.experiments.diet import Diet, Result
from nndoctor.feeds.tree import replaced
from nndoctor.records import GRADIENT_CHECK, OBSERVE, Experiment, GradientCheck
from nndoctor.session import Call, Listener, Pass, Session

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from nndoctor.conductor import Conductor

DIRECTIONS = 4
"""The gradient's own, and random ones."""
STEPS = (1e-6, 1e-7)
"""Of the differences, relative to the norm of the parameters."""
SIGNS = (1.0, -1.0)
MOVES = [(d, step * sign) for d in range(DIRECTIONS) for step in STEPS for sign in SIGNS]
BEFORE = 2
"""Iterations without a move: for the gradient, and to see whether the loss repeats itself."""
ITERATIONS = BEFORE + len(MOVES)
SLOWER = 2.0
"""Times as long a step takes in float64."""
REPEATS = 1e-12
"""How far the loss of one state may be from itself, relative: sums in another order."""
SHARE = 0.08
"""Greatest share of the budget."""
MOST_VALUES = 20_000_000
"""Parameters of a model that is checked: it is held three more times, in float64."""
WRITES = re.compile(r"^__i[a-z]+__$|^__setitem__$|[a-z0-9]_$")
FULL = (torch.float32, torch.float64)
LOW = (torch.float32, torch.float16, torch.bfloat16)


class WholeLoss(Listener):
    """Records `GradientCheck` of the loss as the loop computes it."""

    def __init__(self, session: Session, conductor: Conductor) -> None:
        self.session = session
        self.conductor = conductor
        self._own: list[tuple[Tensor, Tensor]] = []
        self._gradient: dict[int, tuple[Tensor, Tensor]] = {}
        self._losses: list[float] = []
        self._directions: list[dict[int, Tensor]] = []
        self._place = ("", 0, "")
        self._why = ""
        self._passes = 0
        self._mixed = False
        """Autocast was seen."""

    def diet(self) -> Diet:
        """Return the diet."""
        return Diet(
            name=GRADIENT_CHECK,
            wanted=ITERATIONS,
            least=ITERATIONS,
            seconds=2 * self._seconds(),
            pick=lambda _step, _recorded: 0,
            enough=lambda _result: bool(self._why),
        )

    def unfit(self, observed: Result) -> str:
        """Say why the loss of this loop is not checked; empty if it is."""
        trained = self.conductor.owned.trained_tensors()
        if observed.objectives > 1:
            return "several objectives are minimised in turn"
        if observed.non_finite_at >= 0:
            return "the run did not stay finite"
        if self.conductor.batches_a_step() > 1:
            return "gradients of several batches are added up"
        scalers = [s for s in self.conductor.owned.stateful if isinstance(s, torch.amp.GradScaler) and s.is_enabled()]
        if self._mixed or scalers or any(t.is_floating_point() and t.dtype not in FULL for t in trained):
            return "it computes with fewer digits (autocast or half precision)"
        if any(t.is_complex() for t in trained):
            return "it has complex parameters"
        if sum(t.numel() for t in trained) > MOST_VALUES or any(t.device.type == "mps" for t in trained):
            return "the model is too large, or its device knows no float64"
        a_step = observed.seconds / max(1, len(observed.losses))
        if SLOWER * ITERATIONS * a_step > self._seconds():
            return "its steps would take more than their share of the time budget"
        return ""

    def _seconds(self) -> float:
        return max(0.2, min(self.conductor.left(), SHARE * self.session.config.budget))

    # ---- the run

    def diet_began(self, name: str) -> None:
        """Go over to float64."""
        if name != GRADIENT_CHECK:
            return
        self._gradient, self._losses, self._directions, self._passes = {}, [], [], 0
        self._own = []
        for tensor in self.conductor.owned.tensors():
            if tensor.is_floating_point() and not tensor.is_meta:
                self._own.append((tensor, tensor.data))
                tensor.grad = None
                tensor.data = tensor.data.double()
        self._default = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)
        self.conductor.on_arguments = _as_doubles

    def outer_call(self, call: Call) -> None:
        """Note whether the model runs in mixed precision; recurrent layers insist on the type of their weights."""
        if self.session.experiment == OBSERVE and call.grad:
            self._mixed = self._mixed or any(map(torch.is_autocast_enabled, ("cpu", "cuda")))
        elif self._runs():
            with torch.set_grad_enabled(call.grad):
                call.args, call.kwargs = _as_doubles("", call.args, call.kwargs)

    def backward_begins(self, this: Pass) -> None:
        """Note the loss."""
        if not self._runs():
            return
        self._passes += 1
        self._place = this.place
        if this.inputs or self._passes > 1:
            self._why = "its gradient is asked for in several parts"
        elif any(root.dtype != torch.float64 for root in this.roots):
            self._why = "it does not compute in float64"
        else:
            self._losses.append(float(sum(root.detach().sum() for root in this.roots)) / this.scale)

    def backward_ended(self, this: Pass) -> None:
        """Keep the gradient of the first iteration."""
        if not self._runs() or self.session.step != 0:
            return
        held = [t for t in self.conductor.owned.trained_tensors() if t.grad is not None and not t.grad.is_sparse]
        self._gradient = {id(t): (t, t.grad.double() / this.scale) for t in held if t.grad is not None}

    def step_ended(self) -> None:
        """Put everything back, and move the parameters for what comes."""
        if not self._runs():
            return
        self._passes = 0
        start = self.conductor.start
        if start is None or not self._gradient or len(self._losses) != self.session.step + 1:
            self._why = self._why or "it has no gradient"
            return
        start.restore()
        if not self._directions:
            self._directions = self._drawn()
        following = self.session.step + 1 - BEFORE
        if 0 <= following < len(MOVES):
            which, step = MOVES[following]
            for tensor, _ in self._gradient.values():
                tensor.data.add_(self._directions[which][id(tensor)], alpha=step)

    def diet_ended(self, name: str) -> None:
        """Go back to the script's own type, and conclude."""
        if name != GRADIENT_CHECK:
            return
        self._put_back()
        file, line, function = self._place
        row = GradientCheck(whole=True, file=file, line=line, function=function, why=self._why)
        if not self._why:
            row = self._concluded(row)
        self.session.add(row)
        self._gradient, self._directions, self._why = {}, [], ""

    def broken_off(self) -> None:
        """The script was stopped or raised."""
        self._put_back()

    def _runs(self) -> bool:
        return bool(self._own) and self.session.experiment == GRADIENT_CHECK

    def _put_back(self) -> None:
        if not self._own:
            return
        self.conductor.on_arguments = None
        torch.set_default_dtype(self._default)
        for tensor, data in self._own:
            with suppress(Exception):  # a tensor that the script has given another form in the meantime
                tensor.grad = None
                tensor.data = data
        self._own = []

    # ---- the numbers

    def _drawn(self) -> list[dict[int, Tensor]]:
        """Return directions as long as all parameters are together: their steps are then relative to these."""
        size = math.sqrt(sum(float(t.double().norm()) ** 2 for t, _ in self._gradient.values())) or 1.0
        generator = torch.Generator().manual_seed(0)
        found = [{key: gradient for key, (_, gradient) in self._gradient.items()}]
        found += [
            {
                key: torch.randn(t.shape, generator=generator, dtype=torch.float64).to(t.device)
                for key, (t, _) in self._gradient.items()
            }
            for _ in range(DIRECTIONS - 1)
        ]
        norms = [math.sqrt(sum(float(v.norm()) ** 2 for v in each.values())) or 1.0 for each in found]
        return [{k: v * (size / norm) for k, v in each.items()} for each, norm in zip(found, norms, strict=True)]

    def _concluded(self, row: GradientCheck) -> GradientCheck:
        losses = self._losses
        if len(losses) < BEFORE + len(MOVES) or not all(map(math.isfinite, losses)):
            return GradientCheck(whole=True, why="its loss was not finite, or the run was too short")
        if _apart(losses[0], losses[1]) > REPEATS:
            return GradientCheck(whole=True, why="its loss differs from step to step on the same batch")
        told, coarse, fine = [], [], []
        for number, direction in enumerate(self._directions):
            told.append(sum(float((g * direction[k]).sum()) for k, (_, g) in self._gradient.items()))
            at = BEFORE + number * len(STEPS) * len(SIGNS)
            coarse.append((losses[at] - losses[at + 1]) / (2 * STEPS[0]))
            fine.append((losses[at + 2] - losses[at + 3]) / (2 * STEPS[1]))
        return replace(
            row,
            directions=len(told),
            backward=abs(told[0]),
            numeric=abs(coarse[0]),
            error=_differ(told, coarse),
            unsteady=_differ(fine, coarse),
        )


def whole_loss(
    conductor: Conductor, check: WholeLoss, observed: Result, runs: Callable[[Conductor, str], bool]
) -> Generator[Diet, Result, None]:
    """Yield the diet, where the loop can be checked."""
    if conductor.feed != "loader":
        # It has an end of its own, after which its validation may come.
        conductor.session.add(GradientCheck(whole=True, why="a loop without a DataLoader has no steps to spare"))
        return
    if not runs(conductor, GRADIENT_CHECK):
        return
    if why := check.unfit(observed):
        conductor.session.add(Experiment(name=GRADIENT_CHECK, outcome="skipped", why=why))
        conductor.session.add(GradientCheck(whole=True, why=why))
        return
    yield check.diet()


def _as_doubles(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
    """Let every function compute in float64, but those that write into what they are given."""

    def double(_path: str, tensor: Tensor) -> Tensor:
        return tensor.double() if tensor.dtype in LOW else tensor

    if WRITES.search(name) or not any(isinstance(a, Tensor | tuple | list) for a in (*args, *kwargs.values())):
        return args, kwargs
    return replaced(args, double), replaced(kwargs, double)


def _differ(some: list[float], others: list[float]) -> float:
    """Return how far derivatives are apart: along the gradient, or in the random directions together."""
    random = math.dist(some[1:], others[1:]) / (max(math.hypot(*some[1:]), math.hypot(*others[1:])) or 1.0)
    return max(_apart(some[0], others[0]), random)


def _apart(one: float, other: float) -> float:
    return abs(one - other) / (max(abs(one), abs(other)) or 1.0)
