"""parameters-not-in-optimizer, on recordings typed by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nndoctor import Finding, Recording, Severity, Skip
from nndoctor.records import Optimizer, OptimizerStep, Parameter, Record
from nndoctor_checks.implementation.parameters_not_in_optimizer import parameters_not_in_optimizer

HELD = Parameter(name="head.weight", shape=(10, 32), numel=320, optimizer="Adam#0", reached=9, walked=9)
LOST = replace(HELD, name="body.weight", shape=(32, 8), numel=256, optimizer="", changed=False)
ADAM = Optimizer(name="Adam#0", type="Adam", file="train.py", line=20)
STEP = OptimizerStep(optimizer="Adam#0")


def found(*records: Record) -> list[Finding]:
    return parameters_not_in_optimizer(Recording.of(records))


def test_reports_the_parameter_and_where_the_optimizer_was_built() -> None:
    [finding] = found(HELD, LOST, ADAM, STEP)
    assert finding.severity is None
    assert finding.names == ("body.weight",)
    assert str(finding.where) == "train.py:20"
    assert "44%" in finding.message


def test_advises_to_build_the_optimizer_later() -> None:
    [finding] = found(HELD, LOST, replace(ADAM, foreign=2), STEP)
    assert "Build the optimizer after" in finding.advice


def test_loaded_weights_are_a_note_and_vectors_a_warning() -> None:
    [finding] = found(HELD, replace(LOST, loaded=True), ADAM, STEP)
    assert finding.severity is Severity.NOTE
    [finding] = found(HELD, replace(LOST, shape=(32,)), ADAM, STEP)
    assert finding.severity is Severity.WARNING


@pytest.mark.parametrize("name", ["body.weight", "auto.weight"])
def test_weights_of_an_earlier_phase_are_left_alone(name: str) -> None:
    earlier = replace(LOST, name=name, optimizer="Adam#0", changed=True)
    later = [replace(row, segment=1) for row in (HELD, LOST)]
    assert not found(earlier, *later, ADAM, replace(STEP, segment=1))


@pytest.mark.parametrize(
    "lost",
    [
        pytest.param(HELD, id="all in the optimizer"),
        pytest.param(replace(LOST, requires_grad=False), id="frozen"),
        pytest.param(replace(LOST, reached=0), id="target network under no_grad"),
        pytest.param(replace(LOST, called=False), id="not in use"),
        pytest.param(replace(LOST, changed=True), id="updated by hand"),
        pytest.param(replace(LOST, registered=False), id="another check"),
        pytest.param(replace(LOST, reached=0, walked=0), id="graph not walked"),
    ],
)
def test_is_silent(lost: Parameter) -> None:
    assert found(HELD, lost, ADAM, STEP) == []


def test_skips_without_a_step() -> None:
    with pytest.raises(Skip):
        found(HELD, LOST, ADAM)
