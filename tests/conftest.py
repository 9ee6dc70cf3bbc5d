"""What several tests share: stand-ins for the patient, so that the doctor is tested without torch."""

from __future__ import annotations

import os
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# Before torch is imported: a process with more threads than one cannot be forked, and on a busy machine they cost more.
os.environ.setdefault("OMP_NUM_THREADS", "1")

PRELUDE = """
import json, os, pathlib, signal, subprocess, sys, time
from nndoctor.recording import Recorder
from nndoctor.records import *

config = json.loads(pathlib.Path(sys.argv[1]).read_text())
recorder = Recorder(pathlib.Path(config["run"]) / "recording.sqlite")

def report(**values):
    os.write(config["progress_fd"], json.dumps(values).encode() + b"\\n")

def train(count=9):
    for step in range(count):
        recorder.add(Step(step=step, parameters_changed=True, backwards=1, optimizer_steps=1, loss=1.0))
        report(phase="observe", step=step, of=count, loss=1.0, left=40.0)
    recorder.add(Experiment(name="observe", steps=count, wanted=count, seconds=1.0))
    recorder.flush()

def end():
    recorder.close()
"""


@pytest.fixture
def patient(tmp_path: Path) -> Callable[[str], list[str]]:
    """Return what turns a program into the command of a patient that runs it; `train()` and `end()` are given."""

    def command(program: str) -> list[str]:
        path = tmp_path / "fake_patient.py"
        path.write_text(PRELUDE + textwrap.dedent(program))
        return [sys.executable, str(path)]

    return command


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a script in an empty working directory."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    path = work / "train.py"
    path.write_text("print('training')\n")
    return path
