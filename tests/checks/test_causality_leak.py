"""causality-leak, on recordings typed by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from nndoctor import Finding, Recording, Skip
from nndoctor.records import Causality, Record, TokenTarget
from nndoctor_checks.implementation.causality_leak import causality_leak

NEXT = TokenTarget(loss="cross_entropy", positions=320, kept=1, same=0.1, shifted=1)
LEAK = Causality(module="Net", length=10, moved=0.5, leak=0.2, leaking=1, file="a.py", line=8)


def found(*records: Record) -> list[Finding]:
    return causality_leak(Recording.of(records))


def steps(row: TokenTarget, count: int = 4) -> list[TokenTarget]:
    return [replace(row, step=i) for i in range(count)]


def test_a_model_that_sees_the_next_token() -> None:
    [finding] = found(*steps(NEXT), LEAK)
    assert finding.severity is None
    assert "Net" in finding.message
    assert str(finding.where) == "a.py:8"


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([*steps(NEXT), replace(LEAK, leak=0, leaking=0)], id="causal"),
        pytest.param([*steps(replace(NEXT, same=1, shifted=0.1)), LEAK], id="an autoencoder"),
        pytest.param([*steps(replace(NEXT, shifted=0.5)), LEAK], id="other targets"),
        pytest.param([*steps(replace(NEXT, same=0.95)), LEAK], id="one token over and over"),
        pytest.param([*steps(replace(NEXT, shifted=math.nan)), LEAK], id="NaN"),
        pytest.param([*steps(NEXT, 2), LEAK], id="too few"),
    ],
)
def test_is_silent(records: list[Record]) -> None:
    assert found(*records) == []


@pytest.mark.parametrize("model", [replace(LEAK, why="no"), replace(LEAK, moved=0.0)])
def test_skips_a_model_that_could_not_be_asked(model: Causality) -> None:
    with pytest.raises(Skip):
        found(*steps(NEXT), model)
