"""sampler-weights-wrong, on recordings typed by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nndoctor import Finding, Recording, Skip
from nndoctor.records import Labels, Loader, Record, Scan
from nndoctor_checks.dataset.sampler_weights_wrong import sampler_weights_wrong


def found(*records: Record) -> list[Finding]:
    return sampler_weights_wrong(Recording.of(records))


LOADER = Loader(
    name="loader", split="train", order="weighted", size=1600, weights=1600, drawn=1600, file="train.py", line=9
)
SCAN = Scan(loader="loader", total=1600, samples=1600, keyed=1600, labels=(0, 1), counts=(1500, 100))


def labels(zeros: int, ones: int) -> list[Record]:
    return [Labels(step=i, source="loader", leaf="1", values=(0,) * zeros + (1,) * ones) for i in range(40)]


def test_one_weight_per_class() -> None:
    [finding] = found(replace(LOADER, weights=2), *labels(16, 16))
    assert "2 weights for 1,600 samples" in finding.message
    assert str(finding.where) == "train.py:9"


def test_as_skewed_as_before() -> None:
    [finding] = found(LOADER, SCAN, *labels(30, 2))
    assert "1200 are of class 0 and 80 of class 1; the data set itself has 15 to 1" in finding.message


def test_a_class_that_never_comes() -> None:
    [finding] = found(LOADER, SCAN, *labels(32, 0))
    assert "0 of class 1" in finding.message


def test_an_unknown_data_set() -> None:
    [finding] = found(LOADER, *labels(30, 2))
    assert not finding.certain


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([LOADER, SCAN, *labels(16, 16)], id="balanced"),
        pytest.param([LOADER, SCAN, *labels(25, 7)], id="softened on purpose"),
        pytest.param([LOADER, *labels(26, 6)], id="unknown data set, four to one"),
        pytest.param([LOADER, replace(SCAN, counts=(800, 800)), *labels(26, 6)], id="weights not meant for classes"),
    ],
)
def test_is_silent(records: list[Record]) -> None:
    assert found(*records) == []


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([replace(LOADER, order="shuffled"), *labels(30, 2)], id="no weighted sampler"),
        pytest.param([LOADER, *labels(30, 2)[:2]], id="few labels"),
    ],
)
def test_skips(records: list[Record]) -> None:
    with pytest.raises(Skip):
        found(*records)
