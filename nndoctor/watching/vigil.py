"""A process beside a watched training that looks at its recording now and then, for TensorBoard, and says what is new.

It runs at low priority, rests fifty times as long as it worked, and ends with the training, however that ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from nndoctor.check import Check
    from nndoctor.run_folder import RunFolder

    Told = tuple[str, str, str]
    """Of a finding: its check, its place, and the line that tells of it."""

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
    from nndoctor.run_folder import opened

    folder = opened(run)
    checks = list(load_catalogue().values())
    told: set[tuple[str, str]] = set()
    rest = SHORTEST
    while _sleep(rest, process):
        began = time.monotonic()
        if not folder.recording.exists():
            continue
        for name, place, line in _apart(lambda: _look(folder, checks)):
            if (name, place) not in told:
                told.add((name, place))
                sys.stderr.write(f"nndoctor: {line}\n")
                sys.stderr.flush()
        rest = max(SHORTEST, REST * (time.monotonic() - began))


def _look(folder: RunFolder, checks: Sequence[Check]) -> list[Told]:
    """Bring what TensorBoard shows up to date; return errors and warnings."""
    from nndoctor.diagnose import diagnose
    from nndoctor.finding import Severity
    from nndoctor.recording import Recording
    from nndoctor.reports import tensorboard

    seen = Recording.open(folder.recording)
    diagnosis = diagnose(seen, checks)
    with _undisturbed():
        tensorboard.update(seen, diagnosis, folder.events, final=False)
    serious = [entry for entry in diagnosis.entries if entry.severity >= Severity.WARNING]
    places = [f" ({entry.where})" if entry.where else "" for entry in serious]
    return [
        (e.check.name, place, f"{e.severity.label} {e.check.name}{place}: {e.title}")
        for e, place in zip(serious, places, strict=True)
    ]


def _apart(look: Callable[[], list[Told]]) -> list[Told]:
    """Have a look in a fork of this process, which takes the memory with it that the look needed.

    A look that fails is no reason to disturb anybody: it has seen nothing. If this process is to end meanwhile, the
    fork is told, and waited for.
    """
    reader, writer = os.pipe()
    with _undisturbed():  # until both know what to do when they are to end
        child = os.fork()
        if child:
            before = signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
    if not child:
        with contextlib.suppress(Exception), os.fdopen(writer, "w", encoding="utf-8") as stream:
            json.dump(look(), stream)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as stream:
        text = stream.read()
    status = os.waitpid(child, 0)[1]
    signal.signal(signal.SIGTERM, before)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGTERM:
        os.kill(os.getpid(), signal.SIGTERM)
    return [(name, place, line) for name, place, line in json.loads(text or "[]")]


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
