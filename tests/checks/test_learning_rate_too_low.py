"""learning-rate-too-low, on courses of the loss typed by hand."""

import math
from dataclasses import replace

import pytest

from nndoctor import Recording, Skip
from nndoctor.records import (
    LR_SWEEP,
    OBSERVE,
    OVERFIT,
    Backward,
    Experiment,
    LossCall,
    Optimizer,
    Parameter,
    Record,
    Step,
    TensorStats,
)
from nndoctor_checks.tensors import update_ratios
from nndoctor_checks.training.learning_rate_too_low import learning_rate_too_low

NOISE = [0.03, -0.05, 0.02, 0.04, -0.04, 0.0, -0.03, 0.05]
STILL = [2.3 + NOISE[i % 8] for i in range(40)]
FALLS = [2.3 * 0.97**i for i in range(40)]


def falling(by, steps=100):
    return [2.3 * (1 - by * i / steps) for i in range(steps)]


def recording(own, user=None, tenfold=None, *more, rates=None) -> Recording:
    rows: list[Record] = [Optimizer(name="SGD#0", type="SGD", lr=1e-5, file="t.py", line=5), *more]
    for name, losses in {OBSERVE: own, OVERFIT: user, "overfit:x10": tenfold}.items():
        if losses is None:
            continue
        if name != OBSERVE:
            rows.append(Experiment(name=name, steps=len(losses)))
        for i, loss in enumerate(losses):
            rate = rates[i] if rates else 1e-5
            rows.append(Step(experiment=name, step=i, loss=loss, lr=rate, backwards=1))
    return Recording.of(rows)


def weights(ratio, *, lr=1e-7, gradient=1e-3) -> list[Record]:
    rows: list[Record] = []
    for name in ("a.weight", "b.weight"):
        rows.append(Parameter(name=name, shape=(64, 64), numel=4096, std=0.1, lr=lr, optimizer="SGD#0"))
        for step in (0, 1, 2, 4, 8):
            rows.append(TensorStats(kind="gradient", name=name, step=step, norm=64 * gradient, numel=4096))
            rows.append(TensorStats(kind="weight", name=name, step=step, std=0.1, numel=4096))
            rows.append(TensorStats(kind="update", name=name, step=step, std=0.1 * ratio, numel=4096))
    return rows


def test_finds_a_rate_of_which_ten_times_is_far_better():
    [finding] = learning_rate_too_low(recording(STILL, falling(0.01), falling(0.1)))
    assert finding.certain
    assert finding.where.line == 5


@pytest.mark.parametrize("ratio", [1e-8, 0.0])
def test_finds_weights_that_hardly_change(ratio):
    [finding] = learning_rate_too_low(recording(STILL, None, None, *weights(ratio)))
    assert "1e-0" in finding.message


def shrunk(factor, *, kind="SGD", reduction="mean", ratio=1e-8, gradient=1e-3) -> Recording:
    """Return a loop at a usual rate whose losses are multiplied with a constant."""
    tiny = [factor * loss for loss in STILL]
    calls = [LossCall(step=i, function="cross_entropy", value=v, reduction=reduction) for i, v in enumerate(STILL)]
    place = Backward(file="t.py", line=9)
    optimizer = Optimizer(name="SGD#0", type=kind, lr=0.1)
    return recording(
        tiny, None, None, *weights(ratio, lr=0.1, gradient=gradient), *calls, place, optimizer, rates=[0.1] * 40
    )


def test_finds_a_loss_that_is_made_tiny():
    [finding] = learning_rate_too_low(shrunk(1e-6))
    assert "multiplied by 1e-06 before `backward`, which makes the rate one of 1e-07" in finding.message
    assert (finding.certain, finding.treatments, finding.where.line) == (True, ("adamw",), 9)


def test_weight_decay_does_not_hide_a_tiny_loss():
    [finding] = learning_rate_too_low(shrunk(1e-6, ratio=1e-5, gradient=1e-8))
    assert "over-regularised" in (finding.explains or ())
    assert learning_rate_too_low(shrunk(1e-6, ratio=1e-5, gradient=1e-5)) == []  # after all, the gradient is not tiny


def test_a_term_beside_the_loss_does_not_hide_that_it_is_tiny():
    """What is called is 2.3, what is trained on about 3e-6 of it: no constant, but small in each step."""
    [finding] = learning_rate_too_low(with_penalty(1e-6))
    assert "makes the rate one of " in finding.message
    assert learning_rate_too_low(with_penalty(0.5)) == []


