"""R23 frozen-but-changing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check, names_shown
from nndoctor.records import OBSERVE, TRAIN, Forwards, Parameter

if TYPE_CHECKING:
    from collections.abc import Iterator


@check("frozen-but-changing", reason="R23", severity=Severity.WARNING, needs=[Parameter])
def frozen_but_changing(
    run: Recording,
    *,
    min_calls: int = 5,  # in training steps; the statistics have then moved by 40 % of the way (momentum 0.1)
) -> Iterator[Finding]:
    """Layers that are meant to be frozen still change.

    ## What it does
    Reports BatchNorm layers whose weights were loaded and are frozen (`requires_grad=False`), and that run in train
    mode in the training steps, so that their running statistics change; and frozen parameters that an optimizer holds
    and whose value changed. Frozen copies that the script itself updates (averages of weights, target networks) are
    held by no optimizer and not accused, nor are parameters that are frozen for a part of each step only.

    ## Why is this bad?
    `requires_grad=False` stops the gradient only. The running mean and variance of BatchNorm follow every batch in
    train mode, and soon no longer fit the loaded weights; weight decay and momentum go on moving parameters that still
    have a gradient of zeros.

    ## Example
    ```python
    backbone.requires_grad_(False)
    model.train()
    ```

    Use instead:
    ```python
    backbone.requires_grad_(False)
    model.train()
    backbone.eval()  # after each model.train()
    ```

    ## Known problems
    To adapt only the statistics to new data is a method of its own; then the warning may be ignored.

    ## References
    - [PyTorch, BatchNorm2d](https://pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html)
    - [Keras, Transfer learning and fine-tuning](https://keras.io/guides/transfer_learning/)
    """
    frozen = [p for p in run.rows(Parameter) if not p.requires_grad]
    if not frozen:
        raise Skip("no frozen parameters were seen")
    norms = [
        f
        for f in run.rows(Forwards)
        if f.experiment == OBSERVE and f.split == TRAIN and f.training and f.frozen and f.loaded and "Norm" in f.type
        if f.calls >= min_calls
    ]
    if norms:
        names = tuple(dict.fromkeys(f.module for f in norms))
        calls = max(f.calls for f in norms)
        yield Finding(
            message=f"{names_shown(names)} ({norms[0].type}) are loaded and frozen, but ran in train mode {calls} "
            "times: their running mean and variance changed each time.",
            advice="Call `.eval()` on the frozen part after each `model.train()`, or override `train` in it.",
            where=SourceLine.of(norms[0]),
            names=names,
            evidence=(Measure("calls in train mode", calls, "0"),),
        )
    # What a loss led to in some step was frozen for a while only: for the sampling, or for the other network's turn.
    moved = [p for p in frozen if p.optimizer and p.changed and p.steps > 0 and p.reached == 0]
    if moved:
        names = tuple(p.name for p in moved)
        yield Finding(
            message=f"{names_shown(names)} have requires_grad=False, but their value changed: the optimizer "
            f"{moved[0].optimizer} holds them.",
            advice="Give the optimizer only `(p for p in model.parameters() if p.requires_grad)`, and clear gradients "
            "with `zero_grad(set_to_none=True)`.",
            where=SourceLine.of(moved[0]),
            names=names,
            evidence=(Measure("frozen parameters that changed", len(moved), "0"),),
        )
