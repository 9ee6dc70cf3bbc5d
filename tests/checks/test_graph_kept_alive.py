"""graph-kept-alive, on counts typed by hand."""

import pytest

from nndoctor import Recording, Skip
from nndoctor.records import KeptGraphs
from nndoctor_checks.procedure.graph_kept_alive import graph_kept_alive


def test_finds_graphs_that_stay():
    [finding] = graph_kept_alive(Recording.of([KeptGraphs(losses=30, alive=30, file="t.py", line=4)]))
    assert "30 of 30" in finding.message
    assert finding.where.line == 4


@pytest.mark.parametrize("alive", [0, 1, 15])
def test_is_silent(alive):
    assert graph_kept_alive(Recording.of([KeptGraphs(losses=30, alive=alive)])) == []


def test_needs_enough_steps():
    with pytest.raises(Skip):
        graph_kept_alive(Recording.of([KeptGraphs(losses=3, alive=3)]))
