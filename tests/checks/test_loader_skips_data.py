"""loader-skips-data, on recordings typed by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nndoctor import Finding, Recording
from nndoctor.records import Coverage, Loader, Record
from nndoctor_checks.dataset.loader_skips_data import loader_skips_data

ROW = Coverage(loader="a", sampler="Buckets", total=1000, passes=3, drawn=600, ever=600, batch_size=10, batches=100)
LOADER = Loader(name="a", dataset="Text#0", file="train.py", line=9)


def found(*records: Record) -> list[Finding]:
    return loader_skips_data(Recording.of(records))


def test_a_sampler_that_never_asks_for_the_rest() -> None:
    [finding] = found(ROW, LOADER)
    assert "600 of 1,000" in finding.message
    assert str(finding.where) == "train.py:9"


def test_a_break_in_a_loop_without_shuffling() -> None:
    [finding] = found(replace(ROW, drawn=1000, ever=1000, ordered=True, broken_off=4, left_after=10))
    assert "only the first 100 of 1,000" in finding.message


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(replace(ROW, drawn=1000, ever=1000, passes=1), id="all"),
        pytest.param(replace(ROW, drawn=600, ever=930), id="others in each pass"),
        pytest.param(replace(ROW, drawn=600, ever=600, dropped=390), id="the last batch"),
        pytest.param(replace(ROW, drawn=970, ever=970), id="a few"),
        pytest.param(replace(ROW, ever=1000, ordered=True, broken_off=1, left_after=1), id="a look at the data"),
        pytest.param(replace(ROW, ever=1000, broken_off=4, left_after=10), id="shuffled steps per epoch"),
    ],
)
def test_is_silent(row: Coverage) -> None:
    assert found(row, LOADER) == []


SUBSET = replace(ROW, sampler="SubsetRandomSampler", given=True, drawn=100, ever=100)


def test_a_tenth_by_a_subset_sampler() -> None:
    [finding] = found(SUBSET, LOADER)
    assert "100 of 1,000" in finding.message


def test_the_training_part_of_a_split_by_indices() -> None:
    assert found(replace(SUBSET, drawn=800, ever=800), LOADER) == []


def test_the_rest_is_for_validation_read_without_augmentation() -> None:
    loader = replace(LOADER, dataset_type="Text", size=1000, drawn=100)
    other = replace(loader, name="b", dataset="Text#1", drawn=900)
    assert found(SUBSET, loader, other) == []
    assert found(SUBSET, loader, replace(other, drawn=1000))


ANEW = [replace(LOADER, name=name, dataset_type="Text", size=1000, drawn=100) for name in ("a", "c", "e")]
VALIDATED = Loader(name="b", dataset="Text#1", dataset_type="Text", size=200, file="train.py", line=15)


def asked(*which: str) -> list[Coverage]:
    return [replace(SUBSET, loader=loader.name, asked=each) for loader, each in zip(ANEW, which, strict=True)]


def test_a_loader_that_is_made_anew_in_each_epoch_is_told_once() -> None:
    [finding] = found(*asked("0a", "0a", "0a"), *ANEW, VALIDATED)
    assert "100 of 1,000" in finding.message


def test_loaders_made_anew_with_other_samples_each_time() -> None:
    assert found(*asked("0a", "0b", "0c"), *ANEW, VALIDATED) == []


def test_two_loaders_of_the_same_samples_in_two_places_may_be_meant() -> None:
    assert found(*asked("0a", "0a", "0a"), *ANEW[:2], replace(ANEW[2], line=30)) == []


def test_the_rest_may_be_for_another_loader() -> None:
    assert found(ROW, LOADER, replace(LOADER, name="b")) == []
