"""The samples of the observed batches, as the loop was given them: what the experiments at the end learn from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor.experiments.pairing import Stream
from nndoctor.feeds.tree import leaves
from nndoctor.fingerprint import row_hashes
from nndoctor.records import OBSERVE
from nndoctor.session import Listener, Session

if TYPE_CHECKING:
    from nndoctor.conductor import Conductor
    from nndoctor.probes.batches import Batches

MOST_ROWS = 2000


class Examples(Listener):
    """Keeps what becomes of the batches of `observe` in the first phase of the script; records nothing itself."""

    def __init__(self, session: Session, conductor: Conductor, batches: Batches) -> None:
        self.session = session
        self.conductor = conductor
        self.batches = batches
        self.streams: list[Stream] = []

    def diet_ended(self, name: str) -> None:
        """Look through the batches before they are let go."""
        if name != OBSERVE or self.session.segment > 0:
            return
        if self.conductor.feed == "loader" and len(self.conductor.loader_feed.group) > 1:
            self.streams = self._several()

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
