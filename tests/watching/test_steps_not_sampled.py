"""Steps that are not sampled go short ways: what is written down of them is the same as if they were."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from nndoctor.recording import FILE_NAME, Recording
from nndoctor.records import Evaluation, Event, NonFinite, Step
from nndoctor.watching.script import WatchedRun

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

STEPS = 30


class Parts:
    """What the loops are made of."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 3))
        self.optimizer: torch.optim.Optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)
        data = TensorDataset(torch.randn(32, 6), torch.randint(3, (32,)))
        self.loader = DataLoader(data, batch_size=8, shuffle=True)
        self.held_out = DataLoader(TensorDataset(torch.randn(8, 6), torch.randint(3, (8,))), batch_size=4)

    def loss(self, inputs: Tensor, labels: Tensor) -> Tensor:
        return functional.cross_entropy(self.model(inputs), labels)

    def batches(self):
        for _ in range(STEPS // 4 + 1):
            yield from self.loader


def plain(parts: Parts) -> None:
    for inputs, labels in parts.batches():
        parts.optimizer.zero_grad()
        parts.loss(inputs, labels).backward()
        parts.optimizer.step()


def accumulated(parts: Parts) -> None:
    for number, (inputs, labels) in enumerate(parts.batches()):
        (parts.loss(inputs, labels) / 2).backward()
        if number % 2:
            parts.optimizer.step()
            parts.optimizer.zero_grad()


def of_two_losses(parts: Parts) -> None:
    for inputs, labels in parts.batches():
        parts.optimizer.zero_grad()
        output = parts.model(inputs)
        losses = [functional.cross_entropy(output, labels), output.square()]
        torch.autograd.backward(losses, [torch.ones(()), torch.ones_like(output)])
        parts.optimizer.step()


def with_evaluations(parts: Parts) -> None:
    for number, (inputs, labels) in enumerate(parts.batches()):
        parts.optimizer.zero_grad()
        parts.loss(inputs, labels).backward()
        parts.optimizer.step()
        if number % 5 == 4:
            with torch.no_grad():
                for held_inputs, held_labels in parts.held_out:
                    parts.loss(held_inputs, held_labels)


def with_a_schedule(parts: Parts) -> None:
    groups = [{"params": [p], "lr": 0.01 * n} for n, p in enumerate(parts.model.parameters())]
    parts.optimizer = torch.optim.SGD(groups, lr=0.1)
    schedule = torch.optim.lr_scheduler.ExponentialLR(parts.optimizer, 0.9)
    for inputs, labels in parts.batches():
        parts.optimizer.zero_grad()
        parts.loss(inputs, labels).backward()
        parts.optimizer.step()
        schedule.step()


def by_a_closure(parts: Parts) -> None:
    parts.optimizer = torch.optim.LBFGS(parts.model.parameters(), max_iter=3)
    for inputs, labels in parts.batches():

        def closure(inputs: Tensor = inputs, labels: Tensor = labels) -> Tensor:
            parts.optimizer.zero_grad()
            loss = parts.loss(inputs, labels)
            loss.backward()
            return loss

        parts.optimizer.step(closure)


def of_two_optimizers(parts: Parts) -> None:
    other = nn.Linear(3, 1)
    second = torch.optim.Adam(other.parameters(), lr=torch.tensor(0.02))
    for inputs, labels in parts.batches():
        for _ in range(2):
            second.zero_grad()
            other(parts.model(inputs).detach()).square().mean().backward()
            second.step()
        parts.optimizer.zero_grad()
        parts.loss(inputs, labels).backward()
        parts.optimizer.step()


def one_within_another(parts: Parts) -> None:
    class Outer(torch.optim.Optimizer):
        def step(self) -> None:  # type: ignore[override]
            parts.optimizer.step()

    outer = Outer(parts.model.parameters(), {})
    for inputs, labels in parts.batches():
        outer.zero_grad()
        parts.loss(inputs, labels).backward()
        outer.step()


def scaled(parts: Parts) -> None:
    scaler = torch.amp.GradScaler("cpu")
    for inputs, labels in parts.batches():
        parts.optimizer.zero_grad()
        scaler.scale(parts.loss(inputs, labels)).backward()
        scaler.step(parts.optimizer)
        scaler.update()


def in_two_phases(parts: Parts) -> None:
    plain(parts)
    parts.optimizer = torch.optim.Adam(parts.model.parameters())
    for _ in range(8):
        plain(parts)


def by_noisy_steps(parts: Parts) -> None:
    class Noisy(torch.optim.SGD):
        def step(self) -> None:  # type: ignore[override]
            super().step()
            for group in self.param_groups:
                for parameter in group["params"]:
                    parameter.data.add_(torch.randn_like(parameter), alpha=1e-3)

    parts.optimizer = Noisy(parts.model.parameters(), lr=0.1)
    plain(parts)


def whose_steps_fail(parts: Parts) -> None:
    class Moody(torch.optim.SGD):
        count = 0

        def step(self) -> None:  # type: ignore[override]
            self.count += 1
            if self.count % 7 == 0:
                raise RuntimeError("not today")
            super().step()

    parts.optimizer = Moody(parts.model.parameters(), lr=0.1)
    for inputs, labels in parts.batches():
        parts.optimizer.zero_grad()
        parts.loss(inputs, labels).backward()
        try:
            parts.optimizer.step()
        except RuntimeError:
            continue


LOOPS: list[Callable[[Parts], None]] = [
    plain, accumulated, of_two_losses, with_evaluations, with_a_schedule, by_a_closure, of_two_optimizers,
    one_within_another, scaled, in_two_phases, by_noisy_steps,
]  # fmt: skip


def recorded(folder: Path, loop: Callable[[Parts], None], overhead: float) -> Recording:
    folder.mkdir()
    parts = Parts()
    beside = WatchedRun(folder, overhead=overhead, on_nan="continue", facts={})
    beside.begin()
    loop(parts)
    beside.end()
    return Recording.open(folder / FILE_NAME)


@pytest.mark.parametrize("loop", LOOPS, ids=lambda loop: loop.__name__)
def test_a_step_is_written_down_as_if_it_were_sampled(loop, tmp_path):
    every, few = (recorded(tmp_path / str(overhead), loop, overhead) for overhead in (math.inf, 1e-9))
    rows, expected = (
        [replace(row, score=0.0, data_seconds=0.0, compute_seconds=0.0) for row in run.rows(Step)]
        for run in (few, every)
    )
    assert len(rows) > STEPS / 2
    assert list(map(repr, rows)) == list(map(repr, expected))  # NaN is not NaN
    assert few.rows(Evaluation) == every.rows(Evaluation)
    assert few.rows(Event) == []


def test_steps_that_fail_are_no_reason_to_stop_watching(tmp_path):
    run = recorded(tmp_path / "run", whose_steps_fail, 1e-9)
    assert run.rows(Event) == []
    assert len(run.rows(Step)) > STEPS


@pytest.mark.parametrize("where", ["forward", "backward"])
@pytest.mark.parametrize("at", [23, 27])
def test_a_nan_in_a_step_that_is_not_sampled_is_found_before_it_is_in_the_weights(where, at, tmp_path):
    class Broken(torch.autograd.Function):
        @staticmethod
        def forward(_ctx, tensor):
            return tensor * math.nan if where == "forward" else tensor.clone()

        @staticmethod
        def backward(_ctx, gradient):
            return gradient * math.nan

    def loop(parts: Parts) -> None:
        for number, (inputs, labels) in enumerate(parts.batches()):
            parts.optimizer.zero_grad()
            output = parts.model(inputs)
            output = Broken.apply(output) if number == at else output
            functional.cross_entropy(output, labels).backward()
            parts.optimizer.step()

    run = recorded(tmp_path / "run", loop, 1e-9)
    row = run.rows(NonFinite)[0]
    assert (row.step, row.phase) == (at, where)
    kept = torch.load(tmp_path / "run" / "non-finite.pt", weights_only=True)
    assert all(torch.isfinite(weight).all() for state in kept["weights"].values() for weight in state.values())


def test_a_step_takes_the_time_from_one_optimizers_call_to_the_next(tmp_path):
    """Of a step that is sampled as of one that is not, the optimizer's time counts in the step after it."""

    class Slow(torch.optim.SGD):
        def step(self) -> None:  # type: ignore[override]
            time.sleep(0.01)
            super().step()

    def loop(parts: Parts) -> None:
        parts.optimizer = Slow(parts.model.parameters(), lr=0.1)
        plain(parts)

    run = recorded(tmp_path / "run", loop, 1e-9)
    assert all(row.compute_seconds >= 0.01 for row in run.rows(Step)[1:])
