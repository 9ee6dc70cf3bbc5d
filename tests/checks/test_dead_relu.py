"""dead-relu, on counted units typed by hand."""

import pytest

from nndoctor import Recording, Severity, Skip
from nndoctor.records import Module, NonFinite, TensorStats, Units
from nndoctor_checks.training.dead_relu import dead_relu


def units(fired, name="relu", **fields) -> Units:
    return Units(name=name, fired=fired, **({"type": "ReLU", "units": 64, "samples": 640} | fields))


def test_finds_dead_units_and_merges_layers():
    place = Module(name="relu", type="ReLU", file="t.py", line=8)
    [finding] = dead_relu(Recording.of([place, units(32), units(30, "relu2", type="relu"), units(60, "relu3")]))
    assert finding.names == ("relu2", "relu")
    assert finding.severity is None
    assert "53%" in finding.message


def test_nearly_all_dead_is_an_error():
    [finding] = dead_relu(Recording.of([units(4)]))
    assert finding.severity is Severity.ERROR


def test_a_layer_that_gets_nothing_but_zeros_is_not_dead():
    """Whatever cut it off from the input is the cause; the first layer that is dead itself is still told."""

    def measured(absmax):
        values = [("conv1", absmax), ("relu", 0.0), ("conv2", 0.0), ("relu2", 0.0)]
        return [TensorStats(kind="activation", name=n, order=i, absmax=v) for i, (n, v) in enumerate(values)]

    both = [units(0), units(0, "relu2")]
    assert dead_relu(Recording.of([*both, *measured(0.0)])) == []
    [finding] = dead_relu(Recording.of([*both, *measured(3.0)]))
    assert finding.names == ("relu",)


@pytest.mark.parametrize("fired", [64, 50, 39])
def test_is_silent(fired):
    assert dead_relu(Recording.of([units(fired)])) == []


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([units(0, type="LeakyReLU")], id="cannot die"),
        pytest.param([units(0, units=3)], id="few units"),
        pytest.param([units(0, samples=20)], id="few samples"),
        pytest.param([units(0), NonFinite(step=3)], id="NaN is not above zero"),
    ],
)
def test_does_not_judge(rows):
    with pytest.raises(Skip):
        dead_relu(Recording.of(rows))
