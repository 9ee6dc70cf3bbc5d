"""Parameters: where they belong, whether the loss reaches them, whether they get gradients, whether they change."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Any
from weakref import ref

import torch
from torch import Tensor, nn

from nndoctor.fingerprint import strided
from nndoctor.names import NOWHERE
from nndoctor.probes.statistics import SAMPLE, Pending, measure, read
from nndoctor.records import OBSERVE, Optimizer, Parameter
from nndoctor.session import Listener, Pass, Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from nndoctor.conductor import Conductor
    from nndoctor.probes.modules import Modules

MOST_COMPARED = 4_000_000
"""Elements of a weight whose rows are compared with one another."""


class Parameters(Listener):
    """Records `Parameter`, `Optimizer`, and weights, gradients and updates among `TensorStats`."""

    def __init__(self, session: Session, conductor: Conductor, modules: Modules) -> None:
        self.session = session
        self.conductor = conductor
        self.modules = modules
        self._reached: defaultdict[int, int] = defaultdict(int)
        self._bare: dict[int, ref[Tensor]] = {}
        self._gradients: defaultdict[int, int] = defaultdict(int)
        self._walked = 0
        self._steps = 0
        self._arrived: set[int] = set()
        self._pending: list[Pending] = []
        self._weights: dict[int, tuple[Tensor, Tensor]] = {}
        self._leaf_names: dict[int, str] = {}
        self.on_measured: Callable[[list[Pending]], None] = lambda _pending: None

    # ---- what the step log tells

    def reached(self, found: dict[int, Tensor]) -> int:
        """Take in the leaves behind a loss; return how many of them training could change."""
        observing = self.session.experiment == OBSERVE
        self._walked += observing
        trained = self._held()
        count = 0
        for key, tensor in found.items():
            owned = self.session.names.parameter(tensor) is not None or key in trained
            count += owned or isinstance(tensor, nn.Parameter)
            self._reached[key] += observing
            if not owned:
                self._note_bare(key, tensor)
        return count

    def _note_bare(self, key: int, tensor: Tensor) -> None:
        """A leaf that nobody holds is trained only if it stays from step to step; the id alone may be used again."""
        earlier = self._bare.get(key)
        if earlier is not None and earlier() is tensor:
            self.conductor.owned.leaves[key] = tensor
        else:
            self._bare[key] = ref(tensor)

    def gradients_arrived(self, alive: set[int]) -> None:
        """Remember which tensors had a gradient, for loops without an optimizer."""
        self._arrived |= alive

    def gradients_taken(self, held: list[Tensor], alive: set[int]) -> None:
        """Count gradients as an optimizer gets them; measure them in sampled steps."""
        self._arrived -= {id(p) for p in held}
        if self.session.experiment == OBSERVE:
            for key in alive:
                self._gradients[key] += 1
        if self.session.sampled and self.session.experiment == OBSERVE:
            self._measure(held, "gradient")

    # ---- events

    def backward_begins(self, this: Pass) -> None:
        """Keep samples of the weights as they are before the step."""
        if self.session.sampled and self.session.experiment == OBSERVE and not self._weights:
            for tensor in self.conductor.owned.trained_tensors():
                self._weights[id(tensor)] = (tensor, strided(tensor, SAMPLE).clone())

    def step_ended(self) -> None:
        """Count the iteration, measure weights and updates."""
        observing = self.session.experiment == OBSERVE
        self._steps += observing
        arrived = self._arrived if observing else set()
        left = [t for t in self.conductor.owned.trained_tensors() if id(t) in arrived] if arrived else []
        for tensor in left:
            self._gradients[id(tensor)] += 1
        self._arrived = set()
        if self.session.sampled and self.session.experiment == OBSERVE:
            if not self.conductor.owned.optimizers:
                self._measure(left, "gradient")
            for tensor, before in self._weights.values():
                after = strided(tensor, SAMPLE)
                self._measure([tensor], "weight")
                if after.shape == before.shape:
                    self._measure([tensor], "update", after - before)
            self.on_measured(self._pending)
            for row in read(self._pending):
                self.session.add(row)
        self._pending, self._weights = [], {}

    def diet_began(self, name: str) -> None:
        """Count anew: an observation that was broken off, and its model, may be of an earlier phase of the script."""
        if name == OBSERVE:
            self._reached.clear()
            self._gradients.clear()
            self._walked = self._steps = 0

    def diet_ended(self, name: str) -> None:
        """Sum up every parameter of every model that ran."""
        if name == OBSERVE:
            for row in self._optimizers():
                self.session.add(row)
            for tensor in self._all():
                self.session.add(self._row(tensor))

    # ---- rows

    def _measure(self, tensors: list[Tensor], kind: str, values: Tensor | None = None) -> None:
        for tensor in tensors:
            value = tensor.grad if kind == "gradient" else tensor if values is None else values
            if value is None:
                continue
            name, owner = self._named(tensor)
            order = self.modules.order.get(self.session.names.path(owner), -1) if owner is not None else -1
            pending = measure(kind, name, value, type_=type(owner).__name__ if owner is not None else "", order=order)
            if pending is not None:
                self._pending.append(pending)

    def _held(self) -> dict[int, str]:
        return {
            id(p): self.session.names.numbered(optimizer)
            for optimizer in self.conductor.owned.optimizers
            for group in getattr(optimizer, "param_groups", [])
            for p in group["params"]
        }

    def _all(self) -> list[Tensor]:
        found: dict[int, Tensor] = {}
        for root, name in self.session.names.roots():
            if self.modules.took_part(root, name):
                found.update((id(p), p) for p in root.parameters())
        found.update(self.conductor.owned.leaves)
        for optimizer in self.conductor.owned.optimizers:
            for group in getattr(optimizer, "param_groups", []):
                found.update((id(p), p) for p in group["params"])
        return list(found.values())

    def _named(self, tensor: Tensor) -> tuple[str, nn.Module | None]:
        known = self.session.names.parameter(tensor)
        if known is not None:
            return known[0], known[1]
        for module in list(self.session.names.modules):
            if any(tensor is p for p in module._parameters.values()):
                self.session.names.path(module)
                known = self.session.names.parameter(tensor)
                if known is not None:
                    return known[0], known[1]
        for module in list(self.session.names.modules):
            own = next((key for key, value in vars(module).items() if value is tensor), None)
            if own is not None:  # a plain attribute: the module runs with it and does not know that it is a parameter
                path = self.session.names.path(module)
                return f"{path}.{own}", module
        shape = "x".join(map(str, tensor.shape))
        name = self._leaf_names.setdefault(id(tensor), f"tensor{len(self._leaf_names)}[{shape}]")
        return name, None

    def _row(self, tensor: Tensor) -> Parameter:
        name, owner = self._named(tensor)
        names = self.session.names
        path = names.path(owner) if owner is not None else ""
        start = self.conductor.start.value(tensor) if self.conductor.start is not None else None
        start = tensor.detach() if start is None else start
        rate, holder = self._rate(tensor)
        file, line, function = names.places.get(owner, NOWHERE) if owner is not None else NOWHERE
        fan_in, fan_out = _fans(tensor, owner)
        flat = _real(start).reshape(-1)
        finite = torch.isfinite(flat)
        return Parameter(
            name=name,
            module=path,
            module_type=type(owner).__name__ if owner is not None else "",
            root=names.root_name(owner) if owner is not None else "",
            shape=tuple(tensor.shape),
            numel=tensor.numel(),
            requires_grad=tensor.requires_grad,
            registered=names.parameter(tensor) is not None and not self.modules.is_stray(path),
            optimizer=holder,
            loaded=self.conductor.owned.is_loaded(tensor),
            called=owner is None or self.modules.was_called(path),
            order=self.modules.order.get(path, -1),
            reached=self._reached[id(tensor)],
            walked=self._walked,
            steps=self._steps,
            gradient_steps=self._gradients[id(tensor)],
            changed=not torch.equal(start, tensor.detach()),
            lr=rate,
            mean=float(flat[finite].mean()) if finite.any() else math.nan,
            std=float(flat[finite].std()) if finite.sum() > 1 else 0.0,
            absmax=float(flat[finite].abs().max()) if finite.any() else math.nan,
            non_finite=int((~finite).sum()),
            fan_in=fan_in,
            fan_out=fan_out,
            units=tensor.shape[0] if _rows(tensor) else 0,
            distinct_units=_distinct(start),
            distinct_units_end=_distinct(tensor.detach()),
            file=file,
            line=line,
            function=function,
        )

    def _rate(self, tensor: Tensor) -> tuple[float, str]:
        for optimizer in self.conductor.owned.optimizers:
            for group in getattr(optimizer, "param_groups", []):
                if any(tensor is p for p in group["params"]):
                    rate = group.get("lr")
                    return float(rate) if rate is not None else math.nan, self.session.names.numbered(optimizer)
        return math.nan, ""

    def _optimizers(self) -> list[Optimizer]:
        rows = []
        for optimizer in list(self.conductor.owned.optimizers):
            groups: list[dict[str, Any]] = optimizer.param_groups
            first = groups[0] if groups else {}
            betas = first.get("betas", (math.nan, math.nan))
            held = [p for group in groups for p in group["params"]]
            file, line, function = self.conductor.owned.optimizer_places.get(optimizer, NOWHERE)
            rows.append(
                Optimizer(
                    name=self.session.names.numbered(optimizer),
                    type=type(optimizer).__name__,
                    groups=len(groups),
                    lr=_number(first.get("lr")),
                    momentum=_number(first.get("momentum")),
                    eps=_number(first.get("eps")),
                    weight_decay=_number(first.get("weight_decay")),
                    beta1=_number(betas[0]),
                    beta2=_number(betas[1]),
                    parameters=len(held),
                    foreign=sum(self._named(p)[1] is None for p in held),
                    file=file,
                    line=line,
                    function=function,
                )
            )
        return rows


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float | Tensor) else math.nan


def _rows(tensor: Tensor) -> bool:
    return tensor.dim() >= 2 and tensor.shape[0] >= 2 and tensor.numel() <= MOST_COMPARED


def _real(tensor: Tensor) -> Tensor:
    """Return the values as float32, complex ones as pairs along one more dimension."""
    return (torch.view_as_real(tensor) if tensor.is_complex() else tensor).float()


def _distinct(tensor: Tensor) -> int:
    if not _rows(tensor):
        return 0
    return int(torch.unique(_real(tensor).reshape(tensor.shape[0], -1), dim=0).shape[0])


def _fans(tensor: Tensor, owner: nn.Module | None) -> tuple[int, int]:
    """Return fan-in and fan-out as He and Glorot count them; (0, 0) for what they do not apply to."""
    if tensor.dim() < 2 or isinstance(owner, nn.Embedding | nn.EmbeddingBag):
        return 0, 0
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field