def with_penalty(factor: float) -> Recording:
    run = shrunk(factor)
    rows = [row for kind in (Optimizer, Parameter, TensorStats, LossCall, Backward) for row in run.rows(kind)]
    steps = [replace(s, loss=s.loss * (1.5 + 0.3 * (-1) ** s.step)) for s in run.rows(Step)]
    return Recording.of([*rows, *steps])


def test_steps_that_only_gather_gradients_move_nothing():
    """With gradients added up over four batches three of four steps change no weight, and are no sign of a low rate."""
    steps = [Step(step=i, loss=x, lr=0.01, backwards=1, optimizer_steps=i % 4 == 3) for i, x in enumerate(STILL)]
    weight = Parameter(name="a.weight", shape=(8, 8), numel=64, std=0.1, called=True)
    stats = [
        TensorStats(step=i, kind=kind, name="a.weight", std=std * (kind == "weight" or i % 4 == 3), numel=64)
        for i in range(8)
        for kind, std in (("weight", 0.1), ("update", 1e-4))
    ]
    ratios = update_ratios(Recording.of([*steps, weight, *stats]), 0)["a.weight"]
    assert [step for step, _ in ratios] == [3, 7]
    assert all(ratio == pytest.approx(1e-3) for _, ratio in ratios)


def test_a_factor_that_says_nothing():
    assert learning_rate_too_low(shrunk(0.1)) == []  # as accumulation over ten batches has
    assert learning_rate_too_low(shrunk(1e-6, kind="Adam")) == []
    assert learning_rate_too_low(shrunk(1e-6, reduction="sum")) == []


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(recording(FALLS, falling(0.01), falling(0.1)), id="learns"),
        pytest.param(recording(STILL, falling(0.3), falling(0.9)), id="fits the batch"),
        pytest.param(recording(STILL, falling(0.01), falling(0.012)), id="ten times is no better"),
        pytest.param(recording(STILL, falling(0.0), STILL), id="nothing but noise"),
        pytest.param(recording(STILL, None, None, *weights(1e-3)), id="weights that change"),
        pytest.param(recording(STILL, None, None, *weights(1e-8, lr=0.01)), id="a usual rate: no gradient"),
        pytest.param(recording(STILL, None, None, *weights(0.0, gradient=0.0)), id="no gradient at all"),
        pytest.param(recording(STILL, None, None, *weights(1e-8, gradient=0.0)), id="no gradient, but weight decay"),
    ],
)
def test_is_silent(run):
    assert learning_rate_too_low(run) == []


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(recording(STILL, rates=[1e-6 * (i + 1) for i in range(40)]), id="warm-up"),
        pytest.param(recording([2.3, math.nan]), id="NaN"),
        pytest.param(recording(STILL, rates=[0.0] * 40), id="no rate at all"),
        pytest.param(recording(STILL[:4]), id="too short"),
    ],
)
def test_does_not_judge(run):
    with pytest.raises(Skip):
        learning_rate_too_low(run)


def sweep(first=-6.0) -> list[Record]:
    """From a rate on, eight steps a decade; the loss falls from the third decade on."""
    rates = [10.0 ** (first + i / 8) for i in range(40)]
    return [
        Step(experiment=LR_SWEEP, step=i, lr=r, loss=2.3 - 0.1 * max(0, i - 24), backwards=1, optimizer_steps=1)
        for i, r in enumerate(rates)
    ]


def test_the_range_test_tells_of_a_rate_far_below():
    [finding] = learning_rate_too_low(recording(STILL, [2.3] * 40, None, *sweep()))
    assert "raised step by step" in finding.message
    assert any("range test" in getattr(e, "label", "") for e in finding.evidence)
    assert learning_rate_too_low(recording(STILL, [2.3] * 40, None, *sweep(first=-8.5))) == []
    assert learning_rate_too_low(recording(STILL, falling(0.5), None, *sweep())) == []
    assert learning_rate_too_low(recording(FALLS, [2.3] * 40, None, *sweep())) == []


