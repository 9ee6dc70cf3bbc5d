"""duplicate-samples, on recordings typed by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from nndoctor import Finding, Recording, Skip
from nndoctor.records import Loader, Record, Scan
from nndoctor_checks.dataset.duplicate_samples import duplicate_samples


def found(*records: Record) -> list[Finding]:
    return duplicate_samples(Recording.of(records))


LOADER = Loader(name="loader", file="train.py", line=9)
SCAN = Scan(
    loader="loader",
    total=1320,
    samples=1320,
    keyed=1320,
    duplicates=220,
    bits=240.0,
    labels=(0, 1),
    counts=(700, 620),
    distinct=(580, 520),
)


def test_a_file_read_twice() -> None:
    [finding] = found(SCAN, LOADER)
    assert "220 of 1,320 training samples" in finding.message
    assert str(finding.where) == "train.py:9"


@pytest.mark.parametrize(
    "scan",
    [
        pytest.param(replace(SCAN, duplicates=40), id="three percent"),
        pytest.param(replace(SCAN, counts=(700, 620), distinct=(700, 120)), id="a rare class, repeated on purpose"),
    ],
)
def test_is_silent(scan: Scan) -> None:
    assert found(scan, LOADER) == []


@pytest.mark.parametrize(
    "scan",
    [
        pytest.param(replace(SCAN, bits=12.0), id="a few categories"),
        pytest.param(replace(SCAN, bits=math.nan), id="not known"),
        pytest.param(replace(SCAN, tokens=True), id="tokens"),
        pytest.param(replace(SCAN, keyed=50), id="few samples"),
    ],
)
def test_skips(scan: Scan) -> None:
    with pytest.raises(Skip):
        found(scan)
