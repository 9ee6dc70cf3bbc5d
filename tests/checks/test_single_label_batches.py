"""single-label-batches, on recordings typed by hand."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from nndoctor import Finding, Recording, Severity, Skip
from nndoctor.records import Batch, Experiment, Labels, Loader, LossCall, Record
from nndoctor_checks.dataset.single_label_batches import single_label_batches

LOADER = Loader(name="loader", file="train.py", line=53)


def found(*records: Record) -> list[Finding]:
    return single_label_batches(Recording.of(records))


def labels(*batches: tuple[int, ...]) -> list[Record]:
    return [Labels(step=i, source="loader", leaf="1", values=b) for i, b in enumerate(batches)]


def drawn(shares: list[float], size: int, count: int = 60) -> list[Record]:
    dice = random.Random(0)
    return labels(*(tuple(dice.choices(range(len(shares)), shares, k=size)) for _ in range(count)))


def scored(distinct: int) -> LossCall:
    return LossCall(metric="accuracy", distinct_targets=distinct, classes=2)


def test_reports_a_class_at_a_time() -> None:
    [finding] = found(*labels(*((i * 7 % 10,) * 16 for i in range(40))), LOADER)
    assert "40 of 40 training batches hold a single class" in finding.message
    assert finding.severity is None
    assert str(finding.where) == "train.py:53"


def test_reports_a_single_class_in_all() -> None:
    [finding] = found(*labels(*[(1,) * 32] * 40), scored(1))
    assert "1280 labels" in finding.message
    assert finding.severity is None
    [finding] = found(*labels(*[(1,) * 4] * 40), scored(1))
    assert finding.severity is Severity.WARNING


def maps(*highest: int, size: int = 4) -> list[Record]:
    """Of samples with 64 labels each; `highest`: of each batch, 0 is the lowest."""
    row = Batch(role="target", source="loader", leaf="1", dtype="int64", shape=(size, 8, 8), min=0.0)
    return [replace(row, step=i, max=float(top)) for i, top in enumerate(highest)]


def test_reports_maps_of_a_single_class() -> None:
    with pytest.raises(Skip):
        found(*maps(*[0] * 10, 1), scored(1))
    [finding] = found(*maps(*[0] * 10), scored(1))
    assert "All 2560 labels of the 10 training batches seen are of one class (0)" in finding.message
    [large] = found(*maps(*[0] * 10, size=64), scored(1))
    assert {finding.severity, large.severity} == {Severity.WARNING}  # lesions may be rare: most masks are empty


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([*drawn([0.5, 0.5], 4), *maps(*[0] * 10, 1), scored(1)], id="maps with a rare class"),
        pytest.param([*drawn([0.5, 0.5], 4), *maps(*[0] * 10)], id="constant maps that no loss uses"),
        pytest.param(drawn([0.63, 0.37], 4), id="small batches of two classes"),
        pytest.param(drawn([0.95, 0.05], 4), id="a rare class"),
        pytest.param(drawn([0.1] * 10, 32), id="mixed"),
        pytest.param(labels(*[(0,) * 16] * 40), id="a constant that no loss uses"),
        pytest.param([*labels(*[(0,) * 16] * 40), scored(5)], id="the loss gets other labels"),
    ],
)
def test_is_silent(records: list[Record]) -> None:
    assert found(*records) == []


@pytest.mark.parametrize(
    "records",
    [
        pytest.param(labels(*((i,) * 2 for i in range(10))), id="batches of two"),
        pytest.param(labels((0,) * 16, (1,) * 16), id="two batches"),
        pytest.param(
            [*labels(*((i % 2,) * 16 for i in range(10))), Experiment(name="observe", objectives=2)], id="real and fake"
        ),
    ],
)
def test_skips(records: list[Record]) -> None:
    with pytest.raises(Skip):
        found(*records)
