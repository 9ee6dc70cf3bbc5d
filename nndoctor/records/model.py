"""What the model is and how it behaved: modules, parameters, statistics, modes, what was found by asking it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from nndoctor.records.base import TRAIN, Placed, Record


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
    dropout: float = math.nan
    """The rate of a dropout module."""
    output_shape: tuple[int, ...] = ()
    """Of the first tensor that it returned in its latest call of `observe`."""
    without_state: bool = False
    """A recurrent layer that was called in `observe`, and never with a state of before."""


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
class SoftmaxCall(Placed):
    """A softmax or log_softmax in a training step: over dimension `dim` (non-negative) of a tensor of `shape`.

    `batch_dim` is the dimension that holds the samples of the batch, -1 where it is not certain. `count` is how often
    this place called it. `name` is the module path with the function (`attention.softmax`). `summed_dim` is the
    dimension that a matrix product sums over in which the result is a factor, as it is or after a dropout; -1 where
    there was none. `scores`: what it normalises came out of a product of two batches of matrices, as that of queries
    and keys does.
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
    summed_dim: int = -1
    scores: bool = False


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
    another sample's. `depends`: any output changed when the whole input was replaced; `loss_only`: it did, but none of
    those that have the batch as a dimension (whole numbers aside), as targets do that a model is given. `depended`: it
    did so in the state from which training began (asked only where it no longer does). `from_loader`: the batch
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
    loss_only: bool = False
    depended: bool = False
    from_loader: bool = False
    why: str = ""
    graph_like: bool = False
    """The call has further tensor inputs without the batch dimension (adjacency, edge index): samples may interact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Causality(Placed):
    """A model that reads rows of `length` tokens, in eval mode, when the last token of every row is exchanged.

    `moved` is the mean relative change of the output at the last position, `leak` the largest one before it, `leaking`
    the share of rows in which the output before it changed. `why` says why it could not be judged.
    """

    KEY: ClassVar[tuple[str, ...]] = ("segment", "module", "leaf")

    module: str = ""
    leaf: str = ""
    length: int = 0
    moved: float = math.nan
    leak: float = math.nan
    leaking: float = math.nan
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chained(Placed):
    """A linear layer or convolution that was called on what another one had put out, through nothing or what is affine.

    `inputs`, `inner` and `outputs` are the widths before, between and after the two. `links` counts the sampled calls
    of `observe`; `takers` how many layers and functions took what is between (1: only the second layer).
    """

    KEY: ClassVar[tuple[str, ...]] = ("segment", "first", "second")

    first: str = ""
    second: str = ""
    type: str = ""
    inputs: int = 0
    inner: int = 0
    outputs: int = 0
    links: int = 0
    takers: int = 0
    through: str = ""
    """`sigmoid`, where the second layer gets the first one's outputs only through that; `takers` says nothing then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recreated(Placed):
    """A layer with weights that was built in a forward pass: `instances` of it, in `steps` different steps.

    `name` is the module in whose forward it ran, the place is where it was called.
    """

    KEY: ClassVar[tuple[str, ...]] = ("segment", "name", "type", "file", "line")

    name: str = ""
    type: str = ""
    instances: int = 0
    steps: int = 0
    parameters: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalGap(Placed):
    """One training batch through the outermost module in train and in eval mode, at the end of `observe`.

    `difference` is norm(train - eval) / norm(eval) of the output, `repeat` the same between two passes in eval mode.
    `again` is the same between two passes in train mode, both from the same state of buffers and random generators
    (also those that the model holds); `seeded`: the script set torch's seed.
    `loss_train`, `loss_eval`: loss of the batch where the loss could be called again, else NaN.
    """

    KEY: ClassVar[tuple[str, ...]] = ("segment", "module")

    module: str = ""
    difference: float = math.nan
    repeat: float = math.nan
    again: float = math.nan
    seeded: bool = False
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
class Normalised(Record):
    """How many samples a BatchNorm in train mode got in the training forwards of `observe`.

    `calls` counts them; `smallest` and `largest` are the sizes of the first dimension, `few` counts the calls with
    fewer than 4. `values` is the least number of values per channel that a mean was taken over.
    """

    KEY: ClassVar[tuple[str, ...]] = ("segment", "module")

    module: str = ""
    type: str = ""
    calls: int = 0
    smallest: int = 0
    largest: int = 0
    few: int = 0
    values: int = 0
