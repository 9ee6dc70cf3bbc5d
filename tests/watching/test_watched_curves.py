"""Whole trainings under `nndoctor watch`: their curves are given the class that they were made for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap

import pytest

SCRIPT = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

{settings}
torch.manual_seed(0)
teacher = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 3))
inputs = torch.randn(samples + 300, 8)
with torch.no_grad():
    labels = teacher(3 * inputs).argmax(1)
    wrong = torch.rand(len(labels)) < flips
    labels[wrong] = torch.randint(3, (int(wrong.sum()),))
train_loader = DataLoader(TensorDataset(inputs[:samples], labels[:samples]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(inputs[samples:], labels[samples:]), batch_size=100)
model = nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, 3))
optimizer = kind(model.parameters(), lr=rate)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, max(1, 2 * epochs // 3), gamma=later)
for epoch in range(epochs):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    scheduler.step()
    model.eval()
    with torch.no_grad():
        for x, y in val_loader:
            nn.functional.cross_entropy(model(x), y)
"""
HEALTHY = {"samples": 1500, "width": 32, "flips": 0.0, "kind": "torch.optim.Adam", "rate": 3e-3, "later": 0.03,
           "epochs": 24}  # fmt: skip
CASES = {
    "overfitting": {"samples": 200, "width": 256, "flips": 0.5, "epochs": 60, "later": 1.0},
    "diverging": {"kind": "torch.optim.SGD", "rate": 0.1, "later": 3000.0},
    "underfitting": {"kind": "torch.optim.SGD", "rate": 1e-7, "later": 1.0, "epochs": 8},
}
CURVES = {*CASES, "not-converged", "noisy-validation", "validation-easier", "unrepresentative-train", "plateau"}


def watched(tmp_path, case):
    settings = "\n".join(f"{name} = {value}" for name, value in {**HEALTHY, **case}.items())
    (tmp_path / "train.py").write_text(textwrap.dedent(SCRIPT).replace("{settings}", settings))
    command = [sys.executable, "-m", "nndoctor", "watch", "-q", "--out", "run", "train.py"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(command, cwd=tmp_path, env=environment, check=False, capture_output=True, timeout=300)
    content = json.loads((tmp_path / "run" / "findings.json").read_text())
    assert {row["check"]: row["why"] for row in content["outcomes"] if row["outcome"] == "crashed"} == {}
    return content


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_sick_training_is_named(tmp_path, name):
    found = {row["check"]: row["severity"] for row in watched(tmp_path, CASES[name])["diagnosis"]}
    assert CURVES & found.keys() == {name}
    assert found[name] == ("error" if name == "diverging" else "warning")


@pytest.mark.slow
def test_a_healthy_training_is_left_alone(tmp_path):
    content = watched(tmp_path, {})
    assert content["diagnosis"] == []
    assert {row["check"] for row in content["outcomes"]} >= CURVES
