"""R32 train-mode-in-validation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check, names_shown
from nndoctor.records import COAST, OBSERVE, VALIDATION, Forwards, Loader
from nndoctor_checks.descent import objectives
from nndoctor_checks.modes import Layer, is_batch_norm, kinds, layers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@check("train-mode-in-validation", reason="R32", severity=Severity.ERROR, needs=[Forwards])
def train_mode_in_validation(run: Recording) -> Iterator[Finding]:
    """Dropout and BatchNorm are in train mode while validation data goes through.

    ## What it does
    Counts the calls of layers that differ between train and eval mode in passes over validation data, between the
    training steps and after them. Reports layers that were in train mode in all of these calls, as an error if a
    loader for validation was seen, and as a warning if the passes were only told by their missing gradients. If
    BatchNorm was in eval mode and only Dropout in train mode, that is taken for Monte Carlo dropout and not reported.

    ## Why is this bad?
    Dropout then removes units at random, so the score is noisy and too low. BatchNorm normalises by the batch it sees,
    so that a prediction depends on its neighbours, and goes on learning its statistics from the validation data.

    ## Example
    ```python
    with torch.no_grad():
        accuracy = evaluate(model, val_loader)
    ```

    Use instead:
    ```python
    model.eval()
    with torch.no_grad():
        accuracy = evaluate(model, val_loader)
    model.train()
    ```

    ## Known problems
    A pass without gradients that only re-estimates BatchNorm statistics, or draws pictures from a generator, is told
    from validation only if the same layers also run in eval mode at some other time.

    ## References
    - [PyTorch, torch.nn.Module.eval](https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.eval)
    """
    judged = False
    for segment in dict.fromkeys(f.segment for f in run.rows(Forwards)):
        seen = layers(run, segment, VALIDATION, (OBSERVE, COAST))
        judged = judged or bool(seen)
        wrong = [layer for layer in seen if layer.in_train > 0 and layer.in_eval == 0]
        norms_in_eval = any(is_batch_norm(layer.type) for layer in seen if layer.in_eval > 0)
        if norms_in_eval and not any(is_batch_norm(layer.type) for layer in wrong):
            continue
        if wrong:
            yield _finding(run, segment, wrong)
    if not judged:
        raise Skip("no validation loop was seen that runs Dropout or BatchNorm")


def _finding(run: Recording, segment: int, wrong: Sequence[Layer]) -> Finding:
    calls = sum(layer.in_train for layer in wrong)
    names = tuple(layer.name for layer in wrong)
    loaders = [row for row in run.rows(Loader) if row.split == VALIDATION and row.passes > 0]
    sure = bool(loaders) and objectives(run, segment) == 1  # a GAN's pictures are often drawn in train mode
    harm = []
    if any("Dropout" in layer.type or "RNN" in layer.type for layer in wrong):
        harm.append("units are dropped at random")
    if any(is_batch_norm(layer.type) for layer in wrong):
        harm.append("the statistics of BatchNorm are those of the batch, and learn from it")
    why = f": {' and '.join(harm)}" if harm else ""
    return Finding(
        message=f"{kinds(wrong)} ({names_shown(names)}) were in train mode in all {calls} calls on validation "
        f"data{why}.",
        advice="Call `model.eval()` before the validation loop and `model.train()` before training goes on.",
        where=SourceLine.of(wrong[0].on[0]) or SourceLine.of(loaders[0] if loaders else None),
        names=names,
        evidence=(
            Measure("validation calls in train mode", calls, "0"),
            Measure("validation calls in eval mode", 0, f"{calls}"),
        ),
        severity=None if sure else Severity.WARNING,
        certain=sure,
    )
