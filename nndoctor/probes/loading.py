"""What the script loads into its models, whether it is still there when training begins, and whether the data fits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

import torch
from torch import Tensor, nn

from nndoctor.feeds.tree import leaves
from nndoctor.fingerprint import changed, fingerprint
from nndoctor.places import user_place
from nndoctor.records import COAST, OBSERVE, LoadedNorm, LoadedWeights
from nndoctor.session import Call, Listener, Pass, Session

if TYPE_CHECKING:
    from nndoctor.conductor import Conductor

MOST_LOADS = 50
"""Recorded; a target network is loaded again and again."""


@dataclass(slots=True)
class Held:
    """A loaded parameter, and what it was like then."""

    number: int
    tensor: ref[Tensor]
    values: Tensor


class Loading(Listener):
    """Records `LoadedWeights` and `LoadedNorm`."""

    def __init__(self, session: Session, conductor: Conductor) -> None:
        self.session = session
        self.conductor = conductor
        self._rows: dict[int, LoadedWeights] = {}
        self._held: dict[int, Held] = {}
        self._aliased = 0
        self._norms: WeakKeyDictionary[nn.Module, tuple[Tensor, Tensor]] = WeakKeyDictionary()
        self._looked: set[int] = set()
        self._foreign = False
        self._range = (float("nan"), float("nan"))

    # ---- loading

    def state_loads(self, module: nn.Module, state: Any) -> None:
        """Before: count the tensors that are the module's own."""
        own = module.state_dict(keep_vars=True)
        self._aliased = sum(_same_memory(own[key], value) for key, value in state.items() if key in own)

    def state_loaded(self, module: nn.Module, state: Any) -> None:
        """After: note what was loaded, and what it was like."""
        number = len(self._rows)
        if self.session.experiment not in (OBSERVE, COAST) or number >= MOST_LOADS:
            return
        own = module.state_dict(keep_vars=True)
        matched = [key for key in state if key in own]
        parameters = [own[key] for key in matched if isinstance(own[key], nn.Parameter)]
        for tensor in parameters:
            if tensor.is_floating_point() and not tensor.is_meta:
                self._held[id(tensor)] = Held(number, ref(tensor), fingerprint([tensor]))
        for child in module.modules():
            if not isinstance(child, nn.modules.batchnorm._BatchNorm):
                continue
            mean, variance = child.running_mean, child.running_var
            if mean is not None and variance is not None and self.conductor.owned.is_loaded(mean):
                self._norms[child] = (mean.clone(), variance.clone())
        file, line, function = user_place()
        self._rows[number] = row = LoadedWeights(
            number=number,
            module=type(module).__name__,
            keys=len(state),
            own=len(own),
            matched=len(matched),
            aliased=self._aliased,
            parameters=len(parameters),
            trained=self.conductor.trained_once,
            example=next((str(key) for key in state if key not in own), ""),
            own_example=next((key for key in own if key not in state), ""),
            file=file,
            line=line,
            function=function,
        )
        self.session.add(row)

    def backward_begins(self, this: Pass) -> None:
        """Training goes on: compare the loaded parameters with what they were."""
        self._compare()

    def before_step(self, optimizer: torch.optim.Optimizer) -> None:
        """The same, for an optimizer that steps without a backward pass."""
        self._compare()

    def _compare(self) -> None:
        held, self._held = self._held, {}
        if not held or self.session.experiment not in (OBSERVE, COAST):
            return
        lost: dict[int, int] = {}
        for each in held.values():
            tensor = each.tensor()
            lost.setdefault(each.number, 0)
            if tensor is not None and not tensor.is_meta:
                now = fingerprint([tensor])
                same_kind = now.shape == each.values.shape
                lost[each.number] += same_kind and changed(each.values, now)
        for number, count in lost.items():
            self._rows[number] = replace(self._rows[number], overwritten=count)
            self.session.add(self._rows[number])

    # ---- data and running statistics

    def outer_call(self, call: Call) -> None:
        """A forward pass begins: nothing foreign has run in it."""
        self._foreign = False
        if self._norms:
            first = next((t for _, t in leaves(call.args) if t.is_floating_point() and t.numel()), None)
            self._range = (float(first.min()), float(first.max())) if first is not None else self._range

    def module_done(self, call: Call, output: Any) -> None:
        """Look at the first BatchNorm of a training pass."""
        module = call.module
        # A later phase's first pass runs before its experiments begin.
        early = self.session.experiment == COAST or (self.session.experiment == OBSERVE and self.session.step == 0)
        if not self._norms or self._foreign or not call.grad or not early:
            return
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            self._foreign = True  # what follows is normalised
            if module in self._norms and id(module) not in self._looked:
                self._looked.add(id(module))
                self._look(call, *self._norms[module])
        elif not all(self.conductor.owned.is_loaded(p) for p in module._parameters.values() if p is not None):
            self._foreign = True

    def _look(self, call: Call, mean: Tensor, variance: Tensor) -> None:
        values = call.args[0] if call.args else None
        if not isinstance(values, Tensor) or values.dim() < 2 or values.shape[1] != len(mean):
            return
        by_channel = values.detach().float().transpose(0, 1).reshape(len(mean), -1)
        deviation = (variance.float() + 1e-5).sqrt().to(by_channel.device)
        shift = (by_channel.mean(dim=1) - mean.float().to(by_channel.device)).abs() / deviation
        file, line, function = call.place
        row = LoadedNorm(
            module=self.session.names.path(call.module),
            channels=len(mean),
            values=by_channel.shape[1],
            shift=float(shift.median()),
            spread=float((by_channel.std(dim=1) / deviation).median()) if by_channel.shape[1] > 1 else float("nan"),
            low=self._range[0],
            high=self._range[1],
            file=file,
            line=line,
            function=function,
        )
        self.session.add(row)


def _same_memory(own: Any, value: Any) -> bool:
    if not isinstance(own, Tensor) or not isinstance(value, Tensor) or own.numel() == 0:
        return False
    return own.data_ptr() != 0 and own.data_ptr() == value.data_ptr() and own.shape == value.shape
