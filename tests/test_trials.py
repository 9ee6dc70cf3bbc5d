"""Whole scripts: the fault that was planted is found, treated, and confirmed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from forked import nndoctor

if TYPE_CHECKING:
    from collections.abc import Callable

ZOO = Path(__file__).parent.parent / "sample_projects" / "zoo"

TWO_FAULTS = """
import torch
from torch import nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
X = torch.tensor(digits.data, dtype=torch.float32) / 16
loader = DataLoader(TensorDataset(X, torch.tensor(digits.target)), batch_size=32, shuffle=True)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10), nn.Softmax(dim=1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
for epoch in range(3):
    for x, y in loader:
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
"""


SHORT_LOOP = """
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(256, 8)
y = (x[:, 0] > 0).long()
model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
for step in range(38):
    nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()
"""


@pytest.fixture
def checked(tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    """Return what checks a script by the command line and returns its diagnosis."""

    def run(script: Path, *options: str) -> list[dict[str, Any]]:
        out = tmp_path / "run"
        nndoctor("check", "-q", "--out", str(out), *options, script.name, cwd=script.parent)
        found: list[dict[str, Any]] = json.loads((out / "findings.json").read_text())["diagnosis"]
        return found

    return run


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "treatment"),
    [
        ("missing-zero-grad", "clear-gradients"),
        ("learning-rate-too-high", "learning-rate-x0.1"),
        ("loss-broadcast", "reshape-target"),
        ("unshuffled-data", "shuffle"),
        ("symmetric-initialisation", "reinitialise"),
        ("parameters-not-in-optimizer", "unfreeze"),
    ],
)
def test_the_fault_of_the_zoo_is_confirmed(fault: str, treatment: str, checked: Any) -> None:
    first = checked(ZOO / fault / "sick.py")[0]
    assert (first["check"], first["confirmed"]) == (fault, True), first
    trial = first["trial"]
    assert trial["treatment"] == treatment
    assert trial["of"] >= 3
    assert trial["won"] >= trial["of"] - 1


@pytest.mark.slow
def test_two_faults_are_both_confirmed(tmp_path: Path, checked: Any) -> None:
    script = tmp_path / "train.py"
    script.write_text(TWO_FAULTS)
    confirmed = {entry["check"] for entry in checked(script) if entry["confirmed"]}
    assert {"missing-zero-grad", "softmax-into-cross-entropy"} <= confirmed


@pytest.mark.slow
def test_a_loop_so_short_that_it_was_run_twice_is_treated_too(tmp_path: Path, checked: Any) -> None:
    script = tmp_path / "train.py"
    script.write_text(SHORT_LOOP)
    [first, *_] = checked(script)
    assert (first["check"], first["confirmed"]) == ("missing-zero-grad", True), first


@pytest.mark.slow
def test_without_trials_nothing_is_treated(checked: Any) -> None:
    entries = checked(ZOO / "loss-broadcast" / "sick.py", "--no-trials")
    assert entries[0]["check"] == "loss-broadcast"
    assert all(entry["trial"] is None and entry["confirmed"] is None for entry in entries)


@pytest.mark.slow
def test_a_measured_fact_that_does_no_harm_here_is_not_refuted(checked: Any) -> None:
    first = checked(ZOO / "eval-mode-in-training" / "sick.py")[0]
    assert first["check"] == "eval-mode-in-training"
    assert first["severity"] == "error"
    assert first["confirmed"] is not False
