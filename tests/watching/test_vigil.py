"""The process beside a watched training: what it tells, and what it lets TensorBoard see while the training goes on."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.summary.writer import event_file_writer

from nndoctor.recording import FILE_NAME, Recorder
from nndoctor.records import NonFinite, Step
from nndoctor.watching import vigil

if TYPE_CHECKING:
    from pathlib import Path


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


def test_a_look_that_fails_has_seen_nothing() -> None:
    def fail() -> list[tuple[str, str, str]]:
        raise RuntimeError

    assert vigil._apart(fail) == []
    assert vigil._apart(lambda: [("a-check", "", "said")]) == [("a-check", "", "said")]


@pytest.mark.parametrize("protected", [False, True])
def test_an_end_in_the_middle_of_a_look(tmp_path: Path, *, protected: bool) -> None:
    """The process ends with the look; what must not be cut off is not."""
    done = tmp_path / "done"

    def look() -> list[tuple[str, str, str]]:
        with vigil._undisturbed() if protected else contextlib.nullcontext():
            (tmp_path / "begun").touch()
            time.sleep(1)
            done.touch()
        time.sleep(10)
        return []

    child = os.fork()
    if not child:
        vigil._apart(look)
        os._exit(0)
    while not (tmp_path / "begun").exists():
        time.sleep(0.01)
    began = time.monotonic()
    os.kill(child, signal.SIGTERM)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGTERM
    assert done.exists() == protected
    assert time.monotonic() - began < 8
