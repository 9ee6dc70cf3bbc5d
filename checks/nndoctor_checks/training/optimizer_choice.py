"""R34 optimizer-choice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check
from nndoctor.effects import Effect, summary
from nndoctor.records import Optimizer, Trial

if TYPE_CHECKING:
    from collections.abc import Iterator

STANDARD = {"adamw": "AdamW(lr=1e-3)", "sgd-momentum": "SGD(lr=1e-2, momentum=0.9)"}


@check("optimizer-choice", reason="R34", severity=Severity.NOTE, needs=[Trial])
def optimizer_choice(run: Recording) -> Iterator[Finding]:
    """Another standard optimizer does far better on the same batches.

    ## What it does
    Reads the trials in which AdamW (learning rate 1e-3) or SGD (1e-2, momentum 0.9) stepped in the place of the
    script's own optimizer, from the same start state and on the same batches. It gives a note if that helped clearly in
    three repetitions (in two where time was short). These trials are run after those of the treatments for what was
    found, if none of them has made the run well, and with `--trials all`.

    ## Why is this bad?
    It need not be: a few steps favour optimizers that are quick at the start. But where another one gets far within the
    steps that yours stands still for, its kind, or its learning rate, is worth a second thought. Adaptive optimizers
    also forgive badly scaled inputs, losses and initialisations, so a large difference points there as well.

    ## Example
    ```python
    optimizer = torch.optim.Adadelta(model.parameters(), lr=1e-3)
    ```

    Use instead:
    ```python
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    ```

    ## Known problems
    Compares the first hundred or so steps, at the rates that are usual to begin with. Which optimizer is the better one
    at the end of the training, or after tuning, is another question.

    ## References
    - [37 reasons why your neural network is not working, no. 34](https://blog.slavv.com/37-reasons-why-your-neural-network-is-not-working-4020854bd607)
    - [Schmidt, Schneider, Hennig, Descending through a Crowded Valley, ICML 2021](https://arxiv.org/abs/2007.01547)
    """
    rows = [row for row in run.rows(Trial) if row.treatment in STANDARD and row.treated]
    if not rows:
        raise Skip("no other optimizer was tried")
    better = [(row, found) for row in rows if (found := summary(row)).effect is Effect.HELPED]
    if not better:
        return
    row, found = min(better, key=lambda pair: pair[1].treated if pair[0].metric == "loss" else -pair[1].treated)
    own = next((o for o in run.rows(Optimizer) if o.segment == row.segment), None)
    name = f"{own.type} with a learning rate of {own.lr:.3g}" if own is not None else "the script's optimizer"
    yield Finding(
        message=f"On the same batches, the {row.metric} after {row.steps} steps was {found.treated:.3g} with "
        f"{STANDARD[row.treatment]} and {found.control:.3g} with {name}, in {found.won} of {found.of} runs better.",
        advice=f"Try `torch.optim.{STANDARD[row.treatment].replace('(', '(model.parameters(), ')}`.",
        where=SourceLine.of(own),
        evidence=(
            Measure(f"{row.metric} with {row.treatment}", found.treated),
            Measure(f"{row.metric} with the script's optimizer", found.control),
        ),
    )
