"""vanishing-gradient, on gradients typed by hand."""

import math

import pytest

from nndoctor import Recording, Severity, Skip
from nndoctor.records import Parameter, Record, TensorStats
from nndoctor_checks.training.vanishing_gradient import vanishing_gradient

SAMPLED = (0, 1, 2, 4, 8)


def recording(gradients, ratios, *, at_zero=None, **fields) -> Recording:
    rows: list[Record] = []
    for i, (gradient, ratio) in enumerate(zip(gradients, ratios, strict=True)):
        given = {"shape": (64, 64), "numel": 4096, "root": "Net", "file": "t.py", "line": 3} | fields
        rows.append(Parameter(name=f"{i}.weight", order=i, std=0.1, **given))
        for step in SAMPLED:
            size = gradient if step or at_zero is None else at_zero
            rows.append(TensorStats(kind="gradient", name=f"{i}.weight", step=step, norm=64 * size, numel=4096))
            rows.append(TensorStats(kind="weight", name=f"{i}.weight", step=step, std=0.1, numel=4096))
            rows.append(TensorStats(kind="update", name=f"{i}.weight", step=step, std=0.1 * ratio, numel=4096))
    return Recording.of(rows)


DEEP = [10.0 ** (i - 9) for i in range(8)]


def test_finds_a_gradient_that_dies():
    [finding] = vanishing_gradient(recording(DEEP, [g / 10 for g in DEEP]))
    assert finding.severity is None
    assert "0.weight" in finding.names
    assert "7.weight" not in finding.names
    assert finding.where.line == 3


def test_is_milder_where_the_optimizer_makes_up_for_it():
    [finding] = vanishing_gradient(recording([10.0 ** (i - 12) for i in range(11)], [1e-3] * 11))
    assert finding.severity is Severity.WARNING


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(recording([1e-3, 2e-3, 2e-3, 1e-3, 6e-3], [1e-3] * 5), id="healthy"),
        pytest.param(recording(DEEP[3:], [1e-3] * 5), id="falls, and Adam makes up for it"),
        pytest.param(recording([1e-3] * 6, [1e-3] * 6, at_zero=0.0), id="zero in the first step only"),
        pytest.param(recording([1e-3, 1e-9, 1e-9, 1e-9, 1e-9, 1e-2], [1e-3] * 6), id="small residual branches"),
    ],
)
def test_is_silent(run):
    assert vanishing_gradient(run) == []


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(recording(DEEP[:3], [1e-9] * 3), id="shallow"),
        pytest.param(recording([0.0] * 6, [0.0] * 6), id="no gradient at all"),
        pytest.param(recording([math.nan] * 6, [math.nan] * 6), id="NaN"),
    ],
)
def test_does_not_judge(run):
    with pytest.raises(Skip):
        vanishing_gradient(run)


def test_two_models_are_two_profiles():
    rows = recording([1e-3] * 4, [1e-3] * 4).rows
    slow = recording([1e-9] * 4, [1e-9] * 4, root="Critic").rows
    renamed = [type(r)(**{**{f: getattr(r, f) for f in r.__slots__}, "name": "c" + r.name}) for r in slow(Parameter)]
    stats = [TensorStats(kind="gradient", name=f"c{i}.weight", step=s, norm=64e-9, numel=4096)
             for i in range(4) for s in SAMPLED]  # fmt: skip
    assert vanishing_gradient(Recording.of([*rows(Parameter), *rows(TensorStats), *renamed, *stats])) == []
