"""batch-too-small, on recordings typed by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nndoctor import Finding, Recording, Severity
from nndoctor.records import Batch, Loader, LossCall, Normalised, Record, Step
from nndoctor_checks.dataset.batch_too_small import batch_too_small


def found(*records: Record) -> list[Finding]:
    return batch_too_small(Recording.of([Step(experiment="overfit"), *records]))


ROW = Normalised(module="bn", type="BatchNorm1d", calls=40, smallest=2, largest=2, few=40, values=2)
LOADER = Loader(name="loader", split="train", batch_size=2, file="train.py", line=9)


def test_two_samples() -> None:
    [finding] = found(ROW, replace(ROW, module="bn2"), LOADER)
    assert "batches of 2 samples" in finding.message
    assert finding.names == ("bn", "bn2")
    assert finding.severity is None
    assert str(finding.where) == "train.py:9"


def test_large_images_are_a_note() -> None:
    [finding] = found(replace(ROW, values=2 * 64 * 64))
    assert finding.severity is Severity.NOTE


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(replace(ROW, smallest=4, largest=4, few=0, values=4), id="four"),
        pytest.param(replace(ROW, largest=32, few=2), id="now and then"),
        pytest.param(replace(ROW, calls=2, few=2), id="two calls"),
    ],
)
def test_is_silent(row: Normalised) -> None:
    assert found(row, LOADER) == []


SINGLE = Loader(name="loader", split="train", batch_size=1, batches=2400, size=2400, file="train.py", line=9)


def one_by_one(*, every: int = 1, width: int = 36, targets: int = 1, lengths: bool = False) -> list[Record]:
    rows: list[Record] = []
    for i in range(20):
        rows.append(Step(step=i, loader="loader", backwards=1, optimizer_steps=int(i % every == 0)))
        shape = (1, width + i if lengths else width)
        rows.append(Batch(step=i, leaf="0", role="input", source="loader", shape=shape, dtype="float32"))
        rows.append(LossCall(step=i, input_shape=(1, targets), target_shape=(1, targets)))
    return rows


def test_single_samples() -> None:
    [finding] = found(SINGLE, *one_by_one())
    assert "2400 of them" in finding.message
    assert finding.severity is None
    assert not finding.certain


def test_single_samples_of_an_autoencoder() -> None:
    rows = [replace(r, target_is_input=True) if isinstance(r, LossCall) else r for r in one_by_one(targets=64)]
    assert len(found(SINGLE, *rows)) == 1


def test_single_samples_through_a_batch_norm_are_one_finding() -> None:
    [finding] = found(SINGLE, replace(ROW, smallest=1), *one_by_one())
    assert finding.names == ("bn",)


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([replace(SINGLE, batches=150), *one_by_one()], id="few samples"),
        pytest.param([replace(SINGLE, batch_size=2), *one_by_one()], id="two at a time"),
        pytest.param([replace(SINGLE, split="validation"), LOADER, *one_by_one()], id="validation"),
        pytest.param([SINGLE, *one_by_one(every=4)], id="accumulated"),
        pytest.param([SINGLE, *one_by_one(width=3 * 224 * 224)], id="large images"),
        pytest.param([SINGLE, *one_by_one(targets=512)], id="a text, or an image of targets"),
        pytest.param([SINGLE, *one_by_one(lengths=True)], id="samples of different lengths"),
    ],
)
def test_single_samples_for_a_reason(records: list[Record]) -> None:
    assert found(*records) == []
