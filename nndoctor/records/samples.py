"""What single samples of the training data told: on their way through the loader, drawn twice, learnt by others."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from nndoctor.records.base import Placed


@dataclass(frozen=True, slots=True, kw_only=True)
class Collation(Placed):
    """A leaf of a batch that a loader's `collate_fn` made of known samples, when the script was over.

    `compared` samples were fetched one by one and, as the loader does it, together; only leaves that are the same
    whenever they are fetched are compared. `kept` rows of the batch hold the values of their own sample, `moved` ones
    those of another (the collate function may sort), `missing` samples are in no row although their place is taken by
    another one; `mixed` rows hold values of several samples, in a leaf that holds all values of all samples.
    `truncated`: whole numbers in the batch, fractions in the samples. `mispaired` rows, of a target, stand beside the
    input of another sample. The place is that of the collate function where it is the user's, else of the
    data set's `__getitem__`.
    """

    KEY: ClassVar[tuple[str, ...]] = ("loader", "leaf")

    loader: str = ""
    leaf: str = ""
    role: str = ""
    collate: str = ""
    compared: int = 0
    kept: int = 0
    moved: int = 0
    missing: int = 0
    mixed: int = 0
    truncated: bool = False
    mispaired: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing(Placed):
    """Two loaders that feed one loop, one of inputs and one of targets: do the samples of a batch belong together?

    Of `compared` samples of the observed batches, the target was that of the same index in `matched` cases; as many
    would be by chance: `by_chance` (share). The place is that of the loop that asks the loader of the targets.
    """

    KEY: ClassVar[tuple[str, ...]] = ("inputs", "targets")

    inputs: str = ""
    targets: str = ""
    compared: int = 0
    matched: int = 0
    by_chance: float = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class RowOrder(Placed):
    """One target of a loss in a training step of `observe` that holds the rows of the batch's target, in any order.

    Only where the rows of all that went into models could be told as well. Of `samples` rows, `own` stood where the
    input of their own sample stood, or where a model had put it; `by_chance` is the share that would in a random order.
    The place is the loss's.
    """

    samples: int = 0
    own: int = 0
    by_chance: float = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage(Placed):
    """Which samples of a training data set its loader asks for, by the indices of up to three passes.

    Without samplers that repeat or weight samples; `total` is the length of the data set, `drawn` the number of
    different samples in the first pass, `ever` in all `passes` together, and `asked` stands for which ones these are
    (equal for the same ones). `dropped` are left out because the last batch
    is smaller (`drop_last`). `sampler` is the type of what chooses the indices; `given`: they were given to it as a
    list (SubsetRandomSampler). `broken_off` counts the passes that the loop itself left after `left_after` of `batches`
    batches in the observed steps; `ordered`: the samples come in the order of the data set. The place is that of the
    loop.
    """

    KEY: ClassVar[tuple[str, ...]] = ("loader",)

    loader: str = ""
    sampler: str = ""
    total: int = 0
    passes: int = 0
    drawn: int = 0
    ever: int = 0
    dropped: int = 0
    batch_size: int = 0
    batches: int = 0
    broken_off: int = 0
    left_after: int = 0
    ordered: bool = False
    given: bool = False
    asked: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRandomness(Placed):
    """A random generator that a data set owns, in a loader with worker processes.

    `owner` is the path of the attribute (`dataset.transform.rng`), `kind` its type. With `workers` processes started
    as the loader starts them, `compared` samples were each asked of two workers, `same_workers` were the same from
    both, and `same_epochs` the same in the next epoch, although in one process they change with every draw.
    """

    KEY: ClassVar[tuple[str, ...]] = ("loader",)

    loader: str = ""
    owner: str = ""
    kind: str = ""
    workers: int = 0
    compared: int = 0
    same_workers: int = 0
    same_epochs: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Redraw(Placed):
    """The same samples of a training data set, each drawn several times: what random augmentation does to an input.

    Of `samples` samples, `draws` each. `values` is the ratio of the variance between the draws of one sample to that
    between samples, over all values; `shades` the same for the distribution of the values within a sample, which
    flips, shifts and rotations leave as it is (NaN for tables, whose columns are not alike). `kept` is which share of
    the covariance of neighbouring values is left in the mean of a sample's draws: 1 where noise is added to values that
    stay in their places, less where they are moved, NaN where it cannot be told. `scattered` is the share of samples
    of which two draws hold the same values in another order, with neighbours torn apart (as a flip, a shift or a turn
    does not do, nor rows that change places whole; NaN for tables and where many values are equal). `label`: the
    target is small beside the input, and the same in every draw. The place is that of the data set's `__getitem__`.
    """

    KEY: ClassVar[tuple[str, ...]] = ("loader", "leaf")

    loader: str = ""
    leaf: str = ""
    dataset: str = ""
    samples: int = 0
    draws: int = 0
    values: float = math.nan
    shades: float = math.nan
    kept: float = math.nan
    scattered: float = math.nan
    label: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Learner(Placed):
    """What simple learners (kernel ridge regression, extremely randomised trees) make of the training samples.

    Cross-validated on `samples` different samples and `features` numbers made of each. `classes` is 0 for a numeric
    target. `score` is the accuracy (or R2) out of fold of the best learner, `chance` that of the best constant
    prediction. `p_value` is the smallest over the learners of a test with `permutations` permutations of the targets.
    `balanced` is the mean recall of the classes. `sure` counts the samples about which both learners are surest (a
    third of those that each class is predicted for), `sure_wrong` those of them that carry another label than both
    predict. `pattern_p` is the p-value of a pattern in these: that a single feature tells them from the others of their
    predicted class; NaN where there are none. The place is that of the loop.
    """

    KEY: ClassVar[tuple[str, ...]] = ("segment",)

    samples: int = 0
    features: int = 0
    classes: int = 0
    score: float = math.nan
    chance: float = math.nan
    p_value: float = math.nan
    permutations: int = 0
    balanced: float = math.nan
    sure: int = 0
    sure_wrong: int = 0
    pattern_p: float = math.nan
