"""class-imbalance, on recordings typed by hand."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from nndoctor import Finding, Recording, Severity, Skip
from nndoctor.records import Batch, Experiment, Labels, Loader, LossCall, Record
from nndoctor_checks.dataset.class_imbalance import class_imbalance

SHUFFLED = Loader(name="loader", order="shuffled", size=9000, batches=140, file="train.py", line=30)
LOSS = LossCall(function="cross_entropy", classes=2)


def found(*records: Record) -> list[Finding]:
    return class_imbalance(Recording.of(records))


def labels(*counts: int) -> list[Record]:
    values = [label for label, count in enumerate(counts) for _ in range(count)]
    random.Random(0).shuffle(values)
    return [
        Labels(step=i, source="loader", leaf="1", values=tuple(values[s : s + 64]))
        for i, s in enumerate(range(0, len(values), 64))
    ]


def test_one_in_fifteen_is_a_warning() -> None:
    [finding] = found(*labels(1200, 80), SHUFFLED, LOSS)
    assert finding.severity is None
    assert "15 to 1" in finding.message
    assert str(finding.where) == "train.py:30"


def test_one_in_a_hundred_and_fifty_is_an_error() -> None:
    [finding] = found(*labels(2543, 17), SHUFFLED, LOSS)
    assert finding.severity is Severity.ERROR


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([*labels(700, 580), SHUFFLED], id="balanced"),
        pytest.param([*labels(1000, 140), SHUFFLED], id="one in seven"),
        pytest.param([*labels(220, 16), SHUFFLED], id="one in fourteen may be chance with so few"),
        pytest.param([*labels(*[13] * 40, 3), SHUFFLED], id="many classes, few of each seen"),
        pytest.param([*labels(1200, 80), replace(SHUFFLED, order="weighted")], id="weighted sampler"),
        pytest.param([*labels(1200, 80), SHUFFLED, replace(LOSS, weighted=True)], id="weighted loss"),
        pytest.param([*labels(1200, 80), SHUFFLED, replace(LOSS, reduction="none")], id="weighted by sample"),
        pytest.param([*labels(1200), SHUFFLED], id="one class: another check"),
        pytest.param(
            [*labels(1000, *[90] * 12, 4), SHUFFLED, Batch(role="input", dtype="int64", shape=(64, 3))],
            id="next letter",
        ),
    ],
)
def test_is_silent(records: list[Record]) -> None:
    assert found(*records) == []


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([*labels(150, 4), SHUFFLED], id="few labels"),
        pytest.param([*labels(1200, 80), SHUFFLED, Experiment(name="observe", objectives=2)], id="adversarial"),
        pytest.param(
            [Labels(step=i, source="loader", values=(int(i > 18),) * 64) for i in range(20)]
            + [replace(SHUFFLED, order="sequential")],
            id="sorted: what is seen is not the whole",
        ),
        pytest.param(
            [*labels(1200, 80), SHUFFLED, Batch(source="loader", leaf="2", role="target")], id="labels not in use"
        ),
    ],
)
def test_skips(records: list[Record]) -> None:
    with pytest.raises(Skip):
        found(*records)
