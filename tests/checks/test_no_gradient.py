"""no-gradient, on recordings typed by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nndoctor import Finding, Recording, Severity
from nndoctor.records import Module, OptimizerStep, Parameter, Record
from nndoctor_checks.implementation.no_gradient import no_gradient

FED = Parameter(
    name="head.weight", module="head", optimizer="SGD#0", order=5, steps=40, gradient_steps=40, reached=9, walked=9
)
DRY = replace(FED, name="body.weight", module="body", order=1, gradient_steps=0, reached=0, changed=False)
STEPS = [OptimizerStep(optimizer="SGD#0", step=i) for i in range(40)]
BODY = Module(name="body", file="model.py", line=6)


def found(*records: Record) -> list[Finding]:
    return no_gradient(Recording.of([*STEPS, *records]))


def test_reports_what_is_cut_off() -> None:
    [finding] = found(FED, DRY, BODY)
    assert finding.severity is None
    assert "body" in finding.message
    assert "does not depend" in finding.message
    assert str(finding.where) == "model.py:6"


def test_tells_a_zero_gradient_from_a_cut_graph() -> None:
    [finding] = found(FED, replace(DRY, reached=9))
    assert "exactly zero" in finding.message


def test_merges_all_that_is_cut_off() -> None:
    [finding] = found(FED, DRY, replace(DRY, name="body.bias"))
    assert len(finding.names) == 2


def test_updated_by_hand() -> None:
    rows = [replace(FED, optimizer=""), replace(DRY, optimizer="")]
    assert no_gradient(Recording.of(rows))


def test_a_tower_under_no_grad_does_not_count_as_called() -> None:
    dry = replace(DRY, called=False, root="Net", order=-1)
    root = Module(name="Net", root="Net", calls=40, all_calls=60, children=2)
    assert found(FED, dry, root, Module(name="body", root="Net", all_calls=60))
    assert not found(FED, dry, root, Module(name="body", root="Net", all_calls=20))  # in validation only


@pytest.mark.parametrize(
    "dry",
    [
        pytest.param(replace(DRY, order=9), id="a branch whose output is not used"),
        pytest.param(replace(DRY, name="bert.pooler.dense.weight"), id="pooler"),
        pytest.param(replace(DRY, loaded=True), id="loaded"),
    ],
)
def test_only_warns(dry: Parameter) -> None:
    [finding] = found(FED, dry)
    assert finding.severity is Severity.WARNING


def test_a_bare_parameter_of_a_container_may_not_have_been_used() -> None:
    [finding] = found(FED, DRY, replace(BODY, children=3))
    assert finding.severity is Severity.WARNING


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([FED, replace(DRY, gradient_steps=1)], id="an expert that is rarely chosen"),
        pytest.param([FED, replace(DRY, called=False)], id="not in use"),
        pytest.param([FED, replace(DRY, changed=True)], id="a copy that is updated by hand"),
        pytest.param([FED, replace(DRY, requires_grad=False)], id="frozen"),
        pytest.param([FED, replace(DRY, steps=4)], id="too few steps"),
        pytest.param([FED, replace(DRY, optimizer="")], id="in no optimizer: another check"),
        pytest.param([FED, replace(DRY, optimizer="Adam#1")], id="its optimizer has not had its turn"),
        pytest.param([replace(FED, gradient_steps=0), DRY], id="none has a gradient: another check"),
    ],
)
def test_is_silent(records: list[Record]) -> None:
    assert found(*records) == []
