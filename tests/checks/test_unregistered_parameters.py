"""unregistered-parameters, on recordings typed by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nndoctor import Finding, Recording, Severity
from nndoctor.records import Batch, Module, Parameter, Record
from nndoctor_checks.implementation.unregistered_parameters import unregistered_parameters

ROOT = Module(name="Net", root="Net", calls=40)
HIDDEN = Module(name="hidden.0", root="Net", calls=40, parameters=64, registered=False, file="model.py", line=5)
WEIGHT = Parameter(
    name="hidden.0.weight",
    module="hidden.0",
    root="Net",
    numel=64,
    registered=False,
    changed=False,
    reached=9,
    walked=9,
)
LEAF = replace(WEIGHT, name="points", module="", root="", shape=(50, 1))


def found(*records: Record) -> list[Finding]:
    return unregistered_parameters(Recording.of([ROOT, *records]))


def test_reports_layers_in_a_list() -> None:
    [finding] = found(HIDDEN, WEIGHT)
    assert finding.severity is None
    assert "64 weights" in finding.message
    assert str(finding.where) == "model.py:5"


def test_reports_a_module_of_which_no_parameter_is_known() -> None:
    [finding] = found(HIDDEN)
    assert finding.severity is None


def test_reports_a_plain_tensor() -> None:
    [finding] = found(replace(WEIGHT, name="position", module="Net"))
    assert finding.severity is None
    assert finding.names == ("position",)


def test_a_layer_built_in_forward_gets_other_advice() -> None:
    [finding] = found(replace(HIDDEN, made_in_forward=40), WEIGHT)
    assert "__init__" in finding.advice


def test_only_warns_if_an_optimizer_holds_them_or_the_owner_is_unknown() -> None:
    [finding] = found(HIDDEN, replace(WEIGHT, optimizer="Adam#0", changed=True))
    assert finding.severity is Severity.WARNING
    [finding] = found(replace(LEAF, shape=()), Batch(shape=(32, 8)))
    assert finding.severity is Severity.WARNING


def test_a_tensor_of_nobody_that_is_always_used_is_an_error() -> None:
    [finding] = found(LEAF, Batch(shape=(32, 8)))
    assert finding.severity is None


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([replace(HIDDEN, registered=True), replace(WEIGHT, registered=True)], id="registered"),
        pytest.param([HIDDEN, replace(WEIGHT, requires_grad=False)], id="a hidden network that is not trained"),
        pytest.param([HIDDEN, replace(WEIGHT, loaded=True)], id="loaded"),
        pytest.param([replace(HIDDEN, loaded=True)], id="loaded, parameters unknown"),
        pytest.param([replace(HIDDEN, parameters=0)], id="an activation"),
        pytest.param([replace(LEAF, reached=1), Batch(shape=(32, 8))], id="gradient penalty"),
        pytest.param([replace(LEAF, reached=2), Batch(shape=(32, 8))], id="reused memory"),
        pytest.param([replace(LEAF, shape=(1, 32, 8)), Batch(shape=(32, 8))], id="first state of a recurrent network"),
        pytest.param([LEAF], id="no batch is known"),
        pytest.param([LEAF, Batch(shape=(50, 1))], id="points of a physics-informed network"),
        pytest.param([replace(LEAF, changed=True), Batch(shape=(32, 8))], id="updated by hand"),
        pytest.param([replace(LEAF, optimizer="Adam#0"), Batch(shape=(32, 8))], id="an image is optimised"),
    ],
)
def test_is_silent(records: list[Record]) -> None:
    assert found(*records) == []
