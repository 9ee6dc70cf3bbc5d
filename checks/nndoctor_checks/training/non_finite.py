"""R37 non-finite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Quote, Recording, Severity, SourceLine, check, curve
from nndoctor.records import COAST, OBSERVE, OVERFIT, Backward, LossCall, NonFinite, Placed, Step
from nndoctor_checks.numerics import accidents, first_bad_loss, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOKED_AT = (OBSERVE, COAST, OVERFIT)
"""Experiments at the user's own learning rate."""

ADVICE = {
    "log": "Keep its argument above zero: `torch.log(x.clamp(min=1e-8))`, or use the function that does both steps in "
    "one (`log_softmax`, `logsigmoid`, `logsumexp`, `log1p`, `cross_entropy`, `binary_cross_entropy_with_logits`).",
    "sqrt": "The slope of a root at 0 is infinite: add a small number inside it, `torch.sqrt(x + 1e-8)`.",
    "norm": "The slope of a norm at 0 is not defined: add a small number inside, "
    "`torch.sqrt(x.square().sum(-1) + 1e-8)`.",
    "div": "Guard the denominator: `x / y.clamp(min=1e-8)`, or leave out the elements where it is 0 "
    "(in both branches of a `torch.where`).",
    "pow": "Keep its base above zero: `x.clamp(min=1e-8) ** p`. At 0 a power below 1 has no slope, below 0 no value.",
    "exp": "Take the largest value off before the exponential, `torch.exp(x - x.max())`, clamp its argument, or use "
    "the stable function (`softmax`, `logsumexp`, `softplus`).",
    "softmax": "A row that is masked out altogether has no softmax: leave at least one position open, or mask with a "
    "large negative number instead of `-inf`.",
}
SAME_AS = {
    "rsqrt": "sqrt", "std": "sqrt", "var": "sqrt", "cdist": "norm", "linalgvectornorm": "norm", "normalize": "norm",
    "true_divide": "div", "truediv": "div", "reciprocal": "div", "remainder": "div", "fmod": "div",
    "cosinesimilarity": "div", "cosine_similarity": "div", "log2": "log", "log10": "log", "log1p": "log",
    "nll_loss": "log", "xlogy": "log", "expm1": "exp", "sinh": "exp", "cosh": "exp", "logsoftmax": "softmax",
    "log_softmax": "softmax",
}  # fmt: skip
BY_PHASE = {
    "data": "It was in the batch before the model saw it: clean the data, and check with `torch.isfinite(x).all()`.",
    "weights": "It was in a parameter before the first step: look at how it is initialised or loaded "
    "(`torch.empty` leaves memory as it is, a division by a standard deviation of 0 gives Inf).",
    "optimizer": "The gradients were finite and the update was not: lower the learning rate, clip the gradients with "
    "`torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)`, and keep the optimizer's `eps` above 0.",
}
OVERFLOW = (
    "The numbers grew until they overflowed: lower the learning rate, check the scale of inputs and weights, or "
    "clip the gradients with `torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)`."
)
TRACE = (
    "Run the step again under `torch.autograd.set_detect_anomaly(True)` and print `torch.isfinite(t).all()` of the "
    "tensors on the way to the loss."
)


@check(
    "non-finite",
    reason="R37",
    severity=Severity.ERROR,
    needs=[Step],
    explains=[
        "batch-mixing",
        "cannot-overfit-batch",
        "collapsed-predictions",
        "dead-relu",
        "fails-on-solvable-data",
        "diverging",
        "ignores-input",
        "initial-loss",
        "input-disconnected",
        "loss-flat",
        "no-gradient",
        "parameters-not-updating",
        "saturated-activation",
        "update-ratio",
        "vanishing-gradient",
    ],
    watched=True,
    relief=["drop-non-finite", "learning-rate-x0.1", "clip-gradients", "float32"],
)
def non_finite(
    run: Recording,
    *,
    experiments: tuple[str, ...] = LOOKED_AT,  # those at the user's own learning rate
) -> Iterator[Finding]:
    """A NaN or an infinity turned up in training.

    ## What it does
    Reports the first NaN or Inf of each phase of the script, traced to its origin by repeating the run up to it: the
    step, the operation, the module, the line, and what went in. Steps that a GradScaler skipped do not count. What
    came up only in the experiment on one batch is a warning: your own batches have not met it yet.

    ## Why is this bad?
    One NaN spreads through the sum of a loss into every gradient, and with the next step into every weight. From there
    on nothing is trained. The place where it first shows (the loss) is rarely the place where it came from.

    ## Example
    ```python
    loss = -torch.log(p[range(n), y]).mean()
    ```

    Use instead:
    ```python
    loss = nn.functional.cross_entropy(logits, y)
    ```

    ## Known problems
    If it does not occur again in the repeated run, only the step is known. Programs that test for NaN and skip the
    batch are reported where the loss was nevertheless passed to `backward`.

    ## References
    - [PyTorch, Autograd mechanics](https://pytorch.org/docs/stable/notes/autograd.html) (non-differentiable functions)
    - Goldberg, What Every Computer Scientist Should Know About Floating-Point Arithmetic, 1991
    """
    for segment in dict.fromkeys(s.segment for s in run.rows(Step)):
        traced = accidents(run, segment, experiments)
        if traced:
            yield _traced(run, traced[0])
            continue
        for experiment in experiments:
            bad = first_bad_loss(run, experiment, segment)
            if bad is not None and not _caught(run, bad):
                yield _untraced(run, bad)
                break


