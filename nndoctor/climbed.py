"""What came of `nndoctor ladder`: which rungs were fitted, what it means, the exit code. Pure, as a diagnosis is."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from nndoctor.errors import ExitCode
from nndoctor.records import OBSERVE, Experiment, LossCall, Rung, Step
from nndoctor.verdict import own_failure, trained

if TYPE_CHECKING:
    from nndoctor.recording import Recording

FEW = 10
"""Samples that any network can learn by heart."""
ENOUGH = 100
"""Samples on which something can be learnt that holds for others."""
GAP = 0.1
"""Difference of the scores on trained and on held-out samples from which the one does not carry over to the other."""
GAINED = 0.02
"""A gain of the held-out score from one rung to the next that is worth more data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Climb:
    """The rungs with what is to be said of them. `waiting` is the share of a step spent waiting for its batch."""

    status: str
    """`climbed`, `failed`, `unfinished` or `crashed`."""
    exit_code: ExitCode
    meaning: str
    rungs: tuple[Rung, ...]
    metric: str
    iteration: float
    waiting: float

    def as_json(self) -> dict[str, Any]:
        """Return plain values; numbers that are not known are None."""
        kept = [f for f in asdict(self.rungs[0]) if f not in ("experiment", "segment", "step")] if self.rungs else []
        return {
            "status": self.status,
            "exit_code": int(self.exit_code),
            "meaning": self.meaning,
            "metric": self.metric or None,
            "seconds_per_iteration": _known(self.iteration),
            "share_waiting_for_data": _known(self.waiting),
            "rungs": [{name: _known(getattr(rung, name)) for name in kept} for rung in self.rungs],
        }


def climbed(run: Recording) -> Climb:
    """Conclude from the recording of a ladder."""
    rungs = tuple(sorted((r for r in run.rows(Rung)), key=lambda r: r.samples))
    metrics = [c.metric for c in run.rows(LossCall) if c.metric]
    steps = [s for s in run.rows(Step) if s.experiment == OBSERVE and s.step > 0]
    times = [(s.data_seconds, s.data_seconds + s.compute_seconds) for s in steps]
    status, code, meaning = _concluded(run, rungs)
    return Climb(
        status=status,
        exit_code=code,
        meaning=meaning,
        rungs=rungs,
        metric=max(set(metrics), key=metrics.count) if metrics else "",
        iteration=median(whole for _, whole in times) if times else math.nan,
        waiting=median(w / whole for w, whole in times if whole > 0) if any(w > 0 for w, _ in times) else math.nan,
    )


def _concluded(run: Recording, rungs: tuple[Rung, ...]) -> tuple[str, ExitCode, str]:
    failure = own_failure(run)
    why = next((e.why for e in run.rows(Experiment) if e.name == "ladder"), "")
    died = next((e for e in run.rows(Experiment) if e.name.startswith("ladder:") and e.outcome == "failed"), None)
    if run.environment("interrupted") == "yes":
        return "unfinished", ExitCode.INTERRUPTED, "It was interrupted."
    if why:
        return "unfinished", ExitCode.SCRIPT_FAILED, f"The ladder was not climbed: {why}."
    if died is not None:
        samples = died.name.split(":")[1]
        return "crashed", ExitCode.SCRIPT_FAILED, f"The script failed when it was fed {samples} samples: {died.why}."
    if not rungs:
        told = "the time was over" if trained(run) else "no training step was seen"
        told = failure.text if failure is not None else told
        return "crashed", ExitCode.SCRIPT_FAILED, f"No rung was reached: {told}."
    last = rungs[-1]
    tried = [int(e.name.split(":")[1]) for e in run.rows(Experiment) if e.name.startswith("ladder:")]
    if max(tried, default=0) > last.samples:
        return "unfinished", ExitCode.HEALTHY, (
            f"{last.samples:,} samples were fitted, and the script ended on the way to {max(tried):,}: give its loop "
            "more steps."
        )  # fmt: skip
    match last.outcome:
        case "fitted" | "learnt":
            return "climbed", ExitCode.HEALTHY, _all_fitted(rungs)
        case "falling":
            return "unfinished", ExitCode.HEALTHY, (
                f"The time was over while the loss on {last.samples:,} samples still fell: raise `--budget`."
            )  # fmt: skip
        case _:
            return "failed", ExitCode.FINDINGS, _failed(rungs)


def _failed(rungs: tuple[Rung, ...]) -> str:
    last = rungs[-1]
    began = f"{last.samples:,} {'sample' if last.samples == 1 else 'samples'} could not be fitted in {last.steps} steps"
    if last.samples <= FEW:
        return (
            f"{began}. So few can be learnt by heart by any loop that works: look for a fault in the model, the loss "
            "or the optimizer, not in the data. `nndoctor check` says more."
        )
    before = rungs[-2].samples if len(rungs) > 1 else 0
    return (
        f"{began}, but {before:,} could. The loop works, so the step up is too large: a learning rate that is too high "
        "or too low for longer training, too small a network, too much regularisation, or labels that contradict one "
        "another."
    )


def _all_fitted(rungs: tuple[Rung, ...]) -> str:
    known = [r for r in rungs if math.isfinite(r.held_out_score) and math.isfinite(r.score)]
    learnt = " or learnt" if any(rung.outcome == "learnt" for rung in rungs) else ""
    began = f"Every rung up to {rungs[-1].samples:,} samples was fitted{learnt}."
    if not known or known[-1].samples < ENOUGH:
        return began
    last = known[-1]
    if last.outcome == "learnt" or not last.score - last.held_out_score > GAP:
        return f"{began} What is learnt carries over to samples that were held out."
    gain = last.held_out_score - known[-2].held_out_score if len(known) > 1 else math.nan
    if gain > GAINED:
        return f"{began} The held-out samples are behind, but gain with each rung: more data will help."
    return (
        f"{began} The held-out samples are far behind and do not gain with more data: regularise, augment, or ask "
        "whether the input tells the target at all."
    )


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
