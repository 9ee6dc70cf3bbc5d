"""A process beside a watched training that looks at its recording now and then and says what is new.

It runs at low priority, rests fifty times as long as it worked, and ends with the training, however that ends.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SHORTEST = 15.0
"""Seconds between two looks, at least."""
REST = 50.0
"""Times as long as a look took."""
TICK = 1.0


@contextlib.contextmanager
def beside(run: str, *, wanted: bool) -> Iterator[None]:
    """Have a vigil while the body runs."""
    if not wanted:
        yield
        return
    command = [sys.executable, "-m", "nndoctor.watching.vigil", run, str(os.getpid())]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603
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
    from nndoctor.finding import Severity
    from nndoctor.recording import FILE_NAME, Recording

    checks = list(load_catalogue().values())
    told: set[tuple[str, str]] = set()
    rest = SHORTEST
    while _sleep(rest, process):
        began = time.monotonic()
        if not (run / FILE_NAME).exists():
            continue
        with contextlib.suppress(Exception):  # a look that fails is no reason to disturb anybody
            for entry in diagnose(Recording.open(run / FILE_NAME), checks).entries:
                key = (entry.check.name, str(entry.where))
                if entry.severity >= Severity.WARNING and key not in told:
                    told.add(key)
                    place = f" ({entry.where})" if entry.where else ""
                    sys.stderr.write(f"nndoctor: {entry.severity.label} {entry.check.name}{place}: {entry.title}\n")
                    sys.stderr.flush()
        rest = max(SHORTEST, REST * (time.monotonic() - began))


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
