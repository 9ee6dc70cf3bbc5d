"""weight-distribution, on statistics typed by hand."""

import math

import pytest

from nndoctor import Recording, Skip
from nndoctor.records import Parameter
from nndoctor_checks.training.weight_distribution import weight_distribution


def weight(**fields):
    given = {"name": "fc.weight", "module_type": "Linear", "shape": (64, 64), "numel": 4096, "std": 0.1, "absmax": 0.3}
    return Parameter(**(given | {"mean": 0.0} | fields))


@pytest.mark.parametrize(("fields", "word"), [({"mean": 0.17}, "one sign"), ({"absmax": 5.0}, "single weights")])
def test_finds(fields, word):
    [finding] = weight_distribution(Recording.of([weight(**fields)]))
    assert word in finding.message


@pytest.mark.parametrize("fields", [{}, {"mean": 0.02}, {"mean": math.nan}, {"absmax": math.inf, "std": math.inf}])
def test_is_silent(fields):
    rows = [weight(name="other.weight"), weight(**fields)]
    assert weight_distribution(Recording.of(rows)) == []


@pytest.mark.parametrize("fields", [{"loaded": True}, {"numel": 16}, {"module_type": "Embedding"}, {"std": 0.0}])
def test_does_not_judge(fields):
    with pytest.raises(Skip):
        weight_distribution(Recording.of([weight(mean=5.0, **fields)]))
