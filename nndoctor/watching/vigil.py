"""A process beside a watched training that looks at its recording now and then, for TensorBoard, and says what is new.

It runs at low priority, rests fifty times as long as it worked, and ends with the training, however that ends.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nndoctor.diagnose import Diagnosis

SHORTEST = 15.0
"""Seconds between two looks, at least."""
REST = 50.0
"""Times as long as a look took."""
TICK = 1.0


@contextlib.contextmanager
def beside(run: str, *, quiet: bool) -> Iterator[None]:
    """Have a vigil while the body runs. `quiet`: it writes what TensorBoard shows, and says nothing."""
    command = [sys.executable, "-m", "nndoctor.watching.vigil", run, str(os.getpid())]
    words = subprocess.DEVNULL if quiet else None
    process = subprocess.Popen(  # noqa: S603 - it is ourselves
        command, stdin=subprocess.DEVNULL, stdout=words, stderr=words, start_new_session=True
    )
    try:
        yield
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)


def keep(run: Path, process: int) -> None:
    """Look until the process has gone."""
    from nndoctor.catalogue import load_catalogue
    from nndoctor.diagnose import diagnose
    from nndoctor.recording import Recording
    from nndoctor.reports import tensorboard
    from nndoctor.run_folder import opened

    folder = opened(run)
    checks = list(load_catalogue().values())
    told: set[tuple[str, str]] = set()
    rest = SHORTEST
    while _sleep(rest, process):
        began = time.monotonic()
        if not folder.recording.exists():
            continue
        with contextlib.suppress(Exception):  # a look that fails is no reason to disturb anybody
            seen = Recording.open(folder.recording)
            diagnosis = diagnose(seen, checks)
            _tell(diagnosis, told)
            with _undisturbed():
                tensorboard.update(seen, diagnosis, folder.events, final=False)
        rest = max(SHORTEST, REST * (time.monotonic() - began))


def _tell(diagnosis: Diagnosis, told: set[tuple[str, str]]) -> None:
    from nndoctor.finding import Severity

    for entry in diagnosis.entries:
        key = (entry.check.name, str(entry.where))
        if entry.severity >= Severity.WARNING and key not in told:
            told.add(key)
            place = f" ({entry.where})" if entry.where else ""
            sys.stderr.write(f"nndoctor: {entry.severity.label} {entry.check.name}{place}: {entry.title}\n")
            sys.stderr.flush()


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Let the end of the training wait for the body: event files cut off in between would be written twice."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _sleep(seconds: float, process: int) -> bool:
    """Wait; return False as soon as the process has gone."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if os.getppid() != process:
            return False
        time.sleep(TICK)
    return os.getppid() == process


if __name__ == "__main__":
    with contextlib.suppress(OSError):
        os.nice(10)
    keep(Path(sys.argv[1]), int(sys.argv[2]))
