"""R23 no-gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, check, names_shown
from nndoctor.records import Module, Parameter
from nndoctor_checks.observed import by_segment
from nndoctor_checks.wiring import NOT_TRAINED_SYMPTOMS, in_use, steps_taken

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Sequence


@check(
    "no-gradient",
    reason="R23",
    severity=Severity.ERROR,
    needs=[Parameter],
    explains=[slug for slug in NOT_TRAINED_SYMPTOMS if slug != "vanishing-gradient"],  # that may end in exact zeros
)
def no_gradient(
    run: Recording,
    *,
    min_steps: int = 5,  # layers that start at zero block the gradient behind them in the first step only
    spare: tuple[str, ...] = ("pooler", "aux", "mask_token"),  # parts that library models compute and often ignore
) -> Iterator[Finding]:
    """A part of the model never gets a gradient, while the rest does.

    ## What it does
    Reports trainable parameters of modules that run in training, whose gradient was missing or exactly zero at every
    one of at least `min_steps` optimizer steps and whose value nothing else changed, while other parameters had a
    gradient. If all are without, `loss-detached` or another check says why. A branch that runs after all trained layers
    (its output is just not used), a loaded part and the parts named in `spare` are a warning.

    ## Why is this bad?
    The graph is cut between these layers and the loss, by `.detach()`, `.data`, `no_grad`, numpy or `torch.tensor(...)`
    in the forward pass, or a factor is always zero. The layers stay random; what follows learns to live with it.

    ## Example
    ```python
    features = self.encoder(x).detach()
    return self.head(features)
    ```

    Use instead:
    ```python
    features = self.encoder(x)
    return self.head(features)
    ```

    ## Known problems
    A bias that cancels out (a difference of two outputs, a normalisation behind it) is left alone. A part that is
    trained only in some later iteration, or whose output is used only for another task, is reported.

    ## References
    - [PyTorch, Autograd mechanics](https://pytorch.org/docs/stable/notes/autograd.html)
    """
    for segment, rows in by_segment(run.rows(Parameter)).items():
        counts = steps_taken(run, segment)
        used = [p for p in in_use(run, segment, rows) if p.requires_grad]
        without = [p for p in used if p.gradient_steps == 0 and not p.changed and _due(p, rows, counts, min_steps)]
        learning = [p for p in used if p.gradient_steps > 0]
        if not learning:
            continue
        modules = {m.name: m for m in run.rows(Module) if m.segment == segment}
        without = [p for p in without if not _cancels(p, learning)]
        for idle in (False, True):  # what is cut off and what merely idles are different faults
            group = [p for p in without if _idle(p, learning, modules, spare) is idle]
            if group:
                yield _finding(group, learning, modules, idle=idle)


def _due(p: Parameter, rows: Sequence[Parameter], counts: Counter[str], min_steps: int) -> bool:
    """Whether enough steps were made that should have used this parameter's gradient."""
    if not counts and not any(other.optimizer for other in rows):
        return p.steps >= min_steps  # no optimizer at all: updated by hand
    own = counts[p.optimizer] if counts else p.steps
    return bool(p.optimizer) and p.steps >= min_steps and own >= min_steps


def _cancels(p: Parameter, learning: Sequence[Parameter]) -> bool:
    """Whether it is a bias that the loss reaches and cannot feel, though its layer's weight learns.

    A difference of two outputs of one layer, a softmax over it or a normalisation after it removes what is added.
    """
    return len(p.shape) == 1 and p.reached > 0 and any(other.module == p.module for other in learning)


def _idle(p: Parameter, learning: Sequence[Parameter], modules: dict[str, Module], spare: tuple[str, ...]) -> bool:
    """Whether the parameter may be without a gradient because the program does not need it."""
    owner = modules.get(p.module)
    unsure = p.reached == 0 and owner is not None and owner.children > 0  # its owner ran, it may not have taken part
    after = p.order > max(other.order for other in learning)
    return p.loaded or after or unsure or any(word in p.name.lower() for word in spare)


def _finding(
    group: Sequence[Parameter], learning: Sequence[Parameter], modules: dict[str, Module], *, idle: bool
) -> Finding:
    last = max(group, key=lambda p: p.order)  # nearest to the cut
    cut = all(p.reached == 0 for p in group) and any(p.walked > 0 for p in group)
    owners = tuple(dict.fromkeys(p.module or p.name for p in group))
    if idle:
        advice = "Check whether its output should be used; if not, remove the part or freeze it."
    elif cut:
        advice = f"Look behind `{last.module or last.name}` for `.detach()`, `.data`, `no_grad`, numpy or a new tensor."
    else:
        advice = f"Look behind `{last.module or last.name}` for a factor that is always zero, or units that never fire."
    why = "the loss does not depend on them" if cut else "the gradient that arrives is exactly zero"
    return Finding(
        message=f"{len(group)} trainable parameters, of {names_shown(owners)}, had no gradient at any of {last.steps} "
        f"steps ({why}), while {len(learning)} others had one.",
        advice=advice,
        where=SourceLine.of(modules.get(last.module)) or SourceLine.of(last),
        names=tuple(p.name for p in group),
        evidence=(
            Measure("steps with a gradient", 0, f"{last.steps}"),
            Measure("steps in which the loss depended on them", max(p.reached for p in group), f"{last.walked}"),
        ),
        severity=Severity.WARNING if idle else None,
        certain=not idle,
    )
