"""constant-input, on recordings typed by hand."""

from __future__ import annotations

import math

import pytest

from nndoctor import Finding, Recording, Severity, Skip
from nndoctor.records import Batch, Loader, Record
from nndoctor_checks.dataset.constant_input import constant_input


def found(*records: Record) -> list[Finding]:
    return constant_input(Recording.of(records))


def batches(
    leaf: str = "0",
    shape: tuple[int, ...] = (32, 1, 8, 8),
    *,
    count: int = 5,
    constant: bool = False,
    copies: bool = False,
    dtype: str = "float32",
    role: str = "input",
    value: float = 0.0,
) -> list[Record]:
    equal = copies or (constant and not math.isnan(value))
    return [
        Batch(step=i, role=role, leaf=leaf, source="loader", shape=shape, dtype=dtype, constant=constant,
              identical_samples=equal, min=value, max=value, std=0.0, content=f"{leaf}{i}")
        for i in range(count)
    ]  # fmt: skip


def test_reports_black_images() -> None:
    [finding] = found(*batches(constant=True), Loader(name="loader", file="train.py", line=7))
    assert "is 0 everywhere" in finding.message
    assert "5 of 5" in finding.message
    assert finding.severity is None
    assert str(finding.where) == "train.py:7"


def test_reports_copies_of_one_sample() -> None:
    [finding] = found(*batches(copies=True))
    assert "copies of one sample" in finding.message


def test_a_constant_beside_another_input_is_a_warning() -> None:
    [finding] = found(*batches("a", constant=True), *batches("b"))
    assert finding.severity is Severity.WARNING
    assert finding.names == ("a",)


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(batches(), id="varies"),
        pytest.param(batches(constant=True, count=2), id="too few"),
        pytest.param(batches(constant=True, shape=(1, 64)), id="batches of one number"),
        pytest.param(batches(copies=True, shape=(2, 2)), id="batches of two from a truth table"),
        pytest.param([*batches("lengths", (32,), constant=True, dtype="int64"), *batches()], id="equal lengths"),
        pytest.param([*batches("mask", (32, 5), constant=True, dtype="bool"), *batches()], id="mask without padding"),
        pytest.param(batches(constant=True, value=math.nan), id="NaN"),
        pytest.param([*batches(constant=True)[:4], *batches(count=4)], id="only some"),
    ],
)
def test_is_silent(rows: list[Record]) -> None:
    assert found(*rows) == []


def test_skips_without_a_known_input() -> None:
    with pytest.raises(Skip):
        found(*batches(role=""))
