"""The experiments after the usual ones: each has a reason to run, or is short."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from nndoctor.experiments.diet import Diet, Result
from nndoctor.experiments.stand_in import NotPossible, StandIns
from nndoctor.rates import highest_rate
from nndoctor.records import LR_SWEEP, STAND_IN, Experiment

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from nndoctor.conductor import Conductor

SOLVED_STEPS = (60, 300)
"""At least and at most: what a linear model can read is learnt in well under 300 steps by any loop that learns."""
SWEEP_STEPS = 49
"""Eight in each decade: fewer miss the narrow range of a network that learns only just."""
SWEPT = (1e-6, 1.0)
"""Learning rates of the sweep: in between lie those of every usual optimizer. A script's own rate may widen it."""
LEARNING = 0.9
"""A loss of which less than this is left at the end of `observe` is falling."""
SHARE = 0.15
"""Greatest share of the budget for one of these experiments."""


def further(
    conductor: Conductor, observed: Result, *, fitted: bool, runs: Callable[[Conductor, str], bool]
) -> Generator[Diet, Result, None]:
    """Yield the diets that follow, each from the start state. `runs` says whether an experiment may."""
    learning = fitted and learns(observed)
    # A loop without a loader has an end of its own, after which its validation may come: it has no steps to spare.
    if (conductor.feed == "loader" or not learning) and runs(conductor, LR_SWEEP):
        yield from _lr_sweep(conductor, observed)
    if not learning and runs(conductor, STAND_IN):
        yield from _stand_in(conductor, observed)


def _lr_sweep(conductor: Conductor, observed: Result) -> Generator[Diet, Result, None]:
    """Yield the range test: the rate rises by the same factor in each step."""
    why = ""
    a_step = conductor.batches_a_step()
    own = highest_rate(conductor.owned.optimizers)
    steps = SWEEP_STEPS * a_step
    if observed.objectives > 1:
        why = "several objectives are minimised in turn"
    elif not conductor.rates_reach() or not own > 0:
        why = "no optimizer was seen whose learning rate could be changed"
    elif observed.seconds / max(1, len(observed.losses)) * steps > _seconds(conductor):
        why = "its steps would take more than their share of the time budget"
    if why:
        conductor.session.add(Experiment(name=LR_SWEEP, outcome="skipped", why=why))
        return
    low, high = min(SWEPT[0], own / 10.0), max(SWEPT[1], own * 10.0)
    yield Diet(
        name=LR_SWEEP,
        wanted=steps,
        least=steps // 2,
        seconds=_seconds(conductor),
        peak_lr=True,
        rate=lambda step: low / own * (high / low) ** (step // a_step / (SWEEP_STEPS - 1)),
        enough=diverges,
    )


def diverges(result: Result) -> bool:
    """Whether the loss has risen so far that higher rates tell nothing more."""
    losses = result.losses
    if result.non_finite_at >= 0:
        return True
    return len(losses) > 8 and min(losses[-3:]) > max(losses[:8]) + 2.0 * abs(losses[0])


def learns(observed: Result) -> bool:
    """Whether the loss fell over the script's own batches."""
    few = max(3, len(observed.losses) // 8)
    if observed.non_finite_at >= 0 or len(observed.losses) < 2 * few:
        return False
    begin, end = median(observed.losses[:few]), median(observed.losses[-few:])
    return end < begin - (1.0 - LEARNING) * abs(begin)


def solves(result: Result) -> bool:
    """Whether the stand-in is learnt beyond doubt, so that no further step is needed."""
    few = 8
    scores, losses = result.scores[-few:], result.losses[-few:]
    if len(losses) < few or result.non_finite_at >= 0:
        return False
    return min(scores) >= 0.95 and max(losses) <= 0.5 * result.losses[0]


def _stand_in(conductor: Conductor, observed: Result) -> Generator[Diet, Result, None]:
    why = ""
    content = None
    if observed.objectives > 1:
        why = "several objectives are minimised in turn"
    elif observed.non_finite_at >= 0:
        why = "the run on its own data did not stay finite"
    else:
        try:
            content = StandIns(conductor.store.content, conductor.store.input_paths, conductor.store.target_paths)
        except NotPossible as reason:
            why = str(reason)
        except Exception as error:  # noqa: BLE001 - data of an unforeseen form is no reason to end the run
            why = "no solvable data could be made in the form of these batches"
            conductor.session.failed(STAND_IN, error)
    if content is None:
        conductor.session.add(Experiment(name=STAND_IN, outcome="skipped", why=why))
        return
    least, most = SOLVED_STEPS
    seconds = _seconds(conductor)
    a_step = max(observed.seconds / max(1, len(observed.losses)), 1e-4)
    yield Diet(
        name=STAND_IN,
        wanted=int(min(most, max(least, seconds / a_step))) * conductor.batches_a_step(),
        least=least,
        seconds=seconds,
        content=content,
        peak_lr=True,
        enough=solves,
    )


def _seconds(conductor: Conductor) -> float:
    return max(0.2, min(conductor.left(), SHARE * conductor.session.config.budget))
