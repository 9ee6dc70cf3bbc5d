"""dead-features, on recordings typed by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from nndoctor import Finding, Recording, Severity, Skip
from nndoctor.records import Loader, Record, Scan
from nndoctor_checks.dataset.dead_features import dead_features


def found(*records: Record) -> list[Finding]:
    return dead_features(Recording.of(records))


LOADER = Loader(name="loader", file="train.py", line=9)
SCAN = Scan(
    loader="loader",
    total=1280,
    samples=1280,
    keyed=1280,
    columns=20,
    constant=6,
    constant_columns=(14, 15, 16, 17, 18, 19),
    dimensions=1,
    zero_share=0.3,
)


def test_a_join_without_partners() -> None:
    [finding] = found(SCAN, LOADER)
    assert "6 of 20 columns" in finding.message
    assert "14, 15" in finding.message
    assert finding.severity is None
    assert str(finding.where) == "train.py:9"


@pytest.mark.parametrize(
    "scan",
    [
        pytest.param(replace(SCAN, dimensions=3), id="borders of images"),
        pytest.param(replace(SCAN, columns=784, constant=200), id="flattened images"),
        pytest.param(replace(SCAN, columns=3 * 32 * 32, constant=400), id="in colour"),
        pytest.param(replace(SCAN, zero_share=0.95), id="bag of words"),
        pytest.param(replace(SCAN, zero_share=math.nan), id="not known"),
    ],
)
def test_is_a_note(scan: Scan) -> None:
    [finding] = found(scan, LOADER)
    assert finding.severity is Severity.NOTE


@pytest.mark.parametrize(
    "scan",
    [
        pytest.param(replace(SCAN, constant=1), id="one"),
        pytest.param(replace(SCAN, columns=100), id="six percent"),
        pytest.param(replace(SCAN, constant=20), id="all: another check"),
    ],
)
def test_is_silent(scan: Scan) -> None:
    assert found(scan, LOADER) == []


def test_skips_few_samples() -> None:
    with pytest.raises(Skip):
        found(replace(SCAN, keyed=100))
