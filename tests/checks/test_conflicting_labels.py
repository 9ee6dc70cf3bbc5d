"""conflicting-labels, on recordings typed by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nndoctor import Finding, Recording, Severity, Skip
from nndoctor.records import Loader, Record, Scan
from nndoctor_checks.dataset.conflicting_labels import conflicting_labels


def found(*records: Record) -> list[Finding]:
    return conflicting_labels(Recording.of(records))


LOADER = Loader(name="loader", file="train.py", line=9)
SCAN = Scan(
    loader="loader", total=1240, samples=1240, keyed=1240, conflicts=80, bits=240.0, labels=(0, 1), counts=(620, 620)
)


def test_two_opinions() -> None:
    [finding] = found(SCAN, LOADER)
    assert "80 of 1,240" in finding.message
    assert finding.severity is None
    assert str(finding.where) == "train.py:9"


def test_categories_are_a_note() -> None:
    [finding] = found(replace(SCAN, bits=11.0), LOADER)
    assert finding.severity is Severity.NOTE


def test_is_silent_below_one_percent() -> None:
    assert found(replace(SCAN, conflicts=8), LOADER) == []


@pytest.mark.parametrize(
    "scan",
    [
        pytest.param(replace(SCAN, labels=(), counts=()), id="a number as target"),
        pytest.param(replace(SCAN, tokens=True), id="tokens"),
        pytest.param(replace(SCAN, keyed=0), id="not comparable"),
    ],
)
def test_skips(scan: Scan) -> None:
    with pytest.raises(Skip):
        found(scan)
