"""A diet: what the loop is fed for some steps, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from nndoctor.feeds.tree import clone, cut, permuted, replaced
from nndoctor.records import Experiment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Diet:
    """One experiment: its name, how long it lasts, and what the loop gets.

    `pick(step, recorded)` says which of the recorded iterations is served; `cut` keeps that many samples (0: all);
    `noise` permutes the inputs across the batch; `lr_factor` multiplies the user's rate, `peak_lr` first takes the
    highest rate that a schedule is going to reach. It ends after `wanted` steps, after `seconds` without the waiting
    for data, or when `enough` says so; with fewer than `least` steps it counts as cut.
    """

    name: str
    wanted: int
    least: int
    seconds: float
    pick: Callable[[int, int], int] = lambda step, recorded: step % recorded
    cut: int = 0
    noise: bool = False
    lr_factor: float = 1.0
    peak_lr: bool = False
    enough: Callable[[Result], bool] = lambda _result: False
    content: Sequence[Any] | None = None
    """What is served instead of the recorded iterations."""

    def row(self, result: Result, steps: int, outcome: str, why: str = "") -> Experiment:
        """Return what is recorded of the experiment after so many steps."""
        return Experiment(
            name=self.name,
            outcome=outcome,
            why=why,
            steps=steps,
            wanted=self.wanted,
            seconds=round(result.seconds, 3),
            lr_factor=self.lr_factor,
            batch_size=self.cut,
            objectives=result.objectives,
        )


@dataclass(slots=True)
class Result:
    """The course of one experiment: loss and score (accuracy or R2; NaN where there is none) by step."""

    name: str = ""
    losses: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    objectives: int = 1
    seconds: float = 0.0
    non_finite_at: int = -1

    def add(self, loss: float, score: float, *, finite: bool) -> None:
        """Take in one step; `finite` says whether loss, gradients and parameters all were."""
        if self.non_finite_at < 0 and not finite:
            self.non_finite_at = len(self.losses)
        self.losses.append(loss)
        self.scores.append(score)


def fed(diet: Diet, batch: Any, step: int, batch_size: int, inputs: set[Any]) -> Any:
    """Return what the diet makes of a recorded batch: a copy, cut to size, its `inputs` leaves permuted."""
    served = clone(batch)
    if diet.cut and batch_size > diet.cut:
        served = cut(served, batch_size, diet.cut)
    if not diet.noise:
        return served
    generator = torch.Generator().manual_seed(step)

    def change(path: str, tensor: Tensor) -> Tensor:
        return permuted(tensor, generator) if path in inputs else tensor

    return replaced(served, change)
