"""`with nndoctor.watch(model): ...`: the same instruments around a loop of one's own, in a script or a notebook."""

from __future__ import annotations

import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from torch import nn
from torch.optim import Optimizer

from nndoctor import run_folder
from nndoctor.catalogue import load_catalogue
from nndoctor.diagnose import Diagnosis, diagnose
from nndoctor.prescription import prescribe
from nndoctor.recording import Recording
from nndoctor.records import Event
from nndoctor.watching.script import WatchedRun

if TYPE_CHECKING:
    from types import TracebackType


class Watch:
    """A context in which every training step of this thread is watched.

    `run` is the folder of the recording; after the context `diagnosis` holds what was found. Models among `parts` are
    named in the reports; without them a model is known by its first call, as optimizers and loss modules are, which may
    be given as well. An exception passes through, and what was seen is kept.
    """

    def __init__(
        self, *parts: object, out: str | Path | None = None, overhead: float = 0.03, on_nan: str = "continue"
    ) -> None:
        """Raises `UsageError` where the folder cannot be made, `ValueError` for options that cannot work.

        Raises `TypeError` for a part that belongs to no training, such as a tensor.
        """
        for part in parts:
            if not isinstance(part, nn.Module | Optimizer):
                raise TypeError(f"models and optimizers can be watched, not {type(part).__name__}")
        if not overhead > 0:
            raise ValueError(f"overhead must be a positive share such as 0.03, not {overhead}")
        if on_nan not in ("continue", "stop", "raise"):
            raise ValueError(f"on_nan is 'continue', 'stop' or 'raise', not {on_nan!r}")
        main = sys.modules.get("__main__")
        name = Path(getattr(main, "__file__", None) or "notebook.py").stem
        self.run = run_folder.create(name, Path(out) if out is not None else None).path
        self.diagnosis: Diagnosis | None = None
        self._watched = WatchedRun(self.run, overhead=overhead, on_nan=on_nan, facts={"target": name, "script": name})
        for part in parts:
            if isinstance(part, nn.Module):
                self.learn(part)

    def learn(self, model: nn.Module) -> None:
        """Give a model its name in the reports, where it was not known when the watch was made."""
        self._watched.monitor.names.learn(model)

    def __enter__(self) -> Self:
        self._watched.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        failure = None
        if error is not None:
            text = f"{type(error).__name__}: {error}"
            failure = Event(kind="exception", text=text, detail="".join(traceback.format_exception(error)))
        self._watched.end(failure)
        # Not at the top: the script may import the same modules, and what they draw then is for it to draw.
        from nndoctor.reports import html

        with suppress(Exception):  # a recording that could not be written leaves nothing to diagnose
            folder = run_folder.opened(self.run)
            run = Recording.open(folder.recording)
            self.diagnosis = diagnose(run, list(load_catalogue().values()))
            html.write(run, self.diagnosis, folder, prescribe(run, self.diagnosis))
