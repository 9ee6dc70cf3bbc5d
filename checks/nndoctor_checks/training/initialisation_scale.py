"""R28 initialisation-scale."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, Table, check, names_shown
from nndoctor.records import Parameter, TensorStats
from nndoctor_checks.tensors import by_root, is_layer, matrices, sampled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CHANGE = 10.0
"""Between the first layer and the last: else it is the input that is large or small."""
SATURATED = 0.5
"""More than half of a hidden tanh or sigmoid in its flat tails before the first step: the weights are too large."""
STATE_FLAT = 2.7
"""Std of a sum at which half of a tanh lies in its flat tails, beyond 0.95: atanh(0.95) / 0.674. A sigmoid gate follows
at twice that."""

RECURRENT_ADVICE = (
    "Leave PyTorch's own initialisation, or use `nn.init.orthogonal_(rnn.weight_hh_l0)` for the recurrent weights and "
    "`nn.init.xavier_uniform_(rnn.weight_ih_l0)` for the others."
)


@check(
    "initialisation-scale",
    reason="R28",
    severity=Severity.WARNING,
    needs=[Parameter, TensorStats],
    explains=[
        "cannot-overfit-batch",
        "collapsed-predictions",
        "dead-relu",
        "exploding-gradient",
        "fails-on-solvable-data",
        "ignores-input",
        "initial-loss",
        "input-disconnected",
        "learning-rate-too-high",
        "learning-rate-too-low",
        "loss-flat",
        "no-gradient",
        "non-finite",
        "parameters-not-updating",
        "saturated-activation",
        "update-ratio",
        "vanishing-gradient",
    ],
    treatments=["reinitialise"],
)
def initialisation_scale(
    run: Recording,
    *,
    largest: float = 100.0,  # std of a signal that began near 1: two orders of magnitude on the way through the net
    smallest: float = 0.01,  # the same the other way
    off: float = 3.0,  # times Xavier and He in std, i.e. 9 in variance; PyTorch's own uniform is 1.7 to 2.4 below
) -> Iterator[Finding]:
    """The initial weights are so large or so small that the signal explodes or dies on its way through the network.

    ## What it does
    In the first training step, compares the std of the outputs of linear and convolutional layers in the order of the
    forward pass, and the std of their weights with Xavier's and He's. Reports a model in which most weights are off
    both by more than `off` and with a visible effect: outputs that grew beyond `largest` or, in at least two hidden
    layers up to the last one, shrank below `smallest`, or a hidden tanh or sigmoid that is saturated before the first
    step. Recurrent weights (`weight_hh`) of an RNN, LSTM or GRU are compared with 1 / sqrt(hidden size), the std of
    orthogonal ones, and reported if what they make of the hidden state puts more than half of the next one's tanh in
    its flat tails; or if they and those of the input are nine times smaller than PyTorch's own and the output vanishes.
    Loaded weights, layers that start at zero and layers whose output is normalised are left out.

    ## Why is this bad?
    Each layer multiplies the std of its input by about std(w) * sqrt(fan_in). A factor that differs from 1 acts once
    per layer, on the signal going forwards and on the gradient going back: after six layers 8 has become 260,000. Then
    the first loss is huge and the gradients with it, or all outputs are equal and no gradient arrives.

    ## Example
    ```python
    nn.init.normal_(layer.weight, std=1.0)
    ```

    Use instead:
    ```python
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    ```

    ## Known problems
    Residual branches that are scaled down on purpose are not told from others; they do not fire alone, since the
    layers after them see the sum. Networks of one hidden layer are judged only by outputs that are too large.

    ## References
    - [He et al., Delving Deep into Rectifiers, 2015](https://arxiv.org/abs/1502.01852)
    - Glorot, Bengio, Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010
    - Pascanu, Mikolov, Bengio, On the difficulty of training recurrent neural networks, ICML 2013
    """
    judged = False
    for segment in dict.fromkeys(p.segment for p in run.rows(Parameter)):
        first = _first_outputs(run, segment)
        for weights in by_root(matrices(run, segment)).values():
            if recurrent := [w for w in weights if _is_recurrent(w) and w.module in first]:
                judged = True
                yield from _recurrent(recurrent, first, off)
                yield from _faint(recurrent, weights, first, smallest, off)
            layers = [w for w in weights if is_layer(w) and 0 < w.std < math.inf and w.fan_in > 1 and not w.loaded]
            known = [(w, first[w.module].std) for w in layers if w.module in first and first[w.module].std < math.inf]
            if len(known) < 2 or len(layers) < len([w for w in weights if is_layer(w)]) / 2:
                continue  # a single layer has no depth, a loaded model no initialisation
            judged = True
            if effect := _effect(run, segment, known, (smallest, largest), off):
                yield _finding(known, effect, (smallest, largest))
    if not judged:
        raise Skip("fewer than two layers with weights of their own were seen in the first step")


def _first_outputs(run: Recording, segment: int) -> dict[str, TensorStats]:
    """Return the statistics of each module's output in the first sampled step, if that was the first one at all."""
    rows = [t for t in run.rows(TensorStats) if t.segment == segment and t.kind == "activation"]
    begin = min((t.step for t in rows), default=0)
    return {name: t[0] for name, t in sampled(run, "activation", segment).items() if t[0].step == begin}


def _is_recurrent(weight: Parameter) -> bool:
    """Whether it takes the hidden state of an RNN, LSTM or GRU of torch's, or of a cell, to the next step."""
    own = weight.name.rpartition(".")[2].startswith("weight_hh")
    return own and not weight.loaded and weight.fan_in > 1 and 0 < weight.std < math.inf


def _recurrent(weights: Sequence[Parameter], first: dict[str, TensorStats], off: float) -> Iterator[Finding]:
    """Report recurrent weights that are too large for the hidden state that was seen.

    Independent weights with a std of 1 / sqrt(n) keep the size of n hidden units from step to step, as orthogonal ones
    do; those of PyTorch are 1.7 below. Small or zero ones are healthy: what enters does so by other weights.
    """
    rows = []
    for w in weights:
        gain = w.std * math.sqrt(w.fan_in)
        size = gain * math.hypot(first[w.module].std, first[w.module].mean)
        if gain > off and STATE_FLAT < size < math.inf:
            rows.append((w, gain, size))
    if not rows:
        return
    worst, gain, size = max(rows, key=lambda row: row[2])
    names = tuple(w.name for w, _, _ in rows)
    yield Finding(
        message=f"The initial weights of {names_shown(names)} have a std that is {gain:.3g} times 1 / sqrt(hidden "
        f"size); what they make of the hidden state has a std of about {size:.3g} in the first steps, and a tanh "
        "is flat beyond 1.8, a sigmoid beyond 3.7.",
        advice=RECURRENT_ADVICE,
        where=SourceLine.of(worst),
        names=names,
        evidence=(
            Measure(f"std of {worst.name}", worst.std, f"about {1 / math.sqrt(worst.fan_in):.3g}"),
            Measure("std of the sum over the hidden units", size, f"<= {STATE_FLAT:g}"),
        ),
    )


def _faint(
    recurrent: Sequence[Parameter],
    weights: Sequence[Parameter],
    first: dict[str, TensorStats],
    smallest: float,
    off: float,
) -> Iterator[Finding]:
    """Report recurrent layers whose weights for the input and for the hidden state are both so small that neither acts.

    They are compared with PyTorch's own, whose std is 1 / sqrt(3 * hidden size), and may be off twice: a std of 0.01 is
    in use for small layers.
    """
    named = {w.name: w for w in weights}
    pairs = [(w, named.get(w.name.replace("weight_hh", "weight_ih"))) for w in recurrent]
    rows = [
        (w, enters, max(w.std, enters.std) * math.sqrt(3 * w.fan_in), first[w.module].std)
        for w, enters in pairs
        if enters is not None and enters.std > 0 and not enters.loaded
    ]
    faint = [row for row in rows if row[2] < off**-2 and row[3] < smallest]
    if not faint or len(faint) < len(recurrent):
        return
    worst, enters, factor, size = min(faint, key=lambda row: row[2])
    names = tuple(name for w, e, _, _ in faint for name in (e.name, w.name))
    yield Finding(
        message=f"The initial weights of {names_shown(names)} have a std that is {1 / factor:.3g} times smaller than "
        f"PyTorch's own, for the input and for the hidden state, and in the first step the output has a std of "
        f"{size:.3g}.",
        advice=RECURRENT_ADVICE,
        where=SourceLine.of(worst),
        names=names,
        evidence=(
            Measure(f"std of {enters.name}", enters.std, f"about {1 / math.sqrt(3 * worst.fan_in):.3g}"),
            Measure(f"std of the output of {worst.module}", size, f">= {smallest:g}"),
        ),
    )


def _factor(weight: Parameter) -> float:
    """Return how far the std of a weight is above He's (> 1) or below Xavier's (< 1); 1 in between."""
    he = math.sqrt(2 / weight.fan_in)
    xavier = math.sqrt(2 / (weight.fan_in + weight.fan_out)) if weight.fan_out > 0 else he
    low, high = min(he, xavier), max(he, xavier)
    return weight.std / high if weight.std > high else weight.std / low if weight.std < low else 1.0


def _effect(
    run: Recording,
    segment: int,
    known: Sequence[tuple[Parameter, float]],
    limits: tuple[float, float],
    off: float,
) -> str:
    """Return what the weights did to the signal, empty if nothing that shows."""
    smallest, largest = limits
    hidden = [(w, std) for w, std in known[:-1] if std > 0]  # what starts at zero says nothing about the others
    factor = median(_factor(w) for w, _ in known[:-1])
    stds = [std for _, std in known]
    begin = hidden[0][1] if hidden else math.nan
    if factor > off and max(stds) > largest and max(stds) > CHANGE * min(begin, stds[0]):
        return f"the std of their outputs grew from {begin:.3g} in the first layer to {max(stds):.3g}"
    if factor > off and _saturated(run, segment):
        return "a hidden tanh or sigmoid was saturated before the first step"
    last = [std for _, std in hidden[-2:]]
    tiny = len(last) == 2 and max(last) < smallest and (begin < smallest or begin > CHANGE * last[-1])
    if factor < 1 / off and tiny:
        return f"the std of their outputs shrank from {begin:.3g} in the first layer to {last[-1]:.3g}"
    return ""


def _saturated(run: Recording, segment: int) -> bool:
    rows = (t[0] for t in sampled(run, "activation", segment).values())
    flat = [t.saturated_share for t in rows if t.type.lower() in ("tanh", "sigmoid")]
    return len(flat) > 0 and flat[0] > SATURATED


def _finding(known: Sequence[tuple[Parameter, float]], effect: str, limits: tuple[float, float]) -> Finding:
    weights = [w for w, _ in known]
    factor = median(_factor(w) for w in weights[:-1])
    size = f"{factor:.3g} times larger than He's" if factor > 1 else f"{1 / factor:.3g} times smaller than Xavier's"
    names = tuple(w.name for w in weights)
    worst = max(weights[:-1], key=lambda w: abs(math.log(_factor(w))))
    rows = tuple((w.name, f"{w.std:.3g}", f"{math.sqrt(2 / w.fan_in):.3g}", f"{std:.3g}") for w, std in known[:20])
    return Finding(
        message=f"The initial weights of {names_shown(names)} have a std that is {size} (median), and in the first "
        f"step "
        f"{effect}.",
        advice="Leave PyTorch's own initialisation, or scale by the number of inputs: "
        '`nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")` before a ReLU, '
        "`nn.init.xavier_uniform_(layer.weight)` before a tanh or sigmoid.",
        where=SourceLine.of(worst),
        names=names,
        evidence=(
            Measure("std of the last layer's output", known[-1][1], f"{limits[0]:g} to {limits[1]:g}"),
            Measure(f"std of {worst.name}", worst.std, f"about {math.sqrt(2 / worst.fan_in):.3g} (He)"),
            Table("Layers in the first step", ("weight", "std", "He", "std of the output"), rows),
        ),
    )
