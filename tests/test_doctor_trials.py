"""When the script is started again for trials, and with which; on stand-ins for the patient, without torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nndoctor import Check, Finding, Recording, Severity, check, doctor
from nndoctor.records import Environment, Event, Trial
from nndoctor.settings import Settings, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TREATED = """
with open("starts.jsonl", "a") as log:
    log.write(json.dumps(config.get("trials", [])) + "\\n")
if not config.get("trials"):
    train()
    end()
    sys.exit()
"""
TRIES_ALL = TREATED + 'for one in config["trials"]: recorder.add(Trial(treatment=one["treatment"]))\nend()'
TRIES_ONE = TREATED + 'recorder.add(Trial(treatment=config["trials"][0]["treatment"]))\nend()'
TRIES_NONE = TREATED + "end()"


def fires(severity: Severity = Severity.ERROR) -> Check:
    treatments = ["clear-gradients", "learning-rate-x0.1", "adamw"]

    @check("a-check", reason="T", severity=severity, needs=[], treatments=treatments)
    def function(_run: Recording) -> Iterator[Finding]:
        """Fire."""
        yield Finding("m", "a")

    return function


@pytest.fixture
def starts(script: Path, patient: Callable[[str], list[str]]) -> Callable[..., tuple[list[list[str]], Recording]]:
    """Return what runs the doctor and tells the treatments of each start of the patient, and the recording."""

    def run(program: str, *checks: Check, **wishes: Any) -> tuple[list[list[str]], Recording]:
        settings = Settings(target=Target(name=script.name), **wishes)
        folder = doctor.examine(settings, show=lambda _: None, command=patient(program), checks=checks)
        lines = Path("starts.jsonl").read_text().splitlines()
        return [[one["treatment"] for one in json.loads(line)] for line in lines], Recording.open(folder.recording)

    return run


def test_a_healthy_script_is_started_once(starts: Any) -> None:
    assert starts(TRIES_ALL)[0] == [[]]


def test_notes_and_the_wish_for_none_cost_no_second_start(starts: Any) -> None:
    assert starts(TRIES_ALL, fires(Severity.NOTE))[0] == [[]]
    Path("starts.jsonl").unlink()
    assert starts(TRIES_ALL, fires(), trials="none")[0] == [[]]


def test_a_sick_script_is_started_once_more_with_the_treatments_for_what_was_found(starts: Any) -> None:
    told, run = starts(TRIES_ALL, fires())
    assert told == [[], ["clear-gradients", "learning-rate-x0.1", "adamw", "sgd-momentum"]]
    assert [row.treatment for row in run.rows(Trial)] == told[1]


def test_what_the_scripts_end_left_untried_is_tried_in_a_further_run(starts: Any) -> None:
    told, _ = starts(TRIES_ONE, fires())
    assert [len(treatments) for treatments in told] == [0, 4, 2, 1]


def test_what_was_done_before_a_restart_does_not_keep_trials_from_being_recorded(starts: Any) -> None:
    """In a fork a trial is recorded from where the loop stands, which is in an experiment that was done already."""
    dies = """
if config["attempt"] == 0:
    train()
    recorder.add(Experiment(name="overfit", outcome="running"))
    end()
    os._exit(3)
"""
    told, run = starts(dies + TRIES_ALL, fires())
    assert [len(treatments) for treatments in told] == [0, 4]
    config = json.loads(next(Path("nndoctor-runs").rglob("patient.json")).read_text())
    assert (config["attempt"], config["already"]) == (2, [])
    assert len(run.rows(Trial)) == 4


def test_a_run_in_which_nothing_was_tried_is_not_repeated(starts: Any) -> None:
    assert len(starts(TRIES_NONE, fires())[0]) == 2


def test_a_loop_that_ended_too_early_is_run_again_for_as_many_iterations_as_it_has(starts: Any) -> None:
    told, _ = starts(TREATED + "report(iterations=90)\nend()", fires())
    assert [len(treatments) for treatments in told] == [0, 4, 3]
    assert json.loads(next(Path("nndoctor-runs").rglob("patient.json")).read_text())["iterations"] == 90


def test_a_script_that_was_interrupted_or_has_no_budget_left_is_not_treated(starts: Any) -> None:
    assert len(starts(TRIES_ALL.replace("train()\n", "train(); report(left=0.5)\n"), fires())[0]) == 1


def test_a_script_that_is_slow_to_start_is_not_started_again_unasked(
    starts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "WORTH_A_RESTART", 0.1)
    slow = TRIES_ALL.replace("train()\n", "train(); report(left=0.9); time.sleep(1.2)\n")
    told, run = starts(slow, fires(), budget=1.0)
    assert len(told) == 1
    assert [event.text for event in run.rows(Event) if "no treatment was tried" in event.text] != []


def test_the_facts_of_the_first_run_are_kept_but_for_its_length(starts: Any) -> None:
    _, run = starts(TRIES_ALL.replace("end()\n    sys.exit()", "end()\n    sys.exit(0)"), fires())
    facts = {row.name: row.value for row in run.rows(Environment)}
    assert facts["exit_status"] == "0"
    assert float(facts["seconds"]) > 0


def test_a_script_that_cannot_run_on_mixed_batches_is_run_on_its_own(starts: Any) -> None:
    program = TRIES_ALL.replace("for one in", 'if config["mixed"]: sys.exit(1)\nfor one in')
    told, run = starts(program, fires())
    assert [len(treatments) for treatments in told] == [0, 4, 3]
    assert len(run.rows(Trial)) == 3


def test_one_that_fails_on_those_too_is_given_up(starts: Any) -> None:
    assert len(starts(TREATED + "sys.exit(1)", fires())[0]) == 3
