"""R35 vanishing-gradient."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, Table, check, names_shown
from nndoctor.records import Parameter, TensorStats
from nndoctor_checks.tensors import by_root, gradient_sizes, matrices, update_ratios

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MIN_WEIGHTS = 4
"""A profile through the depth needs some depth."""


@dataclass(frozen=True, slots=True)
class Profile:
    """The weights of a model in forward order, with the typical size of their gradients' elements and of their updates.

    `factor` is how far the gradient falls from the last quarter to the first, `first_moves` and `last_moves` how much
    these change per step, relative to their size.
    """

    weights: tuple[Parameter, ...]
    sizes: dict[str, float]
    ratios: dict[str, float]
    factor: float
    first_moves: float
    last_moves: float


@check(
    "vanishing-gradient",
    reason="R35",
    severity=Severity.ERROR,
    needs=[Parameter, TensorStats],
    explains=[
        "cannot-overfit-batch",
        "collapsed-predictions",
        "fails-on-solvable-data",
        "ignores-input",
        "learning-rate-too-low",
        "loss-flat",
        "no-gradient",
        "parameters-not-updating",
        "update-ratio",
    ],
    watched=True,
    relief=["reinitialise"],
)
def vanishing_gradient(
    run: Recording,
    *,
    fall: float = 1e4,  # from the last layers to the first; in healthy networks the two differ by less than 100
    certain_fall: float = 1e6,  # so much is worth a word even if the optimizer makes up for it
    slow: float = 1e-5,  # update / weight; 1e-3 is usual. Adam divides by the gradient's size and may still learn
    apart: float = 50.0,  # update / weight, last layers to first; gradients below Adam's eps of 1e-8 end in such
) -> Iterator[Finding]:
    """The gradient dies on its way back to the first layers.

    ## What it does
    Takes the typical size of an element of each weight's gradient, median over the sampled steps after the first, and
    compares the last quarter of the layers with the first quarter. Reports a model in which the gradient falls by more
    than `fall` and the first layers change by less than `slow` of their size per step, or `apart` times less than the
    last. If the optimizer makes up for it (Adam), only a fall of `certain_fall` is reported, as a warning.

    ## Why is this bad?
    Going back, the gradient is multiplied at each layer by its weights and by the slope of its activation. The slope
    of a sigmoid is at most 1/4: ten of them leave less than a millionth. The first layers, which see the data, then
    stay as random as they began, and the others learn from noise.

    ## Example
    ```python
    layers += [nn.Linear(width, width), nn.Sigmoid()]
    ```

    Use instead:
    ```python
    layers += [nn.Linear(width, width), nn.LayerNorm(width), nn.ReLU()]
    ```

    ## Known problems
    The gradient through time inside a recurrent layer is not visible. Gradients that are exactly zero belong to
    `no-gradient`.

    ## References
    - Bengio, Simard, Frasconi, Learning long-term dependencies with gradient descent is difficult, IEEE TNN 1994
    - Glorot, Bengio, Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010
    """
    judged = False
    for segment in dict.fromkeys(p.segment for p in run.rows(Parameter)):
        sizes = {n: v for n, v in gradient_sizes(run, segment).items() if v > 0}
        ratios = {n: median(r for _, r in values) for n, values in update_ratios(run, segment).items()}
        for weights in by_root(matrices(run, segment)).values():
            known = [w for w in weights if w.name in sizes and "Embedding" not in w.module_type]
            if len(known) < MIN_WEIGHTS:
                continue
            judged = True
            profile = _profile(known, sizes, ratios)
            standing = profile.first_moves < max(slow, profile.last_moves / apart)
            if profile.factor > (fall if standing else certain_fall):
                yield _finding(profile, fall, None if standing else Severity.WARNING)
    if not judged:
        raise Skip(f"no model with at least {MIN_WEIGHTS} weights that get a gradient was seen")


def _profile(known: Sequence[Parameter], sizes: dict[str, float], ratios: dict[str, float]) -> Profile:
    quarter = len(known) // 4
    first, last = known[:quarter], known[-quarter:]
    moves = [[r for w in part if math.isfinite(r := ratios.get(w.name, math.nan))] for part in (first, last)]
    return Profile(
        weights=tuple(known),
        sizes=sizes,
        ratios=ratios,
        factor=median(sizes[w.name] for w in last) / max(sizes[w.name] for w in first),
        first_moves=median(moves[0]) if moves[0] else 0.0,
        last_moves=median(moves[1]) if moves[1] else 0.0,
    )


def _finding(profile: Profile, fall: float, severity: Severity | None) -> Finding:
    known, sizes, ratios = profile.weights, profile.sizes, profile.ratios
    first, last = known[0], known[-1]
    names = tuple(w.name for w in known if sizes[w.name] * fall < sizes[last.name]) or (first.name,)
    moved = ratios.get(first.name)
    update = f" `{first.name}` changes by {moved:.2g} of its size per step." if moved is not None else ""
    return Finding(
        message=f"From the last layers to the first the gradient falls by a factor of {profile.factor:.1e}: an "
        f"element of "
        f"`{last.name}` gets {sizes[last.name]:.1e}, of `{first.name}` {sizes[first.name]:.1e}.{update} Hardly "
        f"reached: {names_shown(names)}.",
        advice="Use `nn.ReLU()` or `nn.GELU()` instead of sigmoid or tanh in hidden layers, He initialisation, "
        "normalisation layers and skip connections (`x = x + block(x)`).",
        where=SourceLine.of(first),
        names=names,
        evidence=(
            Measure("gradient, last layers / first layers", profile.factor, f"<= {fall:g}"),
            Table(
                "Gradients through the depth (median over steps)",
                ("weight", "gradient per element", "update / weight"),
                tuple((w.name, f"{sizes[w.name]:.1e}", f"{ratios.get(w.name, 0.0):.1e}") for w in known[:40]),
            ),
        ),
        severity=severity,
    )
