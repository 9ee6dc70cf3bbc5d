"""unshuffled-data, on recordings typed by hand."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from nndoctor import Finding, Recording, Severity, Skip
from nndoctor.records import VALIDATION, Batch, Experiment, Labels, Loader, Module, Record
from nndoctor_checks.dataset.unshuffled_data import unshuffled_data

IN_ORDER = Loader(name="loader", order="sequential", size=1400, batch_size=32, batches=44, file="train.py", line=32)
SORTED = [i // 140 for i in range(1280)]
MIXED = random.Random(0).choices(range(10), k=1280)


def found(*records: Record) -> list[Finding]:
    return unshuffled_data(Recording.of(records))


def labels(values: list[int], size: int = 32, *, continuous: bool = False, source: str = "loader") -> list[Record]:
    starts = range(0, len(values), size)
    return [
        Labels(step=i, source=source, leaf="1", values=tuple(values[s : s + size]), continuous=continuous)
        for i, s in enumerate(starts)
    ]


def test_reports_sorted_classes() -> None:
    [finding] = found(*labels(SORTED), IN_ORDER)
    assert "10 runs in 1280 samples" in finding.message
    assert finding.severity is None
    assert str(finding.where) == "train.py:32"


def test_reports_a_set_so_sorted_that_only_one_class_came() -> None:
    others = Labels(split=VALIDATION, leaf="1", values=tuple(range(10)) * 5)
    [finding] = found(*labels([0] * 640), IN_ORDER, others)
    assert "all of class 0" in finding.message


def test_in_order_without_runs_is_a_note() -> None:
    [finding] = found(*labels(MIXED), IN_ORDER)
    assert finding.severity is Severity.NOTE


def test_a_loop_without_a_loader_is_judged_by_extreme_runs() -> None:
    [finding] = found(*labels(SORTED, source="call"))
    assert finding.severity is None


def test_a_recurrent_network_may_need_the_order() -> None:
    [finding] = found(*labels(SORTED), IN_ORDER, Module(name="rnn", type="LSTM"))
    assert finding.severity is Severity.WARNING


def test_continuous_targets_in_order_are_a_warning() -> None:
    waves = labels([i // 100 % 2 for i in range(1280)], continuous=True)
    [finding] = found(*waves, IN_ORDER)
    assert (finding.severity, finding.certain) == (Severity.WARNING, False)
    layer = Module(name="gru", type="GRU", root="GRUNet", without_state=True)
    [finding] = found(*waves, IN_ORDER, layer, Module(name="GRUNet", type="GRUNet", root="GRUNet"))
    assert finding.severity is Severity.WARNING


def test_continuous_targets_with_few_runs_are_a_note() -> None:
    few = random.Random(0).choices(range(2), k=20)
    some = [v for v in few for _ in range(10)]
    [finding] = found(*labels(some, 16, continuous=True), IN_ORDER)
    assert finding.severity is Severity.NOTE


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([*labels(SORTED), replace(IN_ORDER, order="shuffled")], id="shuffled: chance"),
        pytest.param([*labels(SORTED), replace(IN_ORDER, order="weighted")], id="weighted sampler"),
        pytest.param(labels(MIXED, source="call"), id="no loader, no runs"),
        pytest.param(labels(([0] * 16 + [1] * 16) * 40, source="call"), id="sorted within each batch only"),
        pytest.param(
            labels([c for c in random.Random(1).choices(range(10), k=80) for _ in range(16)], 16, source="call"),
            id="batches of one class in random order: another check",
        ),
        pytest.param(
            [*labels([i // 100 % 2 for i in range(1280)], continuous=True), IN_ORDER, Module(name="g", type="GRU")],
            id="forecasting with a recurrent network",
        ),
        pytest.param(labels(list(range(1280)), source="call"), id="numbers of samples"),
    ],
)
def test_is_silent(records: list[Record]) -> None:
    assert found(*records) == []


@pytest.mark.parametrize(
    "records",
    [
        pytest.param(labels(SORTED[:32]), id="too few"),
        pytest.param([*labels(SORTED[:400], 400), replace(IN_ORDER, batches=1)], id="full batch"),
        pytest.param([*labels(SORTED), IN_ORDER, Experiment(name="observe", objectives=2)], id="real and fake"),
        pytest.param(
            [*labels(SORTED), IN_ORDER, *(Batch(step=i, source="loader", content="a") for i in range(40))],
            id="the same batch again",
        ),
    ],
)
def test_skips(records: list[Record]) -> None:
    with pytest.raises(Skip):
        found(*records)
