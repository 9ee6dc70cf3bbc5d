"""Which parameters of a model are trained, and by whom: what the checks of its wiring have in common."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from nndoctor.records import OBSERVE, Module, Optimizer, OptimizerStep, Parameter

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nndoctor import Recording

NOT_TRAINED_SYMPTOMS = (
    "cannot-overfit-batch",
    "collapsed-predictions",
    "fails-on-solvable-data",
    "ignores-input",
    "learning-rate-too-low",
    "update-ratio",
    "vanishing-gradient",
)
"""What a model does of which a part is not trained."""


def elements(parameters: Iterable[Parameter]) -> int:
    """Return how many weights the parameters hold together."""
    return sum(max(0, p.numel) for p in parameters)


def share_of(part: Iterable[Parameter], whole: Iterable[Parameter]) -> float:
    """Return the share of the weights that `part` holds, 0 where there are none."""
    total = elements(whole)
    return min(1.0, elements(part) / total) if total else 0.0


def steps_taken(run: Recording, segment: int) -> Counter[str]:
    """Return how often each optimizer stepped on the user's own batches."""
    return Counter(
        step.optimizer for step in run.rows(OptimizerStep) if step.experiment == OBSERVE and step.segment == segment
    )


def optimizer_named(run: Recording, name: str) -> Optimizer | None:
    """Return where and how an optimizer was built."""
    return next((row for row in run.rows(Optimizer) if row.name == name), None)


def in_use(run: Recording, segment: int, parameters: Iterable[Parameter]) -> list[Parameter]:
    """Return the registered parameters whose module runs in training, be it without gradients.

    Calls under `no_grad` are not counted as training; but what ran as often as its root in the whole run did run then.
    """
    modules = {m.name: m for m in run.rows(Module) if m.segment == segment}

    def ran(p: Parameter) -> bool:
        module, root = modules.get(p.module), modules.get(p.root)
        return module is not None and root is not None and root.calls > 0 and module.all_calls >= root.all_calls

    return [p for p in parameters if p.registered and (p.called or ran(p))]


def trained_before(run: Recording, segment: int, parameters: Sequence[Parameter]) -> bool:
    """Whether an earlier phase of the script trained weights of just these shapes (pre-training, then fine-tuning).

    Shapes are compared, not names: the second phase often wraps the layers in another module.
    """
    earlier = Counter(p.shape for p in run.rows(Parameter) if p.segment < segment and p.changed and p.requires_grad)
    return bool(parameters) and not Counter(p.shape for p in parameters) - earlier
