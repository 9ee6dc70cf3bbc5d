"""Where the time went, what was cut or redirected, the environment, and how to run the same again."""

from __future__ import annotations

import math
import shlex
from collections import Counter, defaultdict
from statistics import median
from typing import TYPE_CHECKING

from nndoctor.records import OBSERVE, Environment, Event, Experiment, Step
from nndoctor.reports.html.charts import Bars, Lines, Series
from nndoctor.reports.html.data import Grid
from nndoctor.reports.words import number, plural, seconds

if TYPE_CHECKING:
    from nndoctor.recording import Recording

MOST_EVENTS = 60
_TOLD = ("cut", "instrument", "killed", "timeout", "note", "swallowed", "save", "exception", "exit")


def step_times(run: Recording) -> Lines | None:
    """Return how long each step waited for its data, and how long it computed."""
    rows = [row for row in run.rows(Step) if row.experiment == OBSERVE]
    if not any(row.compute_seconds or row.data_seconds for row in rows):
        return None
    steps = list(range(len(rows)))
    series = (
        Series("computing", steps, [1000 * row.compute_seconds for row in rows]),
        Series("waiting for data", steps, [1000 * row.data_seconds for row in rows]),
    )
    return Lines("Milliseconds of each step", series, y="milliseconds")


def time_shares(run: Recording) -> Bars | None:
    """Return where the time of a step goes, by experiment."""
    grouped: defaultdict[str, list[Step]] = defaultdict(list)
    for row in run.rows(Step):
        grouped[row.experiment].append(row)
    names = [name for name, rows in grouped.items() if any(r.compute_seconds or r.data_seconds for r in rows)][:12]
    if not names:
        return None
    parts = (("computing", "compute_seconds"), ("waiting for data", "data_seconds"))
    series = tuple(
        Series(label, range(len(names)), [1000 * median(float(getattr(r, field)) for r in grouped[n]) for n in names])
        for label, field in parts
    )
    return Bars("Where the time of a step goes (median)", tuple(names), series, y="milliseconds", stacked=True)


def timing_sentence(run: Recording) -> str:
    """Say how much of the observed time was spent waiting for data."""
    rows = [row for row in run.rows(Step) if row.experiment == OBSERVE]
    waited, computed = sum(r.data_seconds for r in rows), sum(r.compute_seconds for r in rows)
    if not waited + computed > 0:
        return ""
    typical = median(r.data_seconds + r.compute_seconds for r in rows)
    share = waited / (waited + computed)
    return (
        f"A step takes {_short(typical)}. {share:.0%} of the observed time was spent waiting for data."
        " Times are under observation, which makes steps slower."
    )


def _short(value: float) -> str:
    return seconds(value) if value >= 1 else f"{1000 * value:.3g} ms"


def experiments(run: Recording) -> Grid | None:
    """Return what became of every experiment."""
    rows = tuple(
        (
            row.name + (f" (phase {row.segment + 1})" if row.segment else ""),
            row.outcome,
            f"{row.steps} of {row.wanted}" if row.wanted else str(row.steps),
            number(row.lr_factor),
            str(row.batch_size) if row.batch_size else "as it was",
            seconds(row.seconds),
            row.why,
        )
        for row in run.rows(Experiment)
    )
    header = ("experiment", "outcome", "steps", "learning rate \N{MULTIPLICATION SIGN}", "batch", "time", "why")
    return Grid("Experiments", header, rows) if rows else None


def events(run: Recording) -> Grid | None:
    """Return what happened besides: what was cut, redirected, or went wrong."""
    found = Counter((e.kind, e.text) for e in run.rows(Event) if e.kind in _TOLD)
    rows = [(kind, text, str(times)) for (kind, text), times in found.items()]
    note = f"{plural(len(rows) - MOST_EVENTS, 'further event')} left out" if len(rows) > MOST_EVENTS else ""
    return Grid("Events", ("kind", "what", "times"), tuple(rows[:MOST_EVENTS]), note) if rows else None


def environment(run: Recording) -> Grid | None:
    """Return the facts of the run's surroundings."""
    rows = tuple((row.name.replace("_", " "), row.value) for row in run.rows(Environment) if row.value)
    return Grid("Environment", ("fact", "value"), rows) if rows else None


def command(run: Recording) -> str:
    """Return the command that runs the same again; empty where the recording does not tell."""
    target = run.environment("target")
    # In a process of the user's own (`nndoctor.check(model, ...)`) there was no command.
    if not target or not {"script", "arguments"} <= {row.name for row in run.rows(Environment)}:
        return ""
    words = ["nndoctor", run.environment("command") or "check"]
    for option in ("steps", "budget", "seed"):
        value = run.environment(option)
        if value and value != "None":
            words += [f"--{option}", value]
    line = " ".join([*map(shlex.quote, words), target])
    folder = run.environment("cwd")
    return f"cd {shlex.quote(folder)} && {line}" if folder else line


def total_seconds(run: Recording) -> str:
    """Return how long the whole run took."""
    try:
        value = float(run.environment("seconds") or "nan")
    except ValueError:
        return ""
    return seconds(value) if math.isfinite(value) else ""
