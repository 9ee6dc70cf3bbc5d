"""In which mode the layers ran that behave differently in training and in evaluation."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nndoctor.records import Forwards, Parameter

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from nndoctor import Recording


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer with a mode, in one split of one phase: its rows by mode, summed over experiments where asked for."""

    name: str
    type: str
    on: Sequence[Forwards]
    off: Sequence[Forwards]

    @property
    def in_train(self) -> int:
        """Calls in train mode."""
        return sum(r.calls for r in self.on)

    @property
    def in_eval(self) -> int:
        """Calls in eval mode."""
        return sum(r.calls for r in self.off)

    @property
    def learnt_in_eval(self) -> int:
        """Calls in eval mode with gradients on."""
        return sum(r.graphs for r in self.off)

    @property
    def loaded(self) -> bool:
        """Its own tensors came from a checkpoint."""
        return any(r.loaded for r in (*self.on, *self.off))

    @property
    def frozen(self) -> bool:
        """Its own parameters are not trained."""
        return any(r.frozen for r in (*self.on, *self.off))


def layers(run: Recording, segment: int, split: str, experiments: Collection[str]) -> list[Layer]:
    """Return the layers with a mode that ran in one split."""
    found: defaultdict[str, list[Forwards]] = defaultdict(list)
    for row in run.rows(Forwards):
        if row.segment == segment and row.split == split and row.experiment in experiments and row.calls > 0:
            found[row.module].append(row)
    return [
        Layer(name, rows[0].type, [r for r in rows if r.training], [r for r in rows if not r.training])
        for name, rows in found.items()
    ]


def neighbours(parameters: Sequence[Parameter], module: str) -> list[Parameter]:
    """Return the parameters of the smallest part of the model around a module that has any (Dropout has none)."""
    prefix = module
    while True:
        inside = [p for p in parameters if not prefix or p.module == prefix or p.module.startswith(f"{prefix}.")]
        if inside or not prefix:
            return inside
        prefix = prefix.rpartition(".")[0]


def is_batch_norm(kind: str) -> bool:
    """Whether a type of layer keeps statistics of the batches it saw."""
    return "Norm" in kind


def kinds(found: Sequence[Layer]) -> str:
    """Return the types of layers for a sentence: `BatchNorm1d and Dropout`."""
    names = sorted({layer.type for layer in found})
    return " and ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} and {names[-1]}"
