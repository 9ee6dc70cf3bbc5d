"""simpler-version, on recordings typed by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from nndoctor import Finding, Recording, Severity, Skip, Table
from nndoctor.records import OBSERVE, OVERFIT, Experiment, LossCall, LossPart, Record
from nndoctor_checks.implementation.simpler_version import simpler_version

if TYPE_CHECKING:
    from collections.abc import Sequence

FALLS, STAYS, HALF = (2.0, 0.05), (2.0, 1.97), (2.0, 1.3)
Ends = tuple[float, float]


def found(records: Sequence[Record]) -> list[Finding]:
    return simpler_version(Recording.of(records))


def course(experiment: str, index: int, ends: Ends, *, steps: int = 50, **fields: object) -> list[Record]:
    begin, end = ends
    return [
        LossPart(
            experiment=experiment,
            step=step,
            index=index,
            value=begin + (end - begin) * min(1.0, 2 * step / steps),
            file="train.py",
            **{"loss": "mse_loss", "name": f"part_{index}", "line": 10 + index, **fields},
        )
        for step in range(steps)
    ]


def scored(experiment: str, index: int, score: float, *, steps: int = 50, floor: float = 0.0) -> list[Record]:
    known = {"metric": "accuracy", "score": score, "chance": 0.25} if score >= 0 else {}
    return [
        LossCall(
            experiment=experiment, step=step, requires_grad=True, floor=floor, file="train.py", line=10 + index, **known
        )
        for step in range(steps)
    ]


def tried(
    *terms: tuple[Ends, Ends], beside: str = OVERFIT, steps: int = 50, floor: float = 0.0, **fields: object
) -> list[Record]:
    """Return a run in which each term went from here to there: alone, and together with the others."""
    rows: list[Record] = [Experiment(name=beside, batch_size=16, steps=steps)]
    for index, (alone, together) in enumerate(terms):
        name = f"alone:{index}"
        rows.append(Experiment(name=name, steps=steps))
        rows += course(beside, index, together, steps=steps, **fields)
        rows += course(name, index, alone, steps=steps, alone=True, beside=beside, **fields)
        for other in range(len(terms)):
            if other != index:
                rows += course(name, other, STAYS, steps=steps, beside=beside)
        rows += scored(name, index, -1.0, steps=steps, floor=floor)
        rows += scored(beside, index, -1.0, steps=steps, floor=floor)
    return rows


def test_names_the_term_that_does_not_learn_alone() -> None:
    [finding] = found(tried((FALLS, FALLS), (STAYS, STAYS)))
    assert finding.message.startswith("Trained alone on one small batch, part_1 (mse_loss) did not learn (")
    assert "part_0 (mse_loss) did." in finding.message
    assert finding.where is not None
    assert finding.where.line == 11
    assert simpler_version.severity is Severity.NOTE
    [table] = [e for e in finding.evidence if isinstance(e, Table)]
    assert [row[0] for row in table.rows] == ["part_0 (mse_loss)", "part_1 (mse_loss)"]


def test_says_if_none_learns() -> None:
    [finding] = found(tried((STAYS, STAYS), (STAYS, STAYS)))
    assert "Each of the 2 terms of the loss was trained alone on one small batch, and none learnt" in finding.message
    assert finding.title == "No part of the loss learns, not even alone."


def test_says_if_a_term_learns_only_alone() -> None:
    [finding] = found(tried((FALLS, STAYS), (FALLS, FALLS)))
    assert "part_0 (mse_loss) went from 2 to 0.05 when it was trained alone" in finding.message
    assert "from 2 to 1.97 beside part_1 (mse_loss)" in finding.message


def test_on_the_scripts_own_batches_less_will_do() -> None:
    [finding] = found(tried((HALF, STAYS), (STAYS, STAYS), beside=OBSERVE))
    assert finding.message.startswith("On the script's own batches, part_0")


def test_accuracy_decides_where_there_is_one() -> None:
    rows = [r for r in tried((STAYS, STAYS), (FALLS, FALLS)) if not isinstance(r, LossCall)]
    right = [*scored("alone:0", 0, 1.0), *scored(OVERFIT, 0, 1.0)]
    assert found([*rows, *right]) == []
    chance = [*scored("alone:0", 0, 0.3), *scored(OVERFIT, 0, 0.2)]
    assert len(found([*rows, *chance])) == 1


def test_terms_of_one_line_are_told_apart_by_their_order() -> None:
    rows = [r for r in tried((STAYS, STAYS), (STAYS, STAYS), line=10) if not isinstance(r, LossCall)]
    both = [*scored("alone:0", 0, 1.0), *scored("alone:0", 0, 0.2)]
    both += [*scored("alone:1", 0, 1.0), *scored("alone:1", 0, 0.2)]
    [finding] = found([*rows, *both])
    assert "part_1" in finding.message
    assert "part_0" not in finding.message.partition("(")[0]


@pytest.mark.parametrize(
    "records",
    [
        pytest.param(tried((FALLS, FALLS), (FALLS, FALLS)), id="all learn, alone and together"),
        pytest.param(tried((FALLS, FALLS), (HALF, HALF)), id="between learning and not"),
        pytest.param(tried((STAYS, STAYS), (HALF, HALF), floor=math.nan, loss=""), id="by hand: its floor is unknown"),
        pytest.param(tried((STAYS, STAYS), (FALLS, FALLS), floor=math.nan), id="soft targets: the same"),
        pytest.param(tried((FALLS, STAYS), (FALLS, FALLS), loss=""), id="a divergence that rises for the other's sake"),
        pytest.param(tried((STAYS, FALLS), (FALLS, FALLS)), id="learns beside the others"),
        pytest.param(tried((STAYS, STAYS), (STAYS, STAYS), beside=OBSERVE), id="own batches: too few steps to tell"),
        pytest.param(tried(((2.0, math.inf), STAYS), (FALLS, FALLS)), id="not finite"),
    ],
)
def test_is_silent(records: list[Record]) -> None:
    assert found(records) == []


@pytest.mark.parametrize(
    ("records", "why"),
    [
        ([LossPart(), LossPart(index=1)], "the script learns with all terms"),
        ([LossPart(), Experiment(name="alone:", outcome="skipped", why="--quick leaves it out")], "--quick"),
        ([*tried((FALLS, FALLS), (STAYS, STAYS)), Experiment(name="x", objectives=2)], "in turn"),
        (tried((FALLS, FALLS), (STAYS, STAYS), steps=20), "too few"),
    ],
)
def test_says_why_it_cannot_judge(records: list[Record], why: str) -> None:
    with pytest.raises(Skip, match=why):
        found(records)


# ---- outputs that one loss takes together: each counts for its part of the common value


def test_an_output_that_does_not_learn_is_named() -> None:
    half = (2.0, 1.1)
    rows = tried((half, half), ((2.0, 1.95), half), head=True, name="output 0")
    rows = [replace(r, name=f"output {r.index}") if isinstance(r, LossPart) else r for r in rows]
    [finding] = found(rows)
    assert finding.message.startswith("Trained alone on one small batch, output 1 did not learn (")
    assert "output 0 did." in finding.message


def test_outputs_that_learn_their_part_are_silent() -> None:
    half = (2.0, 1.4)
    assert found(tried((half, (2.0, 0.9)), (half, (2.0, 0.9)), head=True)) == []
