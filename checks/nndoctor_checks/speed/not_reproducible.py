"""P not-reproducible."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check
from nndoctor.records import EvalGap

if TYPE_CHECKING:
    from collections.abc import Iterator


@check("not-reproducible", reason="P", severity=Severity.NOTE, needs=[EvalGap])
def not_reproducible(run: Recording) -> Iterator[Finding]:
    """The same step gives another result each time, although a seed is set.

    ## What it does
    Calls the model twice on one batch in train mode, both times from the same state of its buffers and of all random
    generators: Python's, NumPy's, torch's, and those that the model holds. Reports outputs that differ, in scripts that
    set torch's seed.

    ## Why is this bad?
    Two runs of the script then differ from their first step on, and what a change of a hyper-parameter did cannot be
    told from chance.

    ## Example
    ```python
    def forward(self, x):
        return self.net(x + 0.1 * torch.from_numpy(np.random.default_rng().normal(size=x.shape)).float())
    ```

    Use instead:
    ```python
    def forward(self, x):
        return self.net(x + 0.1 * torch.randn_like(x))
    ```

    ## Known problems
    A model that counts its own calls differs from call to call and may still be the same in every run, and so does one
    that draws from a seeded generator which it does not hold. Kernels that add up in no fixed order differ in the last
    digits; `torch.use_deterministic_algorithms(True)` names them.

    ## References
    - [PyTorch, Reproducibility](https://pytorch.org/docs/stable/notes/randomness.html)
    """
    rows = [row for row in run.rows(EvalGap) if 0 <= row.again < math.inf]
    if not rows:
        raise Skip("no model could be called a second time")
    if not any(row.seeded for row in rows):
        raise Skip("the script sets no seed")
    for row in rows:
        if row.seeded and 0 < row.again < math.inf:
            yield Finding(
                message=f"Two passes of one batch through {row.module}, from the same state of buffers and random "
                f"generators, differ by {row.again:.2g} of the output's norm, although a seed is set.",
                advice="Draw random numbers in `forward` from torch's own generator (`torch.randn_like(x)`), and call "
                "`torch.use_deterministic_algorithms(True)` to find kernels that add up in no fixed order.",
                where=SourceLine.of(row),
                names=(row.module,),
                evidence=(Measure("difference / norm of the output", row.again, "0"),),
            )
