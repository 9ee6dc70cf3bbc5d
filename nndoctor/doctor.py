"""The parent process: a run folder, the patient started in it as often as needed, the facts that only we can know.

Imports no torch: the command line starts at once, and whatever happens to the patient does not happen here.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nndoctor import choice
from nndoctor.attempt import Attempt, Ended, last_user_frame
from nndoctor.prescription.files import fingerprints
from nndoctor.ranks import Peers, Ranks
from nndoctor.ranks_merged import meet
from nndoctor.recording import Recorder, Recording
from nndoctor.records import COAST, OBSERVE, Environment, Event, Experiment, Record
from nndoctor.sources import sources
from nndoctor.target import ensure_runnable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from nndoctor.check import Check
    from nndoctor.run_folder import RunFolder
    from nndoctor.settings import Settings

PATIENT = Path(__file__).with_name("patient_main.py")
CONFIG_SCHEMA = 1
RESTARTS = 3
"""How often a patient that died in an experiment is started again."""
FEWEST = 9
"""Steps of a loop below which a third of them shows nothing."""
WORTH_A_RESTART = 2.0
"""Seconds of the budget that must be left: less would not even pay for importing torch."""
TRIAL_SHARE = 0.4
"""Greatest share of the budget for trying treatments."""
TREATED_RUNS = 3
"""How often the script is started for trials: a loop of few iterations ends before they are all done."""
_DIED = ("failed", "running")


@dataclass(frozen=True, slots=True)
class Plan:
    """What the next attempt is to do differently from the first."""

    attempt: int = 0
    skip: tuple[str, ...] = ()
    no_cut: bool = False
    already: tuple[str, ...] = ()
    budget: float = 0.0
    steps: int = 0
    """Steps to observe; 0 for what the user asked for."""


def examine(
    settings: Settings,
    *,
    show: Callable[[Mapping[str, Any]], None],
    echo: Callable[[str], None] | None = None,
    command: Sequence[str] = (sys.executable, str(PATIENT)),
    checks: Sequence[Check] = (),
) -> RunFolder:
    """Run the script under observation and return the folder of its recording, however it ended.

    What `checks` find is then treated, in a further run of the script, to see whether that helps.
    Raises `UsageError` before anything is started where the target or the folder cannot be used.
    """
    ensure_runnable(settings.target)
    ranks = Ranks.of(os.environ)
    folder = ranks.folder(settings)
    peers = Peers(ranks, ranks.run_of(folder))
    started = time.monotonic()
    plan: Plan | None = Plan(skip=settings.skip, budget=settings.budget)

    def run(config: Mapping[str, Any]) -> Ended:
        if ranks.world > 1:
            config = {**config, "rank": ranks.rank, "world": ranks.world}
        attempt = Attempt(command, folder, patience=settings.patience, show=show, echo=echo, alone=peers.gone)
        return attempt.run(config)

    with _termination_as_interrupt(), ranks.announced(settings):
        while plan is not None:
            ended = run(configuration(settings, folder, plan))
            seen = _so_far(folder)
            _write_ending(settings, folder, seen, ended, time.monotonic() - started)
            if ranks.world > 1:
                meet(folder, peers, ended)
                break
            if ended.by not in ("itself", "patience") or settings.plan != "check":
                break
            last, left = plan, _left(ended, seen, settings)
            plan = next_plan(seen, plan, left, hung=ended.by == "patience")
            if plan is None and ended.by == "itself":
                overhead = ended.seconds - (settings.budget - left)
                length = int(ended.last.get("iterations") or 0)
                _treat(
                    settings, folder, last, left, run, checks=checks, started=started, overhead=overhead, length=length
                )
    return folder


def _treat(
    settings: Settings,
    folder: RunFolder,
    plan: Plan,
    left: float,
    run: Callable[[Mapping[str, Any]], Ended],
    *,
    checks: Sequence[Check],
    started: float,
    overhead: float,
    length: int,
) -> None:
    """Run the script again with the treatments for what was found; once more for what its end left untried.

    `overhead` is how long the script takes beside its experiments: one that needs minutes to load its data is not
    started a second time unasked. `length` is how many iterations its loop has in all, 0 where none is known.
    """
    seen = _so_far(folder)
    budget = left if settings.trials == "all" else min(left, TRIAL_SHARE * settings.budget)
    asked = choice.chosen(seen, checks, settings.trials) if budget >= WORTH_A_RESTART else []
    if asked and overhead > settings.budget and settings.trials != "all":
        text = f"no treatment was tried: the script takes {overhead:.0f} s beside the experiments (--trials all)"
        _write(folder, Event(kind="note", experiment=COAST, text=text))
        return
    mixed = True
    for _ in range(TREATED_RUNS):
        if not asked or budget < WORTH_A_RESTART:
            break
        # A trial in a fork is recorded from where the loop stands, in `observe`: it must not pass for done already.
        config = configuration(settings, folder, replace(plan, budget=budget, already=()))
        ended = run({**config, "attempt": plan.attempt + 1, "trials": asked, "iterations": length, "mixed": mixed})
        _write(folder, Environment(name="seconds", value=f"{time.monotonic() - started:.3f}"))
        if ended.by == "interrupt":
            _write(folder, Environment(name="interrupted", value="yes"))
        if ended.by != "itself":
            break
        budget -= ended.seconds
        remaining = choice.left_over(asked, _so_far(folder))
        ran = int(ended.last.get("iterations") or 0)
        nothing = len(remaining) == len(asked)
        if ended.code != 0:  # the script failed: once more, with batches that are put together as it does
            if nothing and not mixed:
                break
            mixed = mixed and not nothing
        elif nothing and ran in (0, length):
            break
        else:
            length = ran  # its loop came to an end before ours did
        # A further start is for what was found, not for what might be of interest beside it.
        asked = [one for one in remaining if not one["symptom"]]


def _write(folder: RunFolder, record: Record) -> None:
    recorder = Recorder(folder.recording)
    recorder.add(record)
    recorder.close()


def configuration(settings: Settings, folder: RunFolder, plan: Plan) -> dict[str, Any]:
    """Return what the child is told, as JSON."""
    return {
        "schema": CONFIG_SCHEMA,
        "target": settings.target.name,
        "is_module": settings.target.is_module,
        "arguments": list(settings.target.arguments),
        "run": str(folder.path),
        "budget": plan.budget,
        "steps": plan.steps or settings.steps,
        "scan": settings.scan,
        "seed": settings.seed,
        "quick": settings.quick,
        "skip": list(plan.skip),
        "no_cut": plan.no_cut,
        "already": list(plan.already),
        "attempt": plan.attempt,
        "plan": settings.plan,
    }


def next_plan(run: Recording, plan: Plan, left: float, *, hung: bool = False) -> Plan | None:
    """Decide on another attempt: for what an experiment's failure left undone, while `left` seconds remain.

    An experiment that died on a cut batch is tried once more without cutting, any other is left out; so is one that
    hung, since that costs the whole patience again. A script that died on its own batches failed by itself, and is
    not started again.
    """
    experiments = run.rows(Experiment)
    died = [e for e in experiments if e.outcome in _DIED and e.name not in plan.skip]
    if not died:
        return _shorter(run, plan, left)
    if any(e.name == OBSERVE for e in died):
        return None
    if plan.attempt >= RESTARTS or not left >= WORTH_A_RESTART:
        return None
    by_the_cut = not plan.no_cut and not hung and all(e.batch_size > 0 for e in died)
    finished = {e.name for e in experiments} - {e.name for e in died} - set(plan.skip)
    return replace(
        plan,
        attempt=plan.attempt + 1,
        budget=left,
        skip=plan.skip if by_the_cut else (*plan.skip, *_unique(e.name for e in died)),
        no_cut=plan.no_cut or by_the_cut,
        already=tuple(_unique(e.name for e in experiments if e.name in finished)),
    )


def _shorter(run: Recording, plan: Plan, left: float) -> Plan | None:
    """Run a loop of few steps again, observing fewer of them: what is left of it is room for the experiments."""
    experiments = run.rows(Experiment)
    ended_well = not any(e.kind in ("exception", "exit", "killed", "timeout") for e in run.rows(Event))
    short = [e.steps for e in experiments if e.name == OBSERVE and e.outcome == "cut" and e.segment == 0]
    if plan.attempt or not ended_well or len(experiments) != 1 or not short or short[0] < FEWEST or not left > 0:
        return None
    return replace(plan, attempt=1, budget=left, steps=short[0] // 3, already=(OBSERVE,))


def _so_far(folder: RunFolder) -> Recording:
    return Recording.open(folder.recording) if folder.recording.exists() else Recording.of([])


def _left(ended: Ended, seen: Recording, settings: Settings) -> float:
    """Return the seconds of the budget that are left: as the child last said, else from what its experiments took."""
    left = ended.last.get("left")
    if isinstance(left, int | float):
        return float(left)
    return settings.budget - sum(row.seconds for row in seen.rows(Experiment))


def _unique(names: Iterator[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _write_ending(settings: Settings, folder: RunFolder, seen: Recording, ended: Ended, seconds: float) -> None:
    """Add to the recording what the child could not: how it ended, and what it was asked to do."""
    facts = {
        "target": str(settings.target),
        "script": settings.target.name,
        "python": sys.version.split()[0],
        "budget": f"{settings.budget:g}",
        "steps": str(settings.steps),
        "seed": "" if settings.seed is None else str(settings.seed),
        "seconds": f"{seconds:.3f}",
        "exit_status": str(ended.code),
        "interrupted": "yes" if ended.by == "interrupt" else "no",
        "skip": json.dumps(settings.skip),
    }
    recorder = Recorder(folder.recording)
    for name, value in facts.items():
        recorder.add(Environment(name=name, value=value))
    # Written before the script started, or it is not what ran.
    for file in fingerprints(seen, home=Path.cwd(), since=time.time() - seconds):
        recorder.add(file)
    for source in sources(seen):
        recorder.add(source)
    for event in _ending(folder, ended, seen, settings):
        recorder.add(event)
        # An experiment in which the child died would else read as one that still goes on.
        for row in seen.rows(Experiment):
            if row.outcome == "running" and row.name == event.experiment:
                recorder.add(replace(row, outcome="failed", why=event.text))
    recorder.close()


def _ending(folder: RunFolder, ended: Ended, seen: Recording, settings: Settings) -> Iterator[Event]:
    running = next((e.name for e in reversed(seen.rows(Experiment)) if e.outcome == "running"), "")
    experiment = running or OBSERVE
    step = int(ended.last.get("step") or 0)
    if ended.by == "alone":
        yield Event(kind="cut", experiment=experiment, step=step, text="waited for another process that was gone")
    elif ended.by == "patience":
        yield _hang(folder, settings.patience, experiment, step)
    elif ended.by == "overdue":
        yield Event(kind="cut", experiment=experiment, step=step, text="the script overran the budget and was ended")
    elif ended.by == "itself" and ended.signal_name:
        yield Event(kind="killed", experiment=experiment, step=step, text=_killed(ended.signal_name))
    elif ended.by == "itself" and ended.code != 0 and not _told(seen):
        # The child could not write its own last event: os._exit, or it died before the recording was open.
        yield Event(kind="exit", experiment=experiment, step=step, text=str(ended.code))


def _told(seen: Recording) -> bool:
    return any(event.kind in ("exception", "exit", "stopped") for event in seen.rows(Event))


def _hang(folder: RunFolder, patience: float, experiment: str, step: int) -> Event:
    frame = last_user_frame(folder.log)
    place, _, function = frame.partition(" in ")
    file, _, line = place.rpartition(":")
    text = f"hung: no progress for {patience:g} s" + (f", last seen at {frame}" if frame else "")
    return Event(
        kind="timeout",
        experiment=experiment,
        step=step,
        text=text,
        file=file,
        line=int(line) if line.isdigit() else 0,
        function=function,
    )


def _killed(name: str) -> str:
    hints = {
        "SIGKILL": " (often: the system ran out of memory)",
        "SIGSEGV": " (a crash in compiled code)",
        "SIGABRT": " (a crash in compiled code)",
        "SIGBUS": " (often: /dev/shm is full)",
    }
    return f"killed by {name}{hints.get(name, '')}"


@contextlib.contextmanager
def _termination_as_interrupt() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the patient as Ctrl-C does: it has a session of its own and would live on."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = {}
    with contextlib.suppress(ValueError):  # not in the main thread: the caller minds its own signals
        before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
