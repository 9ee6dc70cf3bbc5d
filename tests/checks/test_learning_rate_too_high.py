"""learning-rate-too-high, on courses of the loss typed by hand."""

import math
from dataclasses import replace

import pytest

from nndoctor import Recording, Severity, Skip
from nndoctor.records import (
    LR_SWEEP,
    OBSERVE,
    OBSERVE_TENTH,
    OVERFIT,
    Event,
    Experiment,
    LossCall,
    NonFinite,
    Optimizer,
    Parameter,
    Record,
    Step,
    TensorStats,
    Trial,
)
from nndoctor_checks.training.learning_rate_too_high import learning_rate_too_high

TENTH = "overfit:x0.1"
JUMPS = [2.3 + (i % 5) for i in range(60)]
RISES = [2.3 * 1.05**i for i in range(40)]
FALLS = [2.3 * 0.95**i for i in range(60)]


def recording(own, user=None, tenth=None, *more) -> Recording:
    rows: list[Record] = [Optimizer(name="SGD#0", type="SGD", lr=0.8, file="t.py", line=5), *more]
    for name, losses in {OBSERVE: own, OVERFIT: user, TENTH: tenth}.items():
        if losses is None:
            continue
        if name != OBSERVE:
            rows.append(Experiment(name=name, steps=len(losses)))
        rows += [Step(experiment=name, step=i, loss=x, lr=0.8, backwards=1) for i, x in enumerate(losses)]
    return Recording.of(rows)


def test_a_rate_that_is_too_high_once_another_fault_is_treated():
    """The observed loss falls: it is a trial of something else that shows it."""
    row = Trial(treatment="unfreeze", with_others=("learning-rate-x0.1",), alone=5e11, steps=40, start=2.3,
                controls=(1.5, 1.4, 1.5), treated=(0.2, 0.3, 0.2))  # fmt: skip
    [finding] = learning_rate_too_high(recording(FALLS, FALLS, FALLS, row))
    assert finding.severity is Severity.WARNING
    assert finding.treatments == ()
    assert "with all parameters trained it went from 2.3 to 5e+11, and at a tenth" in finding.message
    assert len(learning_rate_too_high(recording([2.3] * 40, FALLS, None, row))) == 1
    [own] = learning_rate_too_high(recording(RISES, RISES, FALLS, row))
    assert own.severity is None  # what the script's own run shows is not made milder
    for other in (
        replace(row, alone=math.nan),
        replace(row, alone=0.4),
        replace(row, treated=row.controls),
        replace(row, with_others=("reinitialise",)),
        replace(row, segment=1),
    ):
        assert list(learning_rate_too_high(recording(FALLS, FALLS, FALLS, other))) == []


@pytest.mark.parametrize(
    ("own", "user"),
    [
        pytest.param(JUMPS, JUMPS, id="jumps about"),
        pytest.param(RISES, RISES, id="diverges"),
        pytest.param([2.3] * 40, [2.3] * 60, id="all units died in the first step"),
        pytest.param([2.3, 9.0, math.nan], [2.3, 50.0, math.inf], id="NaN"),
    ],
)
def test_finds_a_rate_of_which_a_tenth_is_stable(own, user):
    [finding] = learning_rate_too_high(recording(own, user, FALLS))
    assert finding.severity is None
    assert finding.where.line == 5
    assert "0.8" in finding.message
    assert "lr=0.08" in finding.advice
    assert all(math.isfinite(e.value) for e in finding.evidence if hasattr(e, "value"))


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(recording(FALLS), id="learns"),
        pytest.param(recording(FALLS, JUMPS, FALLS), id="learns its own batches"),
        pytest.param(recording(JUMPS, JUMPS, JUMPS), id="a tenth is no better"),
        pytest.param(recording(JUMPS, FALLS), id="fits one batch at this rate"),
        pytest.param(recording(JUMPS, [2.3 - 0.03 * i for i in range(60)], FALLS), id="slower, but half way there"),
        pytest.param(recording([2.3] * 40), id="flat"),
        pytest.param(recording([2.3, 2.2, 2.3, 2.2, math.nan]), id="NaN out of the blue"),
    ],
)
def test_is_silent(run):
    assert learning_rate_too_high(run) == []


def test_finds_one_that_falls_slowly_at_a_tenth():
    slowly = [4.5 - 0.03 * i for i in range(60)]
    assert len(learning_rate_too_high(recording([4.5] + [17.0] * 39, [4.5] + [17.0] * 59, slowly))) == 1


def test_a_loss_below_that_of_a_constant_prediction_is_not_accused():
    calls = [LossCall(step=i, value=x, prior_loss=2.3) for i, x in enumerate([0.1] * 3 + [0.2] * 37)]
    assert learning_rate_too_high(recording([0.1] * 3 + [0.2] * 37, None, None, *calls)) == []


@pytest.mark.parametrize("user", [None, FALLS])
def test_without_the_experiment_it_is_a_warning(user):
    [finding] = learning_rate_too_high(recording(RISES, user))
    assert finding.severity is Severity.WARNING
    assert not finding.certain


