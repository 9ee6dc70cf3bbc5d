"""softmax-wrong-dim, on recordings typed by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nndoctor import Recording, Severity
from nndoctor.records import LossCall, SoftmaxCall
from nndoctor_checks.implementation.softmax_wrong_dim import softmax_wrong_dim

CALL = SoftmaxCall(
    name="pool.softmax",
    dim=0,
    shape=(32, 20),
    batch_dim=0,
    batch_size=32,
    batch_from_loader=True,
    count=40,
    file="model.py",
    line=9,
)


def test_reports_the_shape_and_the_place() -> None:
    [finding] = softmax_wrong_dim(Recording.of([CALL]))
    assert "(32, 20)" in finding.message
    assert "dim=1" in finding.advice
    assert finding.severity is None
    assert str(finding.where) == "model.py:9"


def test_without_a_loader_it_is_a_warning() -> None:
    [finding] = softmax_wrong_dim(Recording.of([replace(CALL, batch_from_loader=False)]))
    assert finding.severity is Severity.WARNING


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(replace(CALL, dim=1), id="over the classes"),
        pytest.param(replace(CALL, batch_dim=-1), id="the batch dimension is not certain"),
        pytest.param(replace(CALL, shape=(32, 32)), id="contrastive: both ways"),
        pytest.param(replace(CALL, shape=(32,)), id="weights of the samples"),
        pytest.param(replace(CALL, shape=(1, 20), batch_size=1), id="one sample"),
        pytest.param(replace(CALL, shape=(200, 20)), id="a bag of instances, not the batch"),
    ],
)
def test_is_silent(call: SoftmaxCall) -> None:
    assert softmax_wrong_dim(Recording.of([call])) == []


TOKENS = replace(CALL, name="log_softmax", function="log_softmax", shape=(2048, 36), batch_dim=-1)
NLL = LossCall(
    function="nll_loss",
    input_shape=(2048, 36),
    target_shape=(2048,),
    graph=("ViewBackward0", "LogSoftmaxBackward0", "ViewBackward0", "AddmmBackward0"),
    file="train.py",
    line=12,
)


def test_rows_that_are_samples_and_positions_joined() -> None:
    """The batch is in no dimension by itself; that the classes' probabilities do not sum to 1 tells the fault."""
    [finding] = softmax_wrong_dim(Recording.of([TOKENS, NLL, replace(NLL, step=1)]))
    assert "dimension 0" in finding.message
    assert "dim=1" in finding.advice
    assert finding.severity is None
    assert str(finding.where) == "model.py:9"


def test_one_fault_is_told_once() -> None:
    [_] = softmax_wrong_dim(Recording.of([CALL, replace(TOKENS, line=10), NLL]))


ATTENTION = replace(CALL, name="attn.softmax", shape=(32, 4, 17, 17), dim=2, summed_dim=3, scores=True)


def test_attention_in_which_the_queries_are_chosen_from() -> None:
    [finding] = softmax_wrong_dim(Recording.of([ATTENTION]))
    assert "sums over dimension 3" in finding.message
    assert "dim=-1" in finding.advice
    assert finding.severity is Severity.WARNING
    for fine in (replace(ATTENTION, dim=3), replace(ATTENTION, summed_dim=-1), replace(ATTENTION, dim=2, summed_dim=2)):
        assert softmax_wrong_dim(Recording.of([fine])) == []


def test_a_matrix_that_spreads_what_it_is_given() -> None:
    """The topics of a mixture, or transitions between states: each row is a distribution, the sum goes over rows."""
    topics = replace(CALL, name="softmax", shape=(8, 200), dim=1, batch_dim=-1, summed_dim=0)
    transitions = replace(ATTENTION, scores=False)
    assert softmax_wrong_dim(Recording.of([topics, transitions])) == []


def test_attention_beside_a_softmax_over_the_batch_is_told_as_well() -> None:
    assert len(softmax_wrong_dim(Recording.of([CALL, ATTENTION]))) == 2


@pytest.mark.parametrize(
    ("call", "loss"),
    [
        pytest.param(replace(TOKENS, dim=1), replace(NLL, log_probabilities=True), id="over the classes"),
        pytest.param(replace(TOKENS, dim=1), NLL, id="over the classes, in numbers too coarse to sum to 1"),
        pytest.param(TOKENS, replace(NLL, log_probabilities=True), id="probabilities all the same"),
        pytest.param(TOKENS, replace(NLL, graph=("MulBackward0", "LogSoftmaxBackward0")), id="weighted: focal loss"),
        pytest.param(TOKENS, replace(NLL, input_shape=(64, 10)), id="another loss"),
        pytest.param(TOKENS, replace(NLL, function="kl_div"), id="no loss of classes"),
        pytest.param(replace(TOKENS, shape=(64, 64)), replace(NLL, input_shape=(64, 64)), id="contrastive: both ways"),
    ],
)
def test_a_normalised_loss_is_left_alone(call: SoftmaxCall, loss: LossCall) -> None:
    assert softmax_wrong_dim(Recording.of([call, loss])) == []
