"""backward-never-called, on recordings typed by hand."""

from __future__ import annotations

import pytest

from nndoctor import Finding, Recording, Skip
from nndoctor.records import Backward, OptimizerStep, Record
from nndoctor_checks.procedure.backward_never_called import backward_never_called


def found(*records: Record) -> list[Finding]:
    return backward_never_called(Recording.of(records))


def steps(count: int = 10, backwards: int = 0, gradients: int = 0) -> list[Record]:
    return [
        OptimizerStep(step=i, optimizer="SGD#0", parameters=4, backwards=backwards, with_gradient=gradients,
                      file="train.py", line=18)
        for i in range(count)
    ]  # fmt: skip


def test_reports_steps_without_gradients() -> None:
    [finding] = found(*steps())
    assert "SGD#0 stepped 10 times" in finding.message
    assert str(finding.where) == "train.py:18"
    assert finding.severity is None


@pytest.mark.parametrize(
    "records",
    [
        pytest.param(steps(backwards=1, gradients=4), id="healthy"),
        pytest.param(steps(backwards=3), id="in the closure of LBFGS"),
        pytest.param(steps(gradients=4), id="gradients set by hand"),
        pytest.param([*steps(), Backward()], id="it is called"),
    ],
)
def test_is_silent(records: list[Record]) -> None:
    assert found(*records) == []


def test_skips_with_few_steps() -> None:
    with pytest.raises(Skip):
        found(*steps(2))
