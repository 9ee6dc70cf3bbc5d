"""R14 weights-not-loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Evidence, Finding, Measure, Quote, Recording, Severity, SourceLine, check
from nndoctor.records import LoadedWeights

if TYPE_CHECKING:
    from collections.abc import Iterator


@check(
    "weights-not-loaded",
    reason="R14",
    severity=Severity.ERROR,
    needs=[LoadedWeights],
    explains=["few-examples", "frozen-parameters", "initial-loss", "learning-rate-too-low", "needs-more-time"],
)
def weights_not_loaded(
    run: Recording,
    *,
    few: float = 0.1,  # of the names; a head that was exchanged leaves most of both sides matched
    some: float = 0.5,
    lost: float = 0.5,  # of the loaded parameters; a new head takes the last one or two
) -> Iterator[Finding]:
    """Weights that were to be loaded are not in the model.

    ## What it does
    Compares the names in each state dict that the script loads with those of the module, and the loaded values with
    those in the next training step. It is an error if hardly a name matches (`few`, on both sides; below `some` a
    warning), if the loaded parameters were set to other values before training began, or if all tensors of the state
    dict are the module's own memory, so that loading changes nothing.

    ## Why is this bad?
    With `strict=False` a state dict whose names all have another prefix is ignored without a word, and the network
    trains from scratch, or its frozen part stays random. `state_dict()` returns references: a "best" state kept
    without a copy goes on training, and is always the latest.

    ## Example
    ```python
    if score > best:
        best, best_state = score, model.state_dict()
    ...
    model.load_state_dict(best_state)
    ```

    Use instead:
    ```python
    if score > best:
        best, best_state = score, copy.deepcopy(model.state_dict())
    ...
    model.load_state_dict(best_state)
    ```

    ## Known problems
    Weights that are copied in without `load_state_dict` are not seen. What a script does after nndoctor has ended it
    (a long run's last lines) is not seen either.

    ## References
    - [PyTorch, Saving and Loading Models](https://pytorch.org/tutorials/beginner/saving_loading_models.html)
    """
    for row in run.rows(LoadedWeights):
        if row.own < 1:
            continue
        share = max(row.matched / row.keys if row.keys else 0.0, row.matched / row.own)
        if share < some:
            yield _unmatched(row, share, severe=share < few and row.keys > 0)
        elif row.matched > 0 and row.aliased >= row.matched:
            yield Finding(
                message=f"All {row.aliased} tensors of the state dict that is loaded into {row.module} are the "
                "module's own memory: loading it changes nothing.",
                advice="Keep a copy when you save it: `best_state = copy.deepcopy(model.state_dict())`. "
                "`state_dict()` returns references, which training goes on changing.",
                where=SourceLine.of(row),
                names=(row.module,),
                evidence=(Measure("tensors that are the module's own", row.aliased, "0"),),
                explains=frozenset(),
            )
        elif row.parameters > 0 and not row.trained and row.overwritten >= lost * row.parameters:
            yield Finding(
                message=f"{row.overwritten} of {row.parameters} parameters that were loaded into {row.module} had "
                "other values when training began: something has initialised them anew.",
                advice="Load after the model is complete: call `init_weights`, `apply` and `reset_parameters` first, "
                "`load_state_dict` last.",
                where=SourceLine.of(row),
                names=(row.module,),
                evidence=(Measure("loaded parameters with other values", row.overwritten, "those of a new head"),),
            )


def _unmatched(row: LoadedWeights, share: float, *, severe: bool) -> Finding:
    evidence: list[Evidence] = [Measure("share of names that match", share, ">= 0.5")]
    if row.example:
        evidence.append(Quote("in the state dict", row.example))
    if row.own_example:
        evidence.append(Quote("in the model", row.own_example))
    what = "The state dict" if row.keys else "The state dict is empty: it"
    return Finding(
        message=f"{what} gave {row.module} {row.matched} of its {row.own} tensors ({row.keys} names in it), and "
        "nothing was said, because of strict=False.",
        advice="Print `model.load_state_dict(state, strict=False)`: it lists missing and unexpected keys. Take off "
        'what the names begin with (`{k.removeprefix("module."): v for k, v in state.items()}`), or take the right '
        'entry of the checkpoint (`checkpoint["model"]`).',
        where=SourceLine.of(row),
        names=(row.module,),
        evidence=tuple(evidence),
        severity=None if severe else Severity.WARNING,
        certain=severe,
    )
