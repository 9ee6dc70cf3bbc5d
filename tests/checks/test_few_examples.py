"""few-examples, on recordings typed by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nndoctor import Finding, Recording, Skip
from nndoctor.records import Loader, Parameter, Record, Redraw, Scan
from nndoctor_checks.dataset.few_examples import few_examples


def found(*records: Record) -> list[Finding]:
    return few_examples(Recording.of(records))


LOADER = Loader(name="loader", file="train.py", line=9)
SCAN = Scan(loader="loader", total=120, samples=120, keyed=120, labels=(0, 1, 2, 3), counts=(28, 30, 31, 31))
WEIGHT = Parameter(name="fc.weight", numel=5000)


def test_thirty_of_each() -> None:
    [finding] = found(SCAN, LOADER, WEIGHT)
    assert "120 samples of 4 classes, 30 of each" in finding.message
    assert str(finding.where) == "train.py:9"


REGRESSION = replace(SCAN, labels=(), counts=(), total=60, keyed=60, columns=64)


def test_sixty_samples_without_classes() -> None:
    [finding] = found(REGRESSION, LOADER, WEIGHT)
    assert "60 samples of 64 numbers each" in finding.message


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([replace(REGRESSION, columns=5), WEIGHT], id="of five numbers each"),
        pytest.param([replace(REGRESSION, total=120, keyed=120), WEIGHT], id="pixels depend on each other"),
        pytest.param([REGRESSION, WEIGHT, Redraw(loader="loader", values=0.9)], id="made anew each time"),
        pytest.param([replace(SCAN, counts=(60,) * 4, total=240, keyed=240), WEIGHT], id="sixty of each"),
        pytest.param([SCAN, replace(WEIGHT, numel=900)], id="a small model"),
        pytest.param(
            [SCAN, replace(WEIGHT, numel=900), Parameter(name="n", numel=9000, requires_grad=False)], id="mostly frozen"
        ),
        pytest.param(
            [replace(SCAN, labels=tuple(range(120)), counts=(1,) * 120), WEIGHT], id="one class for each person"
        ),
    ],
)
def test_is_silent(records: list[Record]) -> None:
    assert found(*records, LOADER) == []


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([SCAN, replace(WEIGHT, loaded=True)], id="pretrained"),
        pytest.param([replace(SCAN, total=5000), WEIGHT], id="a part of the data"),
        pytest.param([replace(SCAN, labels=(), counts=()), WEIGHT], id="no classes"),
    ],
)
def test_skips(records: list[Record]) -> None:
    with pytest.raises(Skip):
        found(*records)
