"""`nndoctor.check(model, train_loader, loss_fn, optimizer)`: the checks and experiments, in this process.

The loop is the plain one; everything that it changes (weights, buffers, the optimizer's state, modes, gradients, the
random generators) is put back before this returns.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nndoctor import run_folder
from nndoctor.catalogue import choose, load_catalogue
from nndoctor.diagnose import Diagnosis, diagnose
from nndoctor.feeds.state import Snapshot
from nndoctor.finding import Severity
from nndoctor.library.training import EPOCHS, Training, train
from nndoctor.patient import Patient
from nndoctor.recording import FILE_NAME, Recording
from nndoctor.reports import findings_json
from nndoctor.session import Config

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from nndoctor.check import Check


class _Inside(Patient):
    """A patient whose training is a function instead of a script."""

    def __init__(self, config: Config, training: Training) -> None:
        super().__init__(config)
        self._training = training
        self.conductor.owned.optimizer_built(training.optimizer)
        self.session.names.learn(training.model)
        if training.scheduler is not None:
            self.conductor.owned.stateful_built(training.scheduler)

    def _execute(self) -> None:
        train(self._training)

    def _leave(self) -> None:
        """Stay: the process is the caller's."""


def check(
    model: nn.Module,
    train_loader: Any,
    loss_fn: Any = None,
    optimizer: Any = None,
    val_loader: Any = None,
    *,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    budget: float = 60.0,
    steps: int = 40,
    only: Sequence[str] = (),
    out: str | Path | None = None,
) -> Diagnosis:
    """Train for some steps, experiment, put everything back, and return the diagnosis.

    `select` and `ignore` take names of checks and reasons. `only` names the experiments to run besides
    observing (`overfit`, `random-input`, ...; all without it). With `out` the recording, findings.json and report.html
    are kept in that folder. Raises `UsageError` for parts that cannot be trained and for checks that do not exist.
    """
    parts = {"model": model, "train_loader": train_loader, "loss_fn": loss_fn, "optimizer": optimizer}
    training = Training.of({**parts, "val_loader": val_loader, "epochs": EPOCHS}, by="nndoctor.check")
    everything = load_catalogue().values()
    chosen = choose(everything, select=list(select), ignore=list(ignore))
    wishes = {"budget": budget, "steps": steps, "only": tuple(only)}
    if out is not None:
        kept = run_folder.create("check", Path(out))
        diagnosis = _examined(training, kept.path, chosen, wishes)
        _draw(diagnosis, kept)
        return diagnosis
    with tempfile.TemporaryDirectory(prefix="nndoctor-") as folder:
        return _examined(training, Path(folder), chosen, wishes)


def _examined(training: Training, folder: Path, chosen: list[Check], wishes: dict[str, Any]) -> Diagnosis:
    record(training, folder, **wishes)
    run = Recording.open(folder / FILE_NAME)
    diagnosis = diagnose(run, chosen, fail_on=Severity.ERROR)
    (folder / "findings.json").write_text(findings_json.render(run, diagnosis, folder), encoding="utf-8")
    return diagnosis


def _draw(diagnosis: Diagnosis, folder: run_folder.RunFolder) -> None:
    from nndoctor.prescription import prescribe
    from nndoctor.reports import html

    run = Recording.open(folder.recording)
    if failure := html.write(run, diagnosis, folder, prescribe(run, diagnosis)):
        warnings.warn(failure, stacklevel=3)


def record(training: Training, folder: Path, *, budget: float, steps: int, only: tuple[str, ...] = ()) -> None:
    """Run the training as a patient and leave its recording in the folder. Afterwards all is as it was before."""
    model, optimizer = training.model, training.optimizer
    before = Snapshot(
        [*model.parameters(), *model.buffers()],
        list(model.modules()),
        [optimizer] if hasattr(optimizer, "param_groups") else [],
        [training.scheduler] if training.scheduler is not None else [],
    )
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    name = Path(main).name if main else "notebook"
    config = Config(target=name, run=str(folder), budget=budget, steps=steps, only=only)
    patient = _Inside(config, training)
    try:
        patient.run()
    finally:
        patient.files.undo()
        before.restore()
