"""activation-mean, on statistics typed by hand."""

import math

import pytest

from nndoctor import Recording, Severity, Skip
from nndoctor.records import Chained, Module, Parameter, Record, TensorStats
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


def fed_by_sigmoids(*links: int, ratio: float = 2.4, branches: bool = False, **fields) -> Recording:
    names = [f"fc{i}" for i in range(len(links) + 1)]
    rows: list[Record] = [
        Chained(first=f"in.{b}" if branches else a, second=b, through="sigmoid", links=n)
        for a, b, n in zip(names, names[1:], links, strict=False)
    ]
    rows += [Parameter(name=f"{n}.weight", module=n, **fields) for n in names]
    rows += outputs("act", 3, *[ratio] * 5, kind="Sigmoid")
    return Recording.of([*outputs("fc0", 1, 0, 0, 0, 0, 0), *HEAD, *rows])


def test_finds_layers_that_are_fed_by_sigmoids():
    [finding] = activation_mean(fed_by_sigmoids(11, 11))
    assert finding.severity is Severity.WARNING
    assert finding.names == ("fc1", "fc2")
    assert "2.4 times" in finding.message


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(fed_by_sigmoids(11), id="one: a code, or what another part of the network made"),
        pytest.param(fed_by_sigmoids(11, 11, branches=True), id="residual branches"),
        pytest.param(fed_by_sigmoids(11, 1), id="only now and then"),
        pytest.param(fed_by_sigmoids(11, 11, ratio=1.0), id="they spread over both tails"),
        pytest.param(fed_by_sigmoids(11, 11, loaded=True), id="a pretrained network"),
    ],
)
def test_sigmoids_are_no_habit(run):
    assert activation_mean(run) == []
