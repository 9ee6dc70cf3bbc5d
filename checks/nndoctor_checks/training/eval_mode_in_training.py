"""R32 eval-mode-in-training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, check, names_shown
from nndoctor.records import COAST, OBSERVE, TRAIN, Forwards, OptimizerStep, Parameter, Step
from nndoctor_checks.modes import Layer, is_batch_norm, kinds, layers, neighbours

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@check(
    "eval-mode-in-training",
    reason="R32",
    severity=Severity.ERROR,
    needs=[Forwards],
    explains=[
        "cannot-overfit-batch",
        "dead-relu",
        "exploding-gradient",
        "fails-on-solvable-data",
        "learning-rate-too-high",
        "non-finite",
        "saturated-activation",
    ],
    treatments=["train-mode"],
)
def eval_mode_in_training(run: Recording) -> Iterator[Finding]:
    """Dropout and BatchNorm are in eval mode while the network is trained.

    ## What it does
    Counts the calls, inside training steps and with gradients on, of layers that differ between train and eval mode.
    Reports layers that were never in train mode in the observed steps, or not any more in later epochs: the classic
    case, where validation calls `model.eval()` and nothing calls `model.train()` again. Layers whose surroundings are
    frozen or belong to no optimizer are left alone. If other layers do run in train mode, or the weights were loaded,
    it looks deliberate, and is a warning; loaded BatchNorm with fixed statistics is a note.

    ## Why is this bad?
    Without dropout the network overfits more than it should. BatchNorm in eval mode normalises by statistics that stay
    as they were, in the worst case mean 0 and variance 1 of the start: there is no normalisation at all, and what was
    learnt after the first epoch was learnt without it.

    ## Example
    ```python
    model.train()
    for epoch in range(epochs):
        train_one_epoch(model)
        validate(model)
    ```

    Use instead:
    ```python
    for epoch in range(epochs):
        model.train()
        train_one_epoch(model)
        model.eval()
        validate(model)
    ```

    ## Known problems
    A model that was pretrained elsewhere and copied by hand looks as if it was not loaded.

    ## References
    - [PyTorch, torch.nn.Module.train](https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.train)
    """
    for segment in dict.fromkeys(f.segment for f in run.rows(Forwards)):
        always = _only_eval(run, segment, OBSERVE)
        later = _only_eval(run, segment, COAST) or _since_first_epoch(run, segment)
        found, since = (always, "") if always else (later, " from the second epoch on")
        parameters = [p for p in run.rows(Parameter) if p.segment == segment]
        found = [layer for layer in found if _trained(layer, parameters)]
        everything = {layer.name for layer in layers(run, segment, TRAIN, (OBSERVE, COAST))}
        partial = len(found) < len(everything)
        by_severity: dict[Severity, list[Layer]] = {}
        for layer in found:
            by_severity.setdefault(_severity(layer, parameters, partial=partial and not since), []).append(layer)
        for severity, group in by_severity.items():
            yield _finding(group, since, severity)


def _steps(run: Recording, segment: int, experiment: str) -> list[Step]:
    rows = [s for s in run.rows(Step) if s.experiment == experiment and s.segment == segment]
    return [s for s in rows if s.backwards > 0]


def _only_eval(run: Recording, segment: int, experiment: str) -> list[Layer]:
    """Return the layers that took part in training steps and were never in train mode in them."""
    # Of a loader that is made anew for each epoch only the optimizer's steps are counted.
    stepped = any(o.experiment == experiment and o.segment == segment for o in run.rows(OptimizerStep))
    if not stepped and not _steps(run, segment, experiment):
        return []  # no training: what ran there was an evaluation
    seen = layers(run, segment, TRAIN, (experiment,))
    return [layer for layer in seen if layer.learnt_in_eval > 0 and layer.in_train == 0]


def _since_first_epoch(run: Recording, segment: int) -> list[Layer]:
    """Return the layers whose calls in train mode are just those of the first epoch, if more than one was observed."""
    steps = _steps(run, segment, OBSERVE)
    first = sum(s.epoch == steps[0].epoch for s in steps) if steps else 0
    if not 0 < first < len(steps):
        return []
    found = []
    for layer in layers(run, segment, TRAIN, (OBSERVE,)):
        each = (layer.in_train + layer.learnt_in_eval) / len(steps)  # calls per step
        if layer.learnt_in_eval > 0 and abs(layer.in_train - each * first) < max(each, 1):
            found.append(layer)
    return found


def _trained(layer: Layer, parameters: Sequence[Parameter]) -> bool:
    """Whether the layer belongs to a part that is trained: not to a frozen backbone, a teacher or a target network."""
    if layer.frozen:
        return False
    owned = any(p.optimizer for p in parameters)
    around = neighbours(parameters, layer.name)
    return not around or any(p.requires_grad and (p.optimizer or not owned) for p in around)


def _severity(layer: Layer, parameters: Sequence[Parameter], *, partial: bool) -> Severity:
    around = neighbours(parameters, layer.name)
    loaded = layer.loaded or (bool(around) and all(p.loaded for p in around))
    if loaded:
        return Severity.NOTE if is_batch_norm(layer.type) or partial else Severity.WARNING
    return Severity.WARNING if partial else Severity.ERROR


def _finding(group: Sequence[Layer], since: str, severity: Severity) -> Finding:
    names = tuple(layer.name for layer in group)
    calls = sum(layer.learnt_in_eval for layer in group)
    note = severity is Severity.NOTE
    when = since or " in all training steps"
    return Finding(
        message=f"{kinds(group)} ({names_shown(names)}) were in eval mode{when}: {calls} calls with gradients on."
        + (" They were loaded from a checkpoint, so this may be meant." if note else ""),
        advice="If this is meant, nothing. Otherwise call `model.train()` before training."
        if note
        else "Call `model.train()` at the beginning of every epoch, not once before the loop: `model.eval()` in the "
        "validation stays in force until then.",
        where=SourceLine.of(group[0].off[0]),
        names=names,
        evidence=(
            Measure("training calls in eval mode", calls, "0"),
            Measure("training calls in train mode", sum(layer.in_train for layer in group), "all"),
        ),
        severity=severity,
        certain=severity is Severity.ERROR,
    )
