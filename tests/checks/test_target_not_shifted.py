"""target-not-shifted, on recordings typed by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from nndoctor import Finding, Recording, Severity
from nndoctor.records import Causality, Record, TokenTarget
from nndoctor_checks.implementation.target_not_shifted import target_not_shifted

COPY = TokenTarget(loss="cross_entropy", positions=320, kept=1, same=1, shifted=0.1, file="a.py", line=4)
CAUSAL = Causality(module="Net", length=10, moved=0.5, leak=0, leaking=0)


def found(*records: Record) -> list[Finding]:
    return target_not_shifted(Recording.of(records))


def steps(row: TokenTarget, count: int = 4) -> list[TokenTarget]:
    return [replace(row, step=i) for i in range(count)]


def test_a_model_that_cannot_look_ahead_copies() -> None:
    [finding] = found(*steps(COPY), CAUSAL)
    assert finding.severity is None
    assert "1280 positions" in finding.message
    assert str(finding.where) == "a.py:4"


def test_a_warning_where_the_model_could_not_be_asked() -> None:
    [finding] = found(*steps(COPY), replace(CAUSAL, why="no"))
    assert finding.severity is Severity.WARNING


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([*steps(COPY), replace(CAUSAL, leaking=0.9)], id="an autoencoder"),
        pytest.param([*steps(replace(COPY, same=0.1, shifted=1)), CAUSAL], id="shifted"),
        pytest.param([*steps(replace(COPY, shifted=0.95)), CAUSAL], id="one token over and over"),
        pytest.param([*steps(replace(COPY, kept=0.15)), CAUSAL], id="masked"),
        pytest.param([*steps(replace(COPY, same=math.nan)), CAUSAL], id="NaN"),
        pytest.param([*steps(COPY, 2), CAUSAL], id="too few"),
        pytest.param([*steps(COPY), replace(COPY, step=9, same=0.1), CAUSAL], id="not always"),
    ],
)
def test_is_silent(records: list[Record]) -> None:
    assert found(*records) == []
