"""What each of several training processes evaluates, and whether its numbers are brought together with the others'.

A validation begins with the first batch of a loader that is not trained on, and ends where training goes on. In between
are counted: numbers that the script reads, operations of torch.distributed that combine those of several ranks, files.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from nndoctor.feeds.tree import leaves
from nndoctor.probes.batches import describe
from nndoctor.records import VALIDATION, RankEvaluation
from nndoctor.session import Call, Listener, Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from nndoctor.conductor import Conductor
    from nndoctor.feeds.loader import Served
    from nndoctor.patching import Patches
    from nndoctor.probes.batches import Batches
    from nndoctor.probes.era import Era

COMBINING = (
    "all_gather",
    "all_gather_coalesced",
    "all_gather_into_tensor",
    "_all_gather_base",
    "all_gather_object",
    "all_gather_tensor",
    "all_reduce",
    "all_reduce_coalesced",
    "all_to_all",
    "all_to_all_single",
    "batch_isend_irecv",
    "gather",
    "gather_object",
    "irecv",
    "isend",
    "recv",
    "recv_object_list",
    "reduce",
    "reduce_scatter",
    "reduce_scatter_tensor",
    "send",
    "send_object_list",
)
"""Operations by which a rank gets numbers of others. Not `barrier`, which carries none, nor `broadcast`: one rank's."""
MOST_BATCHES = 64
"""Batches of a pass whose hashes are kept; passes before the training begins are not cut short."""


@dataclass(slots=True)
class Evaluated:
    """One pass over other data in the validation at hand, as far as models ran on its batches."""

    served: Served
    content: list[str] = field(default_factory=list)
    reads: int = 0
    """Numbers read before another pass began."""


class RankEvaluations(Listener):
    """Records `RankEvaluation`."""

    def __init__(self, session: Session, conductor: Conductor, era: Era, batches: Batches) -> None:
        self.session = session
        self.conductor = conductor
        self.era = era
        self.batches = batches
        self._passes: dict[int, Evaluated] = {}
        """Those of the validation at hand, by the identity of their iterators; empty while training goes on."""
        self._latest: Evaluated | None = None
        self._content: str | None = None
        """The hash of the batch on which no model has run yet."""
        self._collectives = 0
        self._writes = 0
        told = conductor.on_batch

        def batch(given: Any, served: Served | None) -> None:
            told(given, served)
            self._asked(given, served)

        conductor.on_batch = batch
        conductor.on_read = self._read

    def install(self, patches: Patches) -> None:
        """Hear of what the script sends. By two names each: libraries import them from where they are defined."""
        if not torch.distributed.is_available():
            return
        from torch.distributed import _functional_collectives, distributed_c10d

        for module in (torch.distributed, distributed_c10d, _functional_collectives):
            for name in COMBINING:
                if hasattr(module, name):
                    patches.wrap(module, name, self._combining)

    def _combining(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def collective(*args: Any, **kwargs: Any) -> Any:
            if self.session.hears():
                self._collectives += 1
            return original(*args, **kwargs)

        return collective

    def _read(self) -> None:
        if self._latest is not None:
            self._latest.reads += 1

    def wrote(self) -> None:
        """The script writes to a file that it has not written to before."""
        self._writes += 1

    def _asked(self, batch: Any, served: Served | None) -> None:
        self._content = None
        if served is None or id(served.loader) in self.conductor.loader_feed.group:
            return
        if not self._passes:
            self._collectives = self._writes = 0
        self._latest = self._passes.setdefault(id(served), Evaluated(served))
        marks = [self.batches.of(tensor) for _, tensor in leaves(batch)]
        self._content = "".join(leaf.row.content for leaf in marks if leaf is not None)

    def module_done(self, call: Call, output: Any) -> None:
        """A model ran on the batch: whether it was validation is known later."""
        if self.session.stack or self._content is None or next(call.module.parameters(), None) is None:
            return
        seen, content, self._content = self._latest, self._content, None

        def settle(split: str) -> None:
            if seen is not None and split == VALIDATION and len(seen.content) < MOST_BATCHES:
                seen.content.append(content)

        self.era.hold(settle, grad=call.grad)

    def before_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Training goes on."""
        self._complete()

    def step_ended(self) -> None:
        """Training has gone on, or the script has come to its end."""
        self._complete()

    def script_ended(self) -> None:
        """Nothing follows."""
        self._complete()

    def broken_off(self) -> None:
        """What would have followed is not known."""
        self._passes, self._latest = {}, None

    def _complete(self) -> None:
        for seen in self._passes.values():
            if seen.content:
                self._record(seen)
        self._passes, self._latest = {}, None

    def _record(self, seen: Evaluated) -> None:
        loader = seen.served.loader
        row = describe(seen.served, "", self.session.names.numbered)
        self.session.add(
            RankEvaluation(
                rank=self.session.config.rank,
                replicas=_replicas(loader),
                order=row.order,
                size=row.size,
                drawn=row.drawn,
                batch_size=row.batch_size,
                content=tuple(seen.content),
                reads=seen.reads,
                collectives=self._collectives,
                writes=self._writes,
                file=row.file,
                line=row.line,
                function=row.function,
            )
        )


def _replicas(loader: Any) -> int:
    """Return among how many ranks a loader's sampler divides the data set."""
    sampler: Any = getattr(loader, "sampler", None)
    if hasattr(sampler, "num_replicas") and hasattr(sampler, "rank"):
        return int(sampler.num_replicas)
    return 1
