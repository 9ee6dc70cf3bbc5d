"""softmax-wrong-dim, on recordings typed by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nndoctor import Recording, Severity
from nndoctor.records import SoftmaxCall
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
