"""Runs of trials in processes of their own, for loops that have an end.

`for step in range(200)` has enough iterations for one run under a treatment, not for ten. So each run gets a fork of
the whole process: the loop goes on in the child from where it stands, the child tells what it measured and is gone,
and in the parent the loop has not moved. Nothing that the child does outlives it, save how far it has read in files
that were open before: what such a loop reads is not what a trial feeds it.

On Linux and on the CPU only: a process that holds a CUDA context cannot be forked. A child computes with one thread,
because the thread pool of OpenMP does not survive a fork; PyTorch's own workers do the same.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from nndoctor.session import Session


class Forks:
    """Begins forks and hears from them; in a child, `is_child` is true and `report` ends it."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.is_child = False
        self._writer = -1

    def possible(self) -> bool:
        """Whether this process can be forked and go on in the child."""
        in_use = torch.cuda.is_available() and torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
        return sys.platform == "linux" and not in_use and self.session.config.world == 1

    def split(self, seconds: float) -> dict[str, Any] | None:
        """Fork. Return None in the child; in the parent what the child reported, empty where it did not in time."""
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):  # whatever the script has put there; what is buffered must not be written twice
                stream.flush()
        reader, writer = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of other threads: ours and idle ones
            child = os.fork()
        if child == 0:
            os.close(reader)
            self.is_child, self._writer = True, writer
            self.session.deaf -= 1  # which every fork adds, so that workers are not heard
            torch.set_num_threads(1)
            return None
        os.close(writer)
        try:
            return _heard(reader, seconds)
        finally:
            os.close(reader)
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)

    def report(self, content: dict[str, Any]) -> None:
        """Tell the parent, and end this process without running anything that the script wants done at its end."""
        with suppress(OSError):
            os.write(self._writer, json.dumps(content).encode())
        os._exit(0)


def _heard(reader: int, seconds: float) -> dict[str, Any]:
    """Return what comes through a pipe until it closes; empty where nothing whole came in time."""
    ends = time.monotonic() + seconds
    data = b""
    while (left := ends - time.monotonic()) > 0:
        if not select.select([reader], [], [], left)[0]:
            break
        more = os.read(reader, 65536)
        if not more:
            break
        data += more
    with suppress(ValueError):
        content = json.loads(data)
        if isinstance(content, dict):
            return content
    return {}
