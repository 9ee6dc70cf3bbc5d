"""Runs the user's script to its own end with a monitor beside it: same process, same output, same signals."""

from __future__ import annotations

import json
import platform
import sys
import traceback
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from nndoctor.launcher import clean_traceback, run_module, run_script
from nndoctor.places import shown_file
from nndoctor.recording import FILE_NAME
from nndoctor.records import Environment, Event, NonFinite
from nndoctor.session import PatientStop
from nndoctor.watching.attach import Attachment
from nndoctor.watching.keeper import Keeper
from nndoctor.watching.monitor import Monitor
from nndoctor.watching.state import keep_state

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What `nndoctor watch` was asked for; travels to the process of the script as JSON."""

    target: str
    run: str
    is_module: bool = False
    arguments: tuple[str, ...] = ()
    overhead: float = 0.03
    on_nan: str = "continue"
    asked: Mapping[str, Any] = field(default_factory=dict)
    """Options of the report at the end; paths as text."""
    facts: Mapping[str, str] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write it where `read` finds it."""
        path.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Config:
        """Read what `write` wrote."""
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        content.update((name, tuple(value)) for name, value in content.items() if isinstance(value, list))
        return cls(**content)


class WatchedRun:
    """A monitor with its recording, attached to torch between `begin` and `end`."""

    def __init__(self, folder: Path, *, overhead: float, on_nan: str, facts: Mapping[str, str]) -> None:
        self.folder = folder
        self.keeper = Keeper(folder / FILE_NAME)
        self.monitor = Monitor(self.keeper, overhead=overhead)
        self.monitor.on_found = self._found
        self._attachment = Attachment(self.monitor)
        self._on_nan = on_nan
        versions = {
            "command": "watch",
            "python": platform.python_version(),
            "torch": torch.__version__,
            "platform": platform.platform(),
            "threads": str(torch.get_num_threads()),
            "cuda": str(torch.cuda.is_available()),
            "cwd": str(Path.cwd()),
        }
        for name, value in {**versions, **facts}.items():
            self.keeper.add(Environment(name=name, value=value))

    def begin(self) -> None:
        """Attach to torch."""
        self.monitor.resume()
        self._attachment.install()

    def pause(self) -> None:
        """Detach from torch, until the next `begin`."""
        self._attachment.remove()

    def end(self, failure: Event | None = None) -> None:
        """Detach, and write what is still held back."""
        self.pause()
        self.monitor.finish()
        if failure is not None:
            self.keeper.add(failure)
        self.keeper.add(Environment(name="ended", value="yes"))
        self.keeper.close()
        if self.keeper.lost:
            sys.stderr.write(f"nndoctor: {self.keeper.lost}\n")

    def _found(self, row: NonFinite) -> None:
        where = keep_state(self.folder, self.monitor)
        text = f"nndoctor: the first {row.what} at step {self.monitor.step}; the state of that step: {where}"
        if self._on_nan == "stop":
            self._attachment.stop = PatientStop()
        elif self._on_nan == "raise":
            self._attachment.stop = FloatingPointError(text.removeprefix("nndoctor: "))
        sys.stderr.write(f"{text}\n")


def watch(config: Config) -> int:
    """Run the script to its end and return its own exit code (0 if it was stopped because of a NaN)."""
    run = WatchedRun(Path(config.run), overhead=config.overhead, on_nan=config.on_nan, facts=config.facts)
    failure: Event | None = None
    code = 0
    run.begin()
    try:
        if config.is_module:
            run_module(config.target, config.arguments)
        else:
            run_script(config.target, config.arguments)
    except PatientStop:
        failure = Event(kind="stopped", text="the training was stopped at the first NaN or Inf (--on-nan stop)")
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
        if error.code is not None and not isinstance(error.code, int):
            sys.stderr.write(f"{error.code}\n")
        failure = Event(kind="exit", text=str(code)) if code else None
    except KeyboardInterrupt:
        code = 130
        failure = Event(kind="interrupted", text="the script was interrupted")
    except BaseException as error:  # noqa: BLE001 - it is the user's, and evidence
        code = 1
        failure = _raised(error)
    run.end(failure)
    return code


def _raised(error: BaseException) -> Event:
    detail = clean_traceback(error)
    sys.stderr.write(detail)
    frames = [f for f in traceback.extract_tb(error.__traceback__) if shown_file(f.filename)]
    last = frames[-1] if frames else None
    return Event(
        kind="exception",
        text=f"{type(error).__name__}: {error}",
        detail=detail,
        file=shown_file(last.filename) if last else "",
        line=(last.lineno or 0) if last else 0,
        function=last.name if last else "",
    )
