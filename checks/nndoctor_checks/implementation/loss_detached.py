"""R18 loss-detached."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Quote, Recording, Severity, Skip, SourceLine, check
from nndoctor.records import OBSERVE, Backward, Event, LossCall, Parameter, Placed
from nndoctor_checks.observed import by_segment, observed
from nndoctor_checks.wiring import NOT_TRAINED_SYMPTOMS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FAILURE = "does not require grad and does not have a grad_fn"


@check(
    "loss-detached",
    reason="R18",
    severity=Severity.ERROR,
    needs=[],  # a script that dies at its first backward may leave nothing but the exception
    explains=[
        *NOT_TRAINED_SYMPTOMS,
        "loss-flat",
        "no-gradient",
        "optimizer-never-steps",
        "parameters-not-updating",
        "unregistered-parameters",  # a loss wrapped in a new tensor looks like a weight of nobody
    ],
)
def loss_detached(
    run: Recording,
    *,
    min_steps: int = 2,  # one step may be a warm-up pass; a graph that is cut is cut every time
) -> Iterator[Finding]:
    """The loss has no graph that leads to the trained parameters.

    ## What it does
    Reports `backward` calls that failed because the loss requires no gradient, and losses whose graph leads to none of
    the trainable parameters in any of at least `min_steps` steps in which it was walked, while no parameter changed.

    ## Why is this bad?
    `.item()`, `.data`, `.detach()`, `torch.no_grad()`, numpy, `argmax` and rounding return plain numbers that do not
    remember the weights they came from. `backward` then fails, or, if the number is wrapped in a new tensor with
    `requires_grad=True`, it runs without an error and reaches nothing: the network never learns.

    ## Example
    ```python
    loss = criterion(model(x).argmax(1).float(), y.float())
    loss.requires_grad = True
    loss.backward()
    ```

    Use instead:
    ```python
    loss = criterion(model(x), y)
    loss.backward()
    ```

    ## Known problems
    A model that is called with other weights than its own (`torch.func.functional_call` with fast weights) and whose
    own weights are not updated while watched looks the same.

    ## References
    - [PyTorch, Autograd mechanics](https://pytorch.org/docs/stable/notes/autograd.html)
    """
    backwards = observed(run, Backward)
    crash = next((e for e in run.rows(Event) if e.kind == "exception" and FAILURE in e.text), None)
    if not backwards and crash is None:
        raise Skip("no backward pass was seen")

    failed = [row for row in backwards if FAILURE in row.failed]
    if crash is not None or len(failed) > len(backwards) / 2:
        place: Placed | None = failed[-1] if failed else crash
        text = failed[-1].failed if failed else (crash.text if crash else "")
        calls = _loss_calls(run, failed[-1].segment, failed[-1].step) if failed else run.rows(LossCall)
        yield Finding(
            message=f"`backward` failed: the loss does not depend on any parameter. {_cut(calls)}",
            advice=_advice(calls),
            where=SourceLine.of(place),
            evidence=(Quote("exception", text),),
        )
        return
    for segment, rows in by_segment(backwards).items():
        yield from _reaching_nothing(run, segment, rows, min_steps)


def _reaching_nothing(run: Recording, segment: int, rows: Sequence[Backward], min_steps: int) -> Iterator[Finding]:
    """Judge by step: of several losses in one step it is enough that one reaches the model."""
    reached: defaultdict[int, int] = defaultdict(int)
    for row in rows:
        if row.reached >= 0 and not row.failed:
            reached[row.step] = max(reached[row.step], row.reached)
    trainable = [
        p for p in run.rows(Parameter) if p.segment == segment and p.registered and p.requires_grad and p.called
    ]
    if len(reached) < min_steps or any(reached.values()) or not trainable or any(p.changed for p in trainable):
        return
    calls = _loss_calls(run, segment, rows[-1].step)
    yield Finding(
        message=f"In all {len(reached)} steps looked at, `backward` reached none of the {len(trainable)} trainable "
        f"parameters. {_cut(calls)}",
        advice=_advice(calls),
        where=SourceLine.of(rows[-1]),
        evidence=(
            Measure("parameters reached", 0, f"{len(trainable)}"),
            Measure("leaves behind the loss", max(row.leaves for row in rows), "the trainable parameters"),
        ),
    )


def _loss_calls(run: Recording, segment: int, step: int) -> list[LossCall]:
    """Return the loss calls of one step, whatever their split: under no_grad they do not count as training."""
    return [c for c in run.rows(LossCall) if c.experiment == OBSERVE and c.segment == segment and c.step == step]


def _integer(call: LossCall) -> bool:
    return call.input_dtype.removeprefix("torch.").startswith(("int", "long", "uint", "bool"))


def _cut(calls: Sequence[LossCall]) -> str:
    cut = next((call for call in reversed(calls) if not call.requires_grad), None)
    if cut is None:
        return "The graph is cut between the model and `backward`."
    if _integer(cut):
        return f"The prediction reached {cut.function} as {cut.input_dtype}: argmax and rounding have no gradient."
    return f"The prediction that reached {cut.function} carried no graph any more."


def _advice(calls: Sequence[LossCall]) -> str:
    if any(not call.requires_grad and _integer(call) for call in calls):
        return "Give the loss the raw outputs of the model, not the classes chosen from them: `criterion(model(x), y)`."
    return (
        "Look between the model and the loss for `.item()`, `.data`, `.detach()`, `no_grad`, numpy, argmax or "
        "`torch.tensor(...)`, and call `backward` on the tensor that the loss function returned."
    )
