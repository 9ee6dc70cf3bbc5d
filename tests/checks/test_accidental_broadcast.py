"""accidental-broadcast, on recordings typed by hand."""

from __future__ import annotations

import pytest

from nndoctor import Finding, Recording
from nndoctor.records import Broadcast, LossCall, Record
from nndoctor_checks.implementation.accidental_broadcast import accidental_broadcast


def found(*records: Record) -> list[Finding]:
    return accidental_broadcast(Recording.of(records))


def row(count: int = 8, source: str = "2") -> Broadcast:
    return Broadcast(
        operation="*", source=source, column=(32, 1), vector=(32,), count=count, file="a.py", line=6, module="Net"
    )


@pytest.mark.parametrize(("source", "words"), [("2", "leaf 2 of the batch"), ("layer", "from a layer")])
def test_reports_the_shapes_and_the_place(source: str, words: str) -> None:
    [finding] = found(row(source=source))
    assert words in finding.message
    assert "32 x 32" in finding.message
    assert str(finding.where) == "a.py:6"


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([row(count=2)], id="too few"),
        pytest.param(
            [row(), LossCall(function="sub", written_by_hand=True, file="a.py", line=6)], id="loss-broadcast says so"
        ),
        pytest.param([], id="nothing"),
    ],
)
def test_is_silent(records: list[Record]) -> None:
    assert found(*records) == []
