"""recreated-layer, on recordings typed by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nndoctor import Recording
from nndoctor.records import Module, Recreated
from nndoctor_checks.implementation.recreated_layer import recreated_layer

ROW = Recreated(name="Net", type="Linear", instances=40, steps=40, parameters=650, file="a.py", line=6)


def test_a_new_layer_in_every_step() -> None:
    [finding] = recreated_layer(Recording.of([Module(name="Net"), ROW]))
    assert "40 new layers of type Linear" in finding.message
    assert finding.severity is None
    assert str(finding.where) == "a.py:6"


@pytest.mark.parametrize(
    "row", [replace(ROW, instances=1, steps=1), replace(ROW, instances=9, steps=1)], ids=["once", "in one step"]
)
def test_is_silent(row: Recreated) -> None:
    assert recreated_layer(Recording.of([Module(name="Net"), row])) == []
