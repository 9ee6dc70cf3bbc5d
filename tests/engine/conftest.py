"""Runs small programs under the whole patient, inside the test process: torch is imported once for all of them."""

from __future__ import annotations

import linecache
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest
from prelude import PRELUDE

from nndoctor.patient import Patient
from nndoctor.recording import FILE_NAME, Recording
from nndoctor.session import Config

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Recording]:
    """Return `record(program, steps=8, budget=20, ...)`: the recording of a program run by the patient."""
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    main = sys.modules["__main__"]

    def run(program: str, **wishes: Any) -> Recording:
        script = work / "train.py"
        script.write_text(PRELUDE + textwrap.dedent(program))
        linecache.checkcache()
        folder = tmp_path / f"run{len(list(tmp_path.glob('run*'))) or ''}"
        folder.mkdir()
        wishes = {"steps": 8, "budget": 20.0, **wishes}
        patient = Patient(Config(target=str(script), run=str(folder), **wishes))
        try:
            patient.run()
        finally:
            patient.files.undo()
            sys.modules["__main__"] = main
        return Recording.open(folder / FILE_NAME)

    return run
