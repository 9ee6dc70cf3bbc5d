"""batch-too-small, on recordings typed by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nndoctor import Finding, Recording, Severity
from nndoctor.records import Loader, Normalised, Record
from nndoctor_checks.dataset.batch_too_small import batch_too_small


def found(*records: Record) -> list[Finding]:
    return batch_too_small(Recording.of(records))


ROW = Normalised(module="bn", type="BatchNorm1d", calls=40, smallest=2, largest=2, few=40, values=2)
LOADER = Loader(name="loader", split="train", batch_size=2, file="train.py", line=9)


def test_two_samples() -> None:
    [finding] = found(ROW, replace(ROW, module="bn2"), LOADER)
    assert "batches of 2 samples" in finding.message
    assert finding.names == ("bn", "bn2")
    assert finding.severity is None
    assert str(finding.where) == "train.py:9"


def test_large_images_are_a_note() -> None:
    [finding] = found(replace(ROW, values=2 * 64 * 64))
    assert finding.severity is Severity.NOTE


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(replace(ROW, smallest=4, largest=4, few=0, values=4), id="four"),
        pytest.param(replace(ROW, largest=32, few=2), id="now and then"),
        pytest.param(replace(ROW, calls=2, few=2), id="two calls"),
    ],
)
def test_is_silent(row: Normalised) -> None:
    assert found(row, LOADER) == []
