"""What the script built and training can change: optimizers, schedulers, scalers, models, loaded tensors, leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet, ref

import torch
from torch import Tensor, nn

from nndoctor.feeds.state import Snapshot
from nndoctor.places import user_place

if TYPE_CHECKING:
    from nndoctor.names import Place
    from nndoctor.session import Session


class Belongings:
    """The script's own objects, found as they are built, loaded and used. References are weak where they can be."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.optimizers: WeakSet[torch.optim.Optimizer] = WeakSet()
        self.optimizer_places: WeakKeyDictionary[torch.optim.Optimizer, Place] = WeakKeyDictionary()
        self.stateful: WeakSet[Any] = WeakSet()
        self.leaves: dict[int, Tensor] = {}
        """Bare tensors that the loss was seen to depend on in more than one step, by id."""
        self.fresh_optimizer = False
        """An optimizer was built since the current segment began."""
        self._loaded: dict[int, ref[Tensor]] = {}
        self._scaled: tuple[ref[Tensor], float] | None = None

    def optimizer_built(self, optimizer: torch.optim.Optimizer) -> None:
        """Remember an optimizer; after the experiments it announces a new segment."""
        self.optimizers.add(optimizer)
        self.optimizer_places[optimizer] = user_place()
        self.fresh_optimizer = True

    def stateful_built(self, thing: Any) -> None:
        """Remember a scheduler or a scaler, whose state is saved and restored with the rest."""
        self.stateful.add(thing)

    def loaded(self, module: nn.Module, keys: set[str]) -> None:
        """Remember which tensors came from a checkpoint."""
        own = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        for key in keys & own.keys():
            self._loaded[id(own[key])] = ref(own[key])

    def is_loaded(self, tensor: Tensor) -> bool:
        """Whether a tensor's value came from a checkpoint."""
        entry = self._loaded.get(id(tensor))
        return entry is not None and entry() is tensor

    def scaled(self, scaler: Any, scaled: Tensor) -> None:
        """Remember by how much a GradScaler multiplied a loss."""
        self._scaled = (ref(scaled), float(scaler.get_scale()))

    def scale_of(self, roots: list[Tensor]) -> float:
        """Return the factor between what `backward` was called on and the loss."""
        if self._scaled is not None and any(self._scaled[0]() is root for root in roots):
            return self._scaled[1]
        return 1.0

    def is_trained(self, tensor: Tensor) -> bool:
        """Whether a tensor is a parameter, or a leaf that the loss was seen to depend on."""
        return isinstance(tensor, nn.Parameter) or id(tensor) in self.leaves

    def held(self) -> dict[int, Tensor]:
        """Return the tensors that the optimizers hold, by id."""
        groups = [group for o in self.optimizers for group in getattr(o, "param_groups", [])]
        return {id(p): p for group in groups for p in group["params"]}

    def is_foreign(self, root: nn.Module) -> bool:
        """Whether no optimizer holds any parameter of a model, although there are optimizers."""
        held = self.held()
        return bool(held) and not any(id(p) in held for p in root.parameters())

    def tensors(self) -> list[Tensor]:
        """Return all known tensors that training can change: parameters, buffers, what optimizers hold, leaves."""
        known: dict[int, Tensor] = dict(self.leaves)
        for module in list(self.session.names.modules):
            for tensor in (*module._parameters.values(), *module._buffers.values()):
                if tensor is not None:
                    known[id(tensor)] = tensor
        return list({**known, **self.held()}.values())

    def trained_tensors(self) -> list[Tensor]:
        """Return those that require gradients."""
        return [t for t in self.tensors() if t.requires_grad]

    def snapshot(self) -> Snapshot:
        """Save the state as it is now."""
        with self.session.silence():
            modules = list(self.session.names.modules)
            return Snapshot(self.tensors(), modules, list(self.optimizers), list(self.stateful))
