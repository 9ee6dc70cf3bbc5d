"""input-disconnected, on recordings typed by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nndoctor import Finding, Recording, Skip
from nndoctor.records import Independence, NonFinite, Parameter, Record
from nndoctor_checks.implementation.input_disconnected import input_disconnected

NET = Independence(module="Net", leaf="0", depends=False, file="net.py", line=5)
WEIGHT = Parameter(name="fc.weight", root="Net", numel=90, optimizer="SGD#0")


def found(*records: Record) -> list[Finding]:
    return input_disconnected(Recording.of(records))


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([NET], id="one model"),
        pytest.param([NET, replace(NET, leaf="1")], id="no input matters"),
        pytest.param([NET, WEIGHT, replace(NET, module="Other", depends=True)], id="a helper beside it"),
        pytest.param([NET, replace(NET, leaf="1", depends=True, loss_only=True)], id="the other is the target"),
        pytest.param([NET, WEIGHT, replace(WEIGHT, name="a", root="Other", numel=9)], id="most of what is trained"),
    ],
)
def test_an_output_that_no_input_changes(records: list[Record]) -> None:
    [finding] = found(*records)
    assert "Net" in finding.message
    assert finding.severity is None
    assert str(finding.where) == "net.py:5"


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([replace(NET, depends=True)], id="it depends"),
        pytest.param([NET, replace(NET, leaf="1", depends=True)], id="one of two inputs matters"),
        pytest.param([replace(NET, depends=True, loss_only=True)], id="nothing is known but the target"),
        pytest.param([NET, replace(NET, leaf="1", depends=True, why="ValueError: no")], id="one could not be tried"),
        pytest.param([NET, replace(NET, module="Other", depends=True)], id="one of two models, none known trained"),
        pytest.param([NET, replace(WEIGHT, root="Big")], id="not what is trained"),
        pytest.param([NET, NonFinite(step=3)], id="NaN"),
        pytest.param([replace(NET, depended=True)], id="it did when training began"),
    ],
)
def test_is_silent(records: list[Record]) -> None:
    assert found(*records) == []


def test_skips_what_could_not_be_asked() -> None:
    with pytest.raises(Skip, match="differs from call to call"):
        found(replace(NET, why="the output differs from call to call"))
