"""initialisation-scale, on weights and first outputs typed by hand."""

import math

import pytest

from nndoctor import Recording, Skip
from nndoctor.records import Parameter, Record, TensorStats
from nndoctor_checks.training.initialisation_scale import initialisation_scale


def recording(stds, outputs, *, saturated=math.nan, **fields) -> Recording:
    rows: list[Record] = []
    for i, (std, out) in enumerate(zip(stds, outputs, strict=True)):
        given = {
            "module_type": "Linear", "shape": (128, 128), "numel": 128 * 128, "fan_in": 128, "fan_out": 128,
            "file": "t.py", "line": 4,
        } | fields  # fmt: skip
        rows.append(Parameter(name=f"{i}.weight", module=f"{i}", order=i, std=std, **given))
        rows.append(TensorStats(name=f"{i}", type="Linear", order=2 * i, std=out))
        rows.append(TensorStats(name=f"act{i}", type="Tanh", order=2 * i + 1, std=0.5, saturated_share=saturated))
    return Recording.of(rows)


def test_finds_a_signal_that_explodes():
    [finding] = initialisation_scale(recording([1.0] * 5, [8, 60, 500, 4e3, 3e4]))
    assert "8" in finding.message
    assert "larger" in finding.message
    assert finding.where.line == 4


def test_finds_a_signal_that_dies():
    [finding] = initialisation_scale(recording([1e-4] * 4, [3e-4, 1e-7, 1e-10, 1e-13]))
    assert "smaller" in finding.message


def test_finds_saturation_before_the_first_step():
    [finding] = initialisation_scale(recording([1.0] * 4, [11, 11, 11, 11], saturated=0.8))
    assert "saturated" in finding.message


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(recording([0.051] * 5, [0.5, 0.2, 0.1, 0.05, 0.03]), id="PyTorch's own"),
        pytest.param(recording([0.02] * 5, [0.16, 0.05, 0.1, 0.005, 0.2]), id="a small GPT"),
        pytest.param(recording([0.051] * 4, [300, 150, 120, 110]), id="large inputs, good weights"),
        pytest.param(recording([0.125, 0.125, 0.125, 1e-4], [1, 1, 1, 1e-3]), id="a small last layer"),
        pytest.param(recording([1.0] * 4, [8, 9, 8, 9]), id="normalised on the way"),
    ],
)
def test_is_silent(run):
    assert initialisation_scale(run) == []


def recurrent(gain: float, state: float, *, loaded: bool = False) -> Recording:
    weight = Parameter(
        name="rnn.weight_hh_l0", module="rnn", module_type="LSTM", shape=(256, 64), numel=256 * 64, fan_in=64,
        fan_out=256, std=gain / 8, loaded=loaded,
    )  # fmt: skip
    return Recording.of([weight, TensorStats(name="rnn", type="LSTM", std=state, mean=0.0)])


def test_finds_recurrent_weights_that_saturate_the_gates():
    [finding] = initialisation_scale(recurrent(28.0, 0.6))
    assert "rnn.weight_hh_l0" in finding.message
    assert "28 times" in finding.message


@pytest.mark.parametrize(
    ("gain", "state"),
    [
        pytest.param(0.577, 0.1, id="PyTorch's own"),
        pytest.param(1.0, 0.9, id="orthogonal, a state near 1"),
        pytest.param(2.2, 0.9, id="uniform(-0.1, 0.1) of a wide language model"),
        pytest.param(28.0, 0.01, id="the state is small enough"),
        pytest.param(28.0, math.nan, id="the state is not known"),
    ],
)
def test_healthy_recurrent_weights(gain, state):
    assert initialisation_scale(recurrent(gain, state)) == []


def faint(enters: float, state: float, output: float, **fields) -> Recording:
    """Of a layer of 64 units, with stds in units of PyTorch's own."""
    own = 1 / math.sqrt(3 * 64)
    given = {"module": "rnn", "module_type": "LSTM", "fan_out": 256} | fields
    return Recording.of(
        [
            Parameter(name="rnn.weight_ih_l0", shape=(256, 8), numel=2048, fan_in=8, std=enters * own, **given),
            Parameter(name="rnn.weight_hh_l0", shape=(256, 64), numel=16384, fan_in=64, std=state * own, **given),
            TensorStats(name="rnn", type="LSTM", std=output, mean=0.0),
        ]
    )


def test_finds_recurrent_layers_in_which_nothing_arrives():
    [finding] = initialisation_scale(faint(1e-3, 1e-3, 3e-4))
    assert finding.names == ("rnn.weight_ih_l0", "rnn.weight_hh_l0")
    assert "1e+03 times smaller" in finding.message


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(faint(1.0, 1.0, 0.004), id="PyTorch's own, on small inputs"),
        pytest.param(faint(1.0, 1e-3, 0.004), id="only the hidden state is held down"),
        pytest.param(faint(0.2, 0.2, 0.001), id="a std of 0.01"),
        pytest.param(faint(1e-3, 1e-3, 0.2), id="large inputs"),
    ],
)
def test_healthy_recurrent_layers(run):
    assert initialisation_scale(run) == []


def test_loaded_recurrent_weights_are_not_judged():
    with pytest.raises(Skip):
        initialisation_scale(recurrent(28.0, 0.6, loaded=True))


@pytest.mark.parametrize("fields", [{"loaded": True}, {"module_type": "Embedding"}, {"std": 0.0}])
def test_does_not_judge_others(fields):
    stds = [fields.pop("std", 1.0)] * 4
    with pytest.raises(Skip):
        initialisation_scale(recording(stds, [8, 60, 500, 4e3], **fields))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_does_not_judge_what_is_not_finite(value):
    with pytest.raises(Skip):
        initialisation_scale(recording([0.125] * 4, [value] * 4))