def test_a_loss_that_creeps_and_ten_times_the_rate_in_proportion():
    creeps, long, tenfold = falling(0.06), falling(0.3, steps=300), falling(0.9)
    [finding] = learning_rate_too_low(recording(creeps, long, tenfold, *sweep()))
    assert "in 100 steps on one batch" in finding.message
    assert learning_rate_too_low(recording(creeps, long, tenfold)) == []  # no range test
    assert learning_rate_too_low(recording(creeps, long, tenfold, *sweep(first=-8.5))) == []  # it is not far below
    assert learning_rate_too_low(recording(creeps, long, falling(0.3), *sweep())) == []  # ten times gains little
    assert learning_rate_too_low(recording(falling(0.3), long, tenfold, *sweep())) == []  # it moves well enough
    two = Experiment(name="random-input", objectives=2)
    assert learning_rate_too_low(recording(creeps, long, tenfold, two, *sweep())) == []  # a GAN: the sum need not fall
    assert learning_rate_too_low(recording(creeps, None, None, *sweep())) == []  # the batch was fitted, or not tried


NOISY = [1.0 + 0.4 * (-1) ** (i // 5) + 0.003 * i for i in range(40)]


@pytest.mark.parametrize("own", [pytest.param(NOISY, id="small batches"), pytest.param(STILL, id="still")])
def test_one_batch_that_creeps_needs_no_range_test(own):
    assert len(learning_rate_too_low(recording(own, falling(0.08, steps=300), falling(0.6, steps=150)))) == 1
    assert learning_rate_too_low(recording(own, falling(0.08, steps=60), falling(0.6))) == []  # too few steps to tell
    assert learning_rate_too_low(recording(own, falling(0.3, steps=300), falling(0.9))) == []  # it gets there


def test_a_batch_that_took_long_and_a_range_test_far_above():
    creeps, long = falling(0.06), falling(0.5, steps=290)
    [finding] = learning_rate_too_low(recording(creeps, long, None, *sweep()))
    assert "took 290 steps" in finding.message
    assert not finding.certain
    assert learning_rate_too_low(recording(creeps, falling(0.9, steps=60), None, *sweep())) == []  # fitted soon
    assert learning_rate_too_low(recording(creeps, long, None, *sweep(first=-8.5))) == []  # it is not far below
    assert learning_rate_too_low(recording(falling(0.3), long, None, *sweep())) == []  # it moves well enough


def test_of_a_warm_up_one_batch_at_the_full_rate_tells():
    rates = [min(1e-7 * (i + 1), 1e-5) for i in range(300)]
    long, tenfold = falling(0.3, steps=300), falling(0.9)
    [finding] = learning_rate_too_low(recording(STILL, long, tenfold, *sweep(), rates=rates))
    assert "learning rate of 1e-05" in finding.message
    assert not finding.certain
    for user, ten, more in (
        (long, tenfold, sweep(first=-8.5)),  # it is not far below
        (falling(0.9, steps=300), tenfold, sweep(first=-8.5)),  # the full rate does well
        (falling(2.7, steps=300), tenfold, sweep()),  # the same, though the range test says otherwise
        (long, falling(0.1), sweep()),  # ten times gains little
        (falling(0.03, steps=30), tenfold, sweep()),  # too few steps
    ):
        assert learning_rate_too_low(recording(STILL, user, ten, *more, rates=rates)) == []
    assert learning_rate_too_low(recording(STILL, long, tenfold, rates=rates)) == []  # no range test
    with pytest.raises(Skip):
        learning_rate_too_low(recording(STILL, rates=rates))  # nothing was tried


def test_a_warm_up_to_a_rate_at_which_no_weight_moves():
    rates = [min(1e-9 * (i + 1), 1e-7) for i in range(100)]
    still = [2.3] * 100
    [finding] = learning_rate_too_low(recording(STILL, still, still, *weights(2e-6), rates=rates))
    assert "2e-06 of their size per step" in finding.message
    [short] = learning_rate_too_low(recording(STILL, still, None, *weights(2e-6), rates=rates))  # the loop was over
    assert short.message == finding.message
    assert learning_rate_too_low(recording(STILL, falling(0.3), None, *weights(2e-6), rates=rates)) == []
    assert learning_rate_too_low(recording(STILL, still, still, *weights(2e-4), rates=rates)) == []  # they do move
    assert learning_rate_too_low(recording(STILL, falling(0.3), still, *weights(2e-6), rates=rates)) == []
    loaded = [replace(r, loaded=True) if isinstance(r, Parameter) else r for r in weights(2e-6)]
    assert learning_rate_too_low(recording(STILL, still, still, *loaded, rates=rates)) == []
