"""What each of several training processes holds: norms of its gradients and parameters, what its samplers were told.

Listens only where there are several. Measures what belongs to this process alone: no collective is called here, since
the others might not call it at the same time.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from nndoctor.feeds.tree import leaves
from nndoctor.names import NOWHERE, Place
from nndoctor.records import OBSERVE, Event, Rank, RankState, SamplerPass
from nndoctor.session import Call, Listener, Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from nndoctor.conductor import Conductor
    from nndoctor.feeds.loader import Served
    from nndoctor.patching import Patches

MOST_PARAMETERS = 256
COLLECTIVES = (
    "all_reduce",
    "all_reduce_coalesced",
    "all_gather",
    "all_gather_into_tensor",
    "broadcast",
    "reduce",
    "reduce_scatter",
    "reduce_scatter_tensor",
)

SHARDED = "its parameters are spread over the ranks (FSDP2), where only `nndoctor watch` can look"


class Ranks(Listener):
    """Records `Rank`, `RankState` and `SamplerPass`."""

    def __init__(self, session: Session, conductor: Conductor) -> None:
        self.session = session
        self.conductor = conductor
        self._trained: dict[int, Tensor] = {}
        self._gradients: dict[int, float] = {}
        self._passes: defaultdict[str, int] = defaultdict(int)
        self._communicated = 0
        self._through_wrapper = False
        self._place: Place = NOWHERE
        told = conductor.on_loader

        def loader(served: Served) -> None:
            told(served)
            self._pass_began(served)

        conductor.on_loader = loader

    def install(self, patches: Patches) -> None:
        """Count what the script communicates by itself."""
        if torch.distributed.is_available():
            for name in COLLECTIVES:
                patches.wrap(torch.distributed, name, self._counting)

    def _counting(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def collective(*args: Any, **kwargs: Any) -> Any:
            if self.session.hears() and self.session.experiment == OBSERVE:
                self._communicated += max((t.numel() for _, t in leaves((args, kwargs))), default=0)
            return original(*args, **kwargs)

        return collective

    def outer_call(self, call: Call) -> None:
        """Note whether the model is called through the wrapper that averages gradients; leave sharded ones alone."""
        if any(hasattr(p, "to_local") for p in call.module.parameters()):
            # Every look at such a parameter is a collective, and the other ranks might not look at the same time.
            self.session.add(Event(kind="exception", text=SHARDED))
            self.conductor.ending.stop(SHARDED)
        if call.grad and self.session.experiment == OBSERVE and next(call.module.parameters(), None) is not None:
            self._through_wrapper = self._through_wrapper or isinstance(call.module, DistributedDataParallel)
            self._place = call.place

    def before_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Measure the gradients that are about to be used."""
        if self.session.experiment != OBSERVE:
            return
        own = [p for group in optimizer.param_groups for p in group["params"]]
        if len(own) > MOST_PARAMETERS:
            own = own[:: len(own) // MOST_PARAMETERS + 1]
        self._trained.update((id(p), p) for p in own)
        given = [p for p in own if p.grad is not None]
        found = norms([p.grad for p in given if p.grad is not None])
        self._gradients.update((id(p), value) for p, value in zip(given, found, strict=True))

    def step_ended(self) -> None:
        """Record the step."""
        if self.session.experiment != OBSERVE or not self._trained:
            return
        state = RankState(rank=self.session.config.rank)
        if not self._sharded():
            state = RankState(
                rank=self.session.config.rank,
                gradients=tuple(self._gradients.get(key, math.nan) for key in self._trained),
                weights=tuple(norms(list(self._trained.values()))),
            )
        self._gradients = {}
        self.session.add(state)

    def diet_ended(self, name: str) -> None:
        """Record what was trained."""
        if name != OBSERVE:
            return
        file, line, function = self._place
        paths = [self.session.names.parameter(p) for p in self._trained.values()]
        wrappers = (isinstance(m, DistributedDataParallel) for m in list(self.session.names.modules))
        self.session.add(
            Rank(
                rank=self.session.config.rank,
                world=self.session.config.world,
                names=tuple("" if path is None else path[0] for path in paths),
                shapes=tuple(str(tuple(p.shape)) for p in self._trained.values()),
                numel=sum(p.numel() for p in self._trained.values()),
                wrapped=any(wrappers),
                through_wrapper=self._through_wrapper,
                sharded=self._sharded(),
                communicated=self._communicated,
                file=file,
                line=line,
                function=function,
            )
        )

    def _sharded(self) -> bool:
        return any(hasattr(p, "to_local") or type(p).__name__ == "FlatParameter" for p in self._trained.values())

    def _pass_began(self, served: Served) -> None:
        sampler: Any = getattr(served.loader, "sampler", None)
        if not hasattr(sampler, "set_epoch") or not hasattr(sampler, "num_replicas"):
            return
        name = self.session.names.numbered(served.loader)
        file, line, function = served.place
        self.session.add(
            SamplerPass(
                rank=self.session.config.rank,
                loader=name,
                number=self._passes[name],
                sampler=type(sampler).__name__,
                replicas=int(sampler.num_replicas),
                shuffle=bool(getattr(sampler, "shuffle", False)),
                epoch=int(getattr(sampler, "epoch", -1)),
                file=file,
                line=line,
                function=function,
            )
        )
        self._passes[name] += 1


def norms(tensors: list[Tensor]) -> list[float]:
    """Return the norm of each tensor, of what this process holds of it."""
    own = [t.detach() for t in tensors]
    own = [t.to_local() if hasattr(t, "to_local") else t for t in own]
    return [float((t.coalesce().values() if t.is_sparse else t).float().norm()) for t in own]
