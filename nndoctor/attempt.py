"""One life of the patient: start the child process, follow its progress, end it where it must be ended.

Nothing that the child does may reach this process: it may crash in C, be killed for memory, leave by `os._exit`,
or hang.
It is waited for by its process id, never by the end of a pipe, because the workers it started hold that open.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from nndoctor.run_folder import RunFolder

TICK = 0.1
"""Seconds between two looks at the child; progress and its end wake us earlier or no later than this."""
OVERDUE = 60.0
"""Seconds by which the child may overrun its own budget before it is ended from outside."""
GRACE = 5.0
"""Seconds between asking a process to end and ending it."""

ALONE = 25.0
"""Seconds without progress after which a child is ended that may wait for another process which is gone."""

EndedBy = Literal["itself", "patience", "overdue", "interrupt", "alone"]


@dataclass(frozen=True, slots=True)
class Ended:
    """How the child ended. `code` as of `subprocess`: negative for a signal."""

    code: int
    by: EndedBy = "itself"
    seconds: float = 0.0
    last: Mapping[str, Any] = field(default_factory=dict)
    """The last progress it reported."""

    @property
    def signal_name(self) -> str:
        """The signal's name where one ended it, else empty."""
        if self.code >= 0:
            return ""
        try:
            return signal.Signals(-self.code).name
        except ValueError:
            return f"signal {-self.code}"


