"""Scripts that end badly, under the real doctor and the real patient: one clear line, the documented exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest
from forked import nndoctor

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

HEAD = "import torch\nfrom torch import nn\n"
LOOP = """
model = nn.Linear(4, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range({steps}):
    x = torch.randn(16, 4)
    loss = nn.functional.cross_entropy(model(x), (x[:, 0] > 0).long())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    {more}
"""


def started(folder: Path, program: str, *arguments: str) -> subprocess.Popen[str]:
    (folder / "train.py").write_text(HEAD + program)
    command = [sys.executable, "-m", "nndoctor", "check", *arguments, "train.py"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "NO_COLOR": "1", "COLUMNS": "200"}
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A test run in the background is started with SIGINT ignored, and its children with it.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )


def checked(folder: Path, program: str, *arguments: str) -> tuple[int, str]:
    (folder / "train.py").write_text(HEAD + program)
    done = nndoctor("check", *arguments, "train.py", cwd=folder, NO_COLOR="1", COLUMNS="200")
    assert "nndoctor/" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("program", "code", "told"),
    [
        pytest.param("raise ValueError('no such data')", 3, "ValueError: no such data", id="raises before training"),
        pytest.param("import not_there", 3, "ModuleNotFoundError: No module named 'not_there'", id="import error"),
        pytest.param("print(1)", 3, "no training step was seen", id="never trains"),
        pytest.param("import sys; sys.exit('give me data')", 3, "give me data", id="sys.exit with a message"),
        pytest.param("import os; os._exit(7)", 3, "7", id="os._exit"),
        pytest.param("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 3, "SIGKILL", id="killed"),
        pytest.param(
            "import argparse\np = argparse.ArgumentParser()\np.add_argument('data')\np.parse_args()",
            3,
            "the following arguments are required: data",
            id="needs arguments",
        ),
        pytest.param(
            "model = nn.Linear(4, 2)\nfor _ in range(50):\n"
            "    try:\n        model(torch.randn(3, 5)).sum().backward()\n    except Exception:\n        pass",
            3,
            "mat1 and mat2 shapes cannot be multiplied",
            id="swallows every exception",
        ),
    ],
)
def test_a_script_that_cannot_be_judged(program: str, code: int, told: str, tmp_path: Path) -> None:
    returned, text = checked(tmp_path, program)
    assert returned == code, text
    assert told in text


def test_a_script_that_hangs_before_its_first_step(tmp_path: Path) -> None:
    code, text = checked(tmp_path, "import time\ntime.sleep(600)", "--patience", "8")
    assert code == 3
    assert "train.py:4" in text


def test_a_crash_after_some_steps_is_diagnosed_with_the_exception(tmp_path: Path) -> None:
    program = LOOP.format(steps=100, more="\n    if step == 20:\n        raise RuntimeError('disk full')")
    code, text = checked(tmp_path, program)
    assert code == 3
    assert "RuntimeError: disk full" in text


def test_an_experiment_that_breaks_the_script_is_left_out(tmp_path: Path) -> None:
    """The script insists on its batch size: the cut batch of `overfit` breaks it, and it is tried again uncut."""
    program = """
from torch.utils.data import DataLoader, TensorDataset
x = torch.randn(320, 4)
model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for epoch in range(3):
    for a, b in DataLoader(TensorDataset(x, (x[:, 0] > 0).long()), batch_size=32, shuffle=True):
        assert len(a) == 32, 'wrong batch size'
        loss = nn.functional.cross_entropy(model(a), b)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
    code, text = checked(tmp_path, program, "-v")
    assert code == 0, text
    assert "wrong batch size" in text
    assert "overfit" in text


def test_ctrl_c_writes_a_partial_report(tmp_path: Path) -> None:
    process = started(tmp_path, LOOP.format(steps=10**6, more="import time; time.sleep(0.2)"), "--out", "run")
    deadline = time.monotonic() + 100
    while not (tmp_path / "run" / "recording.sqlite").exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    time.sleep(4)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130, out
    assert (tmp_path / "run" / "findings.json").exists()


def test_nothing_of_the_users_is_overwritten(tmp_path: Path) -> None:
    program = LOOP.format(steps=60, more="torch.save(model.state_dict(), 'model.pt')") + (
        "open('log.txt', 'a').write('done')\nassert open('log.txt').read() == 'earlierdone'\n"
        "model.load_state_dict(torch.load('model.pt'))\n"
    )
    (tmp_path / "model.pt").write_bytes(b"weeks of work")
    (tmp_path / "log.txt").write_text("earlier")
    code, text = checked(tmp_path, program)
    assert code == 0, text
    assert (tmp_path / "model.pt").read_bytes() == b"weeks of work"
    assert (tmp_path / "log.txt").read_text() == "earlier"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.txt", "model.pt", "nndoctor-runs", "train.py"]


def test_a_loop_of_few_steps_is_run_again_to_make_room_for_the_experiments(tmp_path: Path) -> None:
    code, text = checked(tmp_path, LOOP.format(steps=24, more=""), "-v", "--format", "json")
    assert code == 0, text
    assert '"name": "overfit"' in text
