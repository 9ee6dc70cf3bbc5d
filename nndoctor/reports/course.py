"""How the training went, on one line for each phase: loss and metric as sparklines."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.text import Text

from nndoctor.records import OBSERVE, TRAIN, LossCall, Step
from nndoctor.reports.evidence import sparkline
from nndoctor.reports.words import clean, plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nndoctor.recording import Recording

PHASES = 3
BARS = 12


def lines(run: Recording) -> Iterator[Text]:
    """Yield one line for each of the first phases in which a loss was seen."""
    segments = list(dict.fromkeys(row.segment for row in run.rows(Step) if row.experiment == OBSERVE))
    for segment in segments[:PHASES]:
        steps = [s for s in run.rows(Step) if s.experiment == OBSERVE and s.segment == segment]
        losses = [s.loss for s in steps if math.isfinite(s.loss)]
        if not losses:
            continue
        alone = len(segments) == 1
        line = Text("  ").append("" if alone else f"phase {segment + 1}: ", style="dim")
        line.append_text(_course("loss", losses))
        for name, values in _metrics(run, segment).items():
            line.append("   ").append_text(_course(name, values))
        line.append(f"   {plural(len(steps), 'step')}" if alone else "", style="dim")
        line.no_wrap, line.overflow = True, "ellipsis"
        yield line
    if len(segments) > PHASES:
        yield Text(f"  ... {len(segments) - PHASES} more phases", style="dim")


def _course(name: str, values: Sequence[float]) -> Text:
    bars = (sparkline(values, BARS), "cyan")
    return Text.assemble((f"{clean(name)} ", "dim"), f"{values[0]:.3g} ", bars, f" {values[-1]:.3g}")


def _metrics(run: Recording, segment: int) -> dict[str, list[float]]:
    """Return the metric that the most calls of a loss have."""
    found: dict[str, list[float]] = {}
    for call in run.rows(LossCall):
        observed = call.experiment == OBSERVE and call.segment == segment and call.split == TRAIN
        if observed and call.metric and math.isfinite(call.score):
            found.setdefault(call.metric, []).append(call.score)
    most = max(found, key=lambda name: len(found[name]), default="")
    return {most: found[most]} if most else {}
