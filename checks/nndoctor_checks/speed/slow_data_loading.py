"""P slow-data-loading."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check
from nndoctor.records import OBSERVE, Loader, Step
from nndoctor_checks.observed import by_segment

if TYPE_CHECKING:
    from collections.abc import Iterator

WARM_UP = 3
"""Steps that are left out: caches are empty, workers begin, kernels are chosen."""


@check("slow-data-loading", reason="P", severity=Severity.NOTE, needs=[Step], watched=True)
def slow_data_loading(
    run: Recording,
    *,
    share: float = 0.5,  # of the time of a step, spent waiting for its batch
    tiny: float = 0.002,  # seconds of a step below which nothing is worth speeding up
    long: float = 0.02,  # seconds of waiting for one batch: more than collating small tensors takes
    min_steps: int = 10,
) -> Iterator[Finding]:
    """The loop waits for its data more than it computes.

    ## What it does
    Compares the time that each step waits for the DataLoader with the time of the whole step, by the median over the
    observed steps. Reports more than half of it: as a warning where a batch takes more than `long`, else as a note.

    ## Why is this bad?
    The model stands idle for that time. A faster machine or a smaller model will not make the training faster.

    ## Example
    ```python
    loader = DataLoader(images, batch_size=64, shuffle=True)
    ```

    Use instead:
    ```python
    loader = DataLoader(images, batch_size=64, shuffle=True, num_workers=4, persistent_workers=True)
    ```

    ## Known problems
    The observation itself takes time, which counts as computing: loops just below the limit are not seen. Loops without
    a DataLoader are not judged.

    ## References
    - [PyTorch, Performance Tuning Guide](https://pytorch.org/tutorials/recipes/recipes/tuning_guide.html)
    """
    judged = False
    steps = [s for s in run.rows(Step) if s.experiment == OBSERVE and s.loader and s.step >= WARM_UP]
    for rows in by_segment(steps).values():
        pairs = [(s.data_seconds, s.data_seconds + s.compute_seconds) for s in rows]
        known = [(wait, whole) for wait, whole in pairs if 0 <= wait <= whole and 0 < whole < math.inf]
        if len(known) < min_steps:
            continue
        judged = True
        wait, whole = median(w for w, _ in known), median(t for _, t in known)
        part = median(w / t for w, t in known)
        if part > share and whole > tiny:
            loader = next((r for r in run.rows(Loader) if r.name == rows[0].loader), None)
            workers = loader.workers if loader is not None else 0
            advice = (
                "Give the DataLoader workers (`num_workers=4, persistent_workers=True`), or do once what the data set "
                "does for every sample (decode, resize, normalise) and keep the result."
                if workers == 0
                else f"Raise `num_workers` above {workers}, or make the data set cheaper: decode and resize once."
            )
            yield Finding(
                message=f"A step waited {1000 * wait:.3g} ms for its batch, {part:.0%} of its {1000 * whole:.3g} ms "
                f"(median of {len(known)} steps, {workers} workers).",
                advice=advice,
                where=SourceLine.of(loader),
                names=(rows[0].loader,),
                evidence=(Measure("waiting / time of a step", part, f"<= {share:g}"),),
                severity=Severity.WARNING if wait > long else None,
            )
    if not judged:
        raise Skip("too few steps fed by a DataLoader were timed")
