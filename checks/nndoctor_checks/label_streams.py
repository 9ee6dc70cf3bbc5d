"""The class labels of the training batches, in the order in which the loop got them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nndoctor.records import OBSERVE, TRAIN, Batch, Experiment, Labels, Step
from nndoctor_checks.batches import loader_named
from nndoctor_checks.observed import observed
from nndoctor_checks.runs_test import chance_of_so_few_runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nndoctor import Recording


@dataclass(slots=True)
class Stream:
    """The labels of one leaf of one source in one phase, batch by batch."""

    segment: int
    source: str
    leaf: str
    continuous: bool = False
    batches: list[tuple[int, ...]] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)

    @property
    def labels(self) -> list[int]:
        """All labels, one after the other."""
        return [label for batch in self.batches for label in batch]


def streams(run: Recording) -> list[Stream]:
    """Return the label streams of the training batches.

    Only labels of which each sample has one: not the tokens of texts or the pixels of masks, of which there are many
    and which stand together by nature. And only those that a loss takes as target, where that is known.
    """
    targets = _targets(run)
    sizes = {(s.segment, s.step): s.batch_size for s in observed(run, Step) if s.batch_size > 0}
    found: dict[tuple[int, str, str, bool], Stream] = {}
    for row in observed(run, Labels):
        size = sizes.get((row.segment, row.step), len(row.values))
        if row.split != TRAIN or not row.values or len(row.values) > size:
            continue
        if targets.get(row.segment) and (row.source, row.leaf) not in targets[row.segment]:
            continue
        key = (row.segment, row.source, row.leaf, row.continuous)
        stream = found.setdefault(key, Stream(*key))
        stream.batches.append(row.values)
        stream.steps.append(row.step)
    return list(found.values())


def _targets(run: Recording) -> dict[int, set[tuple[str, str]]]:
    found: defaultdict[int, set[tuple[str, str]]] = defaultdict(set)
    for row in observed(run, Batch):
        if row.split == TRAIN and "target" in row.role:
            found[row.segment].add((row.source, row.leaf))
    return found


def adversarial(run: Recording, segment: int) -> bool:
    """Whether several losses are minimised in turn: labels are then often made by the loop (real and fake)."""
    return any(
        e.objectives > 1 and e.segment == segment for e in run.rows(Experiment) if OBSERVE in (e.name, e.experiment)
    )


def different_batches(run: Recording, stream: Stream) -> int:
    """Return how many different batches a stream's source gave; of unknown content each counts."""
    contents: defaultdict[int, list[str]] = defaultdict(list)
    for row in observed(run, Batch):
        if (row.segment, row.source, row.split) == (stream.segment, stream.source, TRAIN):
            contents[row.step].append(row.content or f"step {row.step}")
    return len({tuple(sorted(c)) for c in contents.values()}) if contents else len(stream.batches)


def representative(run: Recording, stream: Stream) -> bool:
    """Whether what was seen stands for the data set: drawn at random, or nearly all of it, or without runs."""
    loader = loader_named(run, stream.source)
    if loader is not None and (loader.order == "shuffled" or 0 < 0.9 * loader.size <= len(stream.labels)):
        return True
    return chance_of_so_few_runs(stream.labels) > 1e-3


def single(batch: Sequence[int]) -> bool:
    """Whether all labels of a batch are of one class."""
    return len(set(batch)) == 1
