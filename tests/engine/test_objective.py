"""What is recorded of the objective: targets, direction of steps, summands, passes in vain, columns and vectors."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from nndoctor.recording import Recording
from nndoctor.records import (
    OBSERVE,
    OTHER_TARGETS,
    SAME_TARGETS,
    Broadcast,
    Event,
    LossTarget,
    LossTerm,
    PassUse,
    RowOrder,
    Step,
    StepDirection,
)

Record = Callable[..., Recording]

LOOP = """
model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Dropout(0.2), nn.Linear(16, 2))
other = nn.Sequential(nn.Linear(6, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01{options})
for epoch in range(4):
    for x, y in DataLoader(data, batch_size=12, shuffle=True):
        optimizer.zero_grad()
        out = model(x)
        {body}
        loss.backward()
        optimizer.step()
"""


def loop(body: str, options: str = "") -> str:
    return LOOP.format(body=body.replace("\n", "\n        "), options=options)


@pytest.fixture
def record(record: Record) -> Record:
    """What is told of the objective is told while the loop is observed: the experiments need not be made."""
    return partial(record, only=(OBSERVE,))


def losses(run: Recording, name: str) -> list[float]:
    return [s.loss for s in run.rows(Step) if s.experiment == name]


@pytest.mark.parametrize(
    ("target", "own"),
    [
        ("out.argmax(1)", True),
        ("out.detach().max(1)[1]", True),
        ("torch.softmax(out, 1).topk(1)[1].squeeze(1)", True),
        ("y", False),
        ("F.one_hot(y).argmax(1)", False),
        ("model(x).argmax(1)", True),
        ("model(x + 0.1).argmax(1)", False),
        ("other(x).argmax(1)", False),
    ],
)
def test_where_a_target_comes_from(record: Record, target: str, *, own: bool) -> None:
    run = record(loop(f"loss = F.cross_entropy(out, {target})"))
    rows = run.rows(LossTarget)
    assert len(rows) == 8
    assert {row.own for row in rows} == {own}


def test_other_labels_are_tried_where_nothing_uses_them(record: Record) -> None:
    run = record(loop("loss = F.cross_entropy(out, (x[:, 2] > 0).long())"), only=())
    assert losses(run, SAME_TARGETS) == losses(run, OTHER_TARGETS) != []


def test_other_labels_show_where_something_does_use_them(record: Record) -> None:
    each = "F.cross_entropy(out, (x[:, 2] > 0).long(), reduction='none')"
    run = record(loop(f"loss = ({each} * torch.tensor(y.tolist())).mean()"), only=())
    assert losses(run, SAME_TARGETS)
    assert losses(run, SAME_TARGETS) != losses(run, OTHER_TARGETS)


def test_they_are_not_tried_where_the_loss_gets_them(record: Record) -> None:
    assert not losses(record(loop("loss = F.cross_entropy(out, y)"), only=()), OTHER_TARGETS)


@pytest.mark.parametrize(("options", "sign"), [("", -1), (", maximize=True", 1)])
def test_direction_of_the_steps(record: Record, options: str, sign: int) -> None:
    rows = record(loop("loss = F.cross_entropy(out, y)", options)).rows(StepDirection)
    assert len(rows) >= 3
    assert all(row.cosine * sign > 0.1 for row in rows[:1])
    assert {row.maximize for row in rows} == {sign > 0}


def test_summands_and_their_factors(record: Record) -> None:
    run = record(loop("loss = (F.cross_entropy(out, y) + 5 * F.mse_loss(out, out.detach() + 1)) / 2"))
    rows = [row for row in run.rows(LossTerm) if row.step == 1]
    assert {(row.loss, row.factor) for row in rows} == {("cross_entropy", 1.0), ("mse_loss", 5.0)}
    assert all(row.norm > 0 for row in rows)


def test_a_heavy_penalty_beside_a_single_loss(record: Record) -> None:
    body = "loss = F.cross_entropy(out, y) + {} * out.pow(2).mean()"
    run = record(loop(body.format("200")))
    rows = [row for row in run.rows(LossTerm) if row.step == 1]
    assert {(row.loss, row.factor, row.largest) for row in rows} == {("cross_entropy", 1.0, 1.0), ("", 200.0, 200.0)}


def test_a_light_penalty_is_not_compared(record: Record) -> None:
    assert not record(loop("loss = F.cross_entropy(out, y) + 0.1 * out.pow(2).mean()")).rows(LossTerm)


def test_summands_are_taken_apart_without_a_trace(record: Record) -> None:
    body = (
        "loss = F.cross_entropy(out, y) + F.mse_loss(out, out.detach() + 1)\n"
        "assert all(p.grad is None for p in model.parameters())"
    )
    run = record(loop(body))
    assert run.rows(LossTerm)
    assert not [e for e in run.rows(Event) if e.kind in ("instrument", "exception")]


def test_a_function_of_the_users_own_is_not_run_twice(record: Record) -> None:
    program = """
    class Same(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()
        @staticmethod
        def backward(ctx, g):
            return g
    """
    run = record(program + loop("loss = F.cross_entropy(Same.apply(out), y) + F.mse_loss(out, out.detach() + 1)"))
    assert not run.rows(LossTerm)


def test_a_pass_in_vain_and_one_that_is_used(record: Record) -> None:
    body = "(out**2).mean().backward(retain_graph=True)\noptimizer.zero_grad()\nloss = F.cross_entropy(out, y)"
    run = record(loop(body))
    vain, used = sorted(run.rows(PassUse), key=lambda row: row.line)
    assert (vain.used, used.wasted) == (0, 0)
    assert vain.wasted == used.used >= 3


def test_accumulated_passes_are_used(record: Record) -> None:
    run = record(loop("(out**2).mean().backward(retain_graph=True)\nloss = F.cross_entropy(out, y)"))
    assert all(row.used and not row.wasted for row in run.rows(PassUse))


@pytest.mark.parametrize(
    ("expression", "count"),
    [
        ("out[:, 0] * nn.functional.linear(x, model[0].weight[:1])", True),
        ("out[:, 0] * torch.sigmoid(nn.functional.linear(x, model[0].weight[:1]))", True),
        ("out[:, 0] * nn.functional.linear(x, model[0].weight[:1]).squeeze(1)", False),
        ("out[:, 0] * out[:, 1][:, None]", False),
        ("out[:, 0] + out.sum(1, keepdim=True)", False),
        ("out[:, 0] + out.norm(dim=1, keepdim=True)", False),
        ("out[:, 0] - out[:, 0].unsqueeze(1)", False),
    ],
)
def test_a_column_that_meets_a_vector(record: Record, expression: str, *, count: bool) -> None:
    run = record(loop(f"loss = F.cross_entropy(out, y) + ({expression}).mean()"))
    assert bool(run.rows(Broadcast)) is count


@pytest.mark.parametrize(
    ("body", "own"),
    [
        ("loss = F.cross_entropy(out, y)", 1.0),
        ("loss = F.cross_entropy(out, y.roll(1, 0))", 0.5),
        ("loss = F.nll_loss(out.log_softmax(1), y.flip(0))", 0.5),
        ("order = torch.randperm(len(x)); loss = F.cross_entropy(model(x[order].float()), y[order])", None),
        ("loss = F.cross_entropy(out, 1 - y)", None),
        ("order = torch.randperm(len(x)); loss = ((out[order, 0] - y[order]) ** 2).mean()", None),
        ("loss = F.mse_loss(out[:, 0].flip(0), y.flip(0).float())", None),
    ],
)
def test_which_rows_a_loss_gets(record: Record, body: str, own: float | None) -> None:
    rows = record(loop(body)).rows(RowOrder)
    if own is None:
        assert len(rows) <= 2
        return
    assert len(rows) == 7  # the first batch is known only when training has begun
    share = sum(r.own for r in rows) / sum(r.samples for r in rows)
    assert share == own or abs(share - own) < 0.25 < own < 1


SORTS = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(6, 16), nn.Linear(16, 2)

    def forward(self, x):
        order = x[:, 0].argsort()
        return self.last(F.relu(BODY)), order

model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for x, y in DataLoader(data, batch_size=12):
    out, order = model(x)
    loss = F.cross_entropy(out, TARGET)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


BODIES = ["self.first(x[order])", "self.first(x)[order]", "self.first(x).index_select(0, order)"]


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(("target", "right"), [("y[order]", True), ("y.roll(1, 0)", False)])
def test_a_model_that_sorts_its_rows(record: Record, body: str, target: str, *, right: bool) -> None:
    rows = record(SORTS.replace("BODY", body).replace("TARGET", target)).rows(RowOrder)
    assert len(rows) >= 3
    assert all(row.own == row.samples for row in rows) is right


INNER = """
model = nn.Linear(6, 2)
fast = [p for p in model.parameters()]
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for i in range(12):
    x, y = X[8 * i : 8 * i + 8], Y[8 * i : 8 * i + 8]
    inner = F.cross_entropy(model(x), y)
    gw, gb = torch.autograd.grad(inner, fast{options})
    loss = F.cross_entropy(F.linear(x, fast[0] - 0.1 * gw, fast[1] - 0.1 * gb), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(loss.item())
"""


@pytest.mark.parametrize("options", [", create_graph=True", ""])
def test_inner_steps_are_no_objective(record: Record, options: str) -> None:
    steps = [s for s in record(INNER.format(options=options)).rows(Step) if s.optimizer_steps]
    assert {s.backwards for s in steps[1:]} == {1}
    assert all(s.loss < 1.2 for s in steps[1:])


def test_a_loop_may_step_by_asked_gradients(record: Record) -> None:
    run = record(
        """
        model = nn.Linear(6, 2)
        for i in range(12):
            x, y = X[8 * i : 8 * i + 8], Y[8 * i : 8 * i + 8]
            gradients = torch.autograd.grad(F.cross_entropy(model(x), y), list(model.parameters()))
            with torch.no_grad():
                for p, g in zip(model.parameters(), gradients):
                    p -= 0.1 * g
        """
    )
    steps = run.rows(Step)
    assert len(steps) >= 8
    assert all(s.parameters_changed and s.backwards == 1 for s in steps)
