"""train-val-leakage, on recordings typed by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nndoctor import Finding, Recording, Severity
from nndoctor.records import VALIDATION, Batch, Loader, Overlap, Record
from nndoctor_checks.normalisation.train_val_leakage import train_val_leakage

TRAIN = Loader(name="a", dataset="TensorDataset#0", size=1500, split="train")
OTHER = Loader(name="b", dataset="TensorDataset#1", size=597, split="validation", file="train.py", line=40)


def found(*records: Record) -> list[Finding]:
    return train_val_leakage(Recording.of([TRAIN, OTHER, *records]))


def overlap(shared: int, compared: int = 597, distinct: int | None = None, by: str = "content") -> Overlap:
    return Overlap(
        train="a", validation="b", by=by, train_samples=1500, compared=compared, shared=shared,
        distinct=compared if distinct is None else distinct,
    )  # fmt: skip


def test_reports_overlapping_slices() -> None:
    [finding] = found(overlap(300))
    assert "300 of 597 validation samples (50%)" in finding.message
    assert finding.severity is None
    assert str(finding.where) == "train.py:40"


def test_one_shared_index_in_fifty_is_an_error() -> None:
    [finding] = found(overlap(3, 150, by="index"))
    assert finding.severity is None


def test_a_few_copies_are_a_warning() -> None:
    [finding] = found(overlap(12))
    assert finding.severity is Severity.WARNING


def test_training_data_as_the_only_score_is_a_note() -> None:
    [finding] = found(replace(OTHER, dataset="TensorDataset#0", size=1500), overlap(597))
    assert finding.severity is Severity.NOTE


def test_a_loader_made_to_score_the_training_data_again_and_again_is_a_warning() -> None:
    [finding] = found(replace(OTHER, size=1500, passes=5), overlap(597))
    assert finding.severity is Severity.WARNING
    assert "again and again" in finding.message
    both = Overlap(train="a", validation="a", compared=597, shared=597, distinct=597)  # one loader for both
    [finding] = found(replace(TRAIN, passes=9), both)
    assert finding.severity is Severity.NOTE


def test_a_validation_set_within_the_training_set_is_an_error() -> None:
    [finding] = found(overlap(597))
    assert finding.severity is None


def test_calls_are_doubtful() -> None:
    calls = Overlap(train="training calls", validation="validation calls", compared=200, shared=60, distinct=200)
    [finding] = found(calls)
    assert finding.severity is Severity.WARNING
    both = [Batch(split=VALIDATION, source="call", shape=(n, 4)) for n in (800, 200)]
    [finding] = found(calls, *both)
    assert finding.severity is Severity.NOTE


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([overlap(0)], id="disjoint"),
        pytest.param([overlap(1, 30)], id="Iris: one natural copy"),
        pytest.param([overlap(5)], id="less than one in a hundred"),
        pytest.param([overlap(400, distinct=64)], id="six binary features"),
        pytest.param([overlap(60, distinct=570)], id="copies within and across"),
        pytest.param([Overlap(train="a", validation="b")], id="nothing compared"),
        pytest.param(
            [
                overlap(0),
                Loader(name="c", dataset="TensorDataset#0", size=1500),
                Overlap(train="a", validation="c", compared=1500, shared=1500, distinct=1500, train_samples=1500),
            ],
            id="the training score, beside validation",
        ),
    ],
)
def test_is_silent(records: list[Record]) -> None:
    assert found(*records) == []
