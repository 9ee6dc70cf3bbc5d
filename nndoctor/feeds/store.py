"""The batches of `observe`, kept so that they can be served again, and what a diet makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nndoctor.experiments.diet import Diet, fed
from nndoctor.feeds.call import Slot, find
from nndoctor.feeds.tree import batch_size, size_in_bytes

if TYPE_CHECKING:
    from torch import Tensor

MOST_BYTES = 1 << 29
"""Memory for what is kept; `observe` ends when it is full."""


class Store:
    """One entry per iteration: a list of batches (one per loader of the group), or the tensors by slot."""

    def __init__(self) -> None:
        self.content: list[Any] = []
        self.batch_size = 0
        self.input_paths: set[str] = set()
        """Leaves that are inputs of the model and not targets, as the probes found out."""
        self.roles: dict[str, str] = {}
        """What the probes saw leaves of the training batches being used as."""
        self.target_paths: set[str] = set()
        """Leaves that a loss takes as its target."""
        self._bytes = 0

    def begin(self, batches: list[Any]) -> None:
        """Start a segment with the batches of its first iteration; empty for a loop without a loader."""
        self.content, self._bytes, self.batch_size, self.roles = [], 0, 0, {}
        if batches:
            self.keep_iteration(batches)

    def keep_iteration(self, content: Any) -> None:
        """Remember a whole iteration."""
        self.content.append(content)
        self._bytes += size_in_bytes(content)
        self.batch_size = self.batch_size or batch_size(content)

    def keep_batch(self, batch: Any, step: int) -> None:
        """Remember one batch of the iteration `step`."""
        if len(self.content) <= step:
            self.content.append([])
        self.content[-1].append(batch)
        self._bytes += size_in_bytes(batch)

    def clear(self) -> None:
        """Let go of everything."""
        self.content = []

    @property
    def full(self) -> bool:
        """Whether no more is to be kept."""
        return self._bytes > MOST_BYTES

    def batch(self, diet: Diet, step: int, position: int) -> Any:
        """Return what a loader at a position of its group serves in a step of a diet."""
        content = self._iteration(diet, step)
        return fed(diet, content[min(position, len(content) - 1)], step, self.batch_size, self.input_paths)

    def _iteration(self, diet: Diet, step: int) -> Any:
        content = self.content if diet.content is None else diet.content
        return content[diet.pick(step, len(content))]

    def tensor(self, diet: Diet, step: int, slot: Slot, own: Tensor) -> Tensor:
        """Return what enters the graph at a slot in a step of a diet; the loop's own where nothing was recorded."""
        found = find(self._iteration(diet, step), slot, own)
        if found is None:
            return own
        inputs = {"0"} if f"{slot[0]}:{slot[2]}" in self.input_paths else set()  # a bare tensor is the leaf "0"
        made: Tensor = fed(diet, found, step, self.batch_size, inputs)
        return made

    def _picked(self, diet: Diet, step: int) -> Any:
        content = self.content if diet.content is None else diet.content
        return content[diet.pick(step, len(content))]
