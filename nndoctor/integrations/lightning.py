"""A callback of Lightning that watches `Trainer.fit`: `Trainer(callbacks=[WatchCallback()])`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nndoctor.watching.library import Watch

try:
    from lightning.pytorch.callbacks import Callback
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "lightning":
        raise  # it is there, and something that it needs is not
    raise ImportError("Lightning is not installed: pip install nndoctor[lightning]") from None

if TYPE_CHECKING:
    from pathlib import Path

    from nndoctor.diagnose import Diagnosis


class WatchCallback(Callback):
    """Watches the training from the first batch to the last; what it takes is what `nndoctor watch` takes.

    `run` is the folder of the recording and `diagnosis` what was found, once `fit` has returned or raised.
    """

    def __init__(self, *, out: str | Path | None = None, overhead: float = 0.03, on_nan: str = "continue") -> None:
        """Raises `ValueError` for options that cannot work, `UsageError` where the folder cannot be made."""
        self._watch = Watch(out=out, overhead=overhead, on_nan=on_nan)
        self._entered = False

    @property
    def run(self) -> Path:
        """The folder of the recording."""
        return self._watch.run

    @property
    def diagnosis(self) -> Diagnosis | None:
        """What was found; None before the end."""
        return self._watch.diagnosis

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002 - as Lightning calls it
        """Begin to watch."""
        if not self._entered:
            self._entered = True
            self._watch.learn(pl_module)
            self._watch.__enter__()

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002
        """Conclude."""
        self._leave(None)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:  # noqa: ARG002
        """Keep what was seen until then."""
        self._leave(exception)

    def _leave(self, error: BaseException | None) -> None:
        if self._entered and self._watch.diagnosis is None:
            self._watch.__exit__(None if error is None else type(error), error, None)
