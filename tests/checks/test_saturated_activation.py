"""saturated-activation, on shares typed by hand."""

import math

import pytest

from nndoctor import Recording, Skip
from nndoctor.records import Module, Parameter, Record, TensorStats
from nndoctor_checks.training.saturated_activation import saturated_activation


def recording(shares, *, type_="Tanh", calls=1, followed=True, root="Net") -> Recording:
    rows: list[Record] = [
        Module(name="act", type=type_, root="Net", file="t.py", line=4),
        Parameter(name="out.weight", module="out", shape=(8, 8), numel=64, root=root, order=1),
    ]
    for i, share in enumerate(shares):
        for call in range(calls):
            value = share if call == 0 else 0.0
            rows.append(TensorStats(name="act", type=type_, step=i, order=1, saturated_share=value))
        if followed:
            rows.append(TensorStats(name="out", type="Linear", step=i, order=2, std=1.0))
    return Recording.of(rows)


@pytest.mark.parametrize(
    "run", [recording([0.9] * 5), recording([0.9] * 5, calls=2), recording([0.9] * 5, type_="tanh")]
)
def test_finds_a_hidden_layer_in_its_tails(run):
    [finding] = saturated_activation(run)
    assert "90%" in finding.message
    assert finding.where.line == 4


@pytest.mark.parametrize("run", [recording([0.2] * 5), recording([0.9, 0.4, 0.3, 0.2]), recording([0.9] * 5, calls=9)])
def test_is_silent(run):
    assert saturated_activation(run) == []


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(recording([0.9] * 5, followed=False), id="the output of a good classifier"),
        pytest.param(recording([0.9] * 5, root="Critic"), id="the output of a generator"),
        pytest.param(recording([0.9] * 5, type_="Sigmoid", calls=2), id="gates of a cell"),
        pytest.param(recording([0.9] * 5, type_="softmax"), id="softmax"),
        pytest.param(recording([math.nan] * 5), id="NaN"),
        pytest.param(recording([0.9]), id="one step"),
    ],
)
def test_does_not_judge(run):
    with pytest.raises(Skip):
        saturated_activation(run)
