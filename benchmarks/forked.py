"""Many checks in one go: each script's process is forked from one that has torch and scikit-learn loaded already.

And torch's compiler, which the first optimizer of a process imports. Importing them takes longer than most small
scripts take to be checked. What a script sees is the same but for `sys.modules`; that it starts as `python script.py`
would start it is tested elsewhere.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

import sklearn.datasets
import sklearn.ensemble
import sklearn.kernel_ridge
import sklearn.model_selection
import torch
import torch._dynamo

from nndoctor import doctor, patient
from nndoctor.attempt import Attempt, environment
from nndoctor.patching import Patches

if TYPE_CHECKING:
    from collections.abc import Iterator

PRELOADED = (torch, torch._dynamo, sklearn.datasets, sklearn.ensemble, sklearn.kernel_ridge, sklearn.model_selection)


class Child:
    """A forked process, with what the doctor uses of `subprocess.Popen`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal, or None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises `subprocess.TimeoutExpired` like the original."""
        import subprocess

        until = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if until is not None and time.monotonic() > until:
                raise subprocess.TimeoutExpired("forked", timeout or 0.0)
            time.sleep(0.005)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal."""
        if self.poll() is None:
            os.kill(self.pid, number)


class ForkedAttempt(Attempt):
    """An attempt whose child is forked."""

    def _start(self, log: Any, writer: int) -> Any:  # noqa: ARG002 - a fork keeps every descriptor
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid:
            return Child(pid)
        gc.freeze()  # what is loaded already is no garbage: collections need not go through it
        code = 70
        try:
            os.setsid()
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL if number != signal.SIGINT else signal.default_int_handler)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
            sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115
            sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
            os.environ.update(environment(self._folder))
            faulthandler.enable()
            faulthandler.register(signal.SIGUSR1, all_threads=True)
            code = patient.main(str(self._folder.patient))
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 1
        finally:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)


@contextlib.contextmanager
def forking() -> Iterator[None]:
    """Have the doctor fork its patients."""
    with Patches() as patches:
        patches.replace(doctor, "Attempt", ForkedAttempt)
        yield
