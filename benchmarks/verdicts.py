"""What the trials say of the findings of a run, and which share of the findings with a treatment they decide on."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import TYPE_CHECKING

from nndoctor.catalogue import load_catalogue
from nndoctor.choice import treatments_of
from nndoctor.diagnose import diagnose
from nndoctor.finding import Severity
from nndoctor.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from nndoctor.check import Check

DECIDED = ("confirmed", "refuted", "harmless", "slight", "unrelieved", "explained")
OPEN = ("inconclusive", "skipped", "untried")
INAPPLICABLE = "inapplicable"
"""The outcome where no treatment of the finding can be applied to the loop: the optimizer decays no weights."""


@cache
def _checks() -> tuple[Check, ...]:
    return tuple(load_catalogue().values())


def verdicts(folder: Path) -> dict[str, tuple[str, str]]:
    """Return by check the outcome of its trial and the sentence, for all errors and warnings that have a treatment."""
    file = folder / "recording.sqlite"
    if not file.exists():
        return {}
    found = {}
    for entry in diagnose(Recording.open(file), _checks()).entries:
        if entry.severity is Severity.NOTE or not treatments_of(entry.check, entry.finding):
            continue
        if entry.proof is None:
            found[entry.check.name] = ("untried", "")
        else:
            outcome = entry.proof.outcome if entry.proof.applicable else INAPPLICABLE
            found[entry.check.name] = (outcome, entry.proof.sentence)
    return found


def share(outcomes: Iterable[str]) -> str:
    """Return the sentence on how many findings carry a verdict."""
    counts = Counter(outcomes)
    decided, still_open = sum(counts[o] for o in DECIDED), sum(counts[o] for o in OPEN)
    every = decided + still_open
    words = [f"{counts[o]} {o}" for o in (*DECIDED, *OPEN) if counts[o]]
    percent = f" ({decided / every:.0%})" if every else ""
    left_out = f"; {counts[INAPPLICABLE]} to which none of theirs applies" if counts[INAPPLICABLE] else ""
    return f"with a verdict: {decided} of {every}{percent}: {', '.join(words)}{left_out}"
