"""Many checks in one go: each script's process is forked from one that has torch and scikit-learn loaded already.

And torch's compiler, which the first optimizer of a process imports. Importing them takes longer than most small
scripts take to be checked. What a script sees is the same but for `sys.modules`; that it starts as `python script.py`
would start it is tested elsewhere. The command line can be started in the same way.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import importlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import sklearn.datasets
import sklearn.ensemble
import sklearn.kernel_ridge
import sklearn.model_selection
import torch
import torch._dynamo

from nndoctor import cli, doctor, patient, places
from nndoctor.attempt import Attempt, environment
from nndoctor.patching import Patches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PRELOADED = (torch, torch._dynamo, sklearn.datasets, sklearn.ensemble, sklearn.kernel_ridge, sklearn.model_selection)


GRACE = 10.0
"""Seconds between asking a process to end and ending it."""


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
        def live() -> int:
            os.environ.update(environment(self._folder))
            faulthandler.enable()
            faulthandler.register(signal.SIGUSR1, all_threads=True)
            return patient.main(str(self._folder.patient))

        return forked(live, log, log)


def forked(target: Callable[[], int | None], out: IO[bytes], err: IO[bytes]) -> Child:
    """Run a function in a fork of this process, in a session of its own; what it returns is the exit code."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return Child(pid)
    gc.freeze()  # what is loaded already is no garbage: collections need not go through it
    code: Any = 70
    try:
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL if number != signal.SIGINT else signal.default_int_handler)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
        code = target()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) or error.code is None else 1
    except BaseException:  # noqa: BLE001 - as the interpreter does with what nobody has caught
        traceback.print_exc()
        code = 1
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code or 0)


class Started:
    """A function that runs in a folder of its own, in a forked process, and all that it prints."""

    def __init__(self, target: Callable[[], int | None], folder: Path, settings: dict[str, str]) -> None:
        self._out, self._err = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 - closed by `ended`

        def live() -> int | None:
            os.chdir(folder)
            Patches().replace(places, "_START", str(Path.cwd()))  # it was read when this process began
            os.environ.update(settings)
            sys.path.insert(0, str(folder))
            importlib.invalidate_caches()
            return target()

        self._child = forked(live, self._out, self._err)

    def ended(self, timeout: float = 240.0) -> subprocess.CompletedProcess[str]:
        """Wait for its end. Raises `subprocess.TimeoutExpired`, and has killed it then."""
        try:
            code = self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            self._child.send_signal(signal.SIGTERM)  # the doctor then ends its patient, which has a session of its own
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(GRACE)
            self._child.send_signal(signal.SIGKILL)
            raise
        printed = []
        for file in (self._out, self._err):
            with file:
                file.seek(0)
                printed.append(file.read().decode(errors="replace"))
        return subprocess.CompletedProcess([], code, *printed)


def start_nndoctor(*arguments: str, cwd: Path, **settings: str) -> Started:
    """Start the command line, as `python -m nndoctor` would; `settings` are variables of its environment."""

    def run() -> int:
        sys.argv = ["nndoctor", *arguments]
        with forking():
            return cli.run(arguments)

    return Started(run, cwd, settings)


def nndoctor(*arguments: str, cwd: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end."""
    return start_nndoctor(*arguments, cwd=cwd, **settings).ended()


@contextlib.contextmanager
def forking() -> Iterator[None]:
    """Have the doctor fork its patients."""
    with Patches() as patches:
        patches.replace(doctor, "Attempt", ForkedAttempt)
        yield
