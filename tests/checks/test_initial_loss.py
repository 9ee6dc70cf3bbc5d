"""initial-loss, on recordings typed by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from nndoctor import Finding, Recording, Severity
from nndoctor.records import COAST, Batch, Event, LossCall, NonFinite, Parameter, Record, Step
from nndoctor_checks.implementation.initial_loss import initial_loss

CE = LossCall(
    function="cross_entropy",
    value=9.0,
    prior_loss=2.25,
    uniform_loss=math.log(10),
    input_shape=(32, 10),
    target_shape=(32,),
    classes=10,
    file="train.py",
    line=7,
)
MSE = LossCall(
    function="mse_loss",
    value=5.0,
    prior_loss=1.0,
    input_shape=(32, 1),
    target_shape=(32, 1),
    target_min=-2.0,
    target_max=2.0,
)


def found(*records: Record) -> list[Finding]:
    return initial_loss(Recording.of(records))


def test_reports_the_number_and_the_place() -> None:
    [finding] = found(CE, replace(CE, step=1, value=2.0))
    assert "9" in finding.message
    assert "2.3" in finding.message
    assert str(finding.where) == "train.py:7"


def test_reports_predictions_that_are_far_too_large() -> None:
    [finding] = found(replace(MSE, value=50.0))
    assert finding.severity is None
    assert "larger than the targets" in finding.message


@pytest.mark.parametrize(("mean", "severity"), [(2.0, Severity.NOTE), (20.0, None)])
def test_far_off_targets(mean: float, severity: Severity | None) -> None:
    call = replace(MSE, value=mean * mean + 1.0, target_min=mean - 2, target_max=mean + 2)
    [finding] = found(call, Batch(role="target", mean=mean, std=1.0))
    assert finding.severity == severity
    assert "far from 0" in finding.message


def test_the_micro_batches_of_the_first_step_are_averaged() -> None:
    assert found(replace(CE, value=5.0))
    assert not found(replace(CE, value=5.0), replace(CE, value=2.3), replace(CE, value=2.3), replace(CE, value=2.3))


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([replace(CE, value=2.4)], id="at chance"),
        pytest.param([replace(CE, value=3.3)], id="a He-initialised last layer"),
        pytest.param([replace(CE, value=0.1)], id="lower than a guess"),
        pytest.param([replace(CE, value=math.nan)], id="NaN"),
        pytest.param([replace(CE, reduction="sum")], id="a sum"),
        pytest.param([replace(CE, input_shape=(32, 32))], id="contrastive"),
        pytest.param([replace(CE, experiment=COAST)], id="not the start"),
        pytest.param([replace(CE, split="validation")], id="validation"),
        pytest.param([CE, Parameter(name="a", loaded=True)], id="fine-tuning"),
        pytest.param([CE, Event(kind="loaded")], id="a state dict was loaded"),
        pytest.param([replace(CE, segment=1), Parameter(name="a"), Parameter(name="a", segment=1)], id="second phase"),
        pytest.param([Step(step=0, parameters_changed=True), replace(CE, step=3)], id="first called later"),
        pytest.param([CE, NonFinite()], id="everything is NaN"),
        pytest.param([replace(CE, function="nll_loss")], id="not log-probabilities: another check"),
        pytest.param([replace(CE, function="binary_cross_entropy_with_logits", weighted=True)], id="pos_weight"),
        pytest.param([replace(MSE, value=1.4)], id="variance of the output added"),
        pytest.param([replace(MSE, prior_loss=0.0)], id="LSGAN: a constant target"),
        pytest.param([replace(MSE, target_shape=(4, 1))], id="too few targets for a variance"),
    ],
)
def test_is_silent(records: list[Record]) -> None:
    assert found(*records) == []


def test_a_last_layer_of_two_classes_may_be_noisy_in_a_small_batch() -> None:
    small = replace(CE, uniform_loss=math.log(2), prior_loss=math.log(2), input_shape=(4, 2), value=1.3)
    assert not found(small)
    assert found(replace(small, input_shape=(400, 2)))
