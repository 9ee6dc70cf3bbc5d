"""cannot-overfit-batch, on courses of the loss typed by hand."""

import math

import pytest

from nndoctor import Recording, Severity, Skip
from nndoctor.records import OVERFIT, Experiment, GradientCheck, LossCall, Record, Step
from nndoctor_checks.training.cannot_overfit_batch import cannot_overfit_batch

RATES = {OVERFIT: 1.0, "overfit:x0.1": 0.1, "overfit:x10": 10.0}


def course(experiment, losses, scores=(), **call) -> list[Record]:
    rows: list[Record] = [Experiment(name=experiment, steps=len(losses), lr_factor=RATES[experiment], batch_size=16)]
    call = {"floor": 0.0, "prior_loss": 2.2, "chance": 0.2, "metric": "accuracy"} | call
    for step, loss in enumerate(losses):
        rows.append(Step(experiment=experiment, step=step, loss=loss, lr=0.1, backwards=1))
        score = scores[step] if scores else 0.2
        rows.append(
            LossCall(
                experiment=experiment,
                step=step,
                function="cross_entropy",
                value=loss,
                score=score,
                file="t.py",
                line=3,
                **call,
            )
        )
    return rows


def falling(start, end, steps=100):
    return [start * (end / start) ** (i / steps) for i in range(steps)]


REVERSED = GradientCheck(name="Reverse", unchanged=1.0, error=1.2)
STUCK = [2.3 - 0.01 * (i % 7) for i in range(100)]


def recording(user, tenth=STUCK, tenfold=STUCK, **call) -> Recording:
    rows = course(OVERFIT, user, **call)
    if tenth:
        rows += course("overfit:x0.1", tenth, **call)
    if tenfold:
        rows += course("overfit:x10", tenfold, **call)
    return Recording.of(rows)


def test_finds_a_loss_that_is_stuck_at_all_rates():
    [finding] = cannot_overfit_batch(recording(STUCK))
    assert finding.severity is None
    assert "16 samples" in finding.message
    assert "accuracy 0.2" in finding.message
    assert finding.where.line == 3


def test_the_loss_of_the_prior_is_no_success():
    # It began at a loss of 50 (badly scaled weights) and ended at the entropy of the labels.
    user = [50.0, 10.0] + [2.25] * 98
    assert len(cannot_overfit_batch(recording(user, user, user))) == 1


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(recording(falling(2.3, 0.01), None, None), id="fitted"),
        pytest.param(recording(STUCK, falling(2.3, 0.01)), id="fitted at a tenth: the rate is the fault"),
        pytest.param(recording(STUCK, scores=[0.2] * 90 + [1.0] * 10), id="all samples right"),
    ],
)
def test_passes(rows):
    assert cannot_overfit_batch(rows) == []


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(recording(falling(2.3, 0.9)), id="in between"),
        pytest.param(recording(STUCK[:20], None, None), id="too short"),
        pytest.param(recording(falling(2.3, 1.5), falling(2.3, 1.6), falling(2.3, 1.4)), id="still falling"),
        pytest.param(recording(falling(45, 23), floor=math.nan, metric="", prior_loss=math.nan), id="unknown floor"),
        pytest.param(
            Recording.of([*course(OVERFIT, STUCK), Experiment(name=OVERFIT, objectives=2)]), id="a GAN"
        ),
        pytest.param(Recording.of([Experiment(name=OVERFIT, outcome="skipped", why="no time")]), id="not tried"),
        pytest.param(Recording.of([Experiment(name="random-input")]), id="another experiment"),
    ],
)  # fmt: skip
def test_does_not_judge(rows):
    with pytest.raises(Skip):
        cannot_overfit_batch(rows)


def test_a_target_that_changes_cannot_be_learnt_by_heart():
    rows = recording(STUCK).rows(Step) + recording(STUCK).rows(Experiment)
    calls = [
        LossCall(experiment=OVERFIT, step=i, function="mse_loss", value=x, floor=0.0, target_min=-2 - 0.1 * (i % 5))
        for i, x in enumerate(STUCK)
    ]
    with pytest.raises(Skip, match="drawn anew"):
        cannot_overfit_batch(Recording.of([*rows, *calls]))


def test_is_milder_with_one_rate_only():
    [finding] = cannot_overfit_batch(recording(STUCK, None, None))
    assert finding.severity is Severity.WARNING


def test_nan_is_a_failure_and_no_crash():
    broken = [2.3, 5.0, math.nan, math.nan]
    [finding] = cannot_overfit_batch(recording(broken, broken, broken))
    assert "NaN" in finding.message
    assert all(math.isfinite(e.value) for e in finding.evidence if hasattr(e, "value"))
