"""missing-nonlinearity, on recordings typed by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nndoctor import Finding, Recording
from nndoctor.records import Chained, Module
from nndoctor_checks.implementation.missing_nonlinearity import missing_nonlinearity

PAIR = Chained(
    first="fc1", second="fc2", inputs=64, inner=128, outputs=64, links=11, takers=1, file="a.py", line=17
)  # fmt: skip


def found(*rows: Chained) -> list[Finding]:
    return missing_nonlinearity(Recording.of([Module(name="Net"), *rows]))


def test_two_layers_with_nothing_between() -> None:
    [finding] = found(PAIR, replace(PAIR, first="fc2", second="fc3", inputs=128, inner=64, outputs=10))
    assert "64 -> 128 -> 64" in finding.message
    assert "fc2 -> fc3" in finding.message
    assert str(finding.where) == "a.py:17"


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(replace(PAIR, inner=8), id="a bottleneck"),
        pytest.param(replace(PAIR, takers=2), id="another takes it too"),
        pytest.param(replace(PAIR, first="encoder.3", second="head"), id="a head on an encoder"),
        pytest.param(replace(PAIR, second="fc1"), id="one layer, applied twice"),
        pytest.param(replace(PAIR, links=2), id="too few"),
    ],
)
def test_is_silent(row: Chained) -> None:
    assert found(row) == []
