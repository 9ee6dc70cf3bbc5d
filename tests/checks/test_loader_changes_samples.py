"""loader-changes-samples, on recordings typed by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nndoctor import Finding, Recording
from nndoctor.records import Collation, Loader, Record
from nndoctor_checks.dataset.loader_changes_samples import loader_changes_samples

ROW = Collation(loader="loader", leaf="0", role="input", compared=8, kept=8)


def found(*records: Record) -> list[Finding]:
    return loader_changes_samples(Recording.of(records))


def test_one_buffer_for_all() -> None:
    row = replace(ROW, kept=1, moved=7, missing=7)
    [finding] = found(row, Loader(name="loader", file="train.py", line=9))
    assert "7 of 8 samples" in finding.message
    assert str(finding.where) == "train.py:9"


def test_cut_to_pieces() -> None:
    [finding] = found(replace(ROW, kept=0, mixed=8, file="data.py", line=4))
    assert "values of several samples (leaf 0, the input)" in finding.message
    assert str(finding.where) == "data.py:4"


def test_truncated() -> None:
    [finding] = found(replace(ROW, kept=0, truncated=True, role="target", leaf="1"))
    assert "fractions" in finding.message


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(ROW, id="as they were"),
        pytest.param(replace(ROW, kept=0, moved=8), id="sorted"),
        pytest.param(replace(ROW, kept=0), id="scaled"),
        pytest.param(replace(ROW, kept=7, moved=1, missing=1), id="one broken sample replaced"),
        pytest.param(replace(ROW, compared=0, missing=3), id="nothing compared"),
    ],
)
def test_is_silent(row: Collation) -> None:
    assert found(row) == []
