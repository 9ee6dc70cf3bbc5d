"""loss-ignores-target, on recordings typed by hand."""

from __future__ import annotations

import math

import pytest

from nndoctor import Finding, Recording, Severity
from nndoctor.records import OTHER_TARGETS, SAME_TARGETS, Batch, LossCall, LossTarget, Module, Record, Step
from nndoctor_checks.implementation.loss_ignores_target import loss_ignores_target


def found(*records: Record) -> list[Finding]:
    return loss_ignores_target(Recording.of(records))


def steps(loss: float = 2.0, count: int = 8) -> list[Record]:
    return [Step(step=i, loss=loss) for i in range(count)]


def calls(count: int = 8, *, own: bool = False, content: str = "", segment: int = 0) -> list[Record]:
    return [
        LossTarget(
            step=i,
            function="cross_entropy",
            own=own,
            content=content or f"other{i}",
            value=2.0,
            classes=True,
            file="a.py",
            line=3,
            segment=segment,
        )
        for i in range(count)
    ]


def tried(*losses: float, same: float = 1.0) -> list[Record]:
    return [
        *(Step(experiment=SAME_TARGETS, step=i, loss=same) for i in range(len(losses))),
        *(Step(experiment=OTHER_TARGETS, step=i, loss=v) for i, v in enumerate(losses)),
    ]


def batches(role: str = "") -> list[Record]:
    row = Batch(leaf="1", source="DataLoader#0", dtype="int64", min=0, max=2, shape=(8,), role=role)
    return [Batch(step=i, content=f"y{i}", **_fields(row)) for i in range(8)]


def _fields(row: Batch) -> dict[str, object]:
    return {name: getattr(row, name) for name in ("leaf", "source", "dtype", "min", "max", "shape", "role")}


def test_its_own_answer_is_no_target() -> None:
    [finding] = found(*steps(), *calls(own=True))
    assert finding.severity is None
    assert "own answer" in finding.message
    assert str(finding.where) == "a.py:3"


def test_the_labels_of_an_earlier_batch() -> None:
    [finding] = found(*steps(), *calls(content="y0"), *batches(), *tried(1.0, 1.0, 1.0))
    assert finding.severity is None
    assert "leaf 1 of an earlier batch" in finding.message
    assert "drawn anew" in finding.message


def test_labels_that_fit_and_make_no_difference_are_a_warning() -> None:
    call = LossCall(function="cross_entropy", classes=3, distinct_targets=3, target_shape=(8,))
    [finding] = found(*steps(), *calls(), *batches(), *tried(1.0, 1.0, 1.0), call)
    assert finding.severity is Severity.WARNING


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([Module(name="net", loaded=True)], id="adaptation of loaded weights"),
        pytest.param(steps(), id="losses of a later phase"),
    ],
)
def test_pseudo_labels_may_be_meant(records: list[Record]) -> None:
    later = any(isinstance(r, Step) for r in records)
    rows = calls(own=True, segment=int(later))
    losses = [Step(step=i, loss=2.0, segment=int(later)) for i in range(8)]
    [finding] = found(*rows, *losses, *records)
    assert finding.severity is Severity.WARNING


TEACHER = [Module(root=name, name=name, parameters=9, calls=1) for name in ("Teacher", "Student")]
UNMOVED = tried(1.0, 1.0, 1.0)
PRETEXT = LossCall(function="cross_entropy", classes=3, distinct_targets=8, target_shape=(8,))
WIDER = LossCall(function="cross_entropy", classes=10, distinct_targets=3, target_shape=(8,))
MEANT = LossCall(function="cross_entropy", classes=3, distinct_targets=3, target_shape=(8,))


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([*steps(), *calls()], id="targets of its own making"),
        pytest.param([*steps(), *calls(content="y0"), *batches("target")], id="an old batch among new ones"),
        pytest.param([*steps(), *calls(3, own=True)], id="too few"),
        pytest.param([*steps(5.0), *calls(own=True)], id="one term beside others"),
        pytest.param([*steps(), *calls(own=True), *tried(1.0, 1.1, 1.0)], id="labels do count"),
        pytest.param([*steps(), *calls(), *batches(), *UNMOVED, PRETEXT], id="contrastive: each its own class"),
        pytest.param([*steps(), *calls(), *batches(), *UNMOVED, WIDER], id="another number of classes"),
        pytest.param(
            [*steps(), *calls(), *batches(), *UNMOVED, MEANT, *TEACHER],
            id="a teacher",
        ),
        pytest.param([*steps(math.nan), *calls(own=True)], id="NaN"),
        pytest.param([*steps(), *calls(), *batches(), *tried(math.nan, 1.0, 1.0), MEANT], id="NaN in the experiment"),
    ],
)  # fmt: skip
def test_is_silent(records: list[Record]) -> None:
    assert found(*records) == []
