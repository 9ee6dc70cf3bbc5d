"""The check on recordings typed by hand: no torch, no training, milliseconds. Run it with `pytest`."""

from house_optimizer import house_optimizer
from nndoctor import Recording
from nndoctor.records import Optimizer


def recording(**values):
    return Recording.of([Optimizer(name="SGD#0", type="SGD", file="train.py", line=12, **values)])


def test_reports_the_optimizer_and_its_line():
    [finding] = house_optimizer(recording(momentum=0.0))
    assert "SGD#0" in finding.message
    assert str(finding.where) == "train.py:12"


def test_is_silent():
    assert house_optimizer(recording(momentum=0.9)) == []
    assert house_optimizer(recording()) == []  # unknown
    assert house_optimizer(recording(momentum=0.3), least=0.2) == []
