"""update-ratio, on weights and updates typed by hand."""

import math

import pytest

from nndoctor import Recording, Skip
from nndoctor.records import Optimizer, Parameter, Record, Step, TensorStats
from nndoctor_checks.training.update_ratio import update_ratio

SAMPLED = (0, 1, 2, 4, 8, 12, 16, 20)


def tensor(name, ratio, **fields) -> list[Record]:
    given = {"shape": (64, 64), "numel": 4096, "std": 0.1, "optimizer": "Adam#0", "lr": 1e-3} | fields
    ratios = ratio if isinstance(ratio, list) else [ratio] * len(SAMPLED)
    rows: list[Record] = [Parameter(name=name, **given)]
    for step, value in zip(SAMPLED, ratios, strict=True):
        rows.append(TensorStats(kind="weight", name=name, step=step, std=0.1, numel=4096))
        rows.append(TensorStats(kind="update", name=name, step=step, std=0.1 * value, numel=4096))
    return rows


def recording(*tensors, rates=(1e-3, 1e-3)) -> Recording:
    rows: list[Record] = [Optimizer(name="Adam#0", type="Adam", lr=1e-3, file="t.py", line=5)]
    rows += [Step(step=i, loss=1.0, lr=rate) for i, rate in enumerate(rates)]
    return Recording.of([*rows, *(row for each in tensors for row in each)])


def test_finds_weights_that_stand_still_beside_others():
    [finding] = update_ratio(recording(tensor("enc.weight", 1e-7, lr=1e-8), tensor("head.weight", 3e-3)))
    assert finding.names == ("enc.weight",)
    assert "1e-07" in finding.message
    assert finding.where.line == 5


def test_finds_weights_that_are_replaced():
    [finding] = update_ratio(recording(tensor("a.weight", 0.5), tensor("b.weight", 0.4), tensor("c.weight", 1e-3)))
    assert finding.names == ("a.weight", "b.weight")
    assert finding.treatments == ("learning-rate-x0.1", "learning-rate-x0.01")


@pytest.mark.parametrize(("rate", "first"), [(1e-7, "usual-learning-rate"), (1e-2, "learning-rate-x100")])
def test_the_rate_that_is_tried_first_depends_on_the_own(rate, first):
    [finding] = update_ratio(recording(tensor("a.weight", 1e-7, lr=rate)))
    tried = finding.treatments or ()
    assert tried[:1] == (first,)
    assert set(tried) == {"usual-learning-rate", "learning-rate-x100"}


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(recording(tensor("a", 1e-3), tensor("b", 2e-2)), id="healthy"),
        pytest.param(recording(tensor("a", [0.3, 0.2, 0.1, 0.05, 0.05, 0.04, 0.04, 0.04])), id="only at first"),
        pytest.param(recording(tensor("a", [0, 0, 0, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3])), id="behind a zero layer"),
        pytest.param(recording(tensor("a", 5e-6), rates=(1e-6, 1e-5)), id="warm-up"),
        pytest.param(recording(tensor("a", 5e-6, module_type="Embedding"), tensor("b", 1e-3)), id="embedding"),
    ],
)
def test_is_silent(run):
    assert update_ratio(run) == []


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(recording(tensor("a", 0.0)), id="does not update at all: another check"),
        pytest.param(recording(tensor("a", 1e-7, loaded=True)), id="loaded"),
        pytest.param(recording(tensor("a", 1e-7, std=0.0)), id="starts at zero"),
        pytest.param(recording(tensor("a", 1e-7, shape=(64,))), id="a bias"),
        pytest.param(recording(tensor("a", math.nan)), id="NaN"),
    ],
)
def test_does_not_judge(run):
    with pytest.raises(Skip):
        update_ratio(run)
