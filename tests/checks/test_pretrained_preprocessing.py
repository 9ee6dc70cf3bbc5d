"""pretrained-preprocessing, on recordings typed by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from nndoctor import Finding, Recording
from nndoctor.records import LoadedNorm
from nndoctor_checks.normalisation.pretrained_preprocessing import pretrained_preprocessing

ROW = LoadedNorm(module="bn1", channels=64, values=9000, shift=40.0, spread=60.0, low=0.0, high=255.0)


def found(row: LoadedNorm) -> list[Finding]:
    return pretrained_preprocessing(Recording.of([row]))


def test_another_range() -> None:
    [finding] = found(ROW)
    assert "40.0 standard deviations away" in finding.message
    assert "from 0 to 255" in finding.message


@pytest.mark.parametrize("row", [replace(ROW, shift=0.5), replace(ROW, spread=1.0), replace(ROW, low=math.nan)])
def test_either_is_enough(row: LoadedNorm) -> None:
    assert found(row)


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(replace(ROW, shift=0.6, spread=1.7), id="other images"),
        pytest.param(replace(ROW, values=16), id="too few values"),
        pytest.param(replace(ROW, shift=math.nan), id="unknown"),
    ],
)
def test_is_silent(row: LoadedNorm) -> None:
    assert found(row) == []
