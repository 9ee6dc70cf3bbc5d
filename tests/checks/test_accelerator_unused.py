"""accelerator-unused, on recordings typed by hand."""

from __future__ import annotations

import math

import pytest

from nndoctor import Recording
from nndoctor.records import Devices, Step
from nndoctor_checks.speed.accelerator_unused import accelerator_unused


def recording(seconds: float, available: str = "cuda", on: tuple[str, ...] = ("cpu",), steps: int = 10) -> Recording:
    rows = [Step(step=i, compute_seconds=seconds) for i in range(steps)]
    return Recording.of([*rows, Devices(available=available, trained_on=on)])


def test_finds_a_slow_training_beside_an_idle_device() -> None:
    [finding] = accelerator_unused(recording(0.3))
    assert "0.3 s" in finding.message
    assert "cuda" in finding.advice


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(recording(0.3, available=""), id="none there"),
        pytest.param(recording(0.3, on=("cuda",)), id="in use"),
        pytest.param(recording(0.3, on=("cpu", "cuda")), id="a part is on it"),
        pytest.param(recording(0.01), id="too small to gain"),
        pytest.param(recording(math.nan), id="no times"),
        pytest.param(recording(0.3, steps=2), id="only the first steps"),
    ],
)
def test_is_silent(run: Recording) -> None:
    assert accelerator_unused(run) == []
