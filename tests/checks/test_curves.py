"""The checks of the chapter "curves", on recordings with synthetic histories."""

from __future__ import annotations

import math
import random

import pytest

from nndoctor import Recording, Severity, Skip
from nndoctor.records import Environment, Evaluation, Event, Experiment, NonFinite, Parameter, Step
from nndoctor_checks.curves.diverging import diverging
from nndoctor_checks.curves.noisy_validation import noisy_validation
from nndoctor_checks.curves.not_converged import not_converged
from nndoctor_checks.curves.overfitting import overfitting
from nndoctor_checks.curves.plateau import plateau
from nndoctor_checks.curves.underfitting import underfitting
from nndoctor_checks.curves.unrepresentative_train import unrepresentative_train
from nndoctor_checks.curves.validation_easier import validation_easier
from nndoctor_checks.histories import judged

ALL = (
    diverging, noisy_validation, not_converged, overfitting, plateau, underfitting, unrepresentative_train,
    validation_easier,
)  # fmt: skip
WATCHED = (Environment(name="command", value="watch"), Environment(name="ended", value="yes"))
STEPS, EPOCH = 400, 20
draw = random.Random(0)
NOISE = [draw.gauss(0, 0.02) for _ in range(STEPS)]


def fall(t):
    return math.exp(-8 * t)


def run(train=fall, validation=lambda t: fall(t) + 0.03, facts=WATCHED, **step):
    rows = [
        Step(step=i, loss=train(i / STEPS) + NOISE[i], **{"backwards": 1, "batch_size": 8, **step})
        for i in range(STEPS)
    ]
    evaluations = (
        []
        if validation is None
        else [
            Evaluation(step=i, loss=validation(i / STEPS) + NOISE[i - 1] / 20) for i in range(EPOCH, STEPS + 1, EPOCH)
        ]
    )
    return Recording.of([*facts, *rows, *evaluations])


def fired(recording):
    found: dict[str, Severity] = {}
    for check in ALL:
        try:
            found.update((check.name, f.severity or check.severity) for f in check(recording))
        except Skip:
            continue
    return found


def test_a_good_fit_is_left_alone():
    recording = run()
    assert fired(recording) == {}
    assert overfitting(recording) == []


@pytest.mark.parametrize(
    ("name", "severity", "train", "validation"),
    [
        ("overfitting", Severity.WARNING, fall, lambda t: fall(t) + 0.5 * max(0, t - 0.3)),
        ("diverging", Severity.ERROR, lambda t: 1 - t if t < 0.5 else 4 * t, lambda t: 1 + t),
        ("diverging", Severity.WARNING, lambda t: 1 - t if t < 0.5 else 0.2 + 0.6 * t, lambda t: 1 - t),
        ("underfitting", Severity.WARNING, lambda t: 1.0, lambda t: 1.0),
        ("not-converged", Severity.NOTE, lambda t: 1 - t, lambda t: 1.05 - t),
        ("validation-easier", Severity.NOTE, fall, lambda t: fall(t) - 0.15),
        ("unrepresentative-train", Severity.WARNING, fall, lambda t: fall(t) + 0.4),
        ("plateau", Severity.NOTE, lambda t: 1 - 0.3 * min(1, t / 0.05) - (0.5 if t > 0.5 else 0), lambda t: 1 - t),
    ],
)
def test_each_class_is_found(name, severity, train, validation):
    assert fired(run(train, validation)) == {name: severity}


def test_noise_of_the_validation_is_found():
    jumps = random.Random(1)
    assert "noisy-validation" in fired(run(validation=lambda t: fall(t) + jumps.gauss(0, 0.3)))


def test_the_message_holds_numbers_and_the_curves_are_shown():
    [finding] = overfitting(run(fall, lambda t: fall(t) + 0.5 * max(0, t - 0.3)))
    assert "400 steps, 20 evaluations" in finding.message
    assert {e.label for e in finding.evidence} >= {"training loss", "validation loss"}


def test_it_is_classified_once():
    recording = run()
    assert judged(recording) is judged(recording)


def test_nan_is_a_divergence_only_if_it_stays():
    steps = [Step(step=i, loss=fall(i / 200) + NOISE[i], backwards=1) for i in range(200)]
    gaps = [Step(step=s.step, loss=s.loss if s.step % 3 == 0 else math.nan, backwards=1) for s in steps]
    assert "diverging" not in fired(Recording.of([*WATCHED, *gaps]))
    lost = [*steps[:150], *(Step(step=i, loss=math.nan, backwards=1) for i in range(150, 200))]
    bad = NonFinite(step=150, what="nan")
    assert fired(Recording.of([*WATCHED, *lost, bad]))["diverging"] is Severity.ERROR


def test_a_loss_that_rises_without_a_data_set_is_no_error():
    recording = run(lambda t: 1 - t if t < 0.5 else 4 * t, lambda t: 1 + t, batch_size=0)
    assert fired(recording) == {"diverging": Severity.WARNING}


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ((), "too short"),
        (WATCHED[:1], "own end"),
        ((*WATCHED, Event(kind="interrupted")), "own end"),
    ],
)
def test_what_was_cut_short_is_not_called_unconverged(facts, why):
    with pytest.raises(Skip, match=why):
        not_converged(run(lambda t: 1 - t, lambda t: 1.05 - t, facts=facts))


def test_a_check_run_that_the_script_ended_itself_is_judged():
    ended = Experiment(name="observe", outcome="cut", why="the script ended after 400 steps")
    assert "not-converged" in fired(run(lambda t: 1 - t, None, facts=(ended,)))


def test_few_steps_and_several_objectives_are_not_judged():
    with pytest.raises(Skip, match="60 steps"):
        underfitting(Recording.of([*WATCHED, *(Step(step=i, loss=1.0, backwards=1) for i in range(60))]))
    with pytest.raises(Skip, match="in turn"):
        diverging(run(lambda t: 1 + t, backwards=2, optimizer_steps=2))


def test_accuracy_tells_an_underfit_only_of_few_classes():
    def recording(classes):
        last = Parameter(name="1.weight", shape=(classes, 8), order=3)
        return run(facts=(*WATCHED, last), score=0.3)

    assert fired(recording(10)) == {"underfitting": Severity.WARNING}
    assert fired(recording(5000)) == {}


def test_without_evaluations_of_other_data_the_validation_is_not_judged():
    rows = [Evaluation(split="", step=i, loss=1.0) for i in range(EPOCH, STEPS, EPOCH)]
    without = run(validation=None)
    with pytest.raises(Skip, match="other data"):
        overfitting(Recording.of([*WATCHED, *without.rows(Step), *rows]))
