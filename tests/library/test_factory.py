"""Targets that are no script, and the sample project whose tests use the assertions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from forked import nndoctor

from nndoctor.errors import UsageError
from nndoctor.settings import Target, split_factory
from nndoctor.target import ensure_runnable

SAMPLE = Path(__file__).resolve().parents[2] / "sample_projects" / "tested"
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("train.py", ("train.py", "")),
        ("train.py:make", ("train.py", "make")),
        ("pkg.mod:make", ("pkg.mod", "make")),
        ("odd:name.py", ("odd:name.py", "")),
    ],
)
def test_targets_are_split(name, parts):
    assert split_factory(name) == parts


def test_a_factory_that_does_not_exist_is_told_before_anything_starts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.py").write_text("def make_training():\n    pass\n")
    with pytest.raises(UsageError, match="did you mean make_training"):
        ensure_runnable(Target(name="t.py:make_trainin"))
    with pytest.raises(UsageError, match="no such script"):
        ensure_runnable(Target(name="u.py:make"))
    with pytest.raises(UsageError, match="no module named"):
        ensure_runnable(Target(name="no_such_module:make"))


@pytest.mark.slow
@pytest.mark.parametrize("target", ["training.py:make_training", "training:make_training"])
def test_a_healthy_factory_is_healthy(tmp_path, target):
    done = nndoctor("check", "-q", "--out", str(tmp_path / "run"), target, cwd=SAMPLE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((tmp_path / "run" / "findings.json").read_text())["status"] == "healthy"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("return [1]", "returned a list"),
        ("return 1", "returned an int"),
        ("raise ValueError('no data')", "no data"),
        ("return {}", "no model"),
    ],
)
def test_a_factory_that_cannot_be_trained_is_told_in_one_line(tmp_path, body, text):
    (tmp_path / "t.py").write_text(f"def make():\n    {body}\n")
    done = nndoctor("check", "-q", "--out", "run", "t.py:make", cwd=tmp_path)
    assert done.returncode == 3
    assert text in " ".join((done.stdout + done.stderr).split())
    assert "nndoctor/" not in done.stdout


@pytest.mark.slow
def test_the_tests_of_the_sample_project_pass():
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "xdist", "-n", "2", "tests"],
        cwd=SAMPLE,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout
