"""`nndoctor watch` from outside: the script runs as ever, and any end leaves a recording that can be diagnosed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from nndoctor.commands.watch import parsed_share
from nndoctor.errors import UsageError
from nndoctor.recording import FILE_NAME, Recording
from nndoctor.records import Step

SCRIPT = """
import hashlib, os, sys, time
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 32), nn.Dropout(0.1), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
inputs = torch.randn(256, 8)
labels = inputs[:, :3].argmax(1)
steps, pause = int(sys.argv[1]), float(sys.argv[2])
for step in range(steps):
    rows = torch.randint(256, (16,))
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(inputs[rows]), labels[rows]).backward()
    optimizer.step()
    time.sleep(pause)
torch.save(model.state_dict(), "model.pt")
print(hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in model.parameters())).hexdigest())
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "train.py"
    path.write_text(textwrap.dedent(SCRIPT))
    return path


def watch(script, *arguments, options=(), **kwargs):
    command = [sys.executable, "-m", "nndoctor", "watch", "--out", "run", *options, script.name, *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, cwd=script.parent, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kwargs
    )


@pytest.mark.slow
def test_the_script_ends_as_it_does_natively(script):
    bare = subprocess.run(
        [sys.executable, script.name, "60", "0"], cwd=script.parent, capture_output=True, text=True, check=True
    )
    (script.parent / "model.pt").unlink()
    process = watch(script, "60", "0", options=["-q", "--overhead", "every"])
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert out.splitlines()[0] == bare.stdout.strip()
    assert (script.parent / "model.pt").exists()
    content = json.loads((script.parent / "run" / "findings.json").read_text())
    assert content["status"] == "healthy"
    assert all(row["why"] for row in content["outcomes"] if row["outcome"] == "skipped")


@pytest.mark.slow
def test_the_scripts_own_failure_and_code_come_through(script):
    script.write_text(script.read_text() + "\nraise SystemExit(7)\n")
    process = watch(script, "20", "0", options=["-q"])
    process.communicate(timeout=120)
    assert process.returncode == 7


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_kill_leaves_all_but_the_last_rows(script, seed):
    process = watch(script, "100000", "0.01", options=["-q"])
    path = script.parent / "run" / FILE_NAME
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (path.exists() and Recording.open(path).rows(Step)):
        time.sleep(0.1)
    time.sleep(2 + random.Random(seed).random())
    before = len(Recording.open(path).rows(Step))
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    process.stderr.close()
    steps = [row.step for row in Recording.open(path).rows(Step)]
    assert steps == list(range(len(steps)))
    assert len(steps) >= before >= 20
    done = subprocess.run(
        [sys.executable, "-m", "nndoctor", "report", "-q", "run"],
        cwd=script.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("text", "share"), [("3%", 0.03), ("0.1", 0.1), ("every", float("inf"))])
def test_shares_are_parsed(text, share):
    assert parsed_share(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "fast", "-3%", "0", "nan", "5000%"])
def test_odd_shares_are_refused(text):
    with pytest.raises(UsageError, match="--overhead"):
        parsed_share(text)
