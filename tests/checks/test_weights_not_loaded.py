"""weights-not-loaded, on recordings typed by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nndoctor import Finding, Recording, Severity
from nndoctor.records import LoadedWeights
from nndoctor_checks.normalisation.weights_not_loaded import weights_not_loaded

ROW = LoadedWeights(module="Net", keys=20, own=20, matched=20, parameters=12, overwritten=0, file="train.py", line=9)


def found(row: LoadedWeights) -> list[Finding]:
    return weights_not_loaded(Recording.of([row]))


def test_no_name_matches() -> None:
    [finding] = found(replace(ROW, matched=0, parameters=0, example="module.a", own_example="a"))
    assert "gave Net 0 of its 20 tensors" in finding.message
    assert finding.severity is None
    assert str(finding.where) == "train.py:9"


@pytest.mark.parametrize("row", [replace(ROW, matched=6), replace(ROW, matched=0, keys=0)])
def test_a_few_names_or_an_empty_state_are_a_warning(row: LoadedWeights) -> None:
    [finding] = found(row)
    assert finding.severity is Severity.WARNING


def test_its_own_memory() -> None:
    [finding] = found(replace(ROW, aliased=20, trained=True))
    assert "changes nothing" in finding.message


def test_initialised_anew() -> None:
    [finding] = found(replace(ROW, overwritten=12))
    assert "12 of 12 parameters" in finding.message


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(ROW, id="all"),
        pytest.param(replace(ROW, overwritten=-1), id="never trained"),
        pytest.param(replace(ROW, overwritten=2), id="a new head"),
        pytest.param(replace(ROW, overwritten=12, trained=True), id="a target network that follows softly"),
        pytest.param(replace(ROW, own=200, matched=18), id="a part of a larger model"),
        pytest.param(replace(ROW, keys=200), id="a part of a larger state"),
        pytest.param(replace(ROW, aliased=2), id="a few are its own"),
        pytest.param(replace(ROW, own=0, matched=0, keys=0), id="nothing to load"),
    ],
)
def test_is_silent(row: LoadedWeights) -> None:
    assert found(row) == []
