"""What a trial showed is told in one line of the report, and in findings.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from nndoctor import Finding, Recording, Severity, check
from nndoctor.diagnose import diagnose
from nndoctor.records import Trial
from nndoctor.reports import findings_json, terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nndoctor.diagnose import Diagnosis


@check("a-check", reason="T", severity=Severity.ERROR, needs=[])
def a_check(_run: Recording) -> Iterator[Finding]:
    """Something is wrong."""
    yield Finding("It is.", "Change it.")


def diagnosed(*rows: Trial) -> tuple[Recording, Diagnosis]:
    run = Recording.of(rows)
    return run, diagnose(run, [a_check])


def trial(treated: float, *, start: float = 2.3, skipped: str = "") -> Trial:
    numbers = () if skipped else (2.3, float("inf"), 2.31)
    return Trial(
        treatment="clear-gradients",
        checks=("a-check",),
        start=start,
        steps=30,
        controls=numbers,
        treated=(treated,) * len(numbers),
        skipped=skipped,
    )


def document(*rows: Trial) -> dict[str, object]:
    run, diagnosis = diagnosed(*rows)
    [entry] = json.loads(findings_json.render(run, diagnosis, Path("run")))["diagnosis"]
    return {key: entry[key] for key in ("confirmed", "trial")}


def test_without_a_trial_there_is_nothing_to_tell() -> None:
    assert document() == {"confirmed": None, "trial": None}


def test_the_document_holds_the_numbers() -> None:
    found = document(trial(0.42))
    assert found["confirmed"] is True
    assert found["trial"] == {
        "treatment": "clear-gradients",
        "with": [],
        "outcome": "confirmed",
        "why": "",
        "metric": "loss after 30 steps",
        "start": 2.3,
        "control": 2.31,
        "treated": 0.42,
        "won": 3,
        "of": 3,
        "text": "confirmed: with the gradients cleared after each step, loss after 30 steps 2.31 -> 0.42, "
        "better in 3 of 3 runs",
    }


def test_numbers_that_are_none_become_null() -> None:
    found = document(trial(0.0, start=float("nan"), skipped="no loss was seen"))
    assert found["confirmed"] is None
    assert isinstance(found["trial"], dict)
    assert found["trial"]["outcome"] == "skipped"
    assert found["trial"]["control"] is found["trial"]["start"] is None


def test_the_terminal_tells_it_in_a_line() -> None:
    run, diagnosis = diagnosed(trial(0.42))
    console = Console(width=200, record=True, highlight=False, markup=False, emoji=False)
    terminal.show(run, diagnosis, Path("run"), console)
    assert "trial: confirmed: with the gradients cleared after each step" in console.export_text()
