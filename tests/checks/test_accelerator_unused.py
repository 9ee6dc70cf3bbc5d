"""accelerator-unused, on recordings typed by hand."""

from __future__ import annotations

import math

import pytest

from nndoctor import Recording, Skip
from nndoctor.records import Devices, Step
from nndoctor_checks.speed.accelerator_unused import accelerator_unused


def recording(seconds: float, available: str = "cuda", on: tuple[str, ...] = ("cpu",), steps: int = 10) -> Recording:
    rows = [Step(step=i, compute_seconds=seconds) for i in range(steps)]
    return Recording.of([*rows, Devices(available=available, trained_on=on)])


@pytest.mark.parametrize(("available", "name"), [("cuda", "a CUDA device"), ("mps", "an Apple GPU (mps)")])
def test_finds_a_slow_training_beside_an_idle_device(available: str, name: str) -> None:
    [finding] = accelerator_unused(recording(0.3, available=available))
    assert finding.message == f"All trained parameters are on the CPU, a step takes 0.3 s, and torch sees {name}."
    assert f'model.to("{available}")' in finding.advice


def test_without_an_accelerator_it_says_so() -> None:
    with pytest.raises(Skip, match="torch sees no accelerator on this machine"):
        accelerator_unused(recording(0.3, available=""))


def test_each_phase_counts_by_itself() -> None:
    rows = [Step(step=i, segment=s, compute_seconds=0.3) for s in (0, 1) for i in range(9)]
    devices = [Devices(segment=0, available="mps", trained_on=("mps",))]
    devices.append(Devices(segment=1, available="mps", trained_on=("cpu",)))
    assert len(accelerator_unused(Recording.of([*rows, *devices]))) == 1


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(recording(0.3, on=("cuda",)), id="in use"),
        pytest.param(recording(0.3, available="mps", on=("mps",)), id="an Apple GPU in use"),
        pytest.param(recording(0.3, on=("cpu", "cuda")), id="a part is on it"),
        pytest.param(recording(0.01), id="too small to gain"),
        pytest.param(recording(math.nan), id="no times"),
        pytest.param(recording(0.3, steps=2), id="only the first steps"),
    ],
)
def test_is_silent(run: Recording) -> None:
    assert accelerator_unused(run) == []
