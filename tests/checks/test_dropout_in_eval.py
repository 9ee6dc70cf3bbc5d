"""dropout-in-eval, on calls typed by hand."""

import math

import pytest

from nndoctor import Recording, Skip
from nndoctor.records import DropoutCall, EvalGap, ValidationCall
from nndoctor_checks.training.dropout_in_eval import dropout_in_eval

CALL = DropoutCall(name="Net.dropout", p=0.3, calls=6, file="t.py", line=14)
GAP = EvalGap(module="Net", repeat=0.4)
VALIDATED = ValidationCall(module="Net", calls=6)


def test_finds_functional_dropout():
    [finding] = dropout_in_eval(Recording.of([GAP, CALL, VALIDATED]))
    assert finding.where.line == 14
    assert "training=self.training" in finding.advice


def test_names_the_argument_of_attention():
    row = DropoutCall(name="Attention.sdpa", function="scaled_dot_product_attention", p=0.1, calls=6)
    [finding] = dropout_in_eval(Recording.of([GAP, row]))
    assert "dropout_p=" in finding.advice


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([GAP], id="a VAE that samples"),
        pytest.param([EvalGap(module="Net", repeat=0.0), CALL], id="another model"),
        pytest.param([EvalGap(module="Net", repeat=math.nan), CALL], id="NaN"),
        pytest.param([GAP, DropoutCall(name="d", p=0.3, calls=6, repeated=5)], id="Monte Carlo dropout"),
        pytest.param([GAP, DropoutCall(name="d", p=0.3, calls=1)], id="once"),
    ],
)
def test_is_silent(rows):
    assert dropout_in_eval(Recording.of([VALIDATED, *rows])) == []


def test_says_that_there_was_no_validation():
    with pytest.raises(Skip, match="no validation"):
        dropout_in_eval(Recording.of([GAP]))
