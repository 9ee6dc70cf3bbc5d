"""A rule of the house, as a check of nndoctor: everybody here uses AdamW or SGD with momentum."""

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, check
from nndoctor.records import Optimizer


@check("house-optimizer", reason="HOUSE", severity=Severity.WARNING, needs=[Optimizer])
def house_optimizer(run: Recording, *, least: float = 0.5):
    """SGD runs without the momentum that the house agreed on.

    ## What it does
    Reports each SGD whose momentum is below `least`.

    ## Why is this bad?
    Our schedules are tuned for momentum 0.9; without it they are ten times too slow.

    ## Example
    ```python
    torch.optim.SGD(model.parameters(), lr=0.1)
    ```

    Use instead:
    ```python
    torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    ```

    ## Known problems
    None.

    ## References
    - The house
    """
    for row in run.rows(Optimizer):
        if row.type == "SGD" and row.momentum < least:  # a NaN (unknown) is not below
            yield Finding(
                message=f"{row.name} has a momentum of {row.momentum:g}; {least:g} or more is the rule of the house.",
                advice="Give it `momentum=0.9`.",
                where=SourceLine.of(row),
                names=(row.name,),
                evidence=(Measure("momentum", row.momentum, f">= {least:g}"),),
            )
