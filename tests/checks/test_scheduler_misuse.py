"""scheduler-misuse, on steps typed by hand."""

import math

import pytest

from nndoctor import Recording
from nndoctor.records import TRAIN, Loader, OptimizerStep, SchedulerStep
from nndoctor_checks.procedure.scheduler_misuse import scheduler_misuse

LOADER = Loader(name="train", split=TRAIN, batches=60, passes=1)


def run(rates, *, first=1, kind="CosineAnnealingLR", scaled=False, loader=LOADER):
    rows = [loader]
    for step, lr in enumerate(rates):
        fields = {"name": "s", "type": kind, "lr": lr, "scaled": scaled, "file": "t.py", "line": 9}
        rows += [
            OptimizerStep(step=step, lr=rates[max(0, step - 1)]),
            SchedulerStep(step=step, optimizer_steps=first + step, **fields),
        ]
    return Recording.of(rows)


FAST = [0.05 * (1 + math.cos(math.pi * min(i, 20) / 20)) for i in range(40)]
SLOW = [0.1 * 0.999**i for i in range(40)]


def test_finds_a_schedule_in_epochs_that_is_stepped_with_every_batch():
    [finding] = scheduler_misuse(run(FAST))
    assert "of the 60" in finding.message
    assert finding.where.line == 9


def test_finds_a_scheduler_that_is_stepped_first():
    [finding] = scheduler_misuse(run(SLOW, first=0))
    assert "before the first step" in finding.message


SWINGS = [0.05 * (1 + math.cos(math.pi * (i + 1) / 10)) for i in range(40)]


def test_finds_a_cosine_that_swings_up_again():
    [finding] = scheduler_misuse(run(SWINGS, loader=Loader(name="train", split=TRAIN, batches=15)))
    assert "swings up again, to 0.1" in finding.message
    assert "`T_max` of about 10" in finding.message


UNKNOWN = Loader(name="train", split=TRAIN)
HALVED = [0.1 * 0.5**i for i in range(40)]


def test_finds_a_rate_that_is_gone_where_the_length_of_an_epoch_is_not_known():
    [finding] = scheduler_misuse(run(HALVED, kind="ExponentialLR", loader=UNKNOWN))
    assert "of the 40 that were watched" in finding.message
    [finding] = scheduler_misuse(run([0.01 * max(0, 10 - i) for i in range(40)], kind="LinearLR", loader=UNKNOWN))
    assert "down to 0 by batch 11 of the 40" in finding.message


@pytest.mark.parametrize(
    "recording",
    [
        pytest.param(run(SLOW), id="healthy"),
        pytest.param(run(SWINGS[:30], loader=UNKNOWN), id="swings, length unknown"),
        pytest.param(run([0.1 * 0.8**i for i in range(40)], loader=UNKNOWN), id="falls, length unknown"),
        pytest.param(run(SLOW, first=0, scaled=True), id="a GradScaler skipped the step"),
        pytest.param(run(FAST, loader=Loader(name="train", split=TRAIN, batches=25)), id="one epoch"),
        pytest.param(run(FAST, loader=UNKNOWN), id="length unknown"),
        pytest.param(run(FAST, kind="OneCycleLR"), id="cycle"),
        pytest.param(run(SWINGS, loader=Loader(name="t", split=TRAIN, batches=10)), id="down and up, epoch by epoch"),
        pytest.param(run(SWINGS, kind="LambdaLR", loader=Loader(name="t", split=TRAIN, batches=15)), id="a cycle"),
        pytest.param(run([1e-4 * (i + 1) for i in range(40)]), id="warm-up"),
        pytest.param(run([math.nan] * 40), id="NaN"),
    ],
)
def test_is_silent(recording):
    assert scheduler_misuse(recording) == []
