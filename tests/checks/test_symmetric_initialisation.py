"""symmetric-initialisation, on parameters typed by hand."""

import pytest

from nndoctor import Recording, Severity, Skip
from nndoctor.records import NonFinite, Parameter, Step
from nndoctor_checks.training.symmetric_initialisation import symmetric_initialisation

STEPS = [Step(step=i, loss=2.0, backwards=1) for i in range(10)]
OTHER = Parameter(name="out.weight", shape=(10, 64), numel=640, units=10, distinct_units=10, distinct_units_end=10)


def weight(**fields) -> Parameter:
    given = {
        "name": "fc.weight", "module": "fc", "module_type": "Linear", "shape": (64, 32), "numel": 2048, "units": 64,
        "distinct_units": 1, "distinct_units_end": 1, "std": 0.0, "absmax": 0.05, "optimizer": "SGD#0", "file": "t.py",
        "line": 7,
    }  # fmt: skip
    return Parameter(**(given | fields))


def test_finds_layers_of_equal_units_in_one_finding():
    run = Recording.of([*STEPS, OTHER, weight(), weight(name="fc2.weight")])
    [finding] = symmetric_initialisation(run)
    assert finding.names == ("fc.weight", "fc2.weight")
    assert finding.where.line == 7


def test_finds_zeros_that_never_get_a_gradient():
    [finding] = symmetric_initialisation(Recording.of([*STEPS, OTHER, weight(absmax=0.0, changed=False)]))
    assert "weights of 0" in finding.message


ZEROS = {"absmax": 0.0, "changed": False, "gradient_steps": 0, "reached": 5, "walked": 5}


def test_finds_zeros_behind_which_nothing_trains():
    """An embedding that is the last layer as well: with zeros everywhere no parameter gets a gradient."""
    bias = Parameter(name="fc.bias", shape=(64,), numel=64, optimizer="SGD#0", changed=False, gradient_steps=0)
    run = Recording.of([*STEPS, bias, weight(**ZEROS), weight(name="embed.weight", **ZEROS)])
    [finding] = symmetric_initialisation(run)
    assert finding.names == ("fc.weight", "embed.weight")


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"absmax": 0.3, "distinct_units": 64, "distinct_units_end": 64}, id="one that is not zero"),
        pytest.param({"gradient_steps": 3}, id="gradients that nothing is done with"),
        pytest.param({"reached": 0}, id="cut off from the loss"),
    ],
)
def test_zeros_are_not_accused_of_another_standstill(other):
    with pytest.raises(Skip):
        symmetric_initialisation(
            Recording.of([*STEPS, weight(**ZEROS), weight(**{"name": "o.weight", **ZEROS, **other})])
        )


def test_finds_gates_of_which_each_is_one_unit():
    [finding] = symmetric_initialisation(
        Recording.of([*STEPS, OTHER, weight(name="gru.weight_hh_l0", module_type="GRU", distinct_units_end=3)])
    )
    assert "gru.weight_hh_l0" in finding.message


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"distinct_units_end": 3, "absmax": 0.0}, id="zeros of which two rows were used"),
        pytest.param({"distinct_units_end": 3, "module_type": "Embedding"}, id="an embedding"),
        pytest.param({"distinct_units_end": 3, "units": 8, "shape": (8, 256)}, id="too few units to tell"),
        pytest.param({"distinct_units_end": 64}, id="a last layer that separates"),
        pytest.param({"distinct_units": 64, "distinct_units_end": 64}, id="random"),
        pytest.param({"requires_grad": False}, id="frozen"),
        pytest.param({"units": 1, "shape": (1, 32), "numel": 32}, id="one unit"),
        pytest.param({"numel": 64, "shape": (64, 1, 1)}, id="a column of gains"),
        pytest.param({"called": False}, id="unused"),
        pytest.param({"optimizer": ""}, id="not in the optimizer"),
        pytest.param({"walked": 5, "reached": 0}, id="cut off from the loss"),
        pytest.param({"module_type": "LayerNorm"}, id="gains of a normalisation"),
    ],
)
def test_is_silent(fields):
    run = Recording.of([*STEPS, OTHER, weight(name="held.weight", distinct_units=64), weight(**fields)])
    assert symmetric_initialisation(run) == []


def test_zeros_full_of_nan_are_not_accused():
    bad = NonFinite(step=1, operation="log", phase="forward")
    assert symmetric_initialisation(Recording.of([*STEPS, OTHER, bad, weight(absmax=0.0)])) == []


def test_needs_steps_to_separate():
    with pytest.raises(Skip):
        symmetric_initialisation(Recording.of([*STEPS[:2], OTHER, weight()]))


def constant(name: str = "fc.weight", **fields) -> Parameter:
    return weight(**({"name": name, "absmax": 0.05, "std": 4e-9, "distinct_units_end": 64} | fields))


def test_constants_that_dropout_has_driven_apart_are_a_warning():
    last = constant("out.weight", shape=(1, 64), numel=64, units=0, distinct_units=0, distinct_units_end=0)
    [finding] = symmetric_initialisation(Recording.of([*STEPS, constant(), last]))
    assert finding.severity is Severity.WARNING
    assert "All 2 weight matrices" in finding.message
    for other in (OTHER, constant("b.weight", std=0.03), constant("b.weight", absmax=0.0, std=0.0)):
        assert symmetric_initialisation(Recording.of([*STEPS, constant(), other])) == []
    assert symmetric_initialisation(Recording.of([*STEPS, constant()])) == []
