"""What the loop was given and what the loss made of it: batches, labels, loaders, calls of loss functions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from nndoctor.records.base import TRAIN, Placed, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch(Record):
    """One leaf tensor of one batch, as the loop was given it.

    `split` is `train` for batches of training iterations, else `validation`. `role` is `input`, `target`,
    `input+target` (autoencoders) or empty where it is not known. `leaf` is the path in the batch (`0`, `image`).
    `source` names the loader, or `call` for loops without one. `own` is False in experiments (`overfit`,
    `random-input`) where the engine made the batch. `identical_samples`: all samples of the batch are the same.
    `constant`: all values are. `content` is a hash. `first_bad` is the index of the first sample that holds a NaN or
    Inf. `integral`: a float tensor that holds only whole numbers. `dim_mean`/`dim_std`: per column, for
    2-dimensional input of at most 256 columns.
    """

    split: str = TRAIN
    role: str = ""
    leaf: str = ""
    source: str = ""
    shape: tuple[int, ...] = ()
    dtype: str = ""
    min: float = math.nan
    max: float = math.nan
    mean: float = math.nan
    std: float = math.nan
    non_finite: int = 0
    first_bad: int = -1
    constant: bool = False
    identical_samples: bool = False
    integral: bool = False
    content: str = ""
    own: bool = True
    dim_mean: tuple[float, ...] = ()
    dim_std: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels(Record):
    """The class labels of one batch, in the order in which they came: `values`, at most 4,096 of them.

    Written for targets that are class indices (an integer vector, or floats that are all 0 or 1; one-hot rows become
    indices); for continuous scalar targets `continuous` is True and `values` hold 1 for "above the median of the
    batch's predecessor stream", so that a runs test can be made of them too.
    """

    split: str = TRAIN
    source: str = ""
    leaf: str = ""
    values: tuple[int, ...] = ()
    continuous: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Loader(Placed):
    """A DataLoader that was iterated. The place is where the loop asks it for batches.

    `order` is `sequential`, `shuffled`, `weighted` or `unknown` (own samplers, iterable data sets). `size` is the
    number of samples, -1 where unknown. `dataset` identifies the data set (`TensorDataset#1`).
    """

    KEY: ClassVar[tuple[str, ...]] = ("name",)

    name: str = ""
    split: str = ""
    """`train`, `validation` (iterated, no training step on it) or empty."""
    dataset: str = ""
    dataset_type: str = ""
    size: int = -1
    batch_size: int = -1
    batches: int = -1
    order: str = "unknown"
    workers: int = 0
    drop_last: bool = False
    passes: int = 0
    drawn: int = -1
    """Samples that its sampler draws in one pass, -1 where unknown."""
    weights: int = -1
    """Weights that a weighted sampler holds; -1 without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LossCall(Placed):
    """One call of a loss function, or of an operation in which a prediction meets a target in a hand-written loss.

    `function` is the functional's name (`cross_entropy`, `mse_loss`, …) or that of the operation (`sub`, `mul`).
    `written_by_hand` is True for the latter. `split` is `train` where gradients were on in a training iteration.
    `probabilities`: the rows of the input lie in [0, 1] and sum to one (over the class dimension). `unit_interval`:
    all values lie in [0, 1]. `log_probabilities`: the logsumexp of the rows is 0. `graph` names the backward nodes
    above the input, nearest first (`("SoftmaxBackward0", "AddmmBackward0")`). `weighted`: class weights or pos_weight
    were given. `reduction` as given.

    `metric` is `accuracy`, `binary-accuracy`, `r2` or empty; `score` its value on this batch (before the step).
    `chance` is that of the best constant predictor (share of the largest class; 0 for r2). `prior_loss` is the loss
    of predicting this batch's prior (entropy of the labels, variance of the target), `uniform_loss` of predicting
    uniformly (ln C, ln 2; NaN for regression). `classes`: number of outputs C, 0 for regression.

    `distinct_predictions`/`distinct_targets`: how many different classes are predicted / are in the target; for
    regression -1, and `prediction_std`/`target_std` tell (of the whole batch).
    `target_is_input`: the target is data that also went into the model (autoencoder). `floor`: lowest value that the
    loss can take if known (0 for cross_entropy on hard labels, mse, …), else NaN.
    """

    split: str = TRAIN
    index: int = 0
    function: str = ""
    written_by_hand: bool = False
    module: str = ""
    """Path of the module in whose forward it was called (`CrossEntropyLoss`, `GPT`); empty outside of all."""
    input_shape: tuple[int, ...] = ()
    target_shape: tuple[int, ...] = ()
    input_dtype: str = ""
    target_dtype: str = ""
    requires_grad: bool = True
    """The input carries a graph."""
    value: float = math.nan
    probabilities: bool = False
    unit_interval: bool = False
    log_probabilities: bool = False
    graph: tuple[str, ...] = ()
    weighted: bool = False
    label_smoothing: float = 0.0
    reduction: str = "mean"
    metric: str = ""
    score: float = math.nan
    chance: float = math.nan
    prior_loss: float = math.nan
    uniform_loss: float = math.nan
    floor: float = math.nan
    classes: int = 0
    distinct_predictions: int = -1
    distinct_targets: int = -1
    prediction_std: float = math.nan
    target_std: float = math.nan
    target_is_input: bool = False
    target_min: float = math.nan
    target_max: float = math.nan
    target_integral: bool = False
    """The target holds whole numbers only."""
    input_min: float = math.nan
    input_max: float = math.nan
    ignore_index: int = -100
    ignored_share: float = math.nan
    """Share of the targets that equal `ignore_index`, in losses that have one."""
    target_mean: float = math.nan
    target_requires_grad: bool = False
    """The target carries a graph."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenTarget(Placed):
    """A class loss in a sampled step whose target has one label for each token that the model read.

    `same`: share of the targets that equal the token at their own position; `shifted`: the next token. `kept` is the
    share of targets that are not ignored; the other two are of those. `elsewhere` is the share of rows whose whole
    target is the next tokens of another row of the batch and not of their own. The place is that of the loss.
    """

    loss: str = ""
    positions: int = 0
    kept: float = math.nan
    same: float = math.nan
    shifted: float = math.nan
    elsewhere: float = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap(Record):
    """Samples that are in the training set and in another split.

    `by` is `index` (both are subsets of one data set and share indices) or `content` (hash of the input leaves).
    `compared` counts the validation samples looked at, `shared` those also found among `train_samples` training ones.
    """

    KEY: ClassVar[tuple[str, ...]] = ("train", "validation")

    train: str = ""
    validation: str = ""
    by: str = "content"
    train_samples: int = 0
    compared: int = 0
    shared: int = 0
    distinct: int = 0
    """How many different samples the compared ones are: few distinct ones (binary features) collide by nature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan(Placed):
    """What a training data set holds, asked of it sample by sample when the script was over.

    `loader` names the loader that iterated it, `total` its length, `samples` how many were looked at, evenly spread.
    `keyed` is how many of them could be compared (the batch's inputs were found in the sample; 0: none). `duplicates`
    counts those whose inputs and targets both are exact copies of an earlier one's; `conflicts` those whose input
    also occurs with another target. `bits` is how much a collision would surprise if the columns were independent
    (minus the log2 of its probability): small for a few categorical columns, in which copies are a matter of course.
    `tokens`: all inputs are of type int32 or int64. `columns` is the width of the widest floating-point input,
    `constant` how many of its columns never vary, `dimensions` those of one sample of it, `zero_share` the share of
    its values that are 0. `labels`, `counts` and `distinct` list the classes, their samples and different samples.

    `refetched` samples were asked for several times from the same random state; of these, `drifting` ones were
    different each time while the data set's own arrays changed with each fetch. `drift_from` and `drift_to` are the
    mean absolute values of the one shown. The place is that of the data set's `__getitem__`, where it is the user's.
    """

    KEY: ClassVar[tuple[str, ...]] = ("loader",)

    loader: str = ""
    dataset: str = ""
    total: int = 0
    samples: int = 0
    keyed: int = 0
    duplicates: int = 0
    conflicts: int = 0
    bits: float = math.nan
    tokens: bool = False
    columns: int = 0
    constant: int = 0
    constant_columns: tuple[int, ...] = ()
    """The first constant columns, at most 16."""
    dimensions: int = 0
    zero_share: float = math.nan
    labels: tuple[int, ...] = ()
    counts: tuple[int, ...] = ()
    distinct: tuple[int, ...] = ()
    refetched: int = 0
    drifting: int = 0
    drift_from: float = math.nan
    drift_to: float = math.nan
