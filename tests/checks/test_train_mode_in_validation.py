"""train-mode-in-validation, on counted calls typed by hand."""

import pytest

from nndoctor import Recording, Severity, Skip
from nndoctor.records import COAST, OVERFIT, TRAIN, VALIDATION, Experiment, Forwards, Loader
from nndoctor_checks.training.train_mode_in_validation import train_mode_in_validation

LOADER = Loader(name="val", split=VALIDATION, passes=2, file="t.py", line=20)


def ran(training, module="bn", kind="BatchNorm1d", **fields) -> Forwards:
    given = {"split": VALIDATION, "experiment": COAST, "calls": 4, "file": "t.py", "line": 21} | fields
    return Forwards(module=module, type=kind, training=training, **given)


def test_finds_train_mode_on_a_validation_loader():
    [finding] = train_mode_in_validation(Recording.of([LOADER, ran(training=True), ran(True, "drop", "Dropout")]))
    assert finding.severity is None
    assert finding.names == ("bn", "drop")
    assert finding.where.line == 21


def test_is_milder_where_only_the_missing_gradients_tell():
    [finding] = train_mode_in_validation(Recording.of([ran(training=True)]))
    assert finding.severity is Severity.WARNING


def test_is_milder_for_the_pictures_of_a_gan():
    rows = [LOADER, ran(training=True), Experiment(name=OVERFIT, objectives=2)]
    [finding] = train_mode_in_validation(Recording.of(rows))
    assert finding.severity is Severity.WARNING


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([ran(training=False)], id="eval mode"),
        pytest.param([ran(training=True), ran(training=False)], id="statistics re-estimated, then eval mode"),
        pytest.param([ran(training=False), ran(True, "drop", "Dropout")], id="Monte Carlo dropout"),
    ],
)
def test_is_silent(rows):
    assert train_mode_in_validation(Recording.of([LOADER, *rows])) == []


def test_says_that_there_was_no_validation():
    with pytest.raises(Skip, match="no validation"):
        train_mode_in_validation(Recording.of([ran(training=True, split=TRAIN)]))
