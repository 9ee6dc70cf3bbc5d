"""R28 symmetric-initialisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, Table, check, names_shown
from nndoctor.records import OBSERVE, Parameter, Step
from nndoctor_checks.numerics import accidents

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROUNDING = 1e-5
"""Spread of a tensor that holds one number, relative to it: what float32 leaves of a sum of squares."""


@check(
    "symmetric-initialisation",
    reason="R28",
    severity=Severity.ERROR,
    needs=[Parameter],
    explains=[
        "activation-mean",  # equal weights of one sign
        "cannot-overfit-batch",
        "collapsed-predictions",
        "dead-relu",
        "exploding-gradient",
        "fails-on-solvable-data",
        "ignores-input",
        "initial-loss",
        "initialisation-scale",
        "input-disconnected",
        "learning-rate-too-high",
        "learning-rate-too-low",
        "loss-flat",
        "no-gradient",
        "parameters-not-updating",
        "saturated-activation",
        "update-ratio",
        "vanishing-gradient",
    ],
    treatments=["reinitialise"],
)
def symmetric_initialisation(
    run: Recording,
    *,
    min_steps: int = 5,  # layers behind a zero-initialised one get their first gradient in step 1, or 2 with a warm-up
    gates: int = 4,  # of an LSTM: nothing in common use puts more of them into one matrix
) -> Iterator[Finding]:
    """All units of a layer start as copies of each other and stay so.

    ## What it does
    Compares the rows of each trainable weight matrix (one per output unit) before training and after the observed
    steps. Reports layers whose rows were all equal at the start and are all equal still, after at least `min_steps`
    steps in which the network was trained. Where one matrix holds the weights of several gates (a GRU has three, an
    LSTM four), the units of each gate are copies: one vector at the start, no more than `gates` at the end. A last
    layer or a residual branch that starts at zero is fine: its units get different gradients and separate at once.
    Where no parameter got a gradient, it is told only if all weight matrices are zeros.
    Where dropout has driven them apart since, it is a warning if all weight matrices of the model started as constants.

    ## Why is this bad?
    Units with the same weights give the same output and so get the same gradient. They move together forever: a layer
    of 512 such units can express no more than a layer of one. With all weights at zero, no gradient passes at all.

    ## Example
    ```python
    nn.init.constant_(layer.weight, 0.05)
    ```

    Use instead:
    ```python
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    ```

    ## Known problems
    Dropout can drive equal units apart; single layers of a model that begin so badly are not reported then. Layers that
    do not train at all for another reason and are constant on purpose look the same.

    ## References
    - Goodfellow, Bengio, Courville, Deep Learning, 2016, section 8.4 (parameter initialisation strategies)
    """
    judged = False
    for segment in dict.fromkeys(p.segment for p in run.rows(Parameter)):
        rows = [p for p in run.rows(Parameter) if p.segment == segment]
        trains = any(p.changed for p in rows if p.requires_grad) or _no_gradient_for_zeros(rows)
        if _steps_taken(run, segment) < min_steps or not trains:
            continue  # nothing trains: equal units had no chance to separate
        judged = True
        owned = any(p.optimizer for p in rows)
        broken = bool(accidents(run, segment))  # rows full of NaN tell nothing about zeros that would have separated
        same = [
            p for p in rows if _symmetric(p, gates) and (p.optimizer or not owned) and not (broken and p.absmax == 0)
        ]
        constants = [] if same else _all_constant(rows)
        if same:
            yield _finding(same, rows)
        elif constants:
            yield _separated(constants)
    if not judged:
        raise Skip("too few training steps were seen for units to separate")


def _steps_taken(run: Recording, segment: int) -> int:
    steps = (s for s in run.rows(Step) if s.experiment == OBSERVE and s.segment == segment)
    return sum(s.backwards > 0 for s in steps)


def _no_gradient_for_zeros(rows: Sequence[Parameter]) -> bool:
    """Whether nothing trains because of zeros: each weight matrix is zero and in the graph of the loss, without effect.

    Where the last layer is the transposed embedding, or has no bias, no parameter at all gets a gradient.
    """
    trainable = [p for p in rows if p.requires_grad and p.called]
    matrices = [p for p in trainable if len(p.shape) >= 2 and p.numel > 1]
    dead = all(p.gradient_steps == 0 for p in trainable)
    return dead and len(matrices) >= 2 and all(p.absmax == 0 and p.reached > 0 and not p.loaded for p in matrices)


def _symmetric(p: Parameter, gates: int) -> bool:
    """Whether a weight matrix has several units, and only one kind of them from start to end (one for each gate)."""
    if not p.requires_grad or not p.called or p.loaded or "Norm" in p.module_type:
        return False
    if p.walked > 0 and p.reached == 0:
        return False  # cut off from the loss: another fault, which keeps it as it is
    rows_are_vectors = p.numel > p.units  # a column of gates starts constant by design
    # Rows of zeros of which a few have changed are an embedding, or classes of which a few were seen.
    fused = p.absmax > 0 and not p.module_type.startswith("Embedding") and p.units >= 4 * gates
    kinds = gates if fused else 1
    return p.units >= 2 and rows_are_vectors and p.distinct_units == 1 and p.distinct_units_end <= kinds


def _all_constant(rows: Sequence[Parameter]) -> list[Parameter]:
    """Return the weight matrices of a model if each of them, two at least, started as one number other than 0."""
    matrices = [p for p in rows if p.requires_grad and p.called and len(p.shape) >= 2 and p.numel > 1]
    constant = [p for p in matrices if not p.loaded and p.absmax > 0 and p.std <= ROUNDING * p.absmax]
    several = any(p.units >= 2 and p.distinct_units == 1 for p in constant)
    return constant if len(constant) == len(matrices) >= 2 and several else []


def _separated(constants: Sequence[Parameter]) -> Finding:
    names = tuple(p.name for p in constants)
    return Finding(
        message=f"All {len(names)} weight matrices ({names_shown(names)}) started as constants, so that all units of a "
        "layer were copies of each other; what set them apart since is chance (dropout), not what they see.",
        advice="Draw the weights at random: leave PyTorch's own initialisation, or write "
        '`nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")`. Only biases may start at zero.',
        where=SourceLine.of(constants[0]),
        names=names,
        evidence=(Measure("spread of the initial weights", max(p.std for p in constants), "about 1 / sqrt(fan in)"),),
        severity=Severity.WARNING,
        certain=False,
    )


def _finding(same: Sequence[Parameter], rows: Sequence[Parameter]) -> Finding:
    names = tuple(p.name for p in same)
    zero = all(p.absmax == 0 for p in same)
    value = "0" if zero else "the same vector"
    each = "layers" if all(p.distinct_units_end == 1 for p in same) else "layers or gates"
    of_all = sum(p.units >= 2 and p.numel > p.units for p in rows)
    return Finding(
        message=f"In {names_shown(names)} ({len(same)} of {of_all} weight matrices) all units started with weights of "
        f"{value} and were still copies of each other after training: each of these {each} acts as one unit.",
        advice="Draw the weights at random: leave PyTorch's own initialisation, or write "
        '`nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")`. Only biases may start at zero.',
        where=SourceLine.of(same[0]),
        names=names,
        evidence=(
            Measure(
                "different units after training",
                max(p.distinct_units_end for p in same),
                f"up to {max(p.units for p in same)}",
            ),
            Table(
                "Layers of equal units",
                ("weight", "units", "different at the start", "different at the end"),
                tuple((p.name, str(p.units), str(p.distinct_units), str(p.distinct_units_end)) for p in same[:20]),
            ),
        ),
    )
