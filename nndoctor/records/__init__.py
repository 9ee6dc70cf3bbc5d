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
from nndoctor.records.curves import Evaluation
from nndoctor.records.data import Batch, Labels, Loader, LossCall, Overlap, Scan, TokenTarget
from nndoctor.records.loop import Backward, Environment, Event, Experiment, Optimizer, OptimizerStep, Step
from nndoctor.records.model import (
    Causality,
    Chained,
    EvalGap,
    Forwards,
    Independence,
    Module,
    NonFinite,
    Normalised,
    Parameter,
    Recreated,
    SoftmaxCall,
    TensorStats,
    Units,
)
from nndoctor.records.practice import Clipping, DropoutCall, KeptGraphs, SchedulerStep, ValidationCall
from nndoctor.records.sources import SourceFile

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
    Causality,
    Chained,
    Recreated,
    TokenTarget,
    EvalGap,
    NonFinite,
    Overlap,
    Scan,
    Normalised,
    ValidationCall,
    DropoutCall,
    Clipping,
    SchedulerStep,
    KeptGraphs,
    SourceFile,
    Evaluation,
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
    "Causality",
    "Chained",
    "Clipping",
    "DropoutCall",
    "Environment",
    "EvalGap",
    "Evaluation",
    "Event",
    "Experiment",
    "Forwards",
    "Independence",
    "KeptGraphs",
    "Labels",
    "Loader",
    "LossCall",
    "Module",
    "NonFinite",
    "Normalised",
    "Optimizer",
    "OptimizerStep",
    "Overlap",
    "Parameter",
    "Placed",
    "Record",
    "Recreated",
    "Scan",
    "SchedulerStep",
    "SoftmaxCall",
    "SourceFile",
    "Step",
    "TensorStats",
    "TokenTarget",
    "Units",
    "ValidationCall",
]