def exploding() -> list[Record]:
    rows: list[Record] = []
    for i, size in enumerate((400, 350, 0.07)):
        name = f"{i}.weight"
        rows.append(Parameter(name=name, order=i, shape=(64, 64), numel=4096))
        rows.append(TensorStats(kind="gradient", name=name, norm=64 * size, numel=4096))
        rows.append(TensorStats(kind="weight", name=name, norm=64, numel=4096))
    return rows


@pytest.mark.parametrize(
    "more",
    [
        pytest.param([NonFinite(step=5, phase="backward", operation="SqrtBackward0")], id="a formula with a hole"),
        pytest.param([Experiment(name="random-input", objectives=2)], id="a GAN"),
        pytest.param(exploding(), id="gradients that explode from the start"),
    ],
)
def test_does_not_judge(more):
    with pytest.raises(Skip):
        learning_rate_too_high(recording(RISES, RISES, FALLS, *more))


RECOVERS = [1.7, 4.0, 5.0, 4.3, *[2.0 * 0.9**i for i in range(36)]]


def first_update(ratio: float, *, loaded: bool = False) -> list[Record]:
    rows: list[Record] = []
    for name in ("a.weight", "b.weight"):
        rows.append(Parameter(name=name, shape=(64, 64), numel=4096, std=0.1, loaded=loaded))
        rows.append(TensorStats(kind="weight", name=name, std=0.1, numel=4096))
        rows.append(TensorStats(kind="update", name=name, std=0.1 * ratio, numel=4096))
    return rows


def test_a_run_that_recovers_after_it_lost_its_initial_weights():
    [finding] = learning_rate_too_high(recording(RECOVERS, None, None, *first_update(0.9)))
    assert finding.severity is Severity.WARNING
    assert "0.9 of their size" in finding.message
    assert "from 1.7 to 4.3" in finding.message


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(recording(RECOVERS, None, None, *first_update(0.1)), id="a step of usual size"),
        pytest.param(recording(RECOVERS, None, None, *first_update(0.9, loaded=True)), id="loaded weights"),
        pytest.param(recording(FALLS[:40], None, None, *first_update(0.9)), id="it never rose"),
        pytest.param(recording([1.7, 5.0, *FALLS[:38]], None, None, *first_update(0.9)), id="one odd batch"),
        pytest.param(
            recording(RECOVERS, None, None, LossCall(value=1.7, prior_loss=4.0), *first_update(0.9)),
            id="no worse than a constant prediction",
        ),
    ],
)
def test_a_run_that_kept_them(run):
    assert learning_rate_too_high(run) == []


HUMP = [3.0 + i for i in range(13)] + [15.0 * 0.95**i for i in range(18)]


@pytest.mark.parametrize(
    ("own", "severity"),
    [
        pytest.param(HUMP, Severity.WARNING, id="a hump"),
        pytest.param(HUMP[:18], None, id="too short a descent"),
        pytest.param([2.3 + 5 * (i % 5) for i in range(40)], None, id="jumps about"),
    ],
)
def test_a_loss_that_comes_down_again_is_a_warning(own, severity):
    calm = [Step(experiment=OBSERVE_TENTH, step=i, loss=3.0 * 0.97**i, lr=0.08, backwards=1) for i in range(40)]
    rows = [*calm, Experiment(name=OBSERVE_TENTH, steps=40)]
    [finding] = learning_rate_too_high(recording(own, None, None, *rows))
    assert finding.severity is severity


def test_a_first_step_of_the_size_of_the_weights_that_not_even_a_tenth_cures():
    adam = Optimizer(name="Adam#0", type="AdamW", lr=30.0, file="t.py", line=6)
    worse = [4.7, *[400.0 + 10 * i for i in range(39)]]
    [finding] = learning_rate_too_high(recording(worse, worse, worse, adam, *first_update(0.99)))
    assert finding.severity is None
    assert finding.certain
    assert "0.99 of their size, and the loss went from 4.7 to" in finding.message
    assert finding.where.line == 6
    assert learning_rate_too_high(recording(worse, worse, worse, *first_update(0.99))) == []  # SGD: of the gradient
    assert learning_rate_too_high(recording(worse, worse, worse, adam, *first_update(0.1))) == []


def test_a_script_that_fails_right_after_such_a_step():
    adam = Optimizer(name="Adam#0", type="Adam", lr=30.0, file="t.py", line=6)
    error = Event(kind="exception", text="RuntimeError: all elements of input should be between 0 and 1")
    [finding] = learning_rate_too_high(recording([45.0], None, None, adam, error, *first_update(0.99)))
    assert finding.severity is Severity.WARNING
    assert "then the script failed: RuntimeError" in finding.message
    assert learning_rate_too_high(recording([45.0], None, None, adam, *first_update(0.99))) == []
    assert learning_rate_too_high(recording([45.0], None, None, adam, error, *first_update(0.01))) == []


