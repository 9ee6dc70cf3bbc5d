"""activation-mean, on statistics typed by hand."""

import math

import pytest

from nndoctor import Recording, Severity, Skip
from nndoctor.records import Module, TensorStats
from nndoctor_checks.training.activation_mean import activation_mean


def outputs(name, order, *ratios, kind="Linear", numel=2048):
    return [
        TensorStats(name=name, type=kind, order=order, numel=numel, mean=r * 2.0, std=2.0, step=step, non_finite=0)
        for step, r in enumerate(ratios)
    ]


HEAD = outputs("head", 9, 0, 0, 0, 0, 0)


def test_finds_an_extreme_mean():
    rows = [*outputs("fc", 1, 20, 25, 22, 19, 20), *HEAD, Module(name="fc", file="t.py", line=7)]
    [finding] = activation_mean(Recording.of(rows))
    assert finding.severity is Severity.WARNING
    assert finding.where.line == 7


def test_is_milder_below():
    [finding] = activation_mean(Recording.of([*outputs("fc", 1, -4, -5, -4, -4, -6), *HEAD]))
    assert finding.severity is None


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(outputs("fc", 1, 0.5, 0.2, 0.1, 0.4, 1), id="centred"),
        pytest.param(outputs("fc", 1, 5, 5, 5, 1, 5), id="not in all steps"),
        pytest.param(outputs("fc", 1, 5, 5, 5, 5, math.nan), id="NaN"),
        pytest.param(outputs("out", 10, 5, 5, 5, 5, 5), id="the last layer"),
        pytest.param(outputs("act", 1, 5, 5, 5, 5, 5, kind="Sigmoid"), id="a sigmoid"),
    ],
)
def test_is_silent(rows):
    assert activation_mean(Recording.of([*outputs("first", 0, 0, 0, 0, 0, 0), *rows, *HEAD])) == []


def test_needs_hidden_layers():
    with pytest.raises(Skip):
        activation_mean(Recording.of(HEAD))
