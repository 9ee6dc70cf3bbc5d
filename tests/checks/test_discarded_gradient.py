"""discarded-gradient, on recordings typed by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nndoctor import Finding, Recording
from nndoctor.records import Optimizer, OptimizerStep, Parameter, PassUse, Record, Step
from nndoctor_checks.procedure.discarded_gradient import discarded_gradient

IDLE = Optimizer(name="Adam#1", file="a.py", line=3)
FED = Parameter(name="critic.weight", optimizer="Adam#1", walked=10, reached=10, changed=False)


def found(*records: Record) -> list[Finding]:
    return discarded_gradient(Recording.of(records))


def steps(count: int = 20, optimizer: str = "Adam#0") -> list[Record]:
    rows: list[Record] = [Step(step=i, loss=1.0, backwards=1, optimizer_steps=1) for i in range(count)]
    return rows + [OptimizerStep(step=i, optimizer=optimizer) for i in range(count)]


def test_a_pass_in_vain() -> None:
    [finding] = found(PassUse(file="a.py", line=9, wasted=12, parameters=4, last=0.5))
    assert str(finding.where) == "a.py:9"
    assert "each of 12 steps" in finding.message


def test_an_optimizer_that_never_steps() -> None:
    [finding] = found(*steps(), IDLE, FED)
    assert finding.names == ("critic.weight",)
    assert "Adam#1 never stepped" in finding.message


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([PassUse(wasted=4)], id="too few"),
        pytest.param([PassUse(wasted=6, used=6)], id="every other pass is used"),
        pytest.param([PassUse(used=12)], id="used"),
        pytest.param([*steps(10), IDLE, FED], id="its turn may come"),
        pytest.param([*steps(), IDLE, replace(FED, reached=2)], id="an adversary that is not asked"),
        pytest.param([*steps(), IDLE, replace(FED, changed=True)], id="changed by hand"),
        pytest.param([*steps(), IDLE, replace(FED, requires_grad=False)], id="frozen"),
        pytest.param([*steps(), *steps(1, "Adam#1"), IDLE, FED], id="it stepped once"),
        pytest.param([*steps(), IDLE], id="holds nothing that was seen"),
    ],
)
def test_is_silent(records: list[Record]) -> None:
    assert found(*records) == []
