"""The verdict on a run: its status, the exit code, and why, from how the script ended and what was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nndoctor.errors import ExitCode
from nndoctor.finding import Severity, SourceLine
from nndoctor.records import COAST, OBSERVE, Event, Step

if TYPE_CHECKING:
    from nndoctor.recording import Recording

STEPS_TO_JUDGE = 2
"""A loop that did fewer steps than this was not seen training: most checks compare one step with the next."""

Ending = Literal["healthy", "sick", "inconclusive", "crashed"]
_ITS_OWN = {OBSERVE, COAST, ""}


@dataclass(frozen=True, slots=True)
class Verdict:
    """`status` as in findings.json; `why` is a sentence where the status does not speak for itself."""

    status: Ending
    exit_code: ExitCode
    why: str = ""
    where: SourceLine | None = None
    failure: Event | None = None
    """The event by which the script failed by itself, if it did."""


def decide(run: Recording, worst: Severity | None, fail_on: Severity | None) -> Verdict:
    """Conclude from the recording, the worst severity found and the threshold of `--fail-on`."""
    failing = fail_on is not None and worst is not None and worst >= fail_on
    sick = failing or worst is Severity.ERROR
    failure, hung = own_failure(run), _last(run, "timeout")
    why, where = _how_it_ended(run, failure, hung)
    code = ExitCode.FINDINGS if failing else ExitCode.HEALTHY
    if run.environment("interrupted") == "yes":
        return Verdict("sick" if sick else "inconclusive", ExitCode.INTERRUPTED, "it was interrupted", None, failure)
    if sick:
        return Verdict("sick", code, why, where, failure)
    if failure is not None and failure.experiment != COAST:
        return Verdict("crashed", ExitCode.SCRIPT_FAILED, why, where, failure)
    if trained(run):  # what fails after the experiments may fail because we cut its passes over the data short
        unfinished = failure is not None or (hung is not None and hung.experiment in _ITS_OWN)
        return Verdict("inconclusive" if unfinished else "healthy", code, why, where, failure)
    return Verdict("inconclusive", ExitCode.SCRIPT_FAILED, why or _too_little(run), where)


def trained(run: Recording) -> bool:
    """Return whether enough training was seen to judge it."""
    steps = [row for row in run.rows(Step) if row.experiment == OBSERVE]
    return len(steps) >= STEPS_TO_JUDGE and any(row.parameters_changed for row in steps)


def own_failure(run: Recording) -> Event | None:
    """Return the event by which the script ended by itself and in failure, not because of an experiment."""
    for event in reversed(run.rows(Event)):
        if event.experiment not in _ITS_OWN:
            continue
        if event.kind in ("exception", "killed") or (event.kind == "exit" and event.text not in ("", "0", "None")):
            return event
    return None


def _last(run: Recording, kind: str) -> Event | None:
    return next((event for event in reversed(run.rows(Event)) if event.kind == kind), None)


def _how_it_ended(run: Recording, failure: Event | None, hung: Event | None) -> tuple[str, SourceLine | None]:
    event = failure or hung
    if event is None:
        return _so_far(run), None
    # The doctor ends a script that hangs by a signal: the hang is the story then, not the signal.
    if hung is not None and event.kind in ("killed", "timeout"):
        return hung.text, SourceLine.of(hung)
    seen = len([row for row in run.rows(Step) if row.experiment == OBSERVE])
    moment = f", after {seen} training steps" if seen else ", before the first training step"
    what = event.text
    if event.kind == "exit":
        what = f"exited with code {event.text}" + (f" ({event.detail})" if event.detail else "")
    return f"{what}{moment}", SourceLine.of(event)


def _so_far(run: Recording) -> str:
    """Say of a watched training that it has not written its end: it goes on, or was killed."""
    if run.environment("command") != "watch" or run.environment("ended") == "yes":
        return ""
    steps = run.rows(Step)
    last = f"step {steps[-1].step} is the last one recorded" if steps else "no step is recorded"
    return f"the training goes on or was killed: {last}"


def _too_little(run: Recording) -> str:
    steps = [row for row in run.rows(Step) if row.experiment == OBSERVE]
    if not steps:
        return "no training step was seen: nothing called backward or an optimizer"
    if not any(row.parameters_changed for row in steps):
        return f"no parameter changed in the {len(steps)} step(s) seen"
    return f"only {len(steps)} training step was seen"
