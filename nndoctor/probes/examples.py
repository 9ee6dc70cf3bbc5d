"""The samples of the observed batches, as the loop was given them: what the experiments at the end learn from."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from nndoctor.experiments.features import features
from nndoctor.experiments.learnability import MOST_SAMPLES
from nndoctor.experiments.pairing import Stream
from nndoctor.feeds.tree import leaves
from nndoctor.fingerprint import row_hashes
from nndoctor.records import OBSERVE
from nndoctor.session import Listener, Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from nndoctor.conductor import Conductor
    from nndoctor.names import Place
    from nndoctor.probes.batches import Batches

    Array = np.ndarray[Any, Any]

MOST_ROWS = 2000
IDS = (torch.int32, torch.int64)
FEW_OF_EACH = 10
"""Samples of each id below which its mean target is mostly noise."""


class Examples(Listener):
    """Keeps what becomes of the batches of `observe` in the first phase of the script; records nothing itself."""

    def __init__(self, session: Session, conductor: Conductor, batches: Batches) -> None:
        self.session = session
        self.conductor = conductor
        self.batches = batches
        self.streams: list[Stream] = []
        self.place: Place = ("", 0, "")
        self.parts: list[tuple[Array, Array]] = []
        """Features and targets of the samples, by iteration; empty where they could not be told."""

    def diet_ended(self, name: str) -> None:
        """Look through the batches before they are let go."""
        if name != OBSERVE or self.session.segment > 0:
            return
        if self.conductor.feed == "loader" and len(self.conductor.loader_feed.group) > 1:
            self.streams = self._several()
        name = self.conductor.training_loader()
        self.place = self.batches.place_of(name) if name else self.place
        self.parts = [] if self._names_only() else list(self._learnable())

    def _names_only(self) -> bool:
        """Whether all that is known of a sample are ids (users, items) of which there are nearly as many as samples.

        What is learnt of one such id says nothing of another, so simple learners would need many samples of each.
        """
        seen: defaultdict[int, list[Tensor]] = defaultdict(list)
        for iteration in self.conductor.store.content:
            inputs, _ = self._used(iteration)
            if not inputs or any(t.dtype not in IDS or t.dim() == 0 or t.numel() != len(t) for t in inputs):
                return False
            for position, tensor in enumerate(inputs):
                seen[position].append(tensor.detach().flatten().cpu())
        columns = [torch.cat(parts) for parts in seen.values()]
        return any(FEW_OF_EACH * len(set(ids.tolist())) > min(len(ids), MOST_SAMPLES) for ids in columns)

    def _learnable(self) -> Iterator[tuple[Array, Array]]:
        """Yield features and targets of each iteration, while it is one target for each sample."""
        rows = 0
        for iteration in self.conductor.store.content:
            inputs, targets = self._used(iteration)
            if len(targets) != 1 or not inputs or rows >= MOST_ROWS:
                return
            [target], size = targets, len(targets[0])
            if target.numel() == 0 or any(t.dim() == 0 or len(t) != size or t.is_complex() for t in inputs):
                return
            found = np.hstack([features(t) for t in inputs])
            plain = target.detach().cpu()
            plain = plain.float() if plain.is_floating_point() else plain
            yield found, plain.reshape(size, -1).numpy()
            rows += size

    def _used(self, iteration: Any) -> tuple[list[Tensor], list[Tensor]]:
        """Return the inputs and the targets of an iteration; none where the same place was used several times."""
        found: dict[str, list[Tensor]] = {"input": [], "target": []}
        if self.conductor.feed == "call":
            if any(number > 0 for _, number, _ in iteration):
                return [], []
            known = self.batches.roles().get("call", {})
            for (call, _, path), tensor in iteration.items():
                found.get(known.get(f"{call}:{path}", ""), []).append(tensor)
            return found["input"], found["target"]
        for loader, batch in zip(self.conductor.loader_feed.loaders(), iteration, strict=False):
            known = self.batches.roles().get(self.session.names.numbered(loader), {})
            for path, tensor in leaves(batch):
                found.get(known.get(path, ""), []).append(tensor)
        return found["input"], found["target"]

    def _several(self) -> list[Stream]:
        """Return the streams of a loop that asks several loaders for each step."""
        streams = []
        for position, loader in enumerate(self.conductor.loader_feed.loaders()):
            name = self.session.names.numbered(loader)
            for path, role in self.batches.roles().get(name, {}).items():
                if role not in ("input", "target"):
                    continue
                stream = Stream(name, getattr(loader, "dataset", None), path, role, self.batches.place_of(name))
                for iteration in self.conductor.store.content:
                    if len(stream.hashes) < MOST_ROWS and position < len(iteration):
                        stream.hashes += row_hashes(dict(leaves(iteration[position]))[path])
                streams.append(stream)
        return streams