def _traced(run: Recording, row: NonFinite) -> Finding:
    word = "Inf" if row.what == "inf" else "NaN"
    operation = plain(row.operation) or "an operation"
    inside = f" in `{row.module}`" if row.module else ""
    origin = {
        "data": f"was in the batch{_of(row.tensor)}",
        "weights": f"was in the parameter{_of(row.tensor)} before the first step",
        "forward": f"came out of `{operation}`{inside}",
        "backward": f"came out of the gradient of `{operation}`{inside}, whose result was finite",
        "optimizer": f"came with the optimizer's update{_of(row.tensor)}; the gradients were finite",
    }.get(row.phase, "appeared, and did not appear again when the steps were repeated")
    fed = f" It was fed: {row.inputs}." if row.inputs else ""
    quotes = (Quote("line", row.code),) if row.code else ()
    return Finding(
        message=f"The first {word} {origin}, in step {row.step}{_when(row.experiment)}.{fed}",
        advice=_advice(row),
        where=SourceLine.of(row) or SourceLine.of(_loss_line(run, row)),
        names=tuple(n for n in (row.module, row.tensor) if n),
        evidence=(Measure("step", row.step, "none"), *quotes),
        severity=Severity.WARNING if row.experiment == OVERFIT else None,
        certain=row.phase != "unknown",
        since=_since(row),
    )


def _advice(row: NonFinite) -> str:
    if row.phase in BY_PHASE:
        return BY_PHASE[row.phase]
    if row.phase not in ("forward", "backward"):
        return TRACE
    name = plain(row.operation)
    return ADVICE.get(SAME_AS.get(name, name), OVERFLOW)


def _of(tensor: str) -> str:
    return f" `{tensor}`" if tensor else ""


def _when(experiment: str) -> str:
    return " of the experiment that repeats one batch" if experiment == OVERFIT else ""


def _caught(run: Recording, bad: Step) -> bool:
    """Whether a GradScaler found it and skipped the step."""
    rows = run.rows(NonFinite)
    return any(
        r.harmless and (r.experiment, r.segment, r.step) == (bad.experiment, bad.segment, bad.step) for r in rows
    )


def _untraced(run: Recording, bad: Step) -> Finding:
    steps = [s for s in run.rows(Step) if s.experiment == bad.experiment and s.segment == bad.segment]
    later = [s for s in steps if s.step > bad.step and s.backwards > 0]
    recovered = any(s.loss - s.loss == 0 for s in later)
    known = [s for s in steps if s.step < bad.step]
    return Finding(
        message=f"The loss passed to `backward` was {bad.loss} in step {bad.step}{_when(bad.experiment)}; where it "
        "came from is not known.",
        advice=TRACE,
        where=SourceLine.of(_loss_line(run, bad)),
        evidence=(
            Measure("step", bad.step, "none"),
            curve("loss before", [s.step for s in known], [s.loss for s in known]),
        ),
        severity=Severity.WARNING if recovered or bad.experiment == OVERFIT else None,
        certain=False,
        since=_since(bad),
    )


def _since(row: NonFinite | Step) -> tuple[int, int]:
    """Return when it came up in the training. When it would have there is not known of one in an experiment."""
    return (row.segment, row.step) if row.experiment == OBSERVE else (row.segment, 0)


def _loss_line(run: Recording, at: NonFinite | Step) -> Placed | None:
    """Return the loss call, or else the backward call, of that step."""
    places: list[Placed] = [*run.rows(LossCall), *run.rows(Backward)]
    here = [p for p in places if (p.experiment, p.segment, p.step) == (at.experiment, at.segment, at.step) and p.file]
    return here[0] if here else None
