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


def labels(*counts: int) -> list[Labels]:
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


def validation(*counts: int) -> list[Labels]:
    values = tuple(label for label, count in enumerate(counts) for _ in range(count))
    return [Labels(source="other", leaf="1", split="validation", values=values)]


FOUR = replace(LOSS, classes=4)


def test_a_class_that_only_validation_has() -> None:
    [finding] = found(*labels(0, 300, 310, 290), *validation(40, 35, 30, 45), SHUFFLED, FOUR)
    assert "Class 0 makes up 27% of the validation labels, and none of 900 training labels" in finding.message
    assert finding.severity is None


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([*labels(300, 310, 290), *validation(40, 35, 30, 2), FOUR], id="two samples"),
        pytest.param([*labels(300, 310, 290), *validation(40, 35, 30, 30), replace(LOSS, classes=3)], id="no output"),
        pytest.param(
            [
                *labels(300, 310, 290),
                *(replace(r, source="second") for r in labels(0, 0, 0, 90)),
                *validation(40, 35, 30, 45),
                FOUR,
            ],
            id="it comes from a second loader",
        ),
        pytest.param(
            [*labels(300, 310, 290), *(replace(r, source="loader") for r in validation(9, 9, 9, 9)), FOUR],
            id="the training data, scored",
        ),
        pytest.param([*labels(300, 310), *validation(0, 0, 40, 40), FOUR], id="other classes: open set"),
        pytest.param([*labels(1, 300, 310, 290), *validation(1, 35, 30, 40), FOUR], id="one came"),
        pytest.param([*labels(*[20] * 10), *validation(*[90] * 10, 9), replace(LOSS, classes=11)], id="a rare one"),
    ],
)
def test_classes_need_not_be_the_same(records: list[Record]) -> None:
    assert all("validation" not in f.message for f in found(*records, SHUFFLED))


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
