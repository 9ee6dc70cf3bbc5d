"""The gradient of the whole loss beside finite differences, in float64, by the script's own loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nndoctor.records import GRADIENT_CHECK, Event, Experiment, GradientCheck, Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from nndoctor import Recording

    Record = Callable[..., Recording]

LOOP = """
torch.manual_seed(3)
model = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.Tanh(), nn.Dropout(0.3), nn.Linear(16, 2))
rnn = nn.LSTM(6, 2, batch_first=True)
optimizer = torch.optim.Adam([*model.parameters(), *rnn.parameters()], lr=0.01)
{before}
types = []
for epoch in range(4):
    for x, y in DataLoader(data, batch_size=16, shuffle=True):
        optimizer.zero_grad()
        {body}
        loss.backward()
        optimizer.step()
        types.append(loss.dtype)
{after}
"""


ONLY = {"budget": 300.0, "only": (GRADIENT_CHECK,)}


def checked(record: Record, body: str, before: str = "", after: str = "", **wishes: object) -> GradientCheck:
    body = body.replace("\n", "\n        ")
    run = record(LOOP.format(body=body, before=before, after=after), **{"steps": 6, **ONLY, **wishes})
    assert not [e for e in run.rows(Event) if e.kind in ("instrument", "exception", "swallowed")]
    [row] = [r for r in run.rows(GradientCheck) if r.whole]
    return row


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("loss = F.cross_entropy(model(x), y)", id="usual"),
        pytest.param("loss = F.binary_cross_entropy_with_logits(model(x.float())[:, 0], y.float())", id="casts"),
        pytest.param(
            "noise = torch.zeros(len(x), 6)\nnoise.normal_()\nloss = F.cross_entropy(model(x + 0.1 * noise), y)",
            id="random numbers and writing into tensors",
        ),
        pytest.param("loss = F.cross_entropy(rnn(x[:, None])[0][:, 0], y)", id="insists on its type"),
        pytest.param(
            "out = model(x.to(torch.float32))\nloss = -out.log_softmax(1)[range(len(y)), y].mean()", id="by hand"
        ),
    ],
)
def test_it_is_the_derivative(record: Record, body: str) -> None:
    row = checked(record, body)
    assert not row.why
    assert row.error < 1e-5
    assert row.unsteady < 1e-3
    assert row.backward == pytest.approx(row.numeric)
    assert row.numeric > 0
    assert row.line > 0


@pytest.mark.parametrize(
    "body",
    [
        "out = model(x)\nloss = F.cross_entropy(out, y) * (1 + out.detach().square().mean())",
        "h = model[:3](x)\nloss = F.cross_entropy(model[4](h.detach() + 0.5 * (h - h.detach())), y)",
    ],
)
def test_a_part_that_is_cut(record: Record, body: str) -> None:
    assert checked(record, body).error > 0.05


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (("own = torch.Generator()\nown.seed()\nx = x + torch.rand(x.shape, generator=own)\n"
         "loss = F.cross_entropy(model(x), y)"), "differs from step to step"),
        ("F.cross_entropy(model(x), y).backward()\nloss = F.cross_entropy(model(x), y)", "in several parts"),
        ("loss = torch.sqrt(F.cross_entropy(model(x), y) * 0 - 1)", "did not stay finite"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_says_why(record: Record, body: str, why: str) -> None:
    assert why in checked(record, body).why


def test_the_script_goes_on_in_its_own_type(record: Record) -> None:
    after = (
        "assert all(p.dtype == torch.float32 for p in model.state_dict().values() if p.is_floating_point())\n"
        "assert torch.get_default_dtype() == torch.float32 and types[-1] == torch.float32, types[-1]\n"
        "assert torch.float64 in types"
    )
    assert checked(record, "loss = F.cross_entropy(model(x), y)", after=after).error < 1e-5


def test_loops_without_a_loader_and_quick_runs_leave_it_out(record: Record) -> None:
    program = LOOP.replace("for x, y in DataLoader(data, batch_size=16, shuffle=True):", "for x, y in [(X, Y)] * 9:")
    run = record(program.format(body="loss = F.cross_entropy(model(x), y)", before="", after=""), steps=6, **ONLY)
    assert GRADIENT_CHECK not in {e.name for e in run.rows(Experiment) if e.outcome == "done"}
    assert run.rows(Step)
