"""T clipping-misuse."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, check
from nndoctor.records import Clipping
from nndoctor_checks.observed import by_segment, observed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@check(
    "clipping-misuse",
    reason="T",
    severity=Severity.WARNING,
    needs=[Clipping],
    explains=["cannot-overfit-batch", "fails-on-solvable-data", "learning-rate-too-low", "loss-flat", "update-ratio"],
    treatments=["no-clipping", "clip-gradients"],
)
def clipping_misuse(
    run: Recording,
    *,
    min_calls: int = 5,  # in as many steps
    removed: float = 0.99,  # of every gradient: then the limit, not the loss, sets the size of the steps
    always: float = 0.9,  # of the calls; the first may come before a first step or scale
) -> Iterator[Finding]:
    """Gradients are clipped at the wrong place or to almost nothing.

    ## What it does
    Reports calls of `clip_grad_norm_` after the optimizer's step instead of before it, calls on gradients that still
    hold the factor of a GradScaler, and a `max_norm` that takes away more than `removed` of the gradient in every
    step.

    ## Why is this bad?
    After the step, clipping does nothing: the exploding gradient is already in the weights. Before `unscale_`,
    gradients are thousands of times too large, so that all are clipped to a fraction of what they should be. And a
    `max_norm` far below all norms makes every step equally long, whatever the gradient says.

    ## Example
    ```python
    loss.backward()
    optimizer.step()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    ```

    Use instead:
    ```python
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    ```

    ## Known problems
    Adam and its like forget the size of gradients, so that a small `max_norm` harms them little.

    ## References
    - Pascanu, Mikolov, Bengio, On the difficulty of training recurrent neural networks, ICML 2013
    - [PyTorch, CUDA Automatic Mixed Precision examples: gradient clipping](https://pytorch.org/docs/stable/notes/amp_examples.html#gradient-clipping)
    """
    for rows in by_segment(observed(run, Clipping)).values():
        places: dict[tuple[str, int], list[Clipping]] = {}
        for row in rows:
            places.setdefault((row.file, row.line), []).append(row)
        for calls in places.values():
            if len(calls) >= min_calls:
                yield from _of_place(calls, removed, always)


def _of_place(calls: Sequence[Clipping], removed: float, always: float) -> Iterator[Finding]:
    enough = always * len(calls)
    late = [c for c in calls if c.after_step]
    scaled = [c for c in calls if c.scale > 1]
    strong = [c for c in calls if 0 < c.max_norm < (1 - removed) * c.norm and c.scale == 1]
    where = SourceLine.of(calls[0])
    if len(late) >= enough:
        yield Finding(
            message=f"Gradients were clipped after the optimizer's step in {len(late)} of {len(calls)} calls, where "
            "it has no effect.",
            advice="Call `clip_grad_norm_` between `loss.backward()` and `optimizer.step()`.",
            where=where,
            evidence=(Measure("calls after the step", len(late), "0"),),
            treatments=("clip-gradients",),
        )
    elif len(scaled) >= enough:
        scale = max(c.scale for c in scaled)
        yield Finding(
            message=f"Gradients were clipped while they were still multiplied by {scale:g}, the factor of the "
            f"GradScaler, in {len(scaled)} of {len(calls)} calls.",
            advice="Call `scaler.unscale_(optimizer)` before `clip_grad_norm_`.",
            where=where,
            evidence=(Measure("factor on the gradients", scale, "1"),),
            treatments=(),
        )
    elif len(strong) == len(calls):
        ratio = median(c.max_norm / c.norm for c in strong)
        yield Finding(
            message=f"Clipping to {calls[0].max_norm:g} left {ratio:.2%} of the gradient's norm (about "
            f"{median(c.norm for c in strong):.3g}), in all {len(calls)} calls.",
            advice="Raise `max_norm` to about the norm that gradients usually have, so that it cuts the exceptions.",
            where=where,
            evidence=(Measure("max_norm / norm", ratio, f">= {1 - removed:.2g}"),),
            treatments=("no-clipping",),
        )
