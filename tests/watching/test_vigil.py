"""The process beside a watched training: what it tells, and what it lets TensorBoard see while the training goes on."""

from __future__ import annotations

import signal
from types import SimpleNamespace
from typing import TYPE_CHECKING

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.summary.writer import event_file_writer

from nndoctor.recording import FILE_NAME, Recorder
from nndoctor.records import NonFinite, Step
from nndoctor.watching import vigil

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_event_files_grow_and_findings_are_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    recorder = Recorder(tmp_path / FILE_NAME)
    seen: list[list[int]] = []

    def sleep(_seconds: float, _process: int) -> bool:
        if (tmp_path / "tensorboard").exists():
            found = EventAccumulator(str(tmp_path / "tensorboard"))
            seen.append([e.step for e in found.Reload().Scalars("loss/observe")])
        start = len(seen) * 3
        for step in range(start, start + 3):
            recorder.add(Step(step=step, loss=1.0, parameters_changed=True))
        if start == 3:
            recorder.add(NonFinite(step=4, phase="forward", operation="log"))
        recorder.flush()
        return len(seen) < 3

    monkeypatch.setattr(vigil, "_sleep", sleep)
    # Readers take event files in the order of their names, which hold the second; looks are many seconds apart.
    monkeypatch.setattr(event_file_writer, "time", SimpleNamespace(time=lambda: 1e9 + 60 * len(seen)))
    vigil.keep(tmp_path, 1)
    recorder.close()
    assert seen == [[*range(3)], [*range(6)], [*range(9)]]
    assert capsys.readouterr().err.count("non-finite") == 1
    assert signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
