"""What kind of accident made the first NaN or Inf: a formula with a hole in it, or numbers that grew too large."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nndoctor.records import OBSERVE, NonFinite, Step

if TYPE_CHECKING:
    from nndoctor import Recording

HOLES = (
    "log", "log2", "log10", "log1p", "sqrt", "rsqrt", "div", "pow", "reciprocal", "norm", "linalgvectornorm", "std",
    "var", "acos", "asin", "atanh", "atan2", "cosinesimilarity", "cosine_similarity", "normalize", "true_divide",
    "truediv", "cdist", "softmax", "xlogy", "remainder", "fmod",
)  # fmt: skip
"""Operations that are undefined, or without a slope, at some finite inputs."""


def plain(operation: str) -> str:
    """Return an operation's name in one form: `SqrtBackward0`, `sqrt_` and `aten::sqrt` are `sqrt`."""
    name = operation.rpartition("::")[2].rpartition(".")[2].lower().strip("_")
    name = name.partition("backward")[0]
    return name.removeprefix("_").removeprefix("foreach_")


def has_hole(row: NonFinite) -> bool:
    """Whether the operation itself is the fault: it was fed a value at which it is not defined."""
    return row.phase in ("forward", "backward") and plain(row.operation) in HOLES


def accidents(run: Recording, segment: int, experiments: tuple[str, ...] = (OBSERVE,)) -> list[NonFinite]:
    """Return the first NaN or Inf of a segment, as traced, without those that a GradScaler caught."""
    rows = [r for r in run.rows(NonFinite) if r.segment == segment and r.experiment in experiments and not r.harmless]
    return sorted(rows, key=lambda r: (experiments.index(r.experiment), r.step))


def first_bad_loss(run: Recording, experiment: str, segment: int) -> Step | None:
    """Return the first training step whose loss was NaN or Inf."""
    return next(
        (
            s
            for s in run.rows(Step)
            if s.experiment == experiment and s.segment == segment and s.backwards > 0 and not math.isfinite(s.loss)
        ),
        None,
    )
