"""tiny-last-batch, on recordings typed by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nndoctor import Finding, Recording, Severity, Skip
from nndoctor.records import Event, Loader, Normalised, Record, Step
from nndoctor_checks.dataset.tiny_last_batch import tiny_last_batch


def found(*records: Record) -> list[Finding]:
    return tiny_last_batch(Recording.of(records))


ROW = Normalised(module="bn", type="BatchNorm1d", calls=40, smallest=32, largest=32, few=0, values=32)
LOADER = Loader(name="loader", split="train", batch_size=32, size=1409, drawn=1409, batches=45, file="train.py", line=9)
STEPS = [Step(step=i, loader="loader", batch_size=32) for i in range(40)]


def test_seen() -> None:
    [finding] = found(replace(ROW, smallest=2, few=1), LOADER)
    assert "gets a batch of 2 samples where 32 are usual" in finding.message
    assert str(finding.where) == "train.py:9"
    assert finding.certain


def test_computed_where_no_epoch_ended() -> None:
    [finding] = found(ROW, LOADER, *STEPS)
    assert "will get a batch of 1 sample " in finding.message
    assert finding.severity is None
    assert not finding.certain


def test_two_left_over_are_a_note_until_seen() -> None:
    [finding] = found(ROW, replace(LOADER, size=1410, drawn=1410), *STEPS)
    assert finding.severity is Severity.NOTE


def test_the_script_died_of_it() -> None:
    text = "ValueError: Expected more than 1 value per channel when training, got input size torch.Size([1, 64])"
    [finding] = found(ROW, LOADER, Event(kind="exception", text=text))
    assert "exception" in finding.message


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([ROW, replace(LOADER, drop_last=True), *STEPS], id="dropped"),
        pytest.param([ROW, replace(LOADER, size=1412, drawn=1412), *STEPS], id="four left over"),
        pytest.param([ROW, replace(LOADER, size=1408, drawn=1408, batches=44), *STEPS], id="none left over"),
        pytest.param([ROW, LOADER, *STEPS, Step(step=40, loader="loader", batch_size=1)], id="came, and was skipped"),
        pytest.param([ROW, replace(LOADER, split="validation"), *STEPS], id="validation"),
        pytest.param([ROW, replace(LOADER, batch_size=64), *STEPS], id="not what BatchNorm gets"),
        pytest.param([ROW, replace(LOADER, drawn=-1), *STEPS], id="length unknown"),
    ],
)
def test_is_silent(records: list[Record]) -> None:
    assert found(*records) == []


def test_skips_where_all_batches_are_tiny() -> None:
    with pytest.raises(Skip):
        found(replace(ROW, smallest=2, largest=2, few=40))
