"""batch-too-large, on recordings typed by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nndoctor import Finding, Recording, Skip
from nndoctor.records import Loader, Optimizer, Record, Step
from nndoctor_checks.dataset.batch_too_large import batch_too_large


def found(*records: Record) -> list[Finding]:
    return batch_too_large(Recording.of(records))


LOADER = Loader(name="loader", split="train", size=1440, drawn=1440, batch_size=480, batches=3, file="train.py", line=9)


def steps(size: int, every: int = 1) -> list[Record]:
    return [Step(step=i, loader="loader", batch_size=size, optimizer_steps=int(i % every == 0)) for i in range(40)]


def replaced(number: int) -> list[Record]:
    return [Step(step=i, loader="loader", batch_size=480, optimizer_steps=number) for i in range(40)]


def test_three_steps_an_epoch() -> None:
    [finding] = found(LOADER, *steps(480))
    assert "only 3 optimizer steps: batches of 480." in finding.message
    assert str(finding.where) == "train.py:9"


def test_accumulated() -> None:
    [finding] = found(replace(LOADER, size=9600, drawn=9600, batches=20), *steps(480, every=4))
    assert "a step every 4 batches" in finding.message


def test_small_batches_accumulated_to_a_large_one() -> None:
    [finding] = found(replace(LOADER, batches=45, batch_size=32), *steps(32, every=8))
    assert "only 5.62 optimizer steps: batches of 32, and a step every 8 batches." in finding.message


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([replace(LOADER, batches=45, batch_size=32), *steps(32, every=5)], id="160 samples a step"),
        pytest.param([replace(LOADER, batches=12, batch_size=120), *steps(120)], id="twelve steps"),
        pytest.param([replace(LOADER, batches=8, batch_size=100, size=800, drawn=800), *steps(100)], id="not large"),
        pytest.param([replace(LOADER, size=400, drawn=400, batches=1), *steps(400)], id="little data"),
        pytest.param([replace(LOADER, batches=3), *replaced(5)], id="several steps on a batch"),
    ],
)
def test_is_silent(records: list[Record]) -> None:
    assert found(*records) == []


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([LOADER, Optimizer(name="LBFGS#0", type="LBFGS"), *steps(480)], id="LBFGS"),
        pytest.param([replace(LOADER, split="validation"), *steps(480)], id="validation"),
        pytest.param([replace(LOADER, batches=-1), *steps(480)], id="length unknown"),
    ],
)
def test_skips(records: list[Record]) -> None:
    with pytest.raises(Skip):
        found(*records)
