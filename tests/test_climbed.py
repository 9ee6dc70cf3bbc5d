"""What is concluded from the rungs of a ladder, and how it is shown."""

from __future__ import annotations

import io
import json
import math
from typing import TYPE_CHECKING, Any

from rich.console import Console

from nndoctor import Recording
from nndoctor.climbed import climbed
from nndoctor.errors import ExitCode
from nndoctor.records import Environment, Event, Experiment, LossCall, Rung, Step
from nndoctor.reports.ladder import show

if TYPE_CHECKING:
    from nndoctor.records import Record


def rung(samples: int, outcome: str = "fitted", score: float = 1.0, held_out: float = 0.9, **facts: Any) -> Rung:
    return Rung(
        samples=samples, outcome=outcome, score=score, held_out_score=held_out, held_out=64, steps=30, seconds=0.01,
        first_loss=2.3, loss=0.1, held_out_loss=0.5, **facts,
    )  # fmt: skip


def recording(*rows: Record) -> Recording:
    loop = [Step(step=i, data_seconds=0.01, compute_seconds=0.03, parameters_changed=True) for i in range(9)]
    tried = [Experiment(name=f"ladder:{r.samples}") for r in rows if isinstance(r, Rung)]
    return Recording.of([*loop, *tried, LossCall(metric="accuracy"), *rows])


def test_all_rungs_and_what_carries_over() -> None:
    climb = climbed(recording(rung(10), rung(1), rung(100)))
    assert [r.samples for r in climb.rungs] == [1, 10, 100]
    assert (climb.status, climb.exit_code, climb.metric) == ("climbed", ExitCode.HEALTHY, "accuracy")
    assert abs(climb.waiting - 0.25) < 1e-9
    assert abs(climb.iteration - 0.04) < 1e-9
    assert "carries over" in climb.meaning


def test_more_data_helps_or_does_not() -> None:
    gains = climbed(recording(rung(100, held_out=0.4), rung(1000, held_out=0.6)))
    assert "more data will help" in gains.meaning
    stays = climbed(recording(rung(100, held_out=0.4), rung(1000, held_out=0.4)))
    assert "do not gain" in stays.meaning
    few = climbed(recording(rung(1, held_out=0.1), rung(10, held_out=0.1)))
    assert few.meaning == "Every rung up to 10 samples was fitted."
    assert "or learnt" in climbed(recording(rung(10), rung(100, "learnt"))).meaning


def test_a_rung_that_fails_means_something_else_at_each_height() -> None:
    low = climbed(recording(rung(1), rung(10, "stuck")))
    assert (low.status, low.exit_code) == ("failed", ExitCode.FINDINGS)
    assert "model, the loss or the optimizer" in low.meaning
    high = climbed(recording(rung(10), rung(100, "stuck")))
    assert "but 10 could" in high.meaning
    assert "learning rate" in high.meaning


def test_what_ends_a_ladder_otherwise() -> None:
    skipped = Experiment(name="ladder", outcome="skipped", why="no way")
    broken = Experiment(name="ladder:10", outcome="failed", why="ValueError: x")
    cut = Experiment(name="ladder:100", outcome="cut")
    cases: list[tuple[list[Record], str, ExitCode, str]] = [
        ([rung(10), rung(100, "falling")], "unfinished", ExitCode.HEALTHY, "--budget"),
        ([rung(10), cut], "unfinished", ExitCode.HEALTHY, "more steps"),
        ([skipped], "unfinished", ExitCode.SCRIPT_FAILED, "no way"),
        ([rung(1), broken], "crashed", ExitCode.SCRIPT_FAILED, "fed 10 samples: ValueError"),
        ([Event(kind="exception", text="OSError: y")], "crashed", ExitCode.SCRIPT_FAILED, "OSError: y"),
        ([Environment(name="interrupted", value="yes")], "unfinished", ExitCode.INTERRUPTED, "interrupted"),
    ]
    for rows, status, code, words in cases:
        climb = climbed(recording(*rows))
        assert (climb.status, climb.exit_code) == (status, code), climb
        assert words in climb.meaning
    assert "no training step" in climbed(Recording.of([])).meaning


def test_json_has_no_nan_and_the_table_fits_into_80_columns() -> None:
    climb = climbed(recording(rung(1, held_out=math.nan), rung(10_000)))
    document = json.loads(json.dumps(climb.as_json(), allow_nan=False))
    assert document["rungs"][0]["held_out_score"] is None
    assert document["exit_code"] == 0
    text = io.StringIO()
    show(climb, "train.py", Console(file=text, width=80))
    assert "10,000" in text.getvalue()
    assert "held out" in text.getvalue()
    assert "fitted" in text.getvalue()
    quiet = io.StringIO()
    show(climb, "train.py", Console(file=quiet, width=200), quiet=True)
    assert "steps" not in quiet.getvalue()
