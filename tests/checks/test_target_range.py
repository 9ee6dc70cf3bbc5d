"""target-range, on recordings typed by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from nndoctor import Finding, Recording, Severity, Skip
from nndoctor.records import OVERFIT, Batch, Event, Labels, Loader, LossCall, Record
from nndoctor_checks.implementation.target_range import target_range

CALL = LossCall(
    function="mse_loss", graph=("SqueezeBackward1", "ReluBackward0", "AddmmBackward0"), target_min=-2, target_max=3,
    file="a.py", line=9,
)  # fmt: skip
LABELS = LossCall(
    function="cross_entropy", input_shape=(32, 4), target_shape=(32,), classes=4, target_min=0, target_max=2, floor=0
)


def found(*records: Record) -> list[Finding]:
    return target_range(Recording.of(records))


def steps(call: LossCall, count: int = 8) -> list[LossCall]:
    return [replace(call, step=i) for i in range(count)]


@pytest.mark.parametrize(
    ("graph", "low", "high"),
    [
        (("ReluBackward0", "AddmmBackward0"), -2, 3),
        (("ViewBackward0", "SigmoidBackward0", "AddmmBackward0"), -1, 2),
        (("SigmoidBackward0",), 0, 255),
        (("TanhBackward0",), -2.5, 2.5),
    ],
)
def test_an_activation_that_cannot_reach_the_targets(graph: tuple[str, ...], low: float, high: float) -> None:
    [finding] = found(*steps(replace(CALL, graph=graph, target_min=low, target_max=high)))
    assert "out of reach" in finding.message
    assert finding.severity is None
    assert str(finding.where) == "a.py:9"


def test_a_squared_difference_by_hand() -> None:
    hand = replace(CALL, function="sub", written_by_hand=True, floor=0.0)
    assert len(found(*steps(hand))) == 1
    assert found(*steps(replace(hand, floor=math.nan))) == []


def test_a_label_that_stopped_the_script() -> None:
    [finding] = found(
        LABELS, Event(kind="exception", text="IndexError: Target 4 is out of bounds.", file="a.py", line=3)
    )
    assert "the network has 4 outputs" in finding.message
    assert "5 outputs" in finding.advice
    assert str(finding.where) == "a.py:3"


def test_outputs_that_are_never_used_are_a_note() -> None:
    [finding] = found(*steps(LABELS, 40))
    assert finding.severity is Severity.NOTE
    assert "3 outputs" in finding.advice


@pytest.mark.parametrize(
    "records",
    [
        pytest.param(steps(replace(CALL, target_min=0)), id="within reach"),
        pytest.param(steps(replace(CALL, target_min=-0.2)), id="noise about the bound"),
        pytest.param(steps(replace(CALL, graph=("AddmmBackward0", "ReluBackward0"))), id="a layer after it"),
        pytest.param(steps(replace(CALL, graph=("MulBackward0", "TanhBackward0"))), id="scaled"),
        pytest.param(steps(replace(CALL, target_min=math.nan)), id="NaN"),
        pytest.param(steps(CALL, 2), id="too few"),
        pytest.param([*steps(CALL), replace(CALL, experiment=OVERFIT, score=0.99)], id="it reached them"),
        pytest.param(steps(LABELS, 6), id="too few labels"),
        pytest.param([*steps(LABELS, 40), Batch(role="input", dtype="int64")], id="a padded vocabulary"),
        pytest.param(steps(replace(LABELS, target_max=3), 40), id="all used"),
        pytest.param([LABELS, Event(kind="exception", text="ValueError: no")], id="another exception"),
    ],
)
def test_is_silent(records: list[Record]) -> None:
    assert found(*records) == []


def test_skips_a_run_without_loss() -> None:
    with pytest.raises(Skip):
        found()


def stream(*present: int, each: int = 60) -> list[Record]:
    values = [label for _ in range(each) for label in present]
    return [
        Labels(step=i, source="loader", leaf="1", values=tuple(values[s : s + 32]))
        for i, s in enumerate(range(0, len(values), 32))
    ]


SHUFFLED = Loader(name="loader", order="shuffled", size=9000)


def test_a_gap_among_the_labels() -> None:
    rows = steps(replace(LABELS, target_max=3))
    [finding] = found(*rows, *stream(1, 2, 3, each=70), SHUFFLED)
    assert finding.severity is Severity.WARNING
    assert "the label 0 never came" in finding.message
    assert "subtract 1" in finding.advice


@pytest.mark.parametrize(
    "records",
    [
        pytest.param(stream(0, 1, 2, 3), id="all came"),
        pytest.param(stream(1, 2, 3, each=20), id="too few seen"),
        pytest.param(stream(2, 3, each=120), id="half of them: one task of several"),
        pytest.param(
            [*stream(1, 2, 3, each=70), Labels(split="validation", leaf="1", values=(0, 1))], id="another check's"
        ),
    ],
)
def test_no_gap_among_the_labels(records: list[Record]) -> None:
    assert found(*steps(replace(LABELS, target_max=3)), *records, SHUFFLED) == []
