"""R33 activation-mean."""

from __future__ import annotations

import math
from collections import defaultdict
from statistics import median
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, Table, check, names_shown
from nndoctor.records import Chained, Module, Parameter, TensorStats
from nndoctor_checks.tensors import LAYERS, sampled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SLOWED_DOWN = frozenset(
    {
        "cannot-overfit-batch",
        "fails-on-solvable-data",
        "ignores-input",
        "learning-rate-too-low",
        "metric-at-chance",
        "saturated-activation",
        "update-ratio",
    }
)
"""What a network looks like that learns too slowly behind its sigmoids for what the experiments have time for."""
FEWEST_LINKS = 3
"""Sampled steps in which a layer was fed by a sigmoid."""


@check(
    "activation-mean",
    reason="R33",
    severity=Severity.NOTE,
    needs=[TensorStats],
    explains=["dead-relu", "learning-rate-too-low", "saturated-activation", "update-ratio"],
    watched=True,
)
def activation_mean(
    run: Recording,
    *,
    off: float = 3.0,  # abs(mean) / std: hardly a value on the other side of zero
    extreme: float = 10.0,  # the spread between samples is a tenth of what they all share: a warning
    min_steps: int = 4,  # sampled steps
    min_values: int = 64,  # of the output: few units may well lie on one side by chance
    squashed: float = 2.0,  # the same for a sigmoid; it is 2.4 where its input is standardised
) -> Iterator[Finding]:
    """The outputs of a hidden layer lie far from zero, all on one side.

    ## What it does
    Compares mean and std of the outputs of linear and convolutional layers in the sampled steps, and reports those
    with abs(mean) > `off` x std in all of them; as a warning above `extreme`. The last layer is left out (targets may
    have a mean), as are outputs of sigmoids, ReLUs and normalisations, which are one-sided or centred by nature.

    Warns of a network in which layers that follow each other get their input straight from sigmoids (through pooling
    at most), if the mean of these is above `squashed` x std. A sigmoid that multiplies something is a gate and is not
    meant, nor is one in a branch around which the gradient finds a way (residual blocks).

    ## Why is this bad?
    What all samples share carries no information, and drowns what tells them apart: the following activation is on
    one side of its bend for all of them, and the gradients of the next layer's weights all have the same sign. Sigmoids
    between the layers do this by nature, and the slope of each is a quarter at most: they slow down what is before.

    ## Example
    ```python
    nn.init.constant_(layer.bias, 10.0)
    ```

    Use instead:
    ```python
    nn.init.zeros_(layer.bias)
    ```

    ## Known problems
    Layers that feed a gate are sometimes given a bias of some size on purpose.

    ## References
    - LeCun, Bottou, Orr, Mueller, Efficient BackProp, 1998 (sections 4.3 and 4.4: inputs of a layer should have zero
      mean, so sigmoids should be symmetric)
    - Glorot, Bengio, Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010
    """
    judged = False
    places = {m.name: m for m in run.rows(Module)}
    for segment in dict.fromkeys(t.segment for t in run.rows(TensorStats)):
        layers = {
            name: rows
            for name, rows in sampled(run, "activation", segment).items()
            if rows[0].type.startswith(LAYERS) and len(rows) >= min_steps
        }
        last = max((rows[0].order for rows in layers.values()), default=-1)
        hidden = {n: r for n, r in layers.items() if r[0].order < last and r[0].numel >= min_values}
        judged = judged or bool(hidden)
        ratios = {name: [_ratio(row) for row in rows] for name, rows in hidden.items()}
        wrong = {name: median(values) for name, values in ratios.items() if min(values) > off}
        if wrong:
            yield _finding(wrong, off, extreme, [places[n] for n in wrong if n in places])
        yield from _behind_sigmoids(run, segment, squashed)
    if not judged:
        raise Skip("no outputs of hidden linear or convolutional layers were measured in enough steps")


def _ratio(row: TensorStats) -> float:
    """Return abs(mean) / std; 0 where it cannot be judged (a constant output is another check's business)."""
    return abs(row.mean) / row.std if row.std > 0 and math.isfinite(row.mean) and math.isfinite(row.std) else 0.0


def _finding(wrong: dict[str, float], off: float, extreme: float, modules: Sequence[Module]) -> Finding:
    names = tuple(wrong)
    worst = max(wrong.values())
    return Finding(
        message=f"The outputs of {names_shown(names)} lie on one side of zero in all sampled steps: their mean is up "
        f"to {worst:.3g} times their std.",
        advice="Start biases at 0, centre the input, or normalise before the layer (BatchNorm, LayerNorm).",
        where=SourceLine.of(modules[0] if modules else None),
        names=names,
        evidence=(
            Measure("abs(mean) / std of the outputs", worst, f"<= {off:g}"),
            Table("Layers", ("layer", "abs(mean) / std"), tuple((n, f"{v:.3g}") for n, v in wrong.items())[:30]),
        ),
        severity=Severity.WARNING if worst > extreme else None,
    )


def _behind_sigmoids(run: Recording, segment: int, squashed: float) -> Iterator[Finding]:
    """Find layers in a row that are fed by sigmoids. A single one may be the output of a part of the network."""
    fed: defaultdict[str, list[Chained]] = defaultdict(list)
    roots = {m.name: m.root for m in run.rows(Module)}
    given = {p.module for p in run.rows(Parameter) if p.segment == segment and (p.loaded or not p.requires_grad)}
    for row in run.rows(Chained):
        often = row.segment == segment and row.through == "sigmoid" and row.links >= FEWEST_LINKS
        if often and row.first not in given:  # the activations of a pretrained network are not a matter of choice
            fed[roots.get(row.second, "")].append(row)
    ratios = [
        _ratio(row)
        for rows in sampled(run, "activation", segment).values()
        for row in rows
        if row.type.lower() == "sigmoid"
    ]
    typical = median(ratios) if ratios else 0.0
    for rows in fed.values():
        firsts, seconds = {row.first for row in rows}, {row.second for row in rows}
        in_series = [row for row in rows if row.second in firsts or row.first in seconds]
        layers = tuple(dict.fromkeys(row.second for row in in_series))
        if layers and typical > squashed:
            yield Finding(
                title="The layers get their input from sigmoids.",
                message=f"{names_shown(layers)} get their input from sigmoids: all of it is positive (its mean is "
                f"{typical:.2g} times its std), and of the gradient at most a quarter passes each of them.",
                advice="Use `nn.ReLU()` or `nn.GELU()` between the layers (`nn.Tanh()` is centred at least); a sigmoid "
                "belongs at the end, where a probability is wanted, and into gates.",
                where=SourceLine.of(in_series[0]),
                names=layers,
                evidence=(
                    Measure("abs(mean) / std behind the sigmoids", typical, f"<= {squashed:g}"),
                    Measure("layers fed by sigmoids", len(layers), "0 or 1"),
                ),
                severity=Severity.WARNING,
                certain=False,
                explains=SLOWED_DOWN,
            )
