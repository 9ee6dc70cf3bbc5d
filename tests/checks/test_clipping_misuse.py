"""clipping-misuse, on calls typed by hand."""

import math

import pytest

from nndoctor import Recording
from nndoctor.records import Clipping
from nndoctor_checks.procedure.clipping_misuse import clipping_misuse


def calls(count=20, **fields):
    given = {"max_norm": 1.0, "norm": 2.0, "file": "t.py", "line": 6} | fields
    return [Clipping(step=step, **given) for step in range(count)]


@pytest.mark.parametrize(
    ("fields", "word"),
    [({"after_step": True}, "after"), ({"scale": 65536.0, "norm": 1e5}, "GradScaler"), ({"max_norm": 0.001}, "left")],
)
def test_finds(fields, word):
    [finding] = clipping_misuse(Recording.of(calls(**fields)))
    assert word in finding.message
    assert finding.where.line == 6


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(calls(), id="healthy"),
        pytest.param(calls(max_norm=math.inf), id="only measured"),
        pytest.param(calls(norm=math.nan), id="NaN"),
        pytest.param(calls(norm=0.0), id="no gradient"),
        pytest.param(calls(count=3, after_step=True), id="too few"),
        pytest.param([*calls(10, max_norm=0.001), *calls(10)], id="not always"),
    ],
)
def test_is_silent(rows):
    assert clipping_misuse(Recording.of(rows)) == []
