"""The patient is not harmed: same random numbers, same weights, everything put back, no fault of ours in its way."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from prelude import PRELUDE
from torch import nn
from torch.utils.data import DataLoader

from nndoctor.probes.steps import Steps
from nndoctor.recording import Recording
from nndoctor.records import OBSERVE, OVERFIT, Event, Experiment, Step

Record = Callable[..., Recording]

LOOP = """
model = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 3)
loader = DataLoader(data, batch_size=12, shuffle=True)
for epoch in range(2):
    losses = []
    for x, y in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
    if epoch == 0:
        open("state.txt", "w").write(repr((
            [p.double().sum().item() for p in model.state_dict().values()],
            optimizer.param_groups[0]["lr"], torch.rand(3).tolist(), sorted(optimizer.state_dict()["state"]),
        )))
"""


def natively(program: str) -> dict[str, Any]:
    """Run the same program without us."""
    names: dict[str, Any] = {}
    exec(PRELUDE + program, names)
    return names


def test_observing_changes_no_random_number_and_no_loss(record: Record) -> None:
    run = record(LOOP)
    observed = [step.loss for step in run.rows(Step) if step.experiment == OBSERVE]
    torch.manual_seed(0)
    names = natively(LOOP.replace("range(2)", "range(1)"))
    assert observed == names["losses"]


def test_after_the_experiments_the_run_goes_on_as_if_they_had_not_been(record: Record, tmp_path: Any) -> None:
    """Weights, statistics, learning rate and random stream at the end of the first epoch are those of a plain run."""
    run = record(LOOP)
    assert any(row.name == OVERFIT for row in run.rows(Experiment))
    [written] = (tmp_path / "run" / "scratch").rglob("state.txt")
    observed = written.read_text()
    natively(LOOP.replace("range(2)", "range(1)"))
    assert observed == Path("state.txt").read_text()


def test_nothing_of_ours_is_left_in_torch(record: Record) -> None:
    before = (
        nn.Module.__call__,
        torch.autograd.backward,
        DataLoader.__iter__,
        torch.optim.Optimizer.__init__,
        torch.save,
    )
    record(LOOP)
    after = (
        nn.Module.__call__,
        torch.autograd.backward,
        DataLoader.__iter__,
        torch.optim.Optimizer.__init__,
        torch.save,
    )
    assert before == after


def test_a_fault_of_a_probe_is_noted_and_the_script_goes_on(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Steps, *_: object) -> None:
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr(Steps, "after_step", fail)
    run = record(LOOP + "\nopen('end.txt', 'w').write('reached')\n")
    texts = [event.text for event in run.rows(Event) if event.kind == "instrument"]
    assert texts == ["Steps.after_step: ZeroDivisionError: of ours"]
    assert not [event for event in run.rows(Event) if event.kind == "exception"]
    assert len([step for step in run.rows(Step) if step.experiment == OBSERVE and math.isfinite(step.loss)]) == 8


def test_a_script_that_swallows_everything_is_stopped_all_the_same(record: Record) -> None:
    run = record(
        """
        model = nn.Linear(6, 2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        count = 0
        while count < 3000:
            count += 1
            try:
                for x, y in DataLoader(data, batch_size=12):
                    optimizer.zero_grad()
                    F.cross_entropy(model(x), y).backward()
                    optimizer.step()
            except Exception:
                pass
        """,
        budget=5.0,
    )
    assert [event.kind for event in run.rows(Event)] == ["stopped"]


OWN_SCHEDULE = LOOP.replace(
    "torch.optim.lr_scheduler.StepLR(optimizer, 3)",
    "torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: {})",
)


@pytest.mark.parametrize("rate", ["(1 - step / 16) ** 0.9", "1 - step / 15.5", "{i: 0.5 for i in range(17)}[step]"])
def test_a_schedule_is_not_followed_beyond_the_end_that_the_script_meant(record: Record, rate: str) -> None:
    """It makes 16 steps; beyond them the rate would be complex or negative, or the function fails."""
    run = record(OWN_SCHEDULE.replace("{}", rate), steps=40)
    assert not [event.text for event in run.rows(Event) if event.kind in ("exception", "instrument")]
    rates = [step.lr for step in run.rows(Step) if step.experiment == OBSERVE]
    assert len(rates) == 40
    assert all(0 <= rate <= 0.01 for rate in rates)


def test_a_schedule_that_cannot_even_be_begun_is_the_scripts_failure(record: Record) -> None:
    """`step` of this one wants a metric: the script calls it once for each epoch, and natively fails there."""
    plateau = LOOP.replace("StepLR(optimizer, 3)", "ReduceLROnPlateau(optimizer)").replace(
        "        scheduler.step()\n", ""
    )
    run = record(plateau.replace("    if epoch == 0:", "    scheduler.step()\n    if epoch == 0:"), steps=12)
    assert [event.kind for event in run.rows(Event) if "metrics" in event.text] == ["exception"]


def test_a_rate_that_the_scripts_own_steps_make_negative_is_told_as_it_is(record: Record) -> None:
    run = record(OWN_SCHEDULE.replace("{}", "1 - step / 4"), steps=8)
    assert min(step.lr for step in run.rows(Step) if step.experiment == OBSERVE) < 0
