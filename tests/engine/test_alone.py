"""The terms of the loss, one by one: what is recorded of them, and what is trained while one is alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from nndoctor.records import ALONE, OBSERVE, OVERFIT, Event, Experiment, LossPart, Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from nndoctor import Recording

    Record = Callable[..., Recording]

LOOP = """
trunk, left, right = nn.Linear(6, 8), nn.Linear(8, 2), nn.Linear(8, 1)
model = nn.ModuleList([trunk, left, right])
optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
{before}
for epoch in range(4):
    for x, y in DataLoader(data, batch_size=12, shuffle=True):
        code = torch.tanh(trunk(x))
        {body}
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
SICK = """level = right(0 * code)
loss = F.cross_entropy(left(code), y) + 3.0 * F.mse_loss(level, 5.0 * x[:, :1])"""


def loop(body: str, before: str = "") -> str:
    return LOOP.format(body=body.replace("\n", "\n        "), before=before)


def rows(run: Recording, experiment: str, index: int = 0) -> list[LossPart]:
    return [p for p in run.rows(LossPart) if p.experiment == experiment and p.index == index]


def experiments(run: Recording) -> list[str]:
    return [e.name for e in run.rows(Experiment) if e.name.startswith(ALONE) and e.outcome in ("done", "cut")]


def unharmed(run: Recording) -> bool:
    return not [e for e in run.rows(Event) if e.kind in ("instrument", "exception", "swallowed")]


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("loss = F.cross_entropy(left(code), y) + 0.5 * code.square().mean()", ["F.cross_entropy(left(code), y)"]),
        ("loss = F.cross_entropy(left(code), y)\nloss += 0.5 * code.square().mean()", ["cross_entropy", "pow"]),
        ("loss = sum([F.cross_entropy(left(code), y), F.mse_loss(right(code), x[:, :1])])", ["cross_entropy"]),
        (
            "loss = torch.stack([F.cross_entropy(left(code), y), F.mse_loss(right(code), x[:, :1])]).mean()",
            ["cross_entropy"],
        ),
        (
            "loss = F.cross_entropy(left(code), y) + sum(p.square().sum() for p in model.parameters())",
            ["cross_entropy", "penalty"],
        ),
    ],
)
def test_the_terms_add_up_to_the_loss(record: Record, body: str, names: list[str]) -> None:
    run = record(loop(body))
    found = {p.index: p for p in run.rows(LossPart) if p.experiment == OBSERVE}
    assert [found[i].name for i in range(len(names))] == names
    assert len(found) == 2
    for step in run.rows(Step)[:4]:
        together = sum(p.value for p in run.rows(LossPart) if p.experiment == OBSERVE and p.step == step.step)
        assert step.loss == pytest.approx(together / (2 if ".mean()\n" in body + "\n" and "stack" in body else 1))


def test_one_term_is_none(record: Record) -> None:
    assert not record(loop("loss = F.cross_entropy(left(code), y)")).rows(LossPart)


def test_each_is_trained_alone_and_nothing_else_moves(record: Record) -> None:
    run = record(loop(SICK, "torch.manual_seed(1)"), steps=16, budget=10.0)
    assert experiments(run) == ["alone:0", "alone:1"]
    alone, other = rows(run, "alone:0"), rows(run, "alone:0", 1)
    assert {(p.alone, p.beside) for p in alone} == {(True, OVERFIT)}
    assert {p.alone for p in other} == {False}
    assert alone[-1].value < 0.7 * alone[0].value
    assert {p.loss for p in alone} == {"cross_entropy"}
    dead, still = rows(run, "alone:1", 1), rows(run, "alone:1")
    assert dead[0].value == pytest.approx(other[0].value)  # from the same start state
    assert dead[-1].value > 0.3 * dead[0].value
    assert {p.value for p in still} == {alone[0].value}  # the second term does not reach the trunk
    assert len({p.value for p in other}) == 1
    assert unharmed(run)


def test_what_learns_is_left_alone(record: Record) -> None:
    run = record(loop("loss = F.cross_entropy(left(code), y) + F.mse_loss(right(code), x[:, :1])"), steps=16)
    assert run.rows(LossPart)
    assert experiments(run) == []


@pytest.mark.parametrize("options", ["quick", "budget"])
def test_not_without_time(record: Record, options: str) -> None:
    wishes: dict[str, Any] = {"quick": True} if options == "quick" else {"budget": 0.3}
    assert experiments(record(loop(SICK), **wishes)) == []


def test_terms_that_change_are_not_tried(record: Record) -> None:
    body = SICK + "\nif epoch or torch.rand(()) < 0.5:\n    loss = loss + 0.1 * code.mean()"
    run = record(loop(body), steps=16)
    assert experiments(run) == []
    assert unharmed(run)


def test_two_backward_passes_are_two_terms(record: Record) -> None:
    body = (
        "optimizer.zero_grad()\nF.mse_loss(right(0 * code), 3.0 + x[:, :1]).backward(retain_graph=True)\n"
        "loss = F.cross_entropy(left(code), y)"
    )
    run = record(
        loop(body).replace("        optimizer.zero_grad()\n        loss", "        loss"), steps=12, budget=10.0
    )
    names = {p.index: p.loss for p in run.rows(LossPart)}
    assert names == {0: "mse_loss", 1: "cross_entropy"}
    assert unharmed(run)


HEADS = """
class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk, self.left, self.right = nn.Linear(6, 8), nn.Linear(8, 1), nn.Linear(8, 1)
    def forward(self, x):
        code = torch.tanh(self.trunk(x))
        return {"left": self.left(code), "right": self.right(0 * code)EXTRA}
model = Two()
optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
for epoch in range(4):
    for x, y in DataLoader(data, batch_size=12, shuffle=True):
        out = model(x)
        loss = F.mse_loss(torch.cat([out["left"], out["right"]], 1), 3.0 * x[:, :2])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


def test_outputs_that_one_loss_takes(record: Record) -> None:
    run = record(HEADS.replace("EXTRA", ""), steps=12, budget=10.0)
    assert unharmed(run)
    found = {p.index: (p.name, p.loss, p.head) for p in run.rows(LossPart)}
    assert found == {0: ("output left", "mse_loss", True), 1: ("output right", "mse_loss", True)}
    assert experiments(run) == ["alone:0", "alone:1"]
    left, right = (rows(run, f"alone:{i}", i) for i in (0, 1))
    assert left[-1].value < min(0.9 * left[0].value, right[-1].value)
    assert right[-1].value > 0.9 * right[0].value


def test_features_beside_an_output_made_of_them_are_no_heads(record: Record) -> None:
    program = HEADS.replace("EXTRA", ', "code": code').replace(
        'out["right"]], 1)', 'out["right"]], 1) + out["code"].mean()'
    )
    assert not record(program).rows(LossPart)
