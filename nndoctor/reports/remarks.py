"""What the reader must know beside the findings: how the script failed, what was cut, skipped or redirected."""

from __future__ import annotations

import math
import re
from collections import Counter
from statistics import median
from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from nndoctor.rate_range import swept
from nndoctor.records import OBSERVE, Event, Experiment, Step
from nndoctor.reports.words import clean

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import RenderableType

    from nndoctor.recording import Recording
    from nndoctor.verdict import Verdict

LINES = 12
"""Lines of a traceback or a log that are shown: enough for the last frames and the message."""
_OURS = re.compile(r"[\\/]nndoctor[\\/].*\.py$|^<frozen ")
_LIBRARIES = re.compile(r"[\\/](site|dist)-packages[\\/]")
_TOLD = ("cut", "instrument", "killed", "timeout", "note", "swallowed")
LAG = 10 ** (1 / 3)
"""By so much the smoothed loss lags behind the rates of the range test."""
_MANY = 4
"""Events of one kind that are listed; the rest is counted."""


def failure(verdict: Verdict, folder: Path) -> RenderableType | None:
    """Return the end of the script's traceback, or of its output where it left none."""
    event = verdict.failure
    if event is None:
        return None
    if event.detail:
        ours_only = own_frames(event.detail, _OURS)
        lines = own_frames(ours_only, _LIBRARIES).splitlines()
        if not any(line.startswith("  File ") for line in lines):
            lines = ours_only.splitlines()  # nothing of the user's: then the libraries' frames say more than none
    else:
        log = folder / "script.log"
        lines = log.read_text("utf-8", "replace").splitlines() if log.is_file() else []
    if not lines:
        return None
    return Text(clean("\n".join(lines[-LINES:])), style="dim", no_wrap=True, overflow="ellipsis")


def own_frames(traceback: str, others: re.Pattern[str] = _OURS) -> str:
    """Return a traceback without the frames of the files that match."""
    kept, dropping = [], False
    for line in traceback.splitlines():
        if frame := re.match(r'  File "([^"]*)"', line):
            dropping = bool(others.search(frame[1]))
        elif not line.startswith("    "):
            dropping = False
        if not dropping:
            kept.append(line)
    return "\n".join(kept)


def on_the_run(run: Recording, *, verbose: bool = False) -> RenderableType | None:
    """Return one line per experiment that did not go as wanted and per event that limits the diagnosis."""
    lines = [_experiment(row) for row in run.rows(Experiment) if row.outcome != "done" or row.batch_size]
    lines += rates(run)
    for kind in _TOLD:
        texts = Counter(clean(event.text) for event in run.rows(Event) if event.kind == kind)
        shown = list(texts.items())[: None if verbose else _MANY]
        for text, times in shown:
            named = text if text.startswith(kind) else f"{kind}: {text}"
            lines.append(Text(named + (f" ({times} times)" if times > 1 else "")))
        if len(texts) > len(shown):
            lines.append(Text(f"{kind}: {len(texts) - len(shown)} more (-v shows them)"))
    saves = [event for event in run.rows(Event) if event.kind == "save"]
    if saves:
        lines.append(
            Text(f"{len(saves)} write(s) of the script went to the run's scratch folder, not to its own files")
        )
    return Group(*lines) if lines else None


def rates(run: Recording) -> list[Text]:
    """Return what each range test found: where the loss falls, and where the script's own rate lies."""
    observed = [row for row in run.rows(Step) if row.experiment == OBSERVE and row.lr > 0]
    segments = sorted({row.segment for row in observed})
    lines = []
    for segment in segments:
        found = swept(run, segment)
        if found is None:
            continue
        own = median(row.lr for row in observed if row.segment == segment)
        place = _place(own, found.begins, found.lowest)
        phase = f" (phase {segment + 1})" if len(segments) > 1 else ""
        rises = f", diverging from {found.diverges:.2g}" if math.isfinite(found.diverges) else ""
        lines.append(
            Text(
                f"learning rates at which the loss falls{phase}: {found.begins:.2g} to {found.lowest:.2g}{rises}; "
                f"the script's own is {own:.2g}, {place}"
            )
        )
    return lines


def _place(own: float, begins: float, lowest: float) -> str:
    """Say where a rate lies. The loss lags behind a rate that is raised step by step, so the ends are not sharp."""
    if own < begins:
        return "below" if LAG * own < begins else "at the lower end"
    if own <= lowest:
        return "within"
    return "above" if own > LAG * lowest else "at the upper end"


def _experiment(row: Experiment) -> Text:
    text = Text(f"experiment {clean(row.name)}: ")
    if row.outcome == "cut":
        text.append(f"cut at {row.steps} of {row.wanted} steps")
    elif row.outcome != "done":
        text.append(row.outcome)
    else:
        text.append(f"{row.steps} steps")
    if row.batch_size:
        text.append(f", on a batch cut to {row.batch_size} samples")
    if row.why:
        text.append(f" ({clean(row.why)})")
    return text