class Attempt:
    """Starts the child and stays until it has ended."""

    def __init__(
        self,
        command: Sequence[str],
        folder: RunFolder,
        *,
        patience: float,
        show: Callable[[Mapping[str, Any]], None],
        echo: Callable[[str], None] | None = None,
        alone: Callable[[], bool] = lambda: False,
    ) -> None:
        """`alone` says whether processes that the child trains together with have ended."""
        self._alone = alone
        self._command = list(command)
        self._folder = folder
        self._patience = patience
        self._show = show
        self._echo = echo
        self._last: dict[str, Any] = {}
        self._buffer = b""
        self._alive = time.monotonic()
        self._log_position = folder.log.stat().st_size if folder.log.exists() else 0

    def run(self, config: Mapping[str, Any]) -> Ended:
        """Run the child with this configuration (plus the number of the pipe for its progress) to its end."""
        started = time.monotonic()
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        child: subprocess.Popen[bytes] | None = None
        try:
            self._folder.patient.write_text(json.dumps({**config, "progress_fd": writer}, indent=1), encoding="utf-8")
            with self._folder.log.open("ab") as log:
                child = self._start(log, writer)
            os.close(writer)
            by = self._watch(child, reader)
        finally:
            os.close(reader)
            if child is not None:
                _end_group(child)
        self._follow_log(whole_lines=False)
        return Ended(child.returncode, by, time.monotonic() - started, self._last)

    def _start(self, log: IO[bytes], writer: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - to run the user's script is what we are for
            [*self._command, str(self._folder.patient)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment(self._folder),
            pass_fds=(writer,),
            # A session of its own: Ctrl-C reaches us alone, and one signal reaches the child with all its workers.
            start_new_session=True,
        )

    def _watch(self, child: subprocess.Popen[bytes], reader: int) -> EndedBy:
        self._alive = time.monotonic()
        is_open = True
        try:
            while child.poll() is None:
                # Its end is also seen here at once: the pipe closes, unless workers hold it open.
                if not is_open:
                    _wait(child, TICK)
                elif select.select([reader], [], [], TICK)[0]:
                    is_open = self._read(reader)
                self._follow_log()
                if (reason := self._must_end()) is not None:
                    self._end(child)
                    return reason
            self._read(reader)
        except KeyboardInterrupt:
            self._interrupt(child)
            return "interrupt"
        return "itself"

    def _must_end(self) -> EndedBy | None:
        silent = time.monotonic() - self._alive
        if silent > self._patience:
            return "patience"
        if silent > ALONE and self._alone():
            return "alone"
        left = self._last.get("left")
        return "overdue" if isinstance(left, int | float) and left < -OVERDUE else None

    def _read(self, reader: int) -> bool:
        """Read what has come. Returns False at the end of the pipe."""
        try:
            data = os.read(reader, 65536)
        except BlockingIOError:
            return True
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            with contextlib.suppress(ValueError):
                report = json.loads(line)
                if isinstance(report, dict):
                    self._last |= report  # not every report says how much time is left
                    self._alive = time.monotonic()
                    self._show(report)
        return bool(data)

    def _follow_log(self, *, whole_lines: bool = True) -> None:
        if self._echo is None:
            return
        with self._folder.log.open("rb") as log:
            log.seek(self._log_position)
            data = log.read()
        # Whole lines while it runs, so that a half-written character is never shown.
        whole = data[: data.rfind(b"\n") + 1] if whole_lines else data
        self._log_position += len(whole)
        for line in whole.decode("utf-8", "replace").splitlines():
            self._echo(line)

    def _end(self, child: subprocess.Popen[bytes]) -> None:
        """Ask for the stack, then for the end, then take it."""
        _signal(child, signal.SIGUSR1)
        _wait(child, min(1.0, GRACE))
        _signal(child, signal.SIGTERM)
        if not _wait(child, GRACE):
            _signal_group(child, signal.SIGKILL)
            child.wait()

    def _interrupt(self, child: subprocess.Popen[bytes]) -> None:
        try:
            _signal(child, signal.SIGINT)
            _wait(child, GRACE)
        except KeyboardInterrupt:
            pass  # a second Ctrl-C: do not wait
        _signal_group(child, signal.SIGKILL)
        child.wait()


def environment(folder: RunFolder) -> dict[str, str]:
    """Return the child's environment: ours, with experiment trackers switched off by their own variables."""
    scratch = folder.path / "scratch"
    return {
        **os.environ,
        "NNDOCTOR": "1",
        "WANDB_MODE": "disabled",
        "NEPTUNE_MODE": "debug",
        "CLEARML_OFFLINE_MODE": "1",
        "COMET_MODE": "DISABLED",
        "COMET_START_ONLINE": "0",
        "COMET_OFFLINE_DIRECTORY": str(scratch / "comet"),
        # MLflow has no switch; what it writes goes where it does no harm.
        "MLFLOW_TRACKING_URI": (scratch / "mlruns").as_uri(),
        "DISABLE_MLFLOW_INTEGRATION": "TRUE",
    }


def last_user_frame(log: Path) -> str:
    """Return `file:line in function` of the user's innermost frame in the last stack that was dumped, or nothing."""
    text = log.read_text("utf-8", "replace") if log.exists() else ""
    _, mark, stack = text.rpartition("Current thread 0x")
    if not mark:
        return ""
    ours, python = os.path.dirname(os.path.abspath(__file__)), os.path.dirname(os.__file__)  # noqa: PTH100, PTH120
    for line in stack.splitlines()[1:]:
        if not line.startswith('  File "'):
            break
        file, _, rest = line.removeprefix('  File "').partition('", line ')
        number, _, function = rest.partition(" in ")
        if not file.startswith(("<", ours, python)) and "site-packages" not in file:
            return f"{file}:{number} in {function}"
    return ""


def in_collective(log: Path) -> bool:
    """Whether the last stack that was dumped ends in a collective, or in a backward pass that holds one."""
    text = log.read_text("utf-8", "replace") if log.exists() else ""
    _, mark, stack = text.rpartition("Current thread 0x")
    innermost = next((line for line in stack.splitlines()[1:] if line.startswith('  File "')), "")
    return bool(mark) and any(f"torch/{part}/" in innermost for part in ("distributed", "autograd", "nn/parallel"))


def _wait(child: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _signal(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    if child.poll() is None:
        child.send_signal(number)


def _signal_group(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def _end_group(child: subprocess.Popen[bytes]) -> None:
    """Leave no process behind: not the child (we may be leaving by an exception), nor its workers."""
    _signal_group(child, signal.SIGKILL)
    child.wait()