def range_test(diverges: float) -> list[Record]:
    """A loss that falls from 2.3 to 0.5 between a hundredth and a tenth of the rate at which it then explodes."""
    rates = [diverges * 10 ** ((i - 24) / 8) for i in range(32)]
    losses = [2.3 if i < 8 else max(0.5, 2.3 - 0.2 * (i - 8)) if i < 24 else 50.0 for i in range(32)]
    return [
        Step(experiment=LR_SWEEP, step=i, loss=x, lr=r, backwards=1, optimizer_steps=1)
        for i, (r, x) in enumerate(zip(rates, losses, strict=True))
    ]


NAN = [2.3, 900.0, 1e15, math.inf]


@pytest.mark.parametrize("own", [RISES, NAN], ids=["rises", "explodes"])
def test_a_tenth_may_be_too_high_as_well(own):
    """The range test says how far down it has to go."""
    [finding] = learning_rate_too_high(recording(own, NAN, NAN, *range_test(0.01)))
    assert finding.severity is None
    assert "diverges from 0.01 on" in finding.message
    assert "lr=0.0" in finding.advice


def test_numbers_that_overflow_after_the_first_step():
    """No loss is seen rising; that it was finite before the step, and falls at lower rates, tells enough."""
    grew = NonFinite(step=1, phase="forward", operation="poisson_nll_loss")
    [finding] = learning_rate_too_high(recording([2.3, math.inf], None, None, grew, *range_test(0.01)))
    assert finding.severity is None
    assert "became NaN or Inf after 1 steps" in finding.message
    for row in (replace(grew, phase="data"), replace(grew, step=0)):
        assert learning_rate_too_high(recording([2.3, math.inf], None, None, row, *range_test(0.01))) == []
    assert learning_rate_too_high(recording([2.3, math.inf], None, None, grew, *range_test(0.5))) == []


def test_a_hump_outside_of_the_range_test_is_no_error():
    """A codebook's loss rises far before it falls, at any rate."""
    hump = [2.3, 5.0, 20.0, 40.0, *(40.0 * 0.95**i for i in range(1, 33))]
    [finding] = learning_rate_too_high(recording(hump, NAN, NAN, *range_test(0.01)))
    assert finding.severity is Severity.WARNING


@pytest.mark.parametrize(
    ("own", "rows"),
    [
        pytest.param(NAN, range_test(0.5), id="near where it diverges: a tenth would do"),
        pytest.param([2.3] * 40, range_test(0.01), id="the loss did not rise"),
        pytest.param(NAN, [], id="no range was found"),
    ],
)
def test_a_range_test_alone_accuses_nobody(own, rows):
    assert learning_rate_too_high(recording(own, NAN, NAN, *rows)) == []


def trial(controls, treated, **fields) -> Trial:
    row = Trial(treatment="learning-rate-x0.1", checks=("dead-relu",), steps=40, measured=5, start=2.3)
    return replace(row, controls=controls, treated=treated, **fields)


def test_a_trial_for_a_symptom_shows_the_cause():
    [finding] = learning_rate_too_high(recording([2.3] * 40, FALLS, None, trial((2.4, 2.3, 2.4), (0.5, 0.6, 0.5))))
    assert finding.severity is Severity.WARNING
    assert finding.treatments == ()
    assert "end at 0.5 with a tenth of it, and at 2.4 without (40 steps, better in 3 of 3 runs)" in finding.message


@pytest.mark.parametrize(
    ("own", "row"),
    [
        pytest.param([2.3] * 40, trial((2.4, 2.3), (2.4, 2.4)), id="no better"),
        pytest.param(FALLS, trial((2.4, 2.3, 2.4), (0.5, 0.6, 0.5)), id="the loss fell in the script's own run"),
        pytest.param(
            [2.3] * 40, trial((2.4, 2.3, 2.4), (0.5, 0.6, 0.5), with_others=("shuffle",)), id="on top of another"
        ),
        pytest.param([2.3] * 40, trial((2.4,) * 3, (0.5,) * 3, treatment="adamw"), id="another treatment"),
    ],
)
def test_a_trial_that_shows_nothing_of_the_rate(own, row):
    assert learning_rate_too_high(recording(own, FALLS, None, row)) == []


def test_a_first_step_that_loses_the_weights_is_judged_by_the_loss_before_it():
    """The second loss is as far off as the last: it is no start that the run could be measured by."""
    weights = [
        Parameter(name="0.weight", shape=(64, 64), numel=4096, std=0.1),
        TensorStats(experiment=OBSERVE, step=0, kind="weight", name="0.weight", numel=4096, std=10.0, norm=640.0),
        TensorStats(experiment=OBSERVE, step=0, kind="update", name="0.weight", numel=4096, std=10.0, norm=640.0),
    ]
    rows = recording([1.6] + [1100.0, 1200.0] * 20, NAN, NAN, *weights).rows(Step)
    run = Recording.of([Optimizer(name="RMSprop#0", type="RMSprop", lr=20.0, file="t.py", line=5), *weights, *rows])
    [finding] = learning_rate_too_high(run)
    assert finding.severity is None
    assert "the initial weights were lost" in finding.message
