"""repeated-batch, on recordings typed by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nndoctor import Finding, Recording, Severity
from nndoctor.records import COAST, VALIDATION, Batch, Loader, LossCall, LossTarget, Record, Step
from nndoctor_checks.dataset.repeated_batch import repeated_batch

LOADER = Loader(name="loader", split="train", size=1497, batch_size=32, batches=47, file="train.py", line=48)


def found(*records: Record) -> list[Finding]:
    return repeated_batch(Recording.of(records))


def batches(*contents: str, source: str = "loader", rows: int = 32, width: int = 10) -> list[Batch]:
    return [
        Batch(step=i, leaf=leaf, role=role, source=source, shape=shape, dtype="float32", content=f"{leaf}{content}")
        for i, content in enumerate(contents)
        for leaf, role, shape in (("0", "input", (rows, width)), ("1", "target", (rows,)))
    ]


def scored(rows: int, width: int = 10) -> Batch:
    return Batch(split=VALIDATION, role="input", leaf="v", source="call", shape=(rows, width), content="v")


def test_reports_a_loader_that_always_begins_anew() -> None:
    [finding] = found(*batches(*"a" * 40), LOADER)
    assert "the same batch in 40 steps" in finding.message
    assert "47 batches" in finding.message
    assert finding.severity is None
    assert str(finding.where) == "train.py:48"


def test_few_different_batches_are_a_warning() -> None:
    [finding] = found(*batches(*"ab" * 20), LOADER)
    assert finding.severity is Severity.WARNING
    assert "only 2 different" in finding.message


def test_beside_a_source_that_varies_it_is_a_warning() -> None:
    other = batches(*map(str, range(40)), source="second")
    [finding] = found(*batches(*"a" * 40), LOADER, *other, replace(LOADER, name="second"))
    assert finding.severity is Severity.WARNING


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([scored(200)], id="ten times as much validation data"),
        pytest.param([LossCall(input_shape=(20, 1)), LossCall(split=VALIDATION, input_shape=(200, 1))], id="its loss"),
        pytest.param([replace(batches("b", source="call")[0], experiment=COAST)], id="other batches later"),
    ],
)
def test_warns_of_a_slice_that_stands_still(records: list[Record]) -> None:
    [finding] = found(*batches(*"a" * 40, source="call", rows=20), *records)
    assert finding.severity is Severity.WARNING


def test_a_batch_drawn_once_from_a_loader_is_an_error() -> None:
    [finding] = found(*batches(*"a" * 40, source="call"), LOADER)
    assert finding.severity is None
    assert "1497" in finding.message


def test_a_list_of_one_batch_of_a_loader_in_each_epoch_is_a_warning() -> None:
    [finding] = found(*batches(*"a" * 20, *"b" * 20, source="call"), LOADER)
    assert finding.severity is Severity.WARNING
    assert "only 2 different batches in 40 steps" in finding.message


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([*batches(*map(str, range(40)), source="call"), LOADER], id="different batches by hand"),
        pytest.param([*batches(*map(str, range(40))), LOADER], id="different batches"),
        pytest.param([*batches(*"a" * 5), LOADER], id="too few steps"),
        pytest.param([*batches(*"a" * 40), replace(LOADER, size=32, batches=1)], id="full batch of a loader"),
        pytest.param([*batches(*"abcd" * 10), replace(LOADER, size=128, batches=4)], id="four batches in order"),
        pytest.param(batches(*"a" * 40, source="call"), id="full batch by hand"),
        pytest.param([*batches(*"a" * 40, source="call", rows=300), scored(100)], id="full batch with validation"),
        pytest.param([*batches(*"a" * 40, source="call", rows=20, width=1), scored(500, 1)], id="curve on a grid"),
        pytest.param([replace(b, constant=True) for b in batches(*"a" * 40)] + [LOADER], id="constant input"),
        pytest.param([replace(b, content="") for b in batches(*"a" * 40)] + [LOADER], id="content not known"),
    ],
)
def test_is_silent(records: list[Record]) -> None:
    assert found(*records) == []


def passes(steps: int = 47, *, epochs: bool = True, slices: bool = False) -> list[Record]:
    """Three iterations with many optimizer steps each."""
    rows: list[Record] = [*batches(*"abc")]
    for i in range(3):
        rows.append(Step(step=i, epoch=i if epochs else 0, loader="loader", backwards=steps, optimizer_steps=steps))
        rows += [
            LossCall(
                step=i, index=k, input_shape=(32, 5), target_min=0.0, target_max=4.0, target_mean=k if slices else 2.0
            )
            for k in range(steps)
        ]
    return rows


def test_one_batch_of_each_pass_worked_on_as_often_as_there_are_batches_is_an_error() -> None:
    [finding] = found(LOADER, *passes())
    assert finding.severity is None
    assert finding.certain
    assert "47 optimizer steps" in finding.message


def test_a_phase_that_asks_no_loader_follows() -> None:
    later = [Step(step=i, epoch=2, backwards=1, optimizer_steps=1) for i in range(9)]
    begun = LossCall(step=3, file="later.py", input_shape=(32, 5), target_min=0.0, target_max=4.0, target_mean=1.0)
    [finding] = found(LOADER, *passes(), *later, begun)
    assert "47 optimizer steps" in finding.message


def test_worked_on_for_another_number_of_steps_is_a_warning() -> None:
    [finding] = found(LOADER, *passes(10))
    assert finding.severity is Severity.WARNING


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([LOADER, *passes(5)], id="an inner loop of a few steps"),
        pytest.param([LOADER, *passes(epochs=False)], id="the passes go on"),
        pytest.param([LOADER, *passes(), Step(step=3, loader="other", optimizer_steps=47)], id="two loaders in turns"),
        pytest.param([LOADER, *passes(slices=True)], id="slices of a large batch"),
        pytest.param([replace(LOADER, batches=1), *passes()], id="one batch is all there is"),
    ],
)
def test_an_inner_loop(records: list[Record]) -> None:
    assert found(*records) == []


def listed(
    *contents: str, integral: bool = False, kinds: int = -1, low: float = -1.0, loader: str = ""
) -> list[Record]:
    """One batch that a loader gave, then steps that asked none."""
    rows: list[Record] = [LOADER, *batches("a")]
    for i, content in enumerate(contents):
        rows.append(Step(step=i, loader=loader, backwards=1, optimizer_steps=1))
        rows.append(LossTarget(step=i, content=content))
        rows.append(
            LossCall(
                step=i, input_shape=(32, 1), target_min=low, target_max=1.0, target_mean=0.1 * ord(content),
                target_integral=integral, distinct_targets=kinds,
            )
        )  # fmt: skip
    return rows


def beside(*contents: str, first: int = 1) -> list[Record]:
    """A second loss of the same steps, at another place; the engine saw `first` iterations as one."""
    rows: list[Record] = []
    for i, content in enumerate(contents):
        known = {"step": i, "function": "cross_entropy", "line": 9}
        rows.append(LossTarget(content=content, **known))
        mean = 0.1 * ord(content)
        call = LossCall(input_shape=(30, 4), target_min=0.0, target_max=3.0, target_mean=mean, target_integral=True,
                        distinct_targets=4, **known)  # fmt: skip
        rows += [call] * (first if i == 0 else 1)
    return rows


def test_all_losses_of_a_step_must_say_so() -> None:
    [finding] = found(*listed(*"a" * 40), *beside(*"a" * 40))
    assert finding.severity is None
    assert not found(*listed(*"a" * 40), *beside(*"ab" * 20))


def test_iterations_that_were_taken_for_one_are_counted() -> None:
    turn = [*"a" * 21, *"b" * 19]
    late = [replace(r, optimizer_steps=27) if isinstance(r, Step) and r.step == 0 else r for r in listed(*turn)]
    [finding] = found(*late, *beside(*turn, first=12))  # 27 + 20 are the loader's 47 batches
    assert "47 steps in a row" in finding.message
    assert not found(*listed(*turn), *beside(*turn))


def test_a_list_of_one_batch_is_known_by_its_target() -> None:
    [finding] = found(*listed(*"a" * 40))
    assert finding.severity is None
    assert "drawn once" in finding.message
    [finding] = found(*listed(*"a" * 40, integral=True, kinds=10))
    assert finding.severity is Severity.WARNING
    [finding] = found(*listed(*"a" * LOADER.batches, *"b" * 12))
    assert f"in {LOADER.batches} steps in a row" in finding.message


@pytest.mark.parametrize(
    "records",
    [
        pytest.param(listed(*"ab" * 20), id="two targets"),
        pytest.param(listed(*"a" * (LOADER.batches - 1), *"b" * 12), id="as often as something else says"),
        pytest.param(listed(*"a" * 5), id="few steps"),
        pytest.param(listed(*"a" * 40, integral=True, kinds=32), id="each sample its own class, as contrast is learnt"),
        pytest.param(listed(*"a" * 40, low=1.0), id="a constant: all are real"),
        pytest.param(listed(*"a" * 40, loader="loader"), id="fed by the loader after all"),
        pytest.param([replace(LOADER, batches=1), *listed(*"a" * 40)[1:]], id="all of the data"),
    ],
)
def test_a_target_that_may_stand_still(records: list[Record]) -> None:
    assert found(*records) == []
