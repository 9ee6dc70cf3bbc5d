"""What the trials say of a finding: confirmed, refuted, or neither. From the recording alone.

Confirmed: treating it helps. Refuted: treating it does nothing. But a fact that was measured is not refuted by a loop
that learns in the few steps of a trial all the same: no harm was seen, and it may show later or elsewhere. Slight:
treating it helps a little, every time. Unrelieved: what is known to relieve it does nothing; its cause, which is left
as it is by that, is elsewhere. Explained: with something else treated the run is well, so this needs no
treatment of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nndoctor.effects import Effect, Summary, summary
from nndoctor.records import Trial
from nndoctor.treatments.names import described

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from nndoctor.recording import Recording

ENOUGH_STEPS = 30
"""Steps of training below which a treatment that has done nothing may not have had the time."""
TIME_OVER = "the time for trials was over"
TOO_SHORT = "the script's own loop has too few iterations"
NOT_NEEDED = ("another treatment has helped", "another treatment has made the run well")
BROKE = ("the script failed", "the treatment failed", "it could not be measured")
METRICS = {"accuracy": "accuracy", "r2": "R2"}


@dataclass(frozen=True, slots=True)
class Proof:
    """The trial that decided on the findings of a check, and how. `confirmed` is None where it did not decide."""

    confirmed: bool | None
    trial: Trial
    found: Summary
    cure: Proof | None = None
    """The trial of something else that helps, where that is why this one needs no treatment of its own."""
    unrelieved: bool = False
    """All that is known to relieve it was tried for long enough, and has done nothing."""
    others: tuple[str, ...] = ()
    """What else has done nothing."""

    @property
    def outcome(self) -> str:
        """In one word."""
        if self.cure is not None:
            return "explained"
        if self.trial.skipped:
            return "skipped"
        if self.found.effect is Effect.SLIGHT:
            return "slight"
        if self.harmless:
            return "harmless"
        if self.unrelieved:
            return "unrelieved"
        return {True: "confirmed", False: "refuted", None: "inconclusive"}[self.confirmed]

    @property
    def harmless(self) -> bool:
        """Whether the untreated loop learned and treating it made no difference: harm, if any, comes later."""
        undecided = self.confirmed is None and self.trial.steps >= ENOUGH_STEPS
        return undecided and self.found.effect is Effect.NOTHING and self.found.control_moves

    @property
    def applicable(self) -> bool:
        """Whether there is something to try: the treatment fits the loop, whether or not it was tried."""
        return not self.trial.skipped or self.trial.skipped.startswith((TIME_OVER, TOO_SHORT, *NOT_NEEDED, *BROKE))

    @property
    def treatment(self) -> str:
        """What was done, in words."""
        names = (self.trial.treatment, *self.trial.jointly)
        return " and ".join(described(name) for name in names)

    @property
    def effect(self) -> str:
        """The numbers: `loss after 30 steps 2.31 -> 0.42, better in 3 of 3 runs`."""
        metric = METRICS.get(self.trial.metric, self.trial.metric)
        values = f"{metric} after {self.trial.steps} steps {shown(self.found.control)} -> {shown(self.found.treated)}"
        later = f" ({shown(self.trial.later)} after {self.trial.later_steps})" if self.trial.later_steps else ""
        return f"{values}{later}, better in {self.found.won} of {self.found.of} runs"

    @property
    def sentence(self) -> str:
        """What a report says of it in one line."""
        if self.cure is not None:
            base = "the run is well" if self.cure.found.cured else f"nothing gained with {self.treatment}, but"
            return f"explained by a trial: {base} with {self.cure.treatment}, {self.cure.effect}"
        if self.trial.skipped:
            return f"not tried with {self.treatment}: {self.trial.skipped}"
        below = " and ".join(described(name) for name in self.trial.with_others)
        without = "" if math.isnan(self.trial.alone) else f" (without it {shown(self.trial.alone)})"
        base = f"on top of {below}{without}, " if below else ""
        nor = "".join(f", nor with {described(name)}" for name in self.others) if self.outcome == "unrelieved" else ""
        verdict = {
            "confirmed": "confirmed",
            "refuted": "refuted by a trial",
            "slight": "helps a little",
            "harmless": f"no harm seen by a trial, the loop learns {'well ' * self.found.control_learns}as it is",
            "unrelieved": "no relief by a trial",
            "inconclusive": "not decided by a trial",
        }
        return f"{verdict[self.outcome]}: {base}with {self.treatment}, {self.effect}{nor}"


def explained(proofs: Mapping[str, Proof], roots: Mapping[str, str]) -> dict[str, Proof]:
    """Return the proofs that are settled by the trial of another check's finding.

    `roots`: by check, the one whose finding explains it. What makes the run well settles its symptoms, and whatever
    own treatments have done nothing for; a cause that is confirmed settles a symptom whose own do nothing.
    """
    confirmed = {name: p for name, p in proofs.items() if p.confirmed}
    settled = {}
    for name, own in proofs.items():
        root = confirmed.get(roots.get(name, ""))
        cured = [p for n, p in confirmed.items() if n != name and p.found.cured]
        cure = root if root is not None and root.found.cured else next(iter(cured), root)
        if cure is None or cure.trial.segment != own.trial.segment:
            continue
        nothing = own.outcome in ("inconclusive", "unrelieved") and own.found.effect is Effect.NOTHING
        if nothing or (name in roots and cure.found.cured and own.outcome in ("skipped", "inconclusive")):
            settled[name] = replace(own, cure=cure)
    return settled


def shown(value: float) -> str:
    """Return a number for a sentence."""
    return f"{value:.3g}" if math.isfinite(value) else "not finite"


def proof(run: Recording, check: str, *, certain: bool, relief: Collection[str] = ()) -> Proof | None:
    """Return what the trials say of the findings of a check, None where there was none for it.

    `certain`: the finding was measured, not inferred. `relief`: treatments that leave its cause as it is.
    """
    rows = [row for row in run.rows(Trial) if check in row.checks]
    tried = [(row, summary(row)) for row in rows if not row.skipped and row.treated]
    if not tried:
        return Proof(None, rows[0], summary(rows[0])) if rows else None
    for row, found in tried:
        if found.effect is Effect.HELPED:
            return Proof(True, row, found)
    # What is still open, or helps a little, is not hidden behind another treatment or phase in which no harm was seen.
    row, found = min(tried, key=lambda pair: (Effect.SLIGHT, Effect.UNCLEAR, Effect.NOTHING).index(pair[1].effect))
    waiting = any(row.skipped.startswith((TIME_OVER, TOO_SHORT, *BROKE)) for row in rows)
    futile = not waiting and all(f.effect is Effect.NOTHING and t.steps >= ENOUGH_STEPS for t, f in tried)
    refuted = futile and not any((certain and f.control_moves) or t.treatment in relief for t, f in tried)
    others = tuple(t.treatment for t, _ in tried if t is not row)
    return Proof(False if refuted else None, row, found, unrelieved=futile and not refuted, others=others)
