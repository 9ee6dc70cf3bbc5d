"""What several processes that train one model together (the ranks) have in common, and what not.

Every rank makes a recording of its own; rank 0 adds these kinds of all ranks to the one that is judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nndoctor.records.base import Placed, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Rank(Placed):
    """One process of several, after `observe`: which parameters it trained, and what it sent by torch.distributed.

    `names` are the parameters that the optimizers stepped, in their order (thinned out where there are very many);
    `wrapped` says that a DistributedDataParallel was built, `through_wrapper` that it was called in training.
    `communicated` counts the numbers that the script itself gave to collectives in `observe`, `numel` the trained ones.
    The place is that of the training call.
    """

    KEY: ClassVar[tuple[str, ...]] = ("rank",)

    rank: int = 0
    world: int = 1
    names: tuple[str, ...] = ()
    shapes: tuple[str, ...] = ()
    numel: int = 0
    wrapped: bool = False
    through_wrapper: bool = False
    sharded: bool = False
    """Parameters are spread over the ranks (FSDP, DTensor): each holds others."""
    communicated: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RankState(Record):
    """One step of one rank: the norm of each gradient before the optimizer's step, of each parameter after it.

    In the order of `Rank.names`; NaN for a gradient that there was not. Empty for parameters that are sharded.
    """

    rank: int = 0
    gradients: tuple[float, ...] = ()
    weights: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RankBatch(Record):
    """A hash of what one rank trained on in one step; inputs alone where they are known."""

    rank: int = 0
    content: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerPass(Placed):
    """A pass that the script began over a loader with a DistributedSampler, and the sampler's epoch then."""

    rank: int = 0
    loader: str = ""
    number: int = 0
    """0 for the loader's first pass."""
    sampler: str = ""
    replicas: int = 0
    shuffle: bool = False
    epoch: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RankEvaluation(Placed):
    """One pass of one rank over data that it does not train on; the place is where the loop asks for batches.

    The data set has `size` samples, of which the sampler gives this rank `drawn` in a pass; -1 where unknown.
    `content` are hashes of the batches on which a model ran (long passes are cut short). The rest counts what the
    script did from the first batch until training went on: numbers that it read off tensors, operations of
    torch.distributed that bring numbers of several ranks together, files that it wrote to.
    """

    rank: int = 0
    replicas: int = 1
    """Among how many ranks the sampler divides the data set."""
    order: str = "unknown"
    size: int = -1
    drawn: int = -1
    batch_size: int = -1
    content: tuple[str, ...] = ()
    reads: int = 0
    collectives: int = 0
    writes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RankEnd(Placed):
    """How one rank ended: `finished`, `failed`, `killed`, `hung`, `waited` (for another that was gone) or `missing`.

    `at` are seconds since the Unix epoch; `in_collective` says that it stood in a collective operation when it hung.
    """

    KEY: ClassVar[tuple[str, ...]] = ("rank",)

    rank: int = 0
    how: str = "finished"
    text: str = ""
    at: float = 0.0
    last_step: int = -1
    in_collective: bool = False
    culprit: bool = False
    """The one because of which the others stopped, too."""
