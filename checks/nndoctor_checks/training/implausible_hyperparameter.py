"""R29 implausible-hyperparameter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, check, names_shown
from nndoctor.records import OBSERVE, TRAIN, Clipping, LossCall, Module, Optimizer, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

DECOUPLED = ("AdamW", "NAdamW", "Lamb", "Adafactor")
"""Optimizers whose weight decay is multiplied with the learning rate only."""
FREE = ("Lion",)
"""Optimizers whose weight decay is usually chosen far above 1, because their rates are small."""

TREATMENTS: dict[str, tuple[str, ...]] = {"p": ("no-dropout",), "label_smoothing": (), "max_norm": ("no-clipping",)}
"""By name of the hyper-parameter; those of the optimizer are set to their defaults."""


@check(
    "implausible-hyperparameter",
    reason="R29",
    severity=Severity.WARNING,
    needs=[Step],
    explains=[
        "cannot-overfit-batch",
        "collapsed-predictions",
        "fails-on-solvable-data",
        "ignores-input",
        "learning-rate-too-high",
        "learning-rate-too-low",
        "loss-flat",
        "over-regularised",
        "update-ratio",
    ],
    watched=True,
    treatments=["default-hyperparameters", "no-dropout", "no-clipping"],
)
def implausible_hyperparameter(
    run: Recording,
    *,
    momentum: float = 0.99,  # a hundred steps of memory; 0.9 to 0.95 is usual
    weight_decay: float = 0.1,  # added to the gradient (SGD, Adam); 1e-5 to 5e-3 is usual
    decoupled: float = 0.5,  # AdamW: 0.01 to 0.1 is usual, 0.2 (CLIP) and 0.3 (vision transformers) are known
    eps: float = 1e-2,  # of Adam and its like: then it is SGD for all gradients below it
    dropout: float = 0.8,  # what is kept and what is dropped are easily exchanged: TensorFlow once asked for the former
    smoothing: float = 0.5,  # of the labels; 0.1 is usual
    clip: float = 1e-4,  # the norm of all gradients together; 0.5 to 5 is usual
) -> Iterator[Finding]:
    """A hyper-parameter has a value that hardly anybody uses.

    ## What it does
    Reads momentum, betas, eps and weight decay of the optimizers, the rates of the dropout layers that run, the label
    smoothing and the norm that gradients are clipped to, and reports those outside of what is known to work.

    ## Why is this bad?
    Most such values are slips: a share to keep where the share to drop is asked for, two arguments exchanged, a zero
    too few. The training then runs, and is slow or stops at a poor result, without an error message.

    ## Example
    ```python
    self.drop = nn.Dropout(0.9)  # meant to keep 90 %
    ```

    Use instead:
    ```python
    self.drop = nn.Dropout(0.1)
    ```

    ## Known problems
    Recipes with such values exist, for example an eps of 0.1 to 1 for Inception networks with RMSprop (not reported:
    only Adam and its like are looked at). If it is meant, the warning may be ignored.

    ## References
    - Goodfellow, Bengio, Courville, Deep Learning, chapter 11.4 (selecting hyperparameters)
    - Srivastava et al., Dropout, JMLR 2014 (rates of 0.2 to 0.5)
    """
    for row in run.rows(Optimizer):
        yield from _of_optimizer(row, momentum=momentum, plain=weight_decay, decoupled=decoupled, eps=eps)
    layers = [m for m in run.rows(Module) if m.dropout >= dropout and m.calls > 0]
    if layers:
        rate = max(m.dropout for m in layers)
        names = tuple(dict.fromkeys(m.name for m in layers))
        advice = f"`p` is the share that is dropped, not the share that is kept: nn.Dropout({max(0.0, 1 - rate):.2g})?"
        yield _finding(f"The dropout of {names_shown(names)}", "p", rate, f"< {dropout:g}", advice, layers[0], names)
    calls = [c for c in run.rows(LossCall) if c.experiment == OBSERVE and c.split == TRAIN]
    smooth = [c for c in calls if smoothing < c.label_smoothing <= 1]
    if smooth:
        value = smooth[0].label_smoothing
        yield _finding(
            smooth[0].function,
            "label_smoothing",
            value,
            f"<= {smoothing:g}",
            "Use 0.1 or none: above 0.5 the wrong classes together weigh as much as the right one.",
            smooth[0],
        )
    clipped = [c for c in run.rows(Clipping) if 0 <= c.max_norm <= clip]
    if clipped:
        advice = "Clip to about the norm that the gradients usually have, often 1."
        yield _finding("Clipping of the gradients", "max_norm", clipped[0].max_norm, f"> {clip:g}", advice, clipped[0])


def _of_optimizer(row: Optimizer, *, momentum: float, plain: float, decoupled: float, eps: float) -> Iterator[Finding]:
    most = decoupled if row.type in DECOUPLED else plain
    if row.momentum > momentum:
        yield _finding(row.type, "momentum", row.momentum, f"<= {momentum:g}", "Use 0.9 to 0.95.", row)
    if row.weight_decay > most and row.type not in FREE:
        advice = "Use 0 to find out whether the network learns, then 1e-5 to 1e-2, with AdamW up to 0.1."
        yield _finding(row.type, "weight_decay", row.weight_decay, f"<= {most:g}", advice, row)
    if row.eps >= eps and "Adam" in row.type:
        yield _finding(row.type, "eps", row.eps, f"< {eps:g}", "Use 1e-8, in half precision 1e-6.", row)
    if row.beta1 > row.beta2 or row.beta1 > momentum:
        yield _finding(
            row.type, "beta1", row.beta1, f"<= {momentum:g}, and below beta2 ({row.beta2:g})",
            "Use `betas=(0.9, 0.999)`: the first is that of the momentum.", row,
        )  # fmt: skip


def _finding(
    what: str,
    name: str,
    value: float,
    expected: str,
    advice: str,
    row: Optimizer | Module | LossCall | Clipping,
    names: tuple[str, ...] = (),
) -> Finding:
    return Finding(
        message=f"{what} has {name}={value:g}; {expected} is usual.",
        advice=advice,
        where=SourceLine.of(row),
        names=names or ((row.name,) if isinstance(row, Optimizer) and row.name else ()),
        evidence=(Measure(name, value, expected),),
        treatments=TREATMENTS.get(name, ("default-hyperparameters",)),
    )
