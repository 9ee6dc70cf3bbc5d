"""R11 batch-too-large."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check
from nndoctor.records import TRAIN, Loader, Optimizer, Step
from nndoctor_checks.observed import observed

if TYPE_CHECKING:
    from collections.abc import Iterator


@check(
    "batch-too-large",
    reason="R11",
    severity=Severity.WARNING,
    needs=[Loader, Step],
    explains=["learning-rate-too-low"],
)
def batch_too_large(
    run: Recording,
    *,
    few: float = 10.0,  # optimizer steps in an epoch
    large: int = 256,  # samples; Masters and Luschi find the best results at 32 and below
    min_size: int = 500,  # with less data, few steps an epoch are made up for by many epochs
) -> Iterator[Finding]:
    """The batches are so large that an epoch has only a few steps.

    ## What it does
    Counts the optimizer steps that an epoch of the training loader has, from its length and from how often the
    optimizer steps per batch. Warns if there are fewer than `few` although each takes at least `large` samples, in one
    batch or in several whose gradients are accumulated.
    Data sets below `min_size` samples, loops without a DataLoader and LBFGS, which wants all data at once, are exempt.

    ## Why is this bad?
    A network learns by steps, not by samples. With a twentieth of the steps it has seen as much data after an epoch
    and learned a fraction; the noise of small batches, which leads to solutions that generalise better, is missing.

    ## Example
    ```python
    loader = DataLoader(train_set, batch_size=1024, shuffle=True)  # 4,000 samples
    ```

    Use instead:
    ```python
    loader = DataLoader(train_set, batch_size=32, shuffle=True)
    ```

    ## Known problems
    Methods that compare the samples of a batch (contrastive learning) want large ones.

    ## References
    - Masters and Luschi, Revisiting Small Batch Training for Deep Neural Networks, 2018
    - Keskar et al., On Large-Batch Training for Deep Learning, ICLR 2017
    """
    if any("LBFGS" in o.type for o in run.rows(Optimizer)):
        raise Skip("LBFGS wants all data at once")
    judged = 0
    for loader in run.rows(Loader):
        steps = [s for s in observed(run, Step) if loader.name and s.loader == loader.name]
        if loader.split != TRAIN or loader.batches < 1 or len(steps) < 3:
            continue
        judged += 1
        often = sum(s.optimizer_steps for s in steps) / len(steps)
        size = max(s.batch_size for s in steps)
        number = min(1.0, often) * loader.batches
        drawn = max(loader.size, loader.drawn)
        if not 0 < number < few or drawn < min_size or often > 1 or round(size / often) < large:
            continue
        yield Finding(
            message=f"An epoch of {drawn:,} samples has only {number:.3g} optimizer steps: batches of {size}"
            + (f", and a step every {1 / often:.3g} batches." if often < 1 else "."),
            advice="Use batches of 32 to 128 samples; lower the learning rate in proportion if training gets unstable."
            + (" Accumulate the gradients of fewer batches." if often < 1 else ""),
            where=SourceLine.of(loader),
            evidence=(
                Measure("optimizer steps per epoch", number, f">= {few:g}"),
                Measure("samples per step", size / often, "32 to 128"),
            ),
        )
    if not judged:
        raise Skip("no training loader of known length was seen")
