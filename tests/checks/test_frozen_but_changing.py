"""frozen-but-changing, on rows typed by hand."""

import pytest

from nndoctor import Recording, Skip
from nndoctor.records import Forwards, Parameter
from nndoctor_checks.implementation.frozen_but_changing import frozen_but_changing

FROZEN = Parameter(name="bn.weight", requires_grad=False, loaded=True, changed=False, steps=40)


def ran(**fields):
    return Forwards(**({"module": "bn", "type": "BatchNorm2d", "calls": 40, "frozen": True, "loaded": True} | fields))


def test_finds_statistics_that_change():
    [finding] = frozen_but_changing(Recording.of([FROZEN, ran(file="t.py", line=8)]))
    assert finding.names == ("bn",)
    assert finding.where.line == 8


def test_finds_parameters_that_the_optimizer_moves():
    row = Parameter(name="w", requires_grad=False, changed=True, optimizer="SGD#0", steps=40)
    [finding] = frozen_but_changing(Recording.of([row]))
    assert finding.names == ("w",)


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(ran(training=False), id="eval mode"),
        pytest.param(ran(frozen=False), id="trained"),
        pytest.param(ran(loaded=False), id="never loaded"),
        pytest.param(ran(split="validation"), id="validation"),
        pytest.param(ran(type="Dropout"), id="no statistics"),
        pytest.param(Parameter(name="ema.w", requires_grad=False, changed=True, steps=40), id="average of weights"),
        pytest.param(
            Parameter(name="d.w", requires_grad=False, changed=True, optimizer="Adam#0", steps=9, reached=9),
            id="frozen for a part of each step",
        ),
    ],
)
def test_is_silent(row):
    assert frozen_but_changing(Recording.of([FROZEN, row])) == []


def test_says_that_nothing_is_frozen():
    with pytest.raises(Skip, match="no frozen"):
        frozen_but_changing(Recording.of([Parameter(name="w")]))
