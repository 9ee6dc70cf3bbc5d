"""wrong-loss-for-target, on recordings typed by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from nndoctor import Finding, Recording, Severity
from nndoctor.records import Batch, LossCall, Step
from nndoctor_checks.implementation.wrong_loss_for_target import wrong_loss_for_target

LABELS = Batch(role="target", dtype="int64", shape=(32,), min=0, max=4)


def found(call: LossCall, *others: Batch) -> list[Finding]:
    steps = [Step(step=i, batch_size=32) for i in range(4)]
    calls = [replace(call, step=i) for i in range(4)]
    return wrong_loss_for_target(Recording.of([*steps, *calls, *others]))


def call(function: str, **wishes: object) -> LossCall:
    known = {"input_shape": (32, 5), "target_shape": (32, 5), "target_integral": True, "target_min": 0.0,
             "target_max": 1.0, "file": "a.py", "line": 7}  # fmt: skip
    return LossCall(**{"function": function, **known, **wishes})


@pytest.mark.parametrize(
    ("sick", "text"),
    [
        pytest.param(call("cross_entropy", input_shape=(32, 1)), "one output column", id="a single column"),
        pytest.param(call("cross_entropy", input_shape=(32,), target_shape=(32,)), "over the batch", id="no column"),
        pytest.param(call("kl_div", input_max=0.8, unit_interval=True), "probabilities up to 0.8", id="kl of softmax"),
        pytest.param(call("kl_div", input_max=3.1), "values up to 3.1", id="kl of logits"),
        pytest.param(call("binary_cross_entropy_with_logits", target_max=4.0), "gets 4 as target", id="classes"),
        pytest.param(call("binary_cross_entropy_with_logits", target_min=-1.0), "gets -1 as target", id="signs"),
        pytest.param(call("soft_margin_loss"), "gets 0 and 1 as targets; it knows 1 and -1", id="soft margin"),
        pytest.param(call("hinge_embedding_loss"), "gets 0 and 1 as targets; it knows 1 and -1", id="hinge"),
    ],
)
def test_finds(sick: LossCall, text: str) -> None:
    [finding] = found(sick)
    assert text in finding.message
    assert finding.severity is None
    assert str(finding.where) == "a.py:7"


def test_a_pair_may_be_masked_with_zero() -> None:
    [finding] = found(call("margin_ranking_loss"))
    assert finding.severity is Severity.WARNING
    assert not found(call("cosine_embedding_loss", target_min=-1.0))
    assert not found(call("soft_margin_loss", target_min=-1.0))


@pytest.mark.parametrize("function", ["binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy"])
def test_swapped_arguments(function: str) -> None:
    [finding] = found(call(function, requires_grad=False, target_requires_grad=True))
    assert "target first" in finding.message
    assert finding.severity is None


BINARY = Batch(role="target", dtype="float32", shape=(32,), min=0, max=1)
ONE_EACH = {"input_shape": (32,), "target_shape": (32,), "target_min": 0.0, "target_max": 1.0}


def test_absolute_error_on_labels_is_a_warning_squared_error_a_note() -> None:
    [absolute] = found(call("l1_loss", **ONE_EACH), BINARY)
    [squared] = found(call("mse_loss", **ONE_EACH), BINARY)
    assert absolute.severity is Severity.WARNING
    assert squared.severity is Severity.NOTE


@pytest.mark.parametrize(
    ("healthy", "batch"),
    [
        pytest.param(call("l1_loss", **ONE_EACH, graph=("SigmoidBackward0",)), BINARY, id="of probabilities"),
        pytest.param(call("l1_loss", **{**ONE_EACH, "target_min": 1.0}), BINARY, id="one label for all: a critic"),
        pytest.param(call("l1_loss", **ONE_EACH), replace(BINARY, role=""), id="labels of the loop's own"),
        pytest.param(call("l1_loss", target_shape=(32, 64)), replace(BINARY, shape=(32, 64)), id="a mask"),
        pytest.param(call("l1_loss", **ONE_EACH, target_is_input=True), BINARY, id="an autoencoder"),
        pytest.param(call("kl_div", requires_grad=False, target_requires_grad=True), BINARY, id="reverse KL"),
        pytest.param(call("cross_entropy", target_requires_grad=True), BINARY, id="learned targets"),
    ],
)
def test_is_silent_on_what_looks_like_it(healthy: LossCall, batch: Batch) -> None:
    assert found(healthy, batch) == []


def one_kind(*labels: float, loader: bool = True) -> list[Finding]:
    """Return what is found where each step has labels of one kind, from a loader or the loop's own."""
    calls = [call("l1_loss", **{**ONE_EACH, "target_min": y, "target_max": y}, step=i) for i, y in enumerate(labels)]
    fed = [replace(BINARY, step=i, min=y, max=y) for i, y in enumerate(labels) if loader]
    return wrong_loss_for_target(Recording.of([*calls, *fed, replace(BINARY, step=len(labels))]))


def test_labels_of_sorted_data_come_one_kind_at_a_time() -> None:
    [finding] = one_kind(0, 0, 0, 1, 1)
    assert "labels that are all 0 or 1" in finding.message
    assert one_kind(0, 0, 0, 0, 0) == []
    assert one_kind(0, 1, 0, 1, 0, 1, loader=False) == []  # a critic's


def test_class_labels_in_a_regression_are_a_warning() -> None:
    [finding] = found(call("mse_loss", target_max=4.0, input_shape=(32,), target_shape=(32,)), LABELS)
    assert finding.severity is Severity.WARNING
    assert "labels from 0 to 4" in finding.message


def test_the_mark_of_padded_places_belongs_to_class_labels() -> None:
    [finding] = found(call("mse_loss", target_min=-100.0, target_max=4.0), LABELS)
    assert finding.severity is Severity.WARNING
    assert "does not leave out the -100" in finding.message


@pytest.mark.parametrize(
    "healthy",
    [
        pytest.param(call("cross_entropy"), id="several columns"),
        pytest.param(call("cross_entropy", input_shape=(5,), target_shape=(5,)), id="one sample, soft labels"),
        pytest.param(call("cross_entropy", input_shape=(5,), target_shape=()), id="one sample"),
        pytest.param(call("kl_div", input_max=0.0), id="log-probabilities"),
        pytest.param(call("kl_div", input_max=math.nan), id="not a number"),
        pytest.param(call("binary_cross_entropy_with_logits"), id="0 and 1"),
        pytest.param(call("binary_cross_entropy_with_logits", target_max=1.2, target_integral=False), id="soft labels"),
        pytest.param(call("binary_cross_entropy_with_logits", target_min=-1.0, reduction="none"), id="masked later"),
        pytest.param(call("mse_loss", target_max=4.5, target_integral=False), id="a regression"),
        pytest.param(call("mse_loss", target_max=300.0), id="whole amounts"),
        pytest.param(call("mse_loss", target_min=-90.0, target_max=4.0), id="whole amounts, also negative"),
        pytest.param(call("mse_loss", target_min=1.0, target_max=4.0), id="a rating"),
        pytest.param(call("mse_loss", target_max=1.0), id="least squares for two classes"),
    ],
)
def test_is_silent(healthy: LossCall) -> None:
    assert found(healthy, LABELS) == []


def test_whole_floats_are_amounts() -> None:
    assert found(call("mse_loss", target_max=4.0), Batch(role="target", dtype="float32", min=0, max=4)) == []
