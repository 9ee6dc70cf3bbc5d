"""labels-mismatched, on recordings typed by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from nndoctor import Finding, Recording, Skip
from nndoctor.records import Collation, Loader, Pairing, Record, RowOrder, TokenTarget
from nndoctor_checks.dataset.labels_mismatched import labels_mismatched

LEAF = Collation(loader="loader", leaf="1", role="target", compared=8, kept=4, moved=4, mispaired=4)
PAIR = Pairing(inputs="a", targets="b", compared=600, matched=300, by_chance=0.5, file="train.py", line=7)


def found(*records: Record) -> list[Finding]:
    return labels_mismatched(Recording.of(records))


def test_sorted_apart() -> None:
    [finding] = found(LEAF, Loader(name="loader", file="train.py", line=9))
    assert "8 known samples, 4 inputs" in finding.message
    assert str(finding.where) == "train.py:9"


def test_two_loaders() -> None:
    [finding] = found(PAIR)
    assert "50% of 600" in finding.message


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(replace(LEAF, mispaired=0), id="each has its own"),
        pytest.param(replace(LEAF, mispaired=1), id="one may be a copy"),
        pytest.param(replace(PAIR, matched=600), id="the same order"),
        pytest.param(replace(PAIR, compared=10, matched=0), id="too few"),
    ],
)
def test_is_silent(row: Record) -> None:
    assert found(row) == []


def steps(own: int, count: int = 10, chance: float = 0.1) -> list[RowOrder]:
    return [RowOrder(step=i, samples=32, own=own, by_chance=chance, file="train.py", line=20) for i in range(count)]


def test_the_loop_moves_the_targets() -> None:
    [finding] = found(*steps(3))
    assert "9% of 320 samples" in finding.message
    assert str(finding.where) == "train.py:20"


def test_two_classes_hide_half() -> None:
    assert found(*steps(17, chance=0.5))


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(steps(32), id="in order"),
        pytest.param([*steps(32), *steps(3)], id="labels of others in a second loss: mixup"),
        pytest.param(steps(26), id="a fifth exchanged on purpose"),
        pytest.param([*steps(32, 10), *(replace(r, step=r.step + 10) for r in steps(3, 5))], id="in some steps"),
        pytest.param(steps(3, 2), id="too few"),
    ],
)
def test_the_loop_keeps_the_targets(rows: list[RowOrder]) -> None:
    assert found(*rows) == []


def test_skips_where_nothing_could_be_told_apart() -> None:
    with pytest.raises(Skip):
        found(replace(LEAF, role="input"))


NEXT = TokenTarget(loss="cross_entropy", positions=320, kept=1, same=0.1, shifted=0.1, elsewhere=1, file="a.py", line=4)


def tokens(*shares: float) -> list[TokenTarget]:
    return [replace(NEXT, step=step, elsewhere=share) for step, share in enumerate(shares)]


def test_rows_that_are_to_be_continued_as_others() -> None:
    [finding] = found(*tokens(1.0, 0.9, 1.0))
    assert "next tokens of other rows of the batch, for 97% of the rows in each of 3 steps" in finding.message
    assert str(finding.where) == "a.py:4"


@pytest.mark.parametrize(
    "shares",
    [
        pytest.param((0.0, 0.0, 0.0), id="their own"),
        pytest.param((1.0, 1.0), id="too few steps"),
        pytest.param((1.0, 0.2, 1.0), id="not always"),
        pytest.param((math.nan,) * 3, id="an older recording"),
    ],
)
def test_rows_that_are_continued_as_themselves(shares: tuple[float, ...]) -> None:
    assert found(*tokens(*shares)) == []
