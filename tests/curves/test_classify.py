"""The classes, and what must never change them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_curves import LABELS, generate

from nndoctor.curves import ADVICE, SEVERITIES, History, Label, Series
from nndoctor.curves.classify import classify
from nndoctor.curves.shape import falling_then_rising

histories = st.builds(generate, st.sampled_from(LABELS), st.integers(5000, 5400))
never_flips = settings(deadline=None, derandomize=True, max_examples=80)
T = np.linspace(0, 1, 50)
FALL = np.exp(-T / 0.1)


def changed(history, change) -> History:
    def one(series):
        if series is None:
            return None
        x, y = change(np.asarray(series.x, dtype=float), np.asarray(series.y, dtype=float))
        return Series(x, y, series.name)

    return History(one(history.train), one(history.validation))


def of(train, validation=None, x=None) -> History:
    x = np.arange(len(train)) if x is None else x
    return History(Series(x, train), None if validation is None else Series(np.arange(len(validation)), validation))


@never_flips
@given(histories, st.floats(-3, 3), st.floats(-100, 100))
def test_scale_and_shift_of_the_loss_change_nothing(history, exponent, shift) -> None:
    train = np.asarray(history.train.y)
    spread = float(np.nanmax(train) - np.nanmin(train))
    other = classify(changed(history, lambda x, y: (x, 10**exponent * (y + shift * spread))))
    assert other.label is classify(history).label


@never_flips
@given(histories)
def test_every_second_point_never_makes_another_class(history) -> None:
    half = classify(changed(history, lambda x, y: (x[::2], y[::2]))).label
    whole = classify(history).label
    assert Label.CANNOT_TELL in (half, whole) or half is whole


@never_flips
@given(histories, st.floats(-3, 3), st.floats(-1e4, 1e4))
def test_the_unit_of_x_changes_nothing(history, exponent, shift) -> None:
    other = changed(history, lambda x, y: (10**exponent * x + shift * 10**exponent, y))
    assert classify(other).label is classify(history).label


@settings(deadline=None, derandomize=True)
@given(st.lists(st.floats(), max_size=30), st.lists(st.floats(), max_size=30), st.lists(st.floats(), max_size=30))
def test_survives_anything(x, train, validation) -> None:
    history = History(Series(x[: len(train)], train[: len(x)]), Series(x[: len(validation)], validation[: len(x)]))
    verdict = classify(history)
    assert all(np.isfinite(list(verdict.numbers.values())))
    assert verdict.why


@pytest.mark.parametrize("label", LABELS)
def test_most_of_each_class_are_told(label) -> None:
    told = [classify(generate(label, seed)).label for seed in range(9000, 9012)]
    assert told.count(label) >= 9


def test_a_million_points_in_seconds() -> None:
    random = np.random.default_rng(0)
    t = np.linspace(0, 1, 1_000_000)
    train = np.exp(-t / 0.05) + 0.3 * random.standard_normal(len(t))
    validation = np.exp(-np.linspace(0, 1, 100) / 0.05) + 0.02 + 0.004 * random.standard_normal(100)
    history = History(Series(np.arange(len(t)), train), Series(np.arange(0, len(t), 10_000), validation))
    assert classify(history).label is Label.GOOD_FIT


def test_noise_of_steps_that_are_many_is_none_of_the_curve() -> None:
    random = np.random.default_rng(0)
    train = np.exp(-np.linspace(0, 1, 20_000) / 0.1)
    noise = 0.1 * random.standard_normal((2, len(train)))
    assert classify(of(train + noise[0], train + 0.01 + noise[1])).label is Label.GOOD_FIT


def test_four_points_are_too_few() -> None:
    verdict = classify(of([4, 3, 2, 1], [4, 3, 2, 1]))
    assert verdict.label is Label.CANNOT_TELL
    assert "5 are needed" in verdict.why


def test_a_nan_tail_diverges_but_a_gap_does_not() -> None:
    lost = FALL.copy()
    lost[40:] = np.nan
    assert classify(of(lost)).label is Label.DIVERGING
    assert "x = 40" in classify(of(lost)).why
    hole = FALL.copy()
    hole[20:25] = np.nan
    assert classify(of(hole, FALL + 0.02)).label is Label.GOOD_FIT


def test_negative_losses() -> None:
    assert classify(of(FALL - 5, FALL - 4.98)).label is Label.GOOD_FIT


def test_epochs_beside_steps() -> None:
    steps = np.exp(-np.linspace(0, 1, 5000) / 0.1)
    verdict = classify(of(steps, FALL + 0.02))
    assert verdict.label is Label.GOOD_FIT
    assert "different units" in verdict.notes[0]


def test_of_a_restart_the_later_part_counts() -> None:
    x = np.r_[np.arange(30), np.arange(20, 50)]
    y = np.r_[FALL[:20], np.full(10, 9.0), FALL[20:]]
    verdict = classify(History(Series(x, y), Series(np.arange(50), FALL + 0.02)))
    assert verdict.label is Label.GOOD_FIT
    assert "goes back" in verdict.notes[0]


def test_early_stopping_would_have_kept_the_lowest_point() -> None:
    validation = np.where(T < 0.4, 1 - 2 * T, 0.2 + 0.8 * (T - 0.4))
    verdict = classify(of(FALL, validation))
    assert verdict.label is Label.OVERFITTING
    assert verdict.best == pytest.approx(20, abs=1)


def test_a_spike_that_recovers_is_no_divergence() -> None:
    spiked = FALL.copy()
    spiked[30] = 40.0
    assert classify(of(spiked, FALL + 0.02)).label is not Label.DIVERGING


def test_a_low_training_accuracy_tells_an_underfit_from_a_good_fit() -> None:
    history = of(FALL, FALL + 0.02)
    low = Series(np.arange(50), 0.4 - 0.3 * FALL, "train_acc")
    assert classify(history).label is Label.GOOD_FIT
    assert classify(History(history.train, history.validation, low)).label is Label.UNDERFITTING


def test_scores_are_turned_over() -> None:
    history = of(1 - FALL, 0.98 - FALL)
    assert classify(History(history.train, history.validation, higher_is_better=True)).label is Label.GOOD_FIT


def test_without_a_validation_loss_a_good_fit_cannot_be_told() -> None:
    verdict = classify(of(FALL))
    assert verdict.label is Label.CANNOT_TELL
    assert "no validation loss" in verdict.why


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=12))
def test_the_fit_falls_and_then_rises(values) -> None:
    fit, turn = falling_then_rising(np.array(values))
    assert len(fit) == len(values)
    assert (np.diff(fit[: turn + 1]) <= 1e-9).all()
    assert (np.diff(fit[turn:]) >= -1e-9).all()


def test_every_class_that_is_a_finding_has_an_advice() -> None:
    assert SEVERITIES.keys() == ADVICE.keys()
