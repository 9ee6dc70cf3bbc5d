"""The experiment `gradient-check`: is the backward of a custom `autograd.Function` the derivative of its forward?

Each one of the user's is called again on what it was called with in training, in float64 and apart from the model.
`torch.autograd.gradcheck` answers yes or no, and no at every kink; here the size of the error is measured, beside what
tells a deliberate backward (straight-through, gradient reversal) from a wrong one.
"""

from __future__ import annotations

import inspect
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from nndoctor.feeds.state import RandomState
from nndoctor.places import shown_file
from nndoctor.records import OBSERVE, GradientCheck
from nndoctor.session import Listener, Session

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_FUNCTIONS = 16
MOST_VALUES = 4_000_000
"""Values in the arguments of a call that is kept."""
DIRECTIONS = 6
STEPS = (1e-5, 1e-6)
"""Of the differences, relative to the spread of the input: in float64 both errors of such steps are below 1e-8."""
SECONDS = 0.5
"""Time for one function; with less the directions are fewer."""


class CustomFunctions(Listener):
    """Keeps one call of every custom function of the user's, and records `GradientCheck`."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._calls: dict[type, tuple[Any, ...]] = {}
        self._done: set[type] = set()

    def function_applied(self, kind: type, args: tuple[Any, ...]) -> None:
        """Remember the arguments of its first call in training."""
        if kind in self._done or self.session.experiment != OBSERVE or len(self._done) >= MOST_FUNCTIONS:
            return
        if not any(isinstance(a, Tensor) and a.requires_grad for a in args) or not place(kind)[0]:
            return
        self._done.add(kind)
        if sum(a.numel() for a in args if isinstance(a, Tensor)) <= MOST_VALUES:
            self._calls[kind] = tuple(
                a.detach().clone().requires_grad_(a.requires_grad) if isinstance(a, Tensor) else a for a in args
            )

    def checked(self) -> Iterator[GradientCheck]:
        """Yield what became of the functions called so far; lets go of the tensors."""
        calls, self._calls = self._calls, {}
        random = RandomState()
        for kind, args in calls.items():
            file, line, function = place(kind)
            row = GradientCheck(name=kind.__name__, file=file, line=line, function=function)
            try:
                yield from compared(row, kind, args)
            except Exception as error:  # noqa: BLE001 - not every function can be called again on its own
                yield replace(row, why=f"{type(error).__name__}: {error}")
            random.restore()


def place(kind: type) -> tuple[str, int, str]:
    """Return where a function's backward is written; an empty file where that is not the user's code."""
    code = getattr(inspect.unwrap(kind.backward), "__code__", None)  # type: ignore[attr-defined]
    if code is None:
        return ("", 0, "")
    return (shown_file(code.co_filename), code.co_firstlineno, f"{kind.__name__}.backward")


@dataclass(frozen=True, slots=True)
class Forward:
    """A function that can be called again and again on doubles, with the same random numbers each time."""

    kind: Any
    args: tuple[Any, ...]
    seed: RandomState

    def __call__(self, position: int, tensor: Tensor) -> Tensor:
        """Return the floating-point outputs, flattened, with `tensor` as the argument at a position."""
        self.seed.restore()
        args = [tensor if i == position else a for i, a in enumerate(self.args)]
        given = self.kind.apply(*(a.clone() if isinstance(a, Tensor) else a for a in args))
        outputs = given if isinstance(given, tuple | list) else (given,)
        flat = [o.reshape(-1) for o in outputs if isinstance(o, Tensor) and o.is_floating_point()]
        return torch.cat(flat) if flat else torch.zeros(0)


def compared(row: GradientCheck, kind: type, args: tuple[Any, ...]) -> Iterator[GradientCheck]:
    """Yield a row for each input that a gradient is wanted for."""
    generator = torch.Generator().manual_seed(0)
    wanted = [i for i, a in enumerate(args) if isinstance(a, Tensor) and a.requires_grad and a.is_floating_point()]
    doubles = tuple(
        _nudged(a, generator) if isinstance(a, Tensor) and a.is_floating_point() else a for a in args
    )  # fmt: skip
    forward = Forward(kind, doubles, RandomState())
    for position in wanted:
        x = doubles[position]
        base = forward(position, x)
        here = replace(row, input=position)
        if base.dtype != torch.float64 or not base.numel():
            yield replace(here, why="it does not compute in float64")
        elif not bool(torch.isfinite(base).all()):
            yield replace(here, why="its output is not finite")
        elif not torch.equal(forward(position, x), base):
            yield replace(here, why="its output differs from call to call")
        else:
            same = float((base == x.reshape(-1)).double().mean()) if base.numel() == x.numel() else -1.0
            yield _measured(replace(here, unchanged=same), forward, x, base.numel(), generator)


def _measured(
    row: GradientCheck, forward: Forward, x: Tensor, outputs: int, generator: torch.Generator
) -> GradientCheck:
    position, began = row.input, time.monotonic()
    spread = float(x.std()) if x.numel() > 1 else abs(float(x))
    spread = spread if spread > 0 else 1.0
    backward: list[float] = []
    coarse: list[float] = []
    fine: list[float] = []
    while len(fine) < DIRECTIONS and (len(fine) < 2 or time.monotonic() - began < SECONDS):
        u = torch.randn(x.shape, generator=generator, dtype=torch.float64).to(x.device)
        v = torch.randn(outputs, generator=generator, dtype=torch.float64).to(x.device)
        if outputs == 1:
            v = torch.ones_like(v)  # a loss: some rely on being the root
        with torch.enable_grad():
            leaf = x.clone().requires_grad_()
            output = forward(position, leaf)
            (gradient,) = torch.autograd.grad(output, leaf, v, allow_unused=True)
        backward.append(0.0 if gradient is None else float((gradient.double() * u).sum()))
        for step, differences in zip(STEPS, (coarse, fine), strict=True):
            h = step * spread
            rise = (forward(position, x + h * u) - forward(position, x - h * u)) / (2 * h)
            differences.append(float((v * rise).sum()))
    larger = max(_norm(backward), _norm(fine))
    return replace(
        row,
        directions=len(fine),
        backward=_norm(backward),
        numeric=_norm(fine),
        error=_norm([b - f for b, f in zip(backward, fine, strict=True)]) / larger if larger else 0.0,
        unsteady=_norm([c - f for c, f in zip(coarse, fine, strict=True)]) / larger if larger else 0.0,
    )


def _norm(values: list[float]) -> float:
    return float(torch.tensor(values, dtype=torch.float64).norm())


def _nudged(tensor: Tensor, generator: torch.Generator) -> Tensor:
    """Return a copy in float64, a little beside where it was: zeros and other round values are where kinks are."""
    values = tensor.detach().double()
    spread = float(values.std()) if values.numel() > 1 else 0.0
    noise = 0.5 + 0.5 * torch.rand(values.shape, generator=generator, dtype=torch.float64).to(values.device)
    return values + 1e-3 * (spread or 1.0) * noise  # far beyond the steps of the differences
