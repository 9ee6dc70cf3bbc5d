"""Modules as they run: their place in the forward pass, their mode, their outputs, which units fire."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from nndoctor.feeds.tree import leaves
from nndoctor.names import NOWHERE
from nndoctor.probes.statistics import Pending, measure, read
from nndoctor.records import OBSERVE, TRAIN, Forwards, Module, Units
from nndoctor.session import Call, Listener, Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from nndoctor.conductor import Conductor
    from nndoctor.probes.batches import Batches
    from nndoctor.probes.era import Era

ACTIVATIONS = frozenset({"relu", "relu_", "sigmoid", "tanh", "softmax", "gelu", "silu", "leaky_relu", "elu", "selu"})
"""Every function that this probe wants to hear of."""
RECTIFIERS = frozenset({"ReLU", "relu", "relu_"})
MOST_ACTIVATIONS = 600
"""Tensors measured in one step; a deeper model is measured as far as that."""
MOST_STRAYS = 256
"""Modules outside of the model's tree that are remembered."""


class Modules(Listener):
    """Records `Module`, `Forwards`, `Units` and the activations among `TensorStats`."""

    def __init__(self, session: Session, conductor: Conductor, era: Era, batches: Batches) -> None:
        self.session = session
        self.conductor = conductor
        self.era = era
        self.batches = batches
        self.order: dict[str, int] = {}
        self._segment = 0
        self._calls: defaultdict[str, int] = defaultdict(int)
        self._all_calls: defaultdict[str, int] = defaultdict(int)
        self._stray: dict[str, nn.Module] = {}
        self._functions: defaultdict[str, int] = defaultdict(int)
        self._pending: list[Pending] = []
        self._fired: dict[str, tuple[str, Tensor, int]] = {}
        self._forwards: dict[tuple[Any, ...], Forwards] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._carried: set[str] = set()
        """Recurrent layers that were called with a state."""
        self.on_measured: Callable[[list[Pending]], None] = lambda _pending: None

    def module_done(self, call: Call, output: Any) -> None:
        """Note the call and measure the output."""
        module = call.module
        name = self.session.names.path(module)
        self._all_calls[name] += 1
        outermost = self.session.stack[0] if self.session.stack else call
        if self.session.segment != self._segment:
            self._segment = self.session.segment
            self._calls.clear()
            self.order.clear()
        if self.session.experiment == OBSERVE and outermost.grad:
            self._calls[name] += 1
            if name not in self.order:
                self.order[name] = len(self.order)
            if isinstance(module, nn.RNNBase) and (len(call.args) > 1 or call.kwargs.get("hx") is not None):
                self._carried.add(name)
            self._shapes[name] = next((tuple(t.shape) for _, t in leaves(output)), ())
        if self.session.stack and not isinstance(module, nn.modules.loss._Loss):  # a criterion has nothing to register
            top = self.session.names.root_of(module)
            elsewhere = top is not self.session.names.root_of(self.session.stack[0].module)
            if elsewhere and len(self._stray) < MOST_STRAYS:  # layers built anew in every step would pile up
                self._stray.setdefault(name, module)
        if _minds_mode(module):
            self._count_mode(call, name)
        if not any(True for _ in module.children()):
            self._output(name, type(module).__name__, output, grad=call.grad)

    def was_called(self, path: str) -> bool:
        """Whether a module ran in a training step of `observe`."""
        return self._calls[path] > 0

    def took_part(self, root: nn.Module, name: str) -> bool:
        """Whether any module of a model ran in this segment's `observe`, or an optimizer holds a part of it."""
        ran = self._calls[name] > 0 or any(self._calls[self.session.names.path(m)] for m in root.modules())
        return ran or not self.conductor.owned.is_foreign(root)

    def is_stray(self, path: str) -> bool:
        """Whether a module ran inside another without being registered in it."""
        return path in self._stray

    def op_done(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        """Measure activation functions that are no modules."""
        if not isinstance(output, Tensor) or name not in ACTIVATIONS:
            return
        stack = self.session.stack
        owner = stack[-1].module if stack else None
        inside = self.session.names.path(owner) if owner is not None else ""
        if owner is not None and type(owner).__module__.startswith("torch.nn.modules.activation"):
            return  # nn.ReLU calls F.relu: the module is measured
        position = self._functions[f"{inside}.{name}"]
        self._functions[f"{inside}.{name}"] += 1
        full = f"{inside}.{name}" if inside else name
        self._output(full if position == 0 else f"{full}#{position}", name, output, grad=output.requires_grad)

    def _output(self, name: str, type_: str, output: Any, *, grad: bool) -> None:
        if self.session.experiment != OBSERVE or not grad or self.session.in_optimizer is not None:
            return
        tensor = next((t for _, t in leaves(output)), None)
        if tensor is None or not tensor.is_floating_point():
            return
        # Not only in sampled steps: the first is not, and the order is that of the first forward pass.
        order = self.order.setdefault(name, len(self.order))
        if self.session.sampled and len(self._pending) < MOST_ACTIVATIONS and tensor.dim() > 0:
            pending = measure("activation", name, tensor, type_=type_, order=order)
            if pending is not None:
                self._pending.append(pending)
        if type_ in RECTIFIERS and tensor.dim() > 1 and self.session.step >= self.conductor.wanted_steps() // 2:
            self._note_fired(name, type_, tensor)

    def _note_fired(self, name: str, type_: str, tensor: Tensor) -> None:
        feature = 1 if tensor.dim() in (4, 5) else tensor.dim() - 1
        others = [d for d in range(tensor.dim()) if d != feature]
        fired = (tensor.detach() > 0).amax(dim=others)
        known = self._fired.get(name)
        if known is not None and known[1].shape == fired.shape:
            fired = fired | known[1]
        self._fired[name] = (type_, fired, tensor.shape[0] + (known[2] if known is not None else 0))

    def _count_mode(self, call: Call, name: str) -> None:
        module = call.module
        own = list(module._parameters.values())
        frozen = bool(own) and not any(p.requires_grad for p in own if p is not None)
        state = [t for t in (*own, *module._buffers.values()) if t is not None]
        loaded = any(self.conductor.owned.is_loaded(t) for t in state)
        file, line, function = call.place
        row = Forwards(
            module=name,
            type=type(module).__name__,
            training=module.training,
            loaded=loaded,
            frozen=frozen,
            file=file,
            line=line,
            function=function,
        )
        root = self.session.stack[0].module if self.session.stack else module
        foreign = self.conductor.owned.is_foreign(root)

        def settle(split: str) -> None:
            if split != TRAIN and foreign:
                return
            key = (self.session.experiment, self.session.segment, split, name, row.training)
            known = self._forwards.get(key)
            calls, graphs = (known.calls, known.graphs) if known is not None else (0, 0)
            self._forwards[key] = replace(row, split=split, calls=calls + 1, graphs=graphs + call.grad)
            self.session.add(self._forwards[key])

        self.era.hold(settle, grad=call.grad)

    def step_ended(self) -> None:
        """Read what was measured in the step."""
        pending, self._pending = self._pending, []
        self.on_measured(pending)
        for row in read(pending):
            self.session.add(row)
        self._functions.clear()

    def new_data(self) -> None:
        """What was measured outside of an iteration is of no interest."""
        self._functions.clear()

    def diet_ended(self, name: str) -> None:
        """Sum up what was observed."""
        if name != OBSERVE:
            return
        for full, (type_, fired, samples) in self._fired.items():
            units, count = fired.numel(), int(fired.sum())
            self.session.add(Units(name=full, type=type_, units=units, fired=count, samples=samples))
        self._fired = {}
        self._tree()

    def script_ended(self) -> None:
        """Modules first called by the script's later parts are no longer unused."""
        self._tree()

    def _tree(self) -> None:
        for root, root_name in list(self.session.names.roots()):
            empty = next(root.parameters(), None) is None
            if empty or root_name in self._stray or not self.took_part(root, root_name):
                continue
            for module in root.modules():
                self.session.add(self._row(module, root_name, registered=True))
        for module in self._stray.values():
            self.session.add(self._row(module, self.session.names.root_name(module), registered=False))

    def _row(self, module: nn.Module, root: str, *, registered: bool) -> Module:
        name = self.session.names.path(module)
        file, line, function = self.session.names.places.get(module, NOWHERE)
        own = [p for p in module._parameters.values() if p is not None]
        return Module(
            name=name,
            type=type(module).__name__,
            root=root,
            order=self.order.get(name, -1),
            calls=self._calls[name],
            all_calls=self._all_calls[name],
            parameters=sum(p.numel() for p in own),
            children=sum(1 for _ in module.children()),
            registered=registered,
            loaded=any(self.conductor.owned.is_loaded(p) for p in own),
            dropout=float(module.p) if isinstance(module, nn.modules.dropout._DropoutNd) else math.nan,
            output_shape=self._shapes.get(name, ()),
            without_state=isinstance(module, nn.RNNBase) and self._calls[name] > 0 and name not in self._carried,
            file=file,
            line=line,
            function=function,
        )


def _minds_mode(module: nn.Module) -> bool:
    if isinstance(module, nn.modules.dropout._DropoutNd):
        return float(module.p) > 0
    if isinstance(module, nn.modules.batchnorm._NormBase):
        return bool(module.track_running_stats)
    if isinstance(module, nn.RNNBase):
        return float(module.dropout) > 0 and module.num_layers > 1
    if isinstance(module, nn.MultiheadAttention):
        return float(module.dropout) > 0
    return False
