"""Which backward passes are in vain: their gradients are cleared before any optimizer has taken them."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nndoctor.fingerprint import changed, fingerprint
from nndoctor.probes import graph
from nndoctor.probes.gradients import Gradients
from nndoctor.records import OBSERVE
from nndoctor.records.objective import PassUse
from nndoctor.session import Listener, Pass, Session

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from nndoctor.names import Place

MOST_OPEN = 16
"""Passes followed at a time; accumulation over more of them is not followed to its end."""


@dataclass(slots=True)
class Open:
    """A pass whose gradients are still there."""

    place: Place
    step: int
    tensors: list[Tensor]
    values: Tensor
    loss: float
    used: bool = False


class Waste(Listener):
    """Records `PassUse`."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._gradients = Gradients()
        self._leaves: list[Tensor] = []
        self._open: list[Open] = []
        self._done: list[Open] = []

    def backward_begins(self, this: Pass) -> None:
        """See which earlier gradients were cleared, and what this pass will reach."""
        self._settle()
        self._leaves = []
        watched = self.session.experiment == OBSERVE and self.session.sampled and len(self._open) < MOST_OPEN
        if watched and not this.inputs and self.session.in_optimizer is None:
            found = graph.leaves(this.roots).values()
            self._leaves = [t for t in found if self.session.names.parameter(t) is not None]

    def backward_ended(self, this: Pass) -> None:
        """Follow the gradients from here."""
        alive = self._gradients.alive(self._leaves)
        tensors = [t for t in self._leaves if id(t) in alive]
        self._leaves = []
        if tensors and not this.failed:
            loss = float(this.roots[0].detach().sum()) / this.scale if this.roots else math.nan
            self._open.append(Open(this.place, self.session.step, tensors, fingerprint(tensors), loss))

    def before_step(self, optimizer: torch.optim.Optimizer) -> None:
        """What this optimizer holds and finds a gradient on is used."""
        self._settle()
        if self._open:
            held = {id(p) for group in optimizer.param_groups for p in group["params"]}
            for each in self._open:
                each.used |= bool(held & self._gradients.alive(each.tensors))

    def step_ended(self) -> None:
        """Let go of what was used."""
        self._settle()
        self._done += [each for each in self._open if each.used]
        self._open = [each for each in self._open if not each.used]

    def diet_ended(self, name: str) -> None:
        """Count by place."""
        if name != OBSERVE:
            return
        self._settle()
        done, self._done, self._open = self._done, [], []
        used_steps: defaultdict[int, int] = defaultdict(int)
        for each in done:
            used_steps[each.step] += each.used
        rows: dict[Place, PassUse] = {}
        for each in done:
            file, line, function = each.place
            row = rows.get(each.place, PassUse(file=file, line=line, function=function))
            wasted = not each.used and used_steps[each.step] > 0
            rows[each.place] = replace(
                row,
                used=row.used + each.used,
                wasted=row.wasted + wasted,
                parameters=len(each.tensors),
                last=each.loss if wasted else row.last,
            )
        for row in rows.values():
            self.session.add(row)

    def _settle(self) -> None:
        """Close the passes of which no gradient is left. Changed values mean that somebody took them by hand."""
        for each in list(self._open):
            if not self._gradients.alive(each.tensors):
                each.used = each.used or changed(each.values, fingerprint(each.tensors))
                self._open.remove(each)
                self._done.append(each)
