"""What stands behind the names of the treatments."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from nndoctor.treatments import data, losses, model, optimisation
from nndoctor.treatments.names import TREATMENTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from nndoctor.treatments.base import Ground, Treatment

FACTORIES: dict[str, Callable[[Ground], Treatment]] = {
    "learning-rate-x0.1": partial(optimisation.LearningRate, factor=0.1),
    "learning-rate-x0.01": partial(optimisation.LearningRate, factor=0.01),
    "learning-rate-x10": partial(optimisation.LearningRate, factor=10.0),
    "learning-rate-x100": partial(optimisation.LearningRate, factor=100.0),
    "usual-learning-rate": optimisation.UsualLearningRate,
    "clear-gradients": optimisation.ClearGradients,
    "keep-gradients": optimisation.KeepGradients,
    "step-each-iteration": optimisation.StepEachIteration,
    "clip-gradients": optimisation.ClipGradients,
    "no-clipping": optimisation.NoClipping,
    "reverse-gradients": optimisation.ReverseGradients,
    "adamw": partial(optimisation.OtherOptimizer, kind="adamw"),
    "sgd-momentum": partial(optimisation.OtherOptimizer, kind="sgd"),
    "default-hyperparameters": optimisation.DefaultHyperparameters,
    "no-weight-decay": optimisation.NoWeightDecay,
    "no-dropout": model.NoDropout,
    "train-mode": model.TrainMode,
    "eval-mode": partial(model.TrainMode, training=False),
    "unfreeze": model.Unfreeze,
    "reinitialise": model.Reinitialise,
    "float32": model.Float32,
    "standardise-inputs": data.StandardiseInputs,
    "standardise-targets": data.StandardiseTargets,
    "shuffle": data.Shuffle,
    "drop-non-finite": data.DropNonFinite,
    "recover-logits": losses.RecoverLogits,
    "reshape-target": losses.ReshapeTarget,
    "unweighted-terms": losses.UnweightedTerms,
    "softmax-over-classes": losses.SoftmaxOverClasses,
}

assert FACTORIES.keys() == TREATMENTS.keys()


def make(name: str, ground: Ground) -> Treatment | None:
    """Return a treatment, None for a name that this version does not know."""
    factory = FACTORIES.get(name)
    return None if factory is None else factory(ground)
