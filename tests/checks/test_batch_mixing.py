"""batch-mixing, on recordings typed by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from nndoctor import Finding, Recording, Severity, Skip
from nndoctor.records import Forwards, Independence, LossCall, Module, Record
from nndoctor_checks.implementation.batch_mixing import batch_mixing

MIXED = Independence(
    module="Net", batch_size=32, mixed=0.23, moved=0.5, leak=0.4, from_loader=True, file="train.py", line=12
)


def found(*records: Record) -> list[Finding]:
    return batch_mixing(Recording.of(records))


def test_reports_the_share_and_the_place() -> None:
    [finding] = found(MIXED)
    assert finding.severity is None
    assert "23%" in finding.message
    assert str(finding.where) == "train.py:12"


def test_samples_that_do_not_even_move_their_own_output() -> None:
    assert found(replace(MIXED, moved=0.0))


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([replace(MIXED, from_loader=False)], id="the dimension is not certain"),
        pytest.param([MIXED, LossCall(input_shape=(32, 32), classes=32)], id="contrastive"),
        pytest.param([MIXED, Module(name="bn", type="BatchNorm1d", calls=9)], id="BatchNorm without statistics"),
        pytest.param(
            [MIXED, Module(name="bn", type="BatchNorm1d", calls=9, registered=False), Forwards(module="bn")],
            id="BatchNorm that eval() does not reach",
        ),
    ],
)
def test_only_warns(records: list[Record]) -> None:
    [finding] = found(*records)
    assert finding.severity is Severity.WARNING


def test_the_nodes_of_a_graph_may_interact() -> None:
    [finding] = found(replace(MIXED, graph_like=True))
    assert finding.severity is Severity.NOTE


def test_batch_norm_with_statistics_is_no_excuse() -> None:
    [finding] = found(MIXED, Module(name="bn", type="BatchNorm1d", calls=9), Forwards(module="bn", type="BatchNorm1d"))
    assert finding.severity is None


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(replace(MIXED, mixed=0.0, leak=0.0), id="independent"),
        pytest.param(replace(MIXED, mixed=1.0, leak=1e-6), id="rounding"),
        pytest.param(replace(MIXED, mixed=1.0, leak=3e-5), id="small beside its own change"),
        pytest.param(replace(MIXED, leak=math.nan), id="NaN"),
    ],
)
def test_is_silent(row: Independence) -> None:
    assert found(row) == []


def test_skips_with_the_reason() -> None:
    with pytest.raises(Skip, match="it draws random numbers"):
        found(replace(MIXED, mixed=math.nan, why="it draws random numbers"))
