"""Custom autograd functions, compared with finite differences."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from nndoctor.experiments.custom_functions import compared
from nndoctor.records import GradientCheck


class Scaled(torch.autograd.Function):
    """x * w with a wrong factor for x."""

    @staticmethod
    def forward(ctx: Any, x: Any, w: Any) -> Any:
        ctx.save_for_backward(x, w)
        return x * w

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        x, w = ctx.saved_tensors
        return 2 * g * w, g * x


class Step(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return (x > 0).to(x)

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g


class Relu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x > 0)
        return x.clamp_min(0)

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * ctx.saved_tensors[0]


class Loss(torch.autograd.Function):
    """A mean square, whose backward relies on being the root."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return (x**2).mean()

    @staticmethod
    def backward(ctx: Any, _g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 2 * x / x.numel()


class Noisy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x + torch.rand_like(x)

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g


class Single(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x.float() * 2

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * 2


def rows(kind: type, *args: torch.Tensor) -> list[GradientCheck]:
    return list(compared(GradientCheck(name=kind.__name__), kind, args))


def wanted(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)).requires_grad_()


def test_each_argument_is_judged_on_its_own() -> None:
    x, w = rows(Scaled, wanted(5, 3), wanted(5, 3))
    assert x.error == pytest.approx(0.5, abs=1e-6)
    assert w.error < 1e-7
    assert (x.input, w.input) == (0, 1)
    assert x.directions >= 2


def test_a_step_function_has_no_derivative_and_a_kink_does_no_harm() -> None:
    [step] = rows(Step, wanted(50))
    assert step.numeric == 0.0
    assert step.backward > 0
    zeros = torch.zeros(20, 20, requires_grad=True)
    assert max(r.error for r in (*rows(Relu, wanted(200, 200)), *rows(Relu, zeros))) < 1e-2


def test_a_loss_and_random_numbers_from_torchs_own_stream_are_fine() -> None:
    before = torch.get_rng_state()
    assert rows(Loss, wanted(9))[0].error < 1e-6
    assert rows(Noisy, wanted(9))[0].error < 1e-6
    torch.set_rng_state(before)


def test_a_function_that_leaves_float64_is_not_judged() -> None:
    assert "float64" in rows(Single, wanted(9))[0].why


def test_in_a_script_its_calls_are_found_and_nothing_is_left(record: Any) -> None:
    original = vars(torch.autograd.Function)["apply"]
    run = record(
        """
        class Twice(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return 2 * x
            @staticmethod
            def backward(ctx, g):
                return 3 * g

        model = nn.Linear(6, 2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for epoch in range(9):
            for x, y in DataLoader(data, 16):
                optimizer.zero_grad()
                F.cross_entropy(Twice.apply(model(x)), y).backward()
                optimizer.step()
        """
    )
    [row] = [r for r in run.rows(GradientCheck) if not r.whole]
    assert (row.name, row.function) == ("Twice", "Twice.backward")
    assert row.file.endswith("train.py")
    assert row.error == pytest.approx(1 / 3, abs=1e-6)
    assert vars(torch.autograd.Function)["apply"] is original
