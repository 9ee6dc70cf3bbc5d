"""loss-detached, on recordings typed by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nndoctor import Finding, Recording, Skip
from nndoctor.records import Backward, Event, LossCall, Parameter, Record
from nndoctor_checks.implementation.loss_detached import loss_detached

TEXT = "element 0 of tensors does not require grad and does not have a grad_fn"
WEIGHT = Parameter(name="fc.weight", shape=(4, 4), numel=16, changed=False)


def found(*records: Record) -> list[Finding]:
    return loss_detached(Recording.of(records))


def unreached(steps: int = 3) -> list[Record]:
    return [Backward(step=s, reached=0, leaves=1, file="train.py", line=9) for s in range(steps)]


def test_backward_failed() -> None:
    [finding] = found(
        LossCall(function="l1_loss", input_dtype="int64", requires_grad=False),
        Backward(failed=TEXT, file="train.py", line=3),
        Event(kind="exception", text=f"RuntimeError: {TEXT}"),
    )
    assert "int64" in finding.message
    assert str(finding.where) == "train.py:3"


def test_only_the_exception_is_known() -> None:
    [finding] = found(Event(kind="exception", text=f"RuntimeError: {TEXT}", file="a.py", line=1))
    assert finding.where is not None


def test_backward_reaches_nothing() -> None:
    [finding] = found(WEIGHT, *unreached(), LossCall(function="mse_loss", step=2, requires_grad=False))
    assert "none of the 1 trainable" in finding.message
    assert "carried no graph" in finding.message


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([WEIGHT, Backward(reached=4), Backward(step=1, reached=4)], id="healthy"),
        pytest.param([WEIGHT, *unreached(), *[Backward(step=s, reached=2) for s in range(3)]], id="two losses"),
        pytest.param([WEIGHT, *unreached(1)], id="one step is not enough"),
        pytest.param([WEIGHT, Backward(), Backward(step=1)], id="graph not walked"),
        pytest.param([*unreached()], id="no trainable parameter: an image is optimised"),
        pytest.param([replace(WEIGHT, changed=True), *unreached()], id="parameters are updated otherwise"),
        pytest.param([WEIGHT, Backward(failed="out of memory"), Backward(step=1, reached=1)], id="another failure"),
        pytest.param([WEIGHT, *[Backward(step=s, reached=1) for s in range(9)], Backward(failed=TEXT)], id="caught"),
    ],
)
def test_is_silent(records: list[Record]) -> None:
    assert found(*records) == []


def test_skips_without_backward() -> None:
    with pytest.raises(Skip, match="no backward"):
        found(WEIGHT)
