"""The folder of one run: its name, the files in it."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from nndoctor.errors import UsageError
from nndoctor.recording import FILE_NAME

RUNS = "nndoctor-runs"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where everything about one run lies."""

    path: Path

    @property
    def recording(self) -> Path:
        """The recording."""
        return self.path / FILE_NAME

    @property
    def log(self) -> Path:
        """What the script printed."""
        return self.path / "script.log"

    @property
    def findings(self) -> Path:
        """The diagnosis, for tools."""
        return self.path / "findings.json"

    @property
    def report(self) -> Path:
        """The page."""
        return self.path / "report.html"

    @property
    def events(self) -> Path:
        """What TensorBoard reads."""
        return self.path / "tensorboard"

    @property
    def patient(self) -> Path:
        """What the child process is told to do."""
        return self.path / "patient.json"


def create(name: str, out: Path | None) -> RunFolder:
    """Create the folder of a new run, at `out` or under `nndoctor-runs/`.

    Never touches an older run. Raises `UsageError` where that is impossible.
    """
    path = (out or _fresh(Path(RUNS), name)).absolute()
    folder = RunFolder(path)
    if folder.recording.exists():
        raise UsageError(f"--out {out} already holds a run; name another folder or remove it")
    try:
        path.mkdir(parents=True, exist_ok=True)
        folder.log.touch()
    except OSError as error:
        raise UsageError(f"cannot write to {path}: {error.strerror}; see --out") from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise UsageError(f"cannot write to {path}; see --out")
    return folder


def opened(path: Path) -> RunFolder:
    """Return the folder of an older run, named by its folder or by a file in it."""
    return RunFolder((path.parent if path.is_file() else path).absolute())


def fitting(name: str) -> str:
    """Return a name as one of a folder."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", name).strip(".") or "run"


def _fresh(parent: Path, name: str) -> Path:
    stem = fitting(name)
    base = f"{stem}-{time.strftime('%Y%m%d-%H%M%S')}"
    names = (base if number == 1 else f"{base}-{number}" for number in count(1))
    for candidate in names:
        try:
            # mkdir is the test: two checks that start in the same second get two folders.
            (parent / candidate).mkdir(parents=True)
        except FileExistsError:
            if not parent.is_dir():
                raise UsageError(f"cannot write to {parent}: it is not a folder; see --out") from None
            continue
        except OSError as error:
            raise UsageError(f"cannot write to {parent.absolute()}: {error.strerror}; see --out") from None
        return parent / candidate
    raise AssertionError("unreachable: count() does not end")
