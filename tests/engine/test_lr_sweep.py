"""The learning-rate range test in the script's own loop."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from nndoctor.records import LR_SWEEP, OBSERVE, Experiment, Step

if TYPE_CHECKING:
    from nndoctor import Recording

LOOP = """
model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 2))
optimizer = OPTIMIZER
seen = []
for epoch in range(9):
    for x, y in DataLoader(data, 16, shuffle=True):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        seen.append(optimizer.param_groups[0]["lr"])
assert set(seen) == {RATE}, seen
"""


def rates(run: Recording) -> list[float]:
    return [s.lr for s in run.rows(Step) if s.experiment == LR_SWEEP]


@pytest.mark.parametrize(
    ("optimizer", "rate"), [("torch.optim.SGD(model.parameters(), lr=0.1)", 0.1),
                            ("torch.optim.Adam(model.parameters(), lr=1e-3)", 1e-3)]
)  # fmt: skip
def test_the_rate_rises_over_all_usual_ones_and_the_script_does_not_see_it(
    record: Any, optimizer: str, rate: float
) -> None:
    run = record(LOOP.replace("OPTIMIZER", optimizer).replace("RATE", str(rate)), steps=8)
    swept = rates(run)
    assert len(swept) >= 20
    assert swept[0] == pytest.approx(1e-6)
    factors = [b / a for a, b in pairwise(swept)]
    assert max(factors) / min(factors) == pytest.approx(1.0)
    own = [s for s in run.rows(Step) if s.experiment == OBSERVE]
    first = next(s for s in run.rows(Step) if s.experiment == LR_SWEEP)
    assert first.loss == pytest.approx(own[0].loss)


def test_a_loop_without_an_optimizer_is_left_out(record: Any) -> None:
    run = record(
        """
        w = torch.zeros(6, 2, requires_grad=True)
        for epoch in range(30):
            for x, y in DataLoader(data, 16):
                w.grad = None
                F.cross_entropy(x @ w, y).backward()
                w.data.sub_(0.1 * w.grad)
        """
    )
    [row] = [e for e in run.rows(Experiment) if e.name == LR_SWEEP]
    assert row.outcome == "skipped"
    assert not rates(run)
