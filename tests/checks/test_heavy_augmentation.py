"""heavy-augmentation, on recordings typed by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from nndoctor import Finding, Recording
from nndoctor.records import Loader, Module, Parameter, Record, Redraw
from nndoctor_checks.dataset.heavy_augmentation import heavy_augmentation

ROW = Redraw(loader="a", leaf="0", samples=24, draws=4, values=2.5, shades=1.5, label=True)


def found(*records: Record) -> list[Finding]:
    return heavy_augmentation(Recording.of(records))


def test_more_than_samples_differ() -> None:
    [finding] = found(ROW, Loader(name="a", file="train.py", line=9))
    assert "1.5 times" in finding.message
    assert str(finding.where) == "train.py:9"


def test_columns_of_a_table_and_infinity() -> None:
    assert found(replace(ROW, shades=math.nan))
    [finding] = found(replace(ROW, values=math.inf, shades=math.inf))
    assert finding.evidence == ()


def test_noise_on_values_that_stay_in_their_places() -> None:
    """Noise in proportion to each sample's contrast leaves the distributions different from one another."""
    [finding] = found(replace(ROW, values=15.0, shades=0.25, kept=1.02))
    assert "15.0 times" in finding.message


SCATTERED = replace(ROW, values=20.0, shades=0.0, kept=math.nan, scattered=1.0)
WIDE = Parameter(name="stem.weight", module_type="Conv1d", shape=(16, 1, 7))


@pytest.mark.parametrize("reader", [WIDE, Module(name="rnn", type="GRU", calls=40)])
def test_values_in_another_order_in_each_draw(reader: Record) -> None:
    [finding] = found(SCATTERED, reader)
    assert "with neighbours torn apart" in finding.message


def test_an_order_that_nothing_reads_may_change() -> None:
    assert found(SCATTERED, replace(WIDE, shape=(16, 1, 1))) == []
    assert found(replace(SCATTERED, label=False), WIDE) == []


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(replace(ROW, shades=0.1), id="flips and shifts"),
        pytest.param(replace(ROW, shades=0.1, kept=0.6), id="flips and shifts, seen to move"),
        pytest.param(replace(ROW, values=0.4, kept=1.0), id="a little noise"),
        pytest.param(replace(ROW, values=0.4), id="colours"),
        pytest.param(replace(ROW, label=False), id="denoising"),
        pytest.param(replace(ROW, samples=3), id="too few"),
        pytest.param(replace(ROW, values=math.nan, shades=math.nan), id="unknown"),
    ],
)
def test_is_silent(row: Redraw) -> None:
    assert found(row) == []
