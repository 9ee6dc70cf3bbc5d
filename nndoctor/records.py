"""What a run is remembered by: one flat dataclass per kind of thing observed.

This is the contract between the probes, which write records, and the checks, which read them. A record holds plain
numbers, strings and tuples of them, so that it can be typed by hand in a test, stored in a table and read back years
later. Nothing here may import torch.

Every field has a default: a recording made by an older version then still loads, its missing columns filled in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

OBSERVE = "observe"
"""The experiment in which the script trains on its own batches from its own start state."""
COAST = "coast"
"""What the script does by itself after the experiments: validation, later epochs cut to a few batches, its end."""
OVERFIT = "overfit"
"""One small batch again and again at the user's learning rate; `overfit:x0.1`, `overfit:x10` at others."""
TRACE = "trace"
"""The steps up to the first NaN or Inf once more, every operation looked at."""
RANDOM_INPUT = "random-input"
"""The batches of `observe` with every input feature permuted across the batch, from the same start state."""

TRAIN = "train"
VALIDATION = "validation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Something observed in one run.

    `experiment` names the diet that the loop was on. `segment` counts the phases of the script (a new optimizer begins
    a new one: pre-training, then fine-tuning). `step` counts training iterations inside an experiment, from 0.
    """

    KEY: ClassVar[tuple[str, ...]] = ()
    """Fields that identify a row; a later row with the same values replaces the earlier one. Empty: append only."""

    experiment: str = OBSERVE
    segment: int = 0
    step: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed(Record):
    """A record that knows the line of the user's code that caused it. `file` is empty where none is known."""

    file: str = ""
    line: int = 0
    function: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Record):
    """One training iteration: from one batch to the next.

    `loss` is the sum of the losses on which `backward` was called (unscaled), NaN where there was none; `lr` the
    largest learning rate in effect over all groups, NaN without an optimizer; times in seconds.
    """

    epoch: int = 0
    loss: float = math.nan
    lr: float = math.nan
    batch_size: int = 0
    backwards: int = 0
    optimizer_steps: int = 0
    parameters_changed: bool = False
    """Whether the value of any parameter differs from before the step, however it was changed."""
    data_seconds: float = 0.0
    compute_seconds: float = 0.0
    loader: str = ""
    """The loader that fed the step; empty for a loop without a DataLoader."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backward(Placed):
    """One call of `backward` (or of `torch.autograd.grad` on parameters).

    `reached` counts the trainable model parameters (and leaves held by an optimizer) behind the loss in the graph;
    -1 where the graph was not walked in this step. `leaves` counts all leaves that require grad behind the loss.
    `failed` holds the exception's text if the call raised.
    """

    index: int = 0
    loss: float = math.nan
    scale: float = 1.0
    reached: int = -1
    leaves: int = -1
    failed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimizer(Placed):
    """An optimizer as it was built: name (`SGD#0`), type, hyper-parameters of its first group, place of construction.

    `parameters` counts the tensors it holds; `foreign` those that no module seen in a forward pass owns.
    """

    KEY: ClassVar[tuple[str, ...]] = ("name",)

    name: str = ""
    type: str = ""
    lr: float = math.nan
    momentum: float = math.nan
    weight_decay: float = math.nan
    eps: float = math.nan
    beta1: float = math.nan
    beta2: float = math.nan
    groups: int = 1
    parameters: int = 0
    foreign: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerStep(Placed):
    """One call of an optimizer's `step`, with what its gradients were like just before it.

    `with_gradient` counts the parameters that hold a non-zero gradient. `stale` counts those whose gradient was never
    cleared between this optimizer's last step and now, so that it still holds that step's gradient. `cleared` counts
    those that had a non-zero gradient after the last `backward` and have none (or zero) now. `backwards` is how many
    times `backward` ran since this optimizer's last step. `changed` counts the parameters whose value the step changed
    (-1 where it was not measured). `skipped_by_scaler`: a GradScaler found infinite gradients and did not step.
    """

    optimizer: str = ""
    lr: float = math.nan
    parameters: int = 0
    with_gradient: int = 0
    stale: int = 0
    cleared: int = 0
    backwards: int = 0
    changed: int = -1
    gradient_norm: float = math.nan
    skipped_by_scaler: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Module(Placed):
    """A module that was called, or that is registered in one that was.

    `name` is its path in the model (`encoder.layer1`; the root's own row has the class name as its path). `root` is
    the outermost module of the call. `order` is the position of its first call in a training step (-1: never called).
    `calls` counts its calls in the training steps of `observe`, `all_calls` every call of the run. `registered` is
    False for a module that runs inside the root's forward but is not among `root.modules()`. `made_in_forward` counts
    instances built anew during a forward pass. The place is where the module was registered or built.
    """

    KEY: ClassVar[tuple[str, ...]] = ("segment", "name")

    name: str = ""
    type: str = ""
    root: str = ""
    order: int = -1
    calls: int = 0
    all_calls: int = 0
    parameters: int = 0
    """Elements of its own parameters, children not counted."""
    children: int = 0
    registered: bool = True
    loaded: bool = False
    """At least one of its own tensors was loaded by `load_state_dict` or copied from a checkpoint."""
    made_in_forward: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter(Placed):
    """A parameter (or a bare tensor leaf that the loss depends on) and what became of it over `observe`.

    `registered`: in the `parameters()` of the model's root. `optimizer`: name of the optimizer that holds it, else
    empty. `called`: the owning module ran in a training step. `reached` counts the steps in which the loss's graph led
    to it, of `walked` steps in which the graph was walked. Over `steps` optimizer steps (of any optimizer) it had a
    non-zero gradient in `gradient_steps`. `changed`: its value at the end of `observe` differs from the start.

    `units` and `distinct_units` (0 for vectors) compare the rows of a weight (output units; a Linear's or Conv's first
    dimension) at the start; `distinct_units_end` at the end of observe. Statistics are of the start state.
    """

    KEY: ClassVar[tuple[str, ...]] = ("segment", "name")

    name: str = ""
    module: str = ""
    module_type: str = ""
    root: str = ""
    shape: tuple[int, ...] = ()
    numel: int = 0
    requires_grad: bool = True
    registered: bool = True
    optimizer: str = ""
    loaded: bool = False
    called: bool = True
    order: int = -1
    reached: int = 0
    walked: int = 0
    steps: int = 0
    gradient_steps: int = 0
    changed: bool = True
    lr: float = math.nan
    """Learning rate of its group at the last step seen."""
    mean: float = math.nan
    std: float = math.nan
    absmax: float = math.nan
    non_finite: int = 0
    fan_in: int = 0
    fan_out: int = 0
    units: int = 0
    distinct_units: int = 0
    distinct_units_end: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorStats(Record):
    """Statistics of one tensor in one sampled training step.

    `kind` is `activation` (a module's output, or a functional activation named `net.block.relu`), `gradient` (of a
    parameter, as the optimizer got it), `weight` (after the step) or `update` (the change by the step). `order` is the
    position in the forward pass. Statistics are over a bounded strided sample; `norm` and `numel` are of the whole
    tensor. `saturated_share`: share of a sigmoid's, tanh's or softmax's outputs in the flat tails (sigmoid < 0.025 or
    > 0.975, |tanh| > 0.95; NaN elsewhere). `type` is the module's type or the function's name.
    """

    kind: str = "activation"
    name: str = ""
    type: str = ""
    order: int = 0
    numel: int = 0
    mean: float = math.nan
    std: float = math.nan
    absmax: float = math.nan
    norm: float = math.nan
    zero_share: float = math.nan
    saturated_share: float = math.nan
    non_finite: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Units(Record):
    """Which units of a rectifying activation ever fired in the second half of `observe`.

    A unit is an index of the feature dimension (channel of a convolution, last dimension otherwise). `fired` counts
    the units that were above zero for at least one sample; `samples` is how many samples were looked at.
    """

    KEY: ClassVar[tuple[str, ...]] = ("segment", "name")

    name: str = ""
    type: str = ""
    units: int = 0
    fired: int = 0
    samples: int = 0


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


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftmaxCall(Placed):
    """A softmax or log_softmax in a training step: over dimension `dim` (non-negative) of a tensor of `shape`.

    `batch_dim` is the dimension that holds the samples of the batch, -1 where it is not certain. `count` is how often
    this place called it. `name` is the module path with the function (`attention.softmax`).
    """

    KEY: ClassVar[tuple[str, ...]] = ("segment", "name", "file", "line", "dim")

    name: str = ""
    function: str = "softmax"
    dim: int = -1
    shape: tuple[int, ...] = ()
    batch_dim: int = -1
    batch_size: int = 0
    batch_from_loader: bool = False
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwards(Placed):
    """How often a module with a train/eval difference (Dropout, BatchNorm, …) ran in which mode, in one split.

    Only layers whose mode matters are counted: Dropout with p > 0, BatchNorm and InstanceNorm with running statistics,
    the recurrent layers with dropout. `split` is `train` for passes inside training iterations, `validation` for
    passes over other data (another loader, or without gradients outside of a training iteration). `training` is the
    mode. `graphs` counts the calls with gradients enabled. The place is that of the outermost call.
    """

    KEY: ClassVar[tuple[str, ...]] = ("experiment", "segment", "split", "module", "training")

    split: str = TRAIN
    module: str = ""
    type: str = ""
    training: bool = True
    calls: int = 0
    graphs: int = 0
    loaded: bool = False
    frozen: bool = False
    """All its own parameters have requires_grad=False (and there is at least one)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Independence(Placed):
    """The model's output for one sample under changes of another, in eval mode, at the end of `observe`.

    For the outermost module `module`, called with a batch of `batch_size` samples along `input_dim` of leaf `leaf`:
    `mixed` is the share of other samples whose output changed when one sample was perturbed (NaN where the output has
    no batch dimension), `moved` the relative change of the sample's own output, `leak` the largest relative change of
    another sample's. `depends`: any output changed when the whole input was replaced. `from_loader`: the batch
    dimension is certain, because a DataLoader collated samples along it. `why` says why it could not be judged.
    """

    KEY: ClassVar[tuple[str, ...]] = ("segment", "module", "leaf")

    module: str = ""
    leaf: str = ""
    batch_size: int = 0
    input_dim: int = 0
    mixed: float = math.nan
    moved: float = math.nan
    leak: float = math.nan
    depends: bool = True
    from_loader: bool = False
    why: str = ""
    graph_like: bool = False
    """The call has further tensor inputs without the batch dimension (adjacency, edge index): samples may interact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalGap(Placed):
    """One training batch through the outermost module in train and in eval mode, at the end of `observe`.

    `difference` is norm(train - eval) / norm(eval) of the output, `repeat` the same between two passes in eval mode.
    `loss_train`, `loss_eval`: loss of the batch where the loss could be called again, else NaN.
    """

    KEY: ClassVar[tuple[str, ...]] = ("segment", "module")

    module: str = ""
    difference: float = math.nan
    repeat: float = math.nan
    loss_train: float = math.nan
    loss_eval: float = math.nan
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NonFinite(Placed):
    """The first NaN or Inf of a segment, traced to its origin by replaying the run up to it.

    `phase` is `data` (already in the batch), `weights` (in a parameter before the first step), `forward`, `backward`
    (in the gradient that the operation passes on; its forward result was finite), `optimizer` (finite gradients, the
    update made it) or `unknown` (it did not occur again in the replay). `operation` is the function or backward node
    (`log`, `SqrtBackward0`), `module` the path of the module in whose forward it ran. `inputs` describe what went in
    ("min 0, max 0.98, 3 zeros"). `code` is the user's source line. `what` is `nan` or `inf`. `harmless`: a GradScaler
    skipped the step, as it should.
    """

    phase: str = "unknown"
    what: str = "nan"
    operation: str = ""
    module: str = ""
    tensor: str = ""
    inputs: str = ""
    code: str = ""
    harmless: bool = False


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
class Experiment(Record):
    """What became of an experiment: `done`, `cut` (fewer steps than wanted), `skipped`, `failed`; `why` says so.

    `lr_factor` is what the user's learning rate was multiplied with; `batch_size` what the batch was cut to (0: as it
    was). `objectives` counts the different losses that are minimised in one iteration (2 for a GAN).
    """

    KEY: ClassVar[tuple[str, ...]] = ("segment", "name")

    name: str = ""
    outcome: str = "done"
    why: str = ""
    steps: int = 0
    wanted: int = 0
    seconds: float = 0.0
    lr_factor: float = 1.0
    batch_size: int = 0
    objectives: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(Placed):
    """Something that happened once: `kind` is one of

    `exception` (the script ended by one of its own; `text` is "ValueError: …", `detail` the traceback), `exit`
    (sys.exit; `text` is the code), `swallowed` (an exception passed a forward or a loss and the script went on),
    `save` (a write that was redirected), `loaded` (a state dict was loaded; text is the module), `instrument` (one of
    nndoctor's own instruments failed and was switched off), `cut`, `stopped` (nndoctor ended the script),
    `killed`, `timeout` (written by the doctor), `note`.
    """

    kind: str = ""
    text: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment(Record):
    """One fact of the run's surroundings: versions, device, command, seeds, the schema's version."""

    KEY: ClassVar[tuple[str, ...]] = ("name",)

    name: str = ""
    value: str = ""


KINDS: tuple[type[Record], ...] = (
    Step,
    Backward,
    Optimizer,
    OptimizerStep,
    Module,
    Parameter,
    TensorStats,
    Units,
    Batch,
    Labels,
    Loader,
    LossCall,
    SoftmaxCall,
    Forwards,
    Independence,
    EvalGap,
    NonFinite,
    Overlap,
    Experiment,
    Event,
    Environment,
)
"""Every kind of record, in the order of its table."""
