"""feature-scales-differ, on recordings typed by hand."""

from __future__ import annotations

import math

import pytest

from nndoctor import Finding, Recording, Skip
from nndoctor.records import Batch, Loader, Module, Record
from nndoctor_checks.normalisation.feature_scales_differ import feature_scales_differ


def found(*records: Record) -> list[Finding]:
    return feature_scales_differ(Recording.of(records))


LOADER = Loader(name="loader", file="train.py", line=9)


def batches(*columns: tuple[float, float], shape: tuple[int, ...] = (), only: int = 4) -> list[Record]:
    means, stds = tuple(c[0] for c in columns), tuple(c[1] for c in columns)
    last = (*stds[:-1], 0.0)
    return [
        Batch(
            step=i,
            role="input",
            leaf="0",
            source="loader",
            shape=shape or (32, len(columns)),
            dtype="float32",
            mean=0.0,
            std=1.0,
            min=-3.0,
            max=3.0,
            dim_mean=means,
            dim_std=stds if i < only else last,
        )
        for i in range(4)
    ]


SCALED = [(0.0, 1.0)] * 5


def test_one_column_was_forgotten() -> None:
    [finding] = found(*batches(*SCALED, (30000.0, 8000.0)), LOADER)
    assert "factor of 8,000" in finding.message
    assert "column 5" in finding.message
    assert str(finding.where) == "train.py:9"


@pytest.mark.parametrize(
    "records",
    [
        pytest.param(batches(*SCALED), id="scaled"),
        pytest.param(batches(*SCALED, (30.0, 500.0)), id="five hundred"),
        pytest.param(batches(*SCALED, (3e-7, 5.5e-4)), id="a rare flag"),
        pytest.param(batches(*SCALED, (3.0, 0.0)), id="a constant"),
        pytest.param(batches(*SCALED, (0.0, 5000.0), only=1), id="rare events"),
        pytest.param(batches((3e4, 8e3), (100.0, 50.0), (500.0, 90.0), (0.0, 1.0)), id="nothing is scaled"),
        pytest.param(
            [*batches(*SCALED, (3e4, 8e3)), Module(name="0", type="BatchNorm1d", order=0)], id="normalised inside"
        ),
        pytest.param(batches(*SCALED, (math.nan, math.nan)), id="not a number"),
    ],
)
def test_is_silent(records: list[Record]) -> None:
    try:
        assert found(*records, LOADER) == []
    except Skip:
        assert any(math.isnan(v) for r in records if isinstance(r, Batch) for v in r.dim_std)


def test_skips_images() -> None:
    with pytest.raises(Skip):
        found(*batches(shape=(32, 1, 8, 8)))
