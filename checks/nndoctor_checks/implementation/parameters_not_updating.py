"""R23 parameters-not-updating."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, check, names_shown
from nndoctor.records import OBSERVE, OptimizerStep, Parameter, TensorStats
from nndoctor_checks.observed import by_segment, observed
from nndoctor_checks.wiring import NOT_TRAINED_SYMPTOMS, optimizer_named

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@check(
    "parameters-not-updating",
    reason="R23",
    severity=Severity.ERROR,
    needs=[Parameter, OptimizerStep],
    explains=[slug for slug in NOT_TRAINED_SYMPTOMS if slug != "vanishing-gradient"],  # its updates may round to 0,
    treatments=["usual-learning-rate"],
)
def parameters_not_updating(
    run: Recording,
    *,
    min_steps: int = 5,  # a warm-up may start at a learning rate of 0, but not stay there
    gradient: float = 1e-7,  # norms below it are rounding noise (a bias before BatchNorm): no wonder nothing moves
) -> Iterator[Finding]:
    """Gradients arrive, the optimizer steps, and the values stay as they are.

    ## What it does
    Reports parameters in an optimizer that had a gradient in more than half of at least `min_steps` steps, and whose
    value was the same at the end as at the start. With a learning rate of 0 that is an error, except for loaded weights
    (a warning); with another learning rate it is an error if the gradients were larger than `gradient`, or if a
    GradScaler skipped every step. Vectors at a positive learning rate are left alone: the bias before a normalisation
    has no influence and rightly stands still.

    ## Why is this bad?
    The layers keep the weights they started with. A learning rate of 0 comes from a parameter group, an integer
    division in a schedule or a scheduler that has already run out; a tiny one is lost in the rounding of the weights,
    in bfloat16 already at a thousandth of their size.

    ## Example
    ```python
    optimizer = torch.optim.Adam([{"params": model.backbone.parameters(), "lr": 0.0}])
    ```

    Use instead:
    ```python
    optimizer = torch.optim.Adam([{"params": model.backbone.parameters(), "lr": 1e-3}])
    ```

    ## Known problems
    A schedule that holds a group at 0 for longer than the watched steps (gradual unfreezing) is reported.

    ## References
    - [PyTorch, torch.optim: per-parameter options](https://pytorch.org/docs/stable/optim.html)
    """
    for segment, rows in by_segment(run.rows(Parameter)).items():
        calls = [s for s in run.rows(OptimizerStep) if s.experiment == OBSERVE and s.segment == segment]
        norms = _gradient_norms(run, segment)
        stuck = [p for p in rows if _stuck(p, calls, min_steps)]
        for zero_rate in (True, False):
            group = [p for p in stuck if (p.lr == 0) is zero_rate and (zero_rate or len(p.shape) >= 2)]
            if group:
                own = [s for s in calls if s.optimizer == group[0].optimizer]
                skipped = all(s.skipped_by_scaler for s in own)
                real = skipped or any(norms.get(p.name, 0.0) > gradient for p in group)
                yield _finding(run, group, own, skipped=skipped, real=real)


def _stuck(p: Parameter, calls: Sequence[OptimizerStep], min_steps: int) -> bool:
    own = sum(s.optimizer == p.optimizer for s in calls)
    fed = p.steps >= min_steps and p.gradient_steps > p.steps / 2
    return p.requires_grad and bool(p.optimizer) and not p.changed and fed and own >= min_steps


def _gradient_norms(run: Recording, segment: int) -> dict[str, float]:
    norms: dict[str, float] = {}
    for row in observed(run, TensorStats):
        if row.kind == "gradient" and row.segment == segment and row.norm > norms.get(row.name, 0.0):
            norms[row.name] = row.norm
    return norms


def _finding(
    run: Recording, group: Sequence[Parameter], own: Sequence[OptimizerStep], *, skipped: bool, real: bool
) -> Finding:
    names = names_shown([p.name for p in group])
    lr = group[0].lr
    severity = None
    if lr == 0:
        why, advice = "their learning rate is 0", "Give their parameter group a learning rate, and check the scheduler."
        if all(p.loaded for p in group):
            severity = Severity.WARNING  # perhaps an unusual way to freeze
    elif skipped:
        why = "the GradScaler skipped every step"
        advice = "Let the scaler find its scale (`scaler.update()` after each `scaler.step`), then look for inf."
    elif any(s.changed > 0 for s in own) and all(s.changed == s.parameters for s in own if s.changed >= 0):
        why, severity = "each step changes them and something puts the old values back", Severity.WARNING
        advice = "Look for a `load_state_dict` or a copy within the loop."
    else:
        why = f"at a learning rate of {lr:.3g} the updates are lost in the rounding"
        advice = "Raise the learning rate, or keep the weights in float32 and use autocast for the arithmetic."
        severity = None if real else Severity.WARNING
    return Finding(
        message=f"{len(group)} parameters had gradients in {max(p.gradient_steps for p in group)} of {group[0].steps} "
        f"steps and did not change at all: {names}; {why}.",
        advice=advice,
        where=SourceLine.of(optimizer_named(run, group[0].optimizer)),
        names=tuple(p.name for p in group),
        evidence=(
            *([Measure("learning rate", lr, "> 0")] if lr == 0 else []),
            Measure("steps with a gradient", max(p.gradient_steps for p in group), f"{group[0].steps}"),
        ),
        severity=severity,
        certain=severity is None,
    )
