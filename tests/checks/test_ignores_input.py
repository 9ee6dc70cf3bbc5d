"""ignores-input, on recordings typed by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from nndoctor import Finding, Recording, Severity, Skip
from nndoctor.records import (
    OBSERVE,
    OVERFIT,
    RANDOM_INPUT,
    Batch,
    EvalGap,
    Experiment,
    Independence,
    LossCall,
    NonFinite,
    Record,
    Step,
)
from nndoctor_checks.dataset.ignores_input import ignores_input

NET = Independence(module="Net", leaf="0", depends=False, file="net.py", line=5)
FITS = (
    Experiment(name=OVERFIT),
    LossCall(experiment=OVERFIT, step=60, metric="accuracy", score=1, chance=0.5, value=0),
)
INPUT = Batch(role="input", leaf="0", dtype="float32", shape=(32, 30))


def found(*records: Record) -> list[Finding]:
    return ignores_input(Recording.of(records))


def course(experiment: str, loss: float, score: float, count: int = 40, metric: str = "accuracy") -> list[Record]:
    """Return steps whose numbers swing about a mean, in the two experiments at other times."""
    phase = 0.0 if experiment == OBSERVE else 1.0
    rows: list[Record] = []
    for i in range(count):
        value, points = loss + 0.03 * math.sin(7 * i + phase), score + 0.05 * math.cos(5 * i + phase)
        rows.append(Step(experiment=experiment, step=i, loss=value, parameters_changed=True))
        rows.append(
            LossCall(experiment=experiment, step=i, value=value, metric=metric, score=points, chance=0.62,
                     prior_loss=0.66, file="train.py", line=30)
        )  # fmt: skip
    return rows


def both(loss: float = 0.67, score: float = 0.6, noise: float = 0.67) -> list[Record]:
    return [*course(OBSERVE, loss, score), *course(RANDOM_INPUT, noise, 0.6)]


def test_leaves_a_disconnected_input_to_the_check_of_that_name() -> None:
    assert found(*both(), *FITS, INPUT, NET) == []
    assert found(*both(), *FITS, INPUT, replace(NET, depends=True)) != []


def test_warns_if_noise_does_as_well() -> None:
    [finding] = found(*both(), *FITS, INPUT)
    assert finding.severity is Severity.WARNING
    assert "no better than on permuted input" in finding.message
    assert str(finding.where) == "train.py:30"


def test_warns_if_the_models_own_noise_drowns_the_input() -> None:
    [finding] = found(*both(loss=4.0, noise=4.0), EvalGap(module="Net", difference=36, repeat=0))
    assert "36.0 times" in finding.message
    assert finding.names == ("Net",)


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([*both(loss=0.4, score=0.8), *FITS], id="it learns"),
        pytest.param([*both(loss=0.6, noise=0.67), *FITS], id="loss lower than on noise"),
        pytest.param(both(), id="nothing shows that it can learn"),
        pytest.param([*both(loss=1.5, noise=1.5), *FITS], id="not yet at the plateau"),
        pytest.param([*both(), *FITS, replace(INPUT, dtype="int64")], id="tokens"),
        pytest.param([*both(), *FITS, replace(INPUT, role="input+target")], id="autoencoder"),
        pytest.param([*both(), *FITS, Experiment(name=OBSERVE, objectives=2)], id="adversarial"),
        pytest.param([*both(loss=math.nan), *FITS], id="NaN"),
        pytest.param(
            [replace(r, epoch=i // 20) if isinstance(r, Step) else r for i, r in enumerate([*both(), *FITS])],
            id="too few steps of the first pass",
        ),
        pytest.param(
            [replace(r, parameters_changed=r.step % 8 == 7) if isinstance(r, Step) else r for r in [*both(), *FITS]],
            id="gradients of eight batches are added up",
        ),
        pytest.param([*both(), *FITS, NonFinite(step=3)], id="after the first NaN"),
        pytest.param([*both(), EvalGap(difference=0.9, repeat=0)], id="dropout"),
    ],
)
def test_is_silent(records: list[Record]) -> None:
    try:
        assert found(*records) == []
    except Skip:
        pytest.fail("it could look")


def test_skips_without_the_experiment() -> None:
    with pytest.raises(Skip):
        found(Step())
