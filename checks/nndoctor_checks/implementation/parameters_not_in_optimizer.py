"""R23 parameters-not-in-optimizer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check, names_shown
from nndoctor.records import Optimizer, Parameter
from nndoctor_checks.observed import by_segment
from nndoctor_checks.wiring import (
    NOT_TRAINED_SYMPTOMS,
    optimizer_named,
    share_of,
    steps_taken,
    trained_before,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@check(
    "parameters-not-in-optimizer",
    reason="R23",
    severity=Severity.ERROR,
    needs=[Parameter, Optimizer],
    explains=NOT_TRAINED_SYMPTOMS,
    treatments=["unfreeze"],
)
def parameters_not_in_optimizer(
    run: Recording,
    *,
    min_reached: float = 0.5,  # of the steps whose graph was walked: the loss must regularly depend on it
) -> Iterator[Finding]:
    """Trainable parameters are used in training, but no optimizer holds them.

    ## What it does
    Reports registered parameters with `requires_grad=True` to which the graph of the loss led in more than
    `min_reached` of the steps, that are in no optimizer and whose value did not change. Only bias-like vectors: a
    warning. Loaded weights: a note. Left alone are weights that an earlier phase of the script trained or that the
    script updates by hand, and networks whose output is computed under `no_grad`.

    ## Why is this bad?
    The gradients are computed and then nobody uses them: the layers keep their random weights. Usually the optimizer
    was given only a part of the model, or it was built before a layer was replaced and still holds the old one.

    ## Example
    ```python
    optimizer = torch.optim.AdamW(model.parameters())
    model.fc = nn.Linear(64, 4)
    ```

    Use instead:
    ```python
    model.fc = nn.Linear(64, 4)
    optimizer = torch.optim.AdamW(model.parameters())
    ```

    ## Known problems
    Layers that are added to the optimizer only in a later epoch are reported.

    ## References
    - Humbatova et al., Taxonomy of Real Faults in Deep Learning Systems, ICSE 2020
    """
    judged = False
    for segment, rows in by_segment(run.rows(Parameter)).items():
        steps = steps_taken(run, segment)
        if not steps:
            continue
        judged = True
        trainable = [p for p in rows if p.registered and p.requires_grad and p.called]
        earlier = {p.name for p in run.rows(Parameter) if p.segment < segment and p.changed}
        missing = [
            p
            for p in trainable
            if not p.optimizer and not p.changed and p.reached > min_reached * p.walked and p.name not in earlier
        ]
        fresh = [p for p in missing if not p.loaded]
        if trained_before(run, segment, fresh):
            missing = [p for p in missing if p.loaded]
            fresh = []
        if missing:
            builder = optimizer_named(run, steps.most_common(1)[0][0])
            yield _finding(fresh or missing, trainable, builder, loaded=not fresh)
    if not judged:
        raise Skip("no optimizer step was seen")


def _finding(
    missing: Sequence[Parameter], trainable: Sequence[Parameter], builder: Optimizer | None, *, loaded: bool
) -> Finding:
    share = share_of(missing, trainable)
    foreign = builder.foreign if builder else 0
    advice = "Give them to the optimizer: `optim.Adam(model.parameters())`, or `add_param_group` for later ones."
    if foreign > 0:
        advice = (
            f"Build the optimizer after the model is complete: it holds {foreign} tensors that the model does not use, "
            "so a layer or the model was replaced after it was built."
        )
    severity = None
    if loaded:
        severity = Severity.NOTE
        advice = "Set `requires_grad_(False)` on them if they are meant to stay as they are: it saves their gradients."
    elif all(len(p.shape) < 2 for p in missing):
        severity = Severity.WARNING
    before = " They were loaded, so this may be meant." if loaded else ""
    return Finding(
        message=f"{len(missing)} of {len(trainable)} trainable parameters ({share:.0%} of the weights) are in no "
        f"optimizer and do not change: {names_shown([p.name for p in missing])}.{before}",
        advice=advice,
        where=SourceLine.of(builder),
        names=tuple(p.name for p in missing),
        evidence=(
            Measure("parameters in no optimizer", len(missing), "0"),
            Measure("parameters of the optimizer that the model does not use", foreign, "0"),
        ),
        severity=severity,
    )
