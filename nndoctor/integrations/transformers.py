"""A callback of Hugging Face's Trainer that watches `train`: `Trainer(..., callbacks=[WatchCallback()])`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nndoctor.watching.library import Watch

try:
    from transformers import TrainerCallback
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "transformers":
        raise  # it is there, and something that it needs is not
    raise ImportError("transformers is not installed: pip install nndoctor[transformers]") from None

if TYPE_CHECKING:
    from pathlib import Path

    from nndoctor.diagnose import Diagnosis


class WatchCallback(TrainerCallback):
    """Watches the training from its beginning to its end; what it takes is what `nndoctor watch` takes.

    `run` is the folder of the recording; `diagnosis` holds what was found once `train` has returned. The Trainer tells
    its callbacks nothing of an exception: the recording then holds what was seen, for `nndoctor report RUN`.
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

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002 - its signature
        """Begin to watch."""
        if not self._entered:
            self._entered = True
            if kwargs.get("model") is not None:
                self._watch.learn(kwargs["model"])
            self._watch.__enter__()

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """Conclude."""
        if self._entered and self._watch.diagnosis is None:
            self._watch.__exit__(None, None, None)
