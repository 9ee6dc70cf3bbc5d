"""train-val-shift, on recordings typed by hand."""

from __future__ import annotations

import math

import pytest

from nndoctor import Finding, Recording, Severity, Skip
from nndoctor.records import COAST, OBSERVE, TRAIN, VALIDATION, Batch, Loader, Record
from nndoctor_checks.normalisation.train_val_shift import train_val_shift

Table = tuple[tuple[float, float], ...]
IMAGE = (32, 3, 16, 16)


def found(*records: Record) -> list[Finding]:
    return train_val_shift(Recording.of(records))


def fed(
    split: str,
    mean: float = 0.0,
    std: float = 1.0,
    low: float = -3.0,
    high: float = 3.0,
    shape: tuple[int, ...] = (32, 10),
    count: int = 4,
    dtype: str = "float32",
    columns: Table = (),
    role: str = "input",
) -> list[Record]:
    train = split == TRAIN
    return [
        Batch(experiment=OBSERVE if train else COAST, step=i, split=split, role=role, leaf="0",
              source="a" if train else "b", shape=shape, dtype=dtype, mean=mean, std=std, min=low, max=high,
              dim_mean=tuple(c[0] for c in columns), dim_std=tuple(c[1] for c in columns))
        for i in range(count)
    ]  # fmt: skip


STANDARD = fed(TRAIN)


def test_reports_a_forgotten_scaler() -> None:
    columns = fed(VALIDATION, 22, 1.2, 20, 24, columns=((22.0, 1.1),) * 10)
    [finding] = found(*fed(TRAIN, columns=((0.0, 1.0),) * 10), *columns, Loader(name="b", file="train.py", line=50))
    assert "mean 22" in finding.message
    assert finding.severity is None
    assert str(finding.where) == "train.py:50"


@pytest.mark.parametrize(
    ("train", "other"),
    [
        pytest.param(fed(TRAIN, 0.3, 0.3, 0, 1), fed(VALIDATION, 77, 77, 0, 255), id="not divided by 255"),
        pytest.param(
            fed(TRAIN, -0.05, 0.5, -1, 1, IMAGE), fed(VALIDATION, 0.47, 0.25, 0, 1, IMAGE), id="not Normalize(0.5, 0.5)"
        ),
        pytest.param(STANDARD, fed(VALIDATION, dtype="uint8"), id="another kind of numbers"),
        pytest.param(fed(TRAIN, shape=IMAGE), fed(VALIDATION, shape=(32, 16, 16, 3)), id="swapped dimensions"),
    ],
)
def test_reports(train: list[Record], other: list[Record]) -> None:
    [finding] = found(*train, *other)
    assert finding.severity is None


def test_what_may_be_drift_is_a_warning() -> None:
    [finding] = found(*STANDARD, *fed(VALIDATION, 2.5, 0.8, 0.5, 5))
    assert finding.severity is Severity.WARNING
    assert "drift" in finding.message


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(fed(VALIDATION, 0.1, 1.1, -3.5, 3.2), id="alike"),
        pytest.param(fed(VALIDATION, 0.4, 0.6, -1, 1, count=3, shape=(10, 10)), id="thirty rows"),
        pytest.param(fed(VALIDATION, 3, 0.2, 2, 4, count=1, shape=(4, 10)), id="four rows"),
        pytest.param(fed(VALIDATION, 1.2, 0.9, -2, 4), id="some drift"),
        pytest.param(fed(VALIDATION, math.nan, math.nan, math.nan, math.nan), id="NaN"),
        pytest.param(fed(VALIDATION, 0, 1, -3, 3, shape=(32, 12)), id="another width"),
    ],
)
def test_is_silent(other: list[Record]) -> None:
    assert found(*STANDARD, *other) == []


def test_augmented_images_are_no_shift() -> None:
    train = fed(TRAIN, 0.1, 0.8, -2.2, 2.6, IMAGE)
    assert found(*train, *fed(VALIDATION, 0.0, 1.0, -2.2, 2.6, IMAGE)) == []


def test_images_with_long_tails_that_are_rescaled_are_a_warning() -> None:
    """The greatest of a few hundred values is known badly where single ones lie far out."""
    [finding] = found(*fed(TRAIN, 2.0, 2.73, -37.5, 12.4, IMAGE), *fed(VALIDATION, 0.0, 1.0, -11.8, 3.5, IMAGE))
    assert finding.severity is Severity.WARNING
    assert found(*fed(TRAIN, 0.0, 1.0, -30.0, 3.0, IMAGE), *fed(VALIDATION, 0.0, 1.0, -9.0, 3.0, IMAGE)) == []
    assert found(*fed(TRAIN, 0.4, 0.2, 0.0, 1.0, IMAGE), *fed(VALIDATION, 0.4, 0.4, 0.0, 1.0, IMAGE)) == []


@pytest.mark.parametrize(
    "other",
    [
        pytest.param([], id="no validation"),
        pytest.param(fed(VALIDATION, 100, 50, 0, 255, role=""), id="a loader that only measured mean and deviation"),
    ],
)
def test_skips(other: list[Record]) -> None:
    with pytest.raises(Skip):
        found(*STANDARD, *other)
