"""Edits of the training loop, over the styles in which loops are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nndoctor.records import LossCall, Optimizer

if TYPE_CHECKING:
    from collections.abc import Callable

    Treated = Callable[..., str | None]


# ---- missing-zero-grad


def test_zero_grad_goes_before_backward(treated: Treated) -> None:
    assert (
        treated(
            "missing-zero-grad",
            """
            for x, y in loader:
                loss = criterion(model(x), y)  # the loss
                loss.backward()
                opt.step()
            """,
            "opt.step()",
        )
        == """\
for x, y in loader:
    loss = criterion(model(x), y)  # the loss
    opt.zero_grad()
    loss.backward()
    opt.step()
"""
    )


def test_zero_grad_in_a_class_with_tabs_and_a_scaler(treated: Treated) -> None:
    text = (
        "class Trainer:\n"
        "\tdef step(self, x, y):\n"
        "\t\tloss = self.loss(self.net(x), y)\n"
        "\t\tself.scaler.scale(loss).backward()\n"
        "\t\tself.scaler.step(self.optim)\n"
        "\t\tself.scaler.update()\n"
    )
    new = treated("missing-zero-grad", text, "scaler.step")
    assert new == text.replace("\t\tself.scaler.scale", "\t\tself.optim.zero_grad()\n\t\tself.scaler.scale")


def test_zero_grad_after_the_step_where_backward_is_elsewhere(treated: Treated) -> None:
    new = treated(
        "missing-zero-grad",
        """
        for i, (x, y) in enumerate(loader):
            loss_of(x, y).backward()
            if (i + 1) % 4 == 0:
                optimizer.step()
        """,
        "optimizer.step()",
    )
    assert new is not None
    assert new.endswith("        optimizer.step()\n        optimizer.zero_grad()\n")


def test_zero_grad_of_the_second_of_two_optimizers(treated: Treated) -> None:
    new = treated(
        "missing-zero-grad",
        """
        def train(x):
            opt_d.zero_grad()
            d_loss(x).backward()
            opt_d.step()
            g_loss(x).backward()
            opt_g.step()
        """,
        "opt_g.step()",
    )
    assert new is not None
    assert "    opt_d.step()\n    opt_g.zero_grad()\n    g_loss(x).backward()\n" in new


def test_zero_grad_inside_a_closure(treated: Treated) -> None:
    new = treated(
        "missing-zero-grad",
        """
        def closure():
            loss = f(model)
            loss.backward()
            return loss

        for _ in range(9):
            opt.step(closure)
        """,
        "opt.step(closure)",
    )
    assert new is not None
    assert "    opt.zero_grad()\n    loss.backward()\n" in new


@pytest.mark.parametrize(
    ("text", "at"),
    [
        pytest.param("for x in xs:\n    loss(x).backward(); opt.step()\n", "opt.step", id="two statements in one line"),
        pytest.param("for x in xs: opt.step()\n", "opt.step", id="a loop in one line"),
        pytest.param("opts[0].step()\n", "opts[0].step", id="an optimizer without a name"),
        pytest.param("a.step(); b.step()\n", "a.step", id="which of them"),
        pytest.param("train_it()\n", "train_it", id="no step there"),
    ],
)
def test_zero_grad_is_not_guessed(text: str, at: str, treated: Treated) -> None:
    assert treated("missing-zero-grad", text, at) is None


# ---- gradients-cleared-before-step


def test_clearing_moves_before_backward(treated: Treated) -> None:
    new = treated(
        "gradients-cleared-before-step",
        """
        def train_step(self, x, y):
            loss = self.loss_fn(self.model(x), y)
            loss.backward()
            self.optimizer.zero_grad()  # too late
            self.optimizer.step()
        """,
        "self.optimizer.step()",
    )
    assert new is not None
    assert "    self.optimizer.zero_grad()  # too late\n    loss.backward()\n    self.optimizer.step()\n" in new


def test_clearing_moves_after_the_step_where_backward_is_elsewhere(treated: Treated) -> None:
    new = treated("gradients-cleared-before-step", "def update():\n    o.zero_grad()\n    o.step()\n", "o.step()")
    assert new == "def update():\n    o.step()\n    o.zero_grad()\n"


def test_two_clearings_are_not_sorted_out(treated: Treated) -> None:
    text = "loss.backward()\na.zero_grad()\nb.zero_grad()\na.step()\n"
    assert treated("gradients-cleared-before-step", text, "a.step()") is None


# ---- optimizer-never-steps


def test_the_step_comes_after_backward_and_clipping(treated: Treated) -> None:
    new = treated(
        "optimizer-never-steps",
        """
        def main():
            adam = torch.optim.Adam(model.parameters())
            for x, y in data:
                loss = f(model(x), y)
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                print(loss)
        """,
        "loss.backward()",
        Optimizer(name="Adam#0", type="Adam", function="torch.optim.Adam"),
        names=("Adam#0",),
    )
    assert new is not None
    assert "clip_grad_norm_(model.parameters(), 1.0)\n        adam.step()\n" in new


def test_the_step_is_that_of_the_optimizer_that_is_cleared(treated: Treated) -> None:
    text = "def fit(model, optimizer):\n    optimizer.zero_grad()\n    loss(model).backward()\n"
    new = treated("optimizer-never-steps", text, "backward")
    assert new == text + "    optimizer.step()\n"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("model.zero_grad()\nloss.backward()\n", id="what is cleared is no optimizer"),
        pytest.param("opt.zero_grad()\nloss.backward()\nif late:\n    opt.step()\n", id="it is there, and not reached"),
        pytest.param("opt.zero_grad()\nscaler.scale(loss).backward()\n", id="a scaler steps by itself"),
        pytest.param("a_opt.zero_grad()\nb_opt.zero_grad()\nloss.backward()\n", id="two"),
    ],
)
def test_the_step_is_not_guessed(text: str, treated: Treated) -> None:
    assert treated("optimizer-never-steps", text, "backward()") is None


# ---- backward-never-called


def test_backward_of_the_loss_that_was_seen(treated: Treated) -> None:
    new = treated(
        "backward-never-called",
        """
        for x, y in data:
            opt.zero_grad()
            error = criterion(model(x), y)
            error = error + penalty(model)
            clip_grad_norm_(model.parameters(), 1.0)
            opt.step()
        """,
        "opt.step()",
        LossCall(function="criterion(model"),
    )
    assert new is not None
    assert "    error = error + penalty(model)\n    error.backward()\n    clip_grad_norm_" in new


def test_backward_is_not_guessed_for_two_losses(treated: Treated) -> None:
    text = "a = f(x)\nb = g(x)\nopt.step()\n"
    assert (
        treated("backward-never-called", text, "opt.step", LossCall(function="f(x)"), LossCall(function="g(x)")) is None
    )
    assert treated("backward-never-called", text, "opt.step") is None


# ---- clipping, schedules


def test_clipping_moves_before_the_step(treated: Treated) -> None:
    text = "loss.backward()\nopt.step()\nnn.utils.clip_grad_norm_(net.parameters(), 1.0)\n"
    new = treated("clipping-misuse", text, "clip_grad_norm_")
    assert new == "loss.backward()\nnn.utils.clip_grad_norm_(net.parameters(), 1.0)\nopt.step()\n"


def test_clipping_under_a_scaler_is_unscaled(treated: Treated) -> None:
    text = (
        "def step():\n"
        "    scaler.scale(loss).backward()\n"
        "    clip_grad_norm_(net.parameters(), 1.0)\n"
        "    scaler.step(adam)\n"
        "    scaler.update()\n"
    )
    new = treated("clipping-misuse", text, "clip_grad_norm_")
    assert new == text.replace("    clip_grad", "    scaler.unscale_(adam)\n    clip_grad")
    assert treated("clipping-misuse", "x()\n" + (new or ""), "clip_grad_norm_") is None


def test_a_schedule_of_epochs_moves_behind_the_batches(treated: Treated) -> None:
    new = treated(
        "scheduler-misuse",
        """
        for epoch in range(9):
            for x, y in loader:
                opt.step()
                scheduler.step()
            validate()
        """,
        "scheduler.step()",
        advice="Step it once per epoch (after the loop over the batches).",
    )
    assert (
        new
        == "for epoch in range(9):\n    for x, y in loader:\n        opt.step()\n    scheduler.step()\n    validate()\n"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "for x in xs:\n    sched.step()\n    loss(x).backward()\n    opt.step()\n",
            "for x in xs:\n    loss(x).backward()\n    opt.step()\n    sched.step()\n",
        ),
        (
            "for e in range(3):\n    sched.step()\n    for x in xs:\n        opt.step()\n    test()\n",
            "for e in range(3):\n    for x in xs:\n        opt.step()\n    sched.step()\n    test()\n",
        ),
    ],
    ids=["in the iteration", "at the start of the epoch"],
)
def test_a_schedule_steps_after_the_optimizer(text: str, expected: str, treated: Treated) -> None:
    advice = "Call `scheduler.step()` after `optimizer.step()`."
    assert treated("scheduler-misuse", text, "sched.step()", advice=advice) == expected


def test_a_schedule_without_a_loop_of_epochs_stays(treated: Treated) -> None:
    text = "for x in xs:\n    opt.step()\n    sched.step()\n"
    assert treated("scheduler-misuse", text, "sched.step()", advice="Step it once per epoch.") is None


# ---- graph-kept-alive


@pytest.mark.parametrize(
    "stored",
    ["losses.append({})", "total += {}", "history['train'].append({})", "self.losses.append({})"],
)
def test_the_loss_is_stored_without_its_graph(stored: str, treated: Treated) -> None:
    text = f"def epoch(self):\n    for x in xs:\n        loss = f(x)\n        loss.backward()\n        {stored}\n"
    new = treated("graph-kept-alive", text.format("loss"), "loss.backward()")
    assert new == text.format("loss.detach()")


def test_the_loss_is_followed_into_a_method(treated: Treated) -> None:
    new = treated(
        "graph-kept-alive",
        """
        class Meter:
            def log(self, value):
                self.values.append(value)

        for x in xs:
            loss = f(x)
            loss.backward()
            meter.log(loss)
        """,
        "loss.backward()",
    )
    assert new is not None
    assert "self.values.append(value.detach())" in new


def test_a_sum_that_backward_needs_keeps_its_graph(treated: Treated) -> None:
    text = "total = 0\nfor x in xs:\n    loss = f(x)\n    total += loss\ntotal.backward()\nloss.backward()\n"
    assert treated("graph-kept-alive", text, "loss.backward()") is None
