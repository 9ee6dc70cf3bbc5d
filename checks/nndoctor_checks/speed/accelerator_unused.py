"""P accelerator-unused."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, check
from nndoctor.records import OBSERVE, Devices, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

WARM_UP = 3
"""Steps that are left out."""
NAMES = {"cuda": "a CUDA device", "mps": "an Apple GPU (mps)"}


@check("accelerator-unused", reason="P", severity=Severity.WARNING, needs=[Devices, Step])
def accelerator_unused(
    run: Recording,
    *,
    slow: float = 0.05,  # seconds of a step; moving batches to a device costs less, and small models gain nothing
) -> Iterator[Finding]:
    """The training runs on the CPU although there is an accelerator.

    ## What it does
    Looks where the trained parameters are at the end of the observed steps. Reports if all of them are on the CPU,
    torch sees a CUDA device or an Apple GPU, and a step takes `slow` or longer.

    ## Why is this bad?
    Matrix products run ten to a hundred times faster there. One of model and batches was not moved, or the device was
    not chosen.

    ## Example
    ```python
    model = Net()
    ```

    Use instead:
    ```python
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = Net().to(device)
    images, labels = images.to(device), labels.to(device)
    ```

    ## Known problems
    The time of a step includes the observation itself. Who trains on the CPU on purpose (a busy device, float64 on mps)
    can ignore it. Transfers between host and device in the midst of a step are not looked for.

    ## References
    - [PyTorch, Performance Tuning Guide](https://pytorch.org/tutorials/recipes/recipes/tuning_guide.html)
    """
    devices = run.rows(Devices)
    if not any(row.available in NAMES for row in devices):
        raise Skip("torch sees no accelerator on this machine")
    for row in devices:
        if row.available not in NAMES or row.trained_on != ("cpu",):
            continue
        times = [
            s.compute_seconds
            for s in run.rows(Step)
            if s.experiment == OBSERVE and s.segment == row.segment and s.step >= WARM_UP
        ]
        taken = median(times) if times else math.nan
        if slow <= taken < math.inf:
            yield Finding(
                message=f"All trained parameters are on the CPU, a step takes {taken:.2g} s, and torch sees "
                f"{NAMES[row.available]}.",
                advice=f'Move the model before the optimizer is built, and each batch: `model.to("{row.available}")`, '
                f'`x, y = x.to("{row.available}"), y.to("{row.available}")`.',
                evidence=(Measure("seconds of a step", taken, f"< {slow:g}"),),
            )
