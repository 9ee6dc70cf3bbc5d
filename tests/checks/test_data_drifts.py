"""data-drifts, on recordings typed by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from nndoctor import Finding, Recording, Skip
from nndoctor.records import Loader, Record, Scan
from nndoctor_checks.dataset.data_drifts import data_drifts


def found(*records: Record) -> list[Finding]:
    return data_drifts(Recording.of(records))


LOADER = Loader(name="loader", file="train.py", line=9)
SCAN = Scan(
    loader="loader",
    dataset="Digits",
    refetched=3,
    drifting=3,
    drift_from=1.0,
    drift_to=0.8,
    file="data.py",
    line=14,
    function="__getitem__",
)


def test_scaled_in_place() -> None:
    [finding] = found(SCAN, LOADER)
    assert "three fetches later 0.8" in finding.message
    assert str(finding.where) == "data.py:14"


def test_unknown_place_and_size() -> None:
    [finding] = found(replace(SCAN, file="", drift_from=math.nan), LOADER)
    assert str(finding.where) == "train.py:9"


@pytest.mark.parametrize("drifting", [0, 1])
def test_is_silent(drifting: int) -> None:
    assert found(replace(SCAN, drifting=drifting), LOADER) == []


def test_skips_what_was_not_fetched_again() -> None:
    with pytest.raises(Skip):
        found(replace(SCAN, refetched=0, drifting=0))
