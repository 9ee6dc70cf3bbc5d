"""gradients-in-validation, on counted calls typed by hand."""

import pytest

from nndoctor import Recording, Skip
from nndoctor.records import TRAIN, VALIDATION, Loader, ValidationCall
from nndoctor_checks.training.gradients_in_validation import gradients_in_validation

LOADER = Loader(name="val", split=VALIDATION, passes=2)


def test_finds_graphs_on_validation_data():
    row = ValidationCall(module="Net", calls=8, graphs=8, file="t.py", line=9)
    [finding] = gradients_in_validation(Recording.of([LOADER, row]))
    assert "8 of 8" in finding.message
    assert finding.where.line == 9


@pytest.mark.parametrize(
    "fields",
    [{"graphs": 0}, {"graphs": 1, "calls": 1}, {"graphs": 4}, {"graphs": 8, "wanted": True}],
    ids=["no_grad", "a single call", "half of them", "forces"],
)
def test_is_silent(fields):
    row = ValidationCall(**({"module": "Net", "calls": 8} | fields))
    assert gradients_in_validation(Recording.of([LOADER, row])) == []


def test_says_that_there_was_no_validation_loader():
    rows = [Loader(name="train", split=TRAIN, passes=2), ValidationCall(module="Net", calls=8, graphs=8)]
    with pytest.raises(Skip, match="no validation loader"):
        gradients_in_validation(Recording.of(rows))
