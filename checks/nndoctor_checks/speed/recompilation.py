"""P recompilation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, check
from nndoctor.records import CompiledCalls

if TYPE_CHECKING:
    from collections.abc import Iterator

GRAPHED = ("reduce-overhead", "max-autotune")
"""Modes that record a CUDA graph for each shape."""


@check("recompilation", reason="P", severity=Severity.WARNING, needs=[CompiledCalls])
def recompilation(
    run: Recording,
    *,
    share: float = 0.2,  # of the calls bring a shape that was not seen before; an epoch's last batch is one in many
) -> Iterator[Finding]:
    """The compiled model must be compiled again and again.

    ## What it does
    Counts with how many different shapes a model under `torch.compile` is called in the observed steps (which run
    eagerly, so nothing is compiled). Reports more of them than torch compiles before it gives up, where each needs a
    compilation of its own (`dynamic=False`), or a CUDA graph of its own (`mode="reduce-overhead"`: a note). By default
    torch compiles sizes as variable once they change; then only calls that differ in the number of dimensions, the
    types, the lengths of lists or in other values count.

    ## Why is this bad?
    A compilation takes seconds to minutes. After eight of them torch falls back to eager execution without an
    exception, and what was gained is lost.

    ## Example
    ```python
    model = torch.compile(model, dynamic=False)  # but the sequences of each batch are padded to their own length
    ```

    Use instead:
    ```python
    model = torch.compile(model)  # or pad to a few fixed lengths
    ```

    ## Known problems
    It infers from the calls; `TORCH_LOGS=recompiles python train.py` shows what happens. Functions that are compiled
    (not modules) are not looked at.

    ## References
    - [PyTorch, Dynamic shapes](https://pytorch.org/docs/stable/torch.compiler_dynamic_shapes.html)
    """
    for row in run.rows(CompiledCalls):
        each_shape = row.dynamic == "False"
        graphs = row.mode in GRAPHED and not each_shape
        count = row.shapes if each_shape or graphs else row.kinds
        if not (count > row.limit and row.calls > 0 and count >= share * row.calls):
            continue
        what = "shapes" if each_shape or graphs else "kinds of arguments"
        effect = "records a CUDA graph for each" if graphs else f"gives up after {row.limit} compilations"
        yield Finding(
            message=f"{row.module} under torch.compile was called with {count} different {what} in {row.calls} calls; "
            f"torch {effect}.",
            advice="Pad the batches to a few fixed sizes (`drop_last=True`, lengths rounded up), or leave "
            "`dynamic=False` out, so that sizes are compiled as variables."
            if each_shape or graphs
            else "Pass what changes as a tensor, and the same arguments in each call.",
            where=SourceLine.of(row),
            names=(row.module,),
            evidence=(Measure(f"different {what}", float(count), f"<= {row.limit}"),),
            severity=Severity.NOTE if graphs else None,
            certain=False,
        )
