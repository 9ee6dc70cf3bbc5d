"""What a run is remembered by: one flat dataclass per kind of thing observed.

This is the contract between the probes, which write records, and the checks, which read them. A record holds plain
numbers, strings and tuples of them, so that it can be typed by hand in a test, stored in a table and read back years
later. Nothing here may import torch.

Every field has a default: a recording made by an older version then still loads, its missing columns filled in.
"""

from nndoctor.records.base import (
    COAST,
    OBSERVE,
    OBSERVE_TENTH,
    OVERFIT,
    RANDOM_INPUT,
    TRACE,
    TRAIN,
    VALIDATION,
    Placed,
    Record,
)
from nndoctor.records.data import Batch, Labels, Loader, LossCall, Overlap
from nndoctor.records.loop import Backward, Environment, Event, Experiment, Optimizer, OptimizerStep, Step
from nndoctor.records.model import (
    EvalGap,
    Forwards,
    Independence,
    Module,
    NonFinite,
    Parameter,
    SoftmaxCall,
    TensorStats,
    Units,
)

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

__all__ = [
    "COAST",
    "KINDS",
    "OBSERVE",
    "OBSERVE_TENTH",
    "OVERFIT",
    "RANDOM_INPUT",
    "TRACE",
    "TRAIN",
    "VALIDATION",
    "Backward",
    "Batch",
    "Environment",
    "EvalGap",
    "Event",
    "Experiment",
    "Forwards",
    "Independence",
    "Labels",
    "Loader",
    "LossCall",
    "Module",
    "NonFinite",
    "Optimizer",
    "OptimizerStep",
    "Overlap",
    "Parameter",
    "Placed",
    "Record",
    "SoftmaxCall",
    "Step",
    "TensorStats",
    "Units",
]
