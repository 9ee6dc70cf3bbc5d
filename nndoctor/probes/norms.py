"""How many samples the BatchNorms average over, in the training steps of `observe`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from nndoctor.records import OBSERVE, TRAIN, Normalised
from nndoctor.session import Call, Listener, Session

if TYPE_CHECKING:
    from nndoctor.probes.era import Era

FEW = 4
"""Fewer samples than this give no mean and deviation to speak of."""


class Norms(Listener):
    """Records `Normalised`."""

    def __init__(self, session: Session, era: Era) -> None:
        self.session = session
        self.era = era
        self._rows: dict[tuple[int, str], Normalised] = {}

    def module_done(self, call: Call, output: Any) -> None:
        """Note the size of what a BatchNorm normalised by its own statistics."""
        module = call.module
        if not isinstance(module, nn.modules.batchnorm._BatchNorm) or not module.training or not call.grad:
            return
        if self.session.experiment != OBSERVE or not isinstance(output, Tensor) or output.dim() < 2:
            return
        if isinstance(module, nn.SyncBatchNorm):
            return  # its batch is spread over the ranks
        name, size, segment = self.session.names.path(module), output.shape[0], self.session.segment
        values = output.numel() // max(1, output.shape[1])

        def settle(split: str) -> None:
            if split == TRAIN:
                self._count(segment, name, type(module).__name__, size, values)

        self.era.hold(settle, grad=True)

    def _count(self, segment: int, name: str, kind: str, size: int, values: int) -> None:
        row = self._rows.get((segment, name))
        if row is None:
            row = Normalised(module=name, type=kind, smallest=size, largest=size, values=values)
        row = replace(
            row,
            calls=row.calls + 1,
            smallest=min(row.smallest, size),
            largest=max(row.largest, size),
            few=row.few + (size < FEW),
            values=min(row.values, values),
        )
        self._rows[segment, name] = row
        if row.calls == 1 or size < FEW:
            self.session.add(row)  # a script that is killed in the next step leaves this

    def diet_ended(self, name: str) -> None:
        """Write the last count of each."""
        if name == OBSERVE:
            self._flush()

    def script_ended(self) -> None:
        """The same, for a script that did not get that far."""
        self._flush()

    def _flush(self) -> None:
        for row in self._rows.values():
            self.session.add(row)
        self._rows = {}
