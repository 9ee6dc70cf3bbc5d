"""unstandardised-input, on recordings typed by hand."""

from __future__ import annotations

import math

import pytest

from nndoctor import Finding, Recording, Skip
from nndoctor.records import Batch, Loader, Module, Record, TensorStats
from nndoctor_checks.normalisation.unstandardised_input import unstandardised_input

IMAGE, TABLE = (32, 1, 8, 8), (32, 3)


def found(*records: Record) -> list[Finding]:
    return unstandardised_input(Recording.of(records))


def batches(
    mean: float,
    std: float,
    low: float,
    high: float,
    shape: tuple[int, ...] = IMAGE,
    leaf: str = "0",
    dtype: str = "float32",
    *,
    integral: bool = False,
    columns: tuple[tuple[float, float], ...] = (),
) -> list[Record]:
    return [
        Batch(step=i, role="input", leaf=leaf, source="loader", shape=shape, dtype=dtype, mean=mean, std=std, min=low,
              max=high, integral=integral, dim_mean=tuple(c[0] for c in columns), dim_std=tuple(c[1] for c in columns))
        for i in range(4)
    ]  # fmt: skip


GREY = batches(78, 96, 0, 255, integral=True)


def test_reports_grey_values() -> None:
    [finding] = found(*GREY, Loader(name="loader", file="train.py", line=9))
    assert "255" in finding.message
    assert str(finding.where) == "train.py:9"


def test_reports_kelvin() -> None:
    columns = ((280.0, 8.0), (315.0, 6.0), (500.0, 10.0))
    [finding] = found(*batches(365, 97, 255, 530, TABLE, columns=columns))
    assert "365" in finding.message or "97" in finding.message


def test_reports_columns_that_hide_each_other() -> None:
    [finding] = found(*batches(0, 19, -53, 53, (32, 2), columns=((-50.0, 1.0), (50.0, 1.0))))
    assert "2 of 2 columns" in finding.message


def test_reports_a_double_division() -> None:
    [finding] = found(*batches(0.0005, 0.0012, 0, 0.0039))
    assert "only 0.0012" in finding.message


@pytest.mark.parametrize(
    "records",
    [
        pytest.param(batches(0, 1, -3, 3), id="standardised"),
        pytest.param(batches(0.13, 0.31, 0, 1), id="images in [0, 1]"),
        pytest.param(batches(0.95, 0.15, 0, 1), id="bright images in [0, 1]"),
        pytest.param(batches(4.9, 6, 0, 16, integral=True), id="digits from 0 to 16"),
        pytest.param(batches(0.01, 0.1, 0, 1, (32, 300), integral=True), id="bag of words"),
        pytest.param(batches(0.001, 0.02, 0, 0.7, (32, 2000)), id="TF-IDF"),
        pytest.param(batches(0, 1, -3, 3, TABLE, columns=((0.0, 1.0), (0.97, 0.17), (0.0, 1.0))), id="a frequent flag"),
        pytest.param([*GREY, Module(name="bn", type="BatchNorm2d", order=0)], id="normalised by the first layer"),
        pytest.param(
            [*GREY, TensorStats(kind="activation", name="conv", type="Conv2d", mean=0.0, std=0.3)],
            id="divided in forward",
        ),
        pytest.param([*batches(0, 1, -3, 3), *batches(500, 290, 0, 999, (32, 1), "t")], id="time steps beside images"),
    ],
)
def test_is_silent(records: list[Record]) -> None:
    assert found(*records) == []


@pytest.mark.parametrize(
    "records",
    [
        pytest.param(batches(500, 290, 0, 999, dtype="int64"), id="tokens"),
        pytest.param(batches(math.nan, math.nan, math.nan, math.nan), id="NaN"),
        pytest.param(batches(3, 0, 3, 3), id="constant: another check"),
        pytest.param(batches(500, 290, 0, 999, (32,)), id="a vector"),
    ],
)
def test_skips(records: list[Record]) -> None:
    with pytest.raises(Skip):
        found(*records)
