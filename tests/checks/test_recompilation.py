"""recompilation, on calls typed by hand."""

from __future__ import annotations

from typing import Any

import pytest

from nndoctor import Recording, Severity
from nndoctor.records import CompiledCalls
from nndoctor_checks.speed.recompilation import recompilation


def recording(**facts: Any) -> Recording:
    usual = {"module": "Net", "file": "t.py", "line": 3, "calls": 40, "shapes": 1, "kinds": 1}
    return Recording.of([CompiledCalls(**{**usual, **facts})])


def test_finds_shapes_that_each_need_a_compilation() -> None:
    [finding] = recompilation(recording(dynamic="False", shapes=30))
    assert "30 different shapes in 40 calls" in finding.message
    assert finding.severity is None
    [finding] = recompilation(recording(kinds=20))
    assert "kinds of arguments" in finding.message
    [finding] = recompilation(recording(mode="reduce-overhead", shapes=30))
    assert finding.severity is Severity.NOTE


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({"shapes": 30}, id="sizes become variables"),
        pytest.param({"shapes": 30, "dynamic": "True"}, id="sizes are variables"),
        pytest.param({"shapes": 3, "dynamic": "False"}, id="a few shapes"),
        pytest.param({"shapes": 10, "dynamic": "False", "calls": 1000}, id="rarely a new one"),
    ],
)
def test_is_silent(facts: dict[str, Any]) -> None:
    assert recompilation(recording(**facts)) == []
