"""Which experiments run in a segment, in which order, for how long.

A plan is a generator: it yields a diet, is sent what came of it, and decides what follows. Between two diets it may
look at the model itself (`inspect`), because the loop stands still then.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nndoctor.experiments import targets
from nndoctor.experiments.alone import Fitting, alone
from nndoctor.experiments.diet import Diet, Result
from nndoctor.experiments.further import further
from nndoctor.experiments.whole_loss import WholeLoss, whole_loss
from nndoctor.records import OBSERVE, OBSERVE_TENTH, OVERFIT, RANDOM_INPUT, TRACE, Experiment
from nndoctor.records.objective import OTHER_TARGETS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from nndoctor.conductor import Conductor
    from nndoctor.experiments.parts import Parts

SMALL_BATCH = 16
OVERFIT_STEPS = (60, 300)
"""At least and at most: one batch of 16 is fitted in well under 300 steps by any network that learns at all."""
FITTED_SCORE = 0.985
FITTED_LOSS = 0.05
SHARES = {OBSERVE: 0.3, OTHER_TARGETS: 0.05, OBSERVE_TENTH: 0.12, TRACE: 0.1, OVERFIT: 0.25, RANDOM_INPUT: 0.12}
"""Greatest share of the budget for each experiment; the two other rates of `overfit` get half of its share each."""

QUICK = (OBSERVE, TRACE, OVERFIT)
"""What `--quick` runs."""


def fits(result: Result) -> bool:
    """Whether a run on one batch has fitted it: by its score, or by the loss where it has none."""
    losses = [loss for loss in result.losses if math.isfinite(loss)]
    if len(losses) < 5 or len(losses) < len(result.losses):
        return False
    scores = [score for score in result.scores[-3:] if math.isfinite(score)]
    fallen = losses[0] > 0 and max(losses[-3:]) <= FITTED_LOSS * losses[0]
    if len(scores) == 3:
        return min(scores) >= FITTED_SCORE and (fallen or max(losses[-3:]) <= 0.5 * losses[0])
    return fallen


def rose(result: Result) -> bool:
    """Whether the loss ended well above where it began, or not finite: reason to try a smaller rate."""
    if result.non_finite_at >= 0:
        return True
    few = max(3, len(result.losses) // 8)
    begin, end = sorted(result.losses[:few])[few // 2], sorted(result.losses[-few:])[few // 2]
    start = min(begin, result.losses[0])  # the second loss is already that of the first update
    return len(result.losses) >= 2 * few and end > start + 0.2 * abs(start)


def plan(
    conductor: Conductor, inspect: Callable[[], None], parts: Parts, check: WholeLoss
) -> Generator[Diet, Result, None]:
    """Yield the diets of one segment."""
    config = conductor.session.config
    observed = yield Diet(
        name=OBSERVE, wanted=config.steps, least=min(config.steps, 10), seconds=_seconds(conductor, OBSERVE)
    )
    conductor.resume = conductor.owned.snapshot()
    inspect()
    if observed.non_finite_at >= 0 and _runs(conductor, TRACE):
        steps = observed.non_finite_at + 1
        yield Diet(name=TRACE, wanted=steps, least=steps, seconds=_seconds(conductor, TRACE))
    yield from _other_targets(conductor, observed)
    fitting = yield from _overfit(conductor, observed)
    if rose(observed) and conductor.rates_reach() and _runs(conductor, OBSERVE_TENTH):
        steps = len(observed.losses)
        yield Diet(
            name=OBSERVE_TENTH, wanted=steps, least=steps, seconds=_seconds(conductor, OBSERVE_TENTH), lr_factor=0.1
        )
    if _runs(conductor, RANDOM_INPUT):
        yield from _random_input(conductor, observed)
    yield from further(conductor, observed, fitted=fitting.fitted, runs=_runs)
    yield from alone(conductor, parts, observed, fitting, runs=_runs)
    yield from whole_loss(conductor, check, observed, _runs)


def _overfit(conductor: Conductor, observed: Result) -> Generator[Diet, Result, Fitting]:
    """Yield the diets of one small batch. Returns what came of them."""
    fitting = Fitting()
    batches_a_step = conductor.batches_a_step()
    for name, factor in ((OVERFIT, 1.0), (f"{OVERFIT}:x0.1", 0.1), (f"{OVERFIT}:x10", 10.0)):
        if not _runs(conductor, name):
            continue
        seconds = _seconds(conductor, OVERFIT) * (1.0 if factor == 1.0 else 0.5)
        least, most = OVERFIT_STEPS
        wanted = int(min(most, max(least, seconds / max(observed.seconds / max(1, len(observed.losses)), 1e-4))))
        diet = Diet(
            name=name,
            wanted=wanted * batches_a_step,
            least=least,
            seconds=seconds,
            pick=lambda _step, _recorded: 0,
            cut=0 if _uncut(conductor) else SMALL_BATCH,
            lr_factor=factor,
            peak_lr=True,
            enough=fits,
        )
        result = yield diet
        fitting.take(diet, result, fits=fits(result))
        if fitting.fitted or (factor == 1.0 and not conductor.rates_reach()):
            break
    return fitting


def _other_targets(conductor: Conductor, observed: Result) -> Generator[Diet, Result, None]:
    labels = targets.unused_labels(conductor.store) if conductor.feed == "loader" else frozenset()
    if labels and observed.non_finite_at < 0 and _runs(conductor, OTHER_TARGETS):
        yield from targets.diets(labels, _seconds(conductor, OTHER_TARGETS))


def _random_input(conductor: Conductor, observed: Result) -> Generator[Diet, Result, None]:
    why = ""
    if not conductor.store.input_paths:
        why = "no input of the model could be told from its targets"
    elif observed.non_finite_at >= 0:
        why = "the run on its own data did not stay finite"
    if why:
        conductor.session.add(Experiment(name=RANDOM_INPUT, outcome="skipped", why=why))
        return
    steps = len(observed.losses)
    yield Diet(name=RANDOM_INPUT, wanted=steps, least=steps, seconds=_seconds(conductor, RANDOM_INPUT), noise=True)


def _uncut(conductor: Conductor) -> bool:
    """Whether the batch must stay as it is: an earlier attempt broke on a smaller one."""
    return conductor.session.config.no_cut or conductor.store.batch_size <= SMALL_BATCH


def _seconds(conductor: Conductor, name: str) -> float:
    return max(0.2, min(conductor.left(), SHARES[name] * conductor.session.config.budget))


def _runs(conductor: Conductor, name: str) -> bool:
    config = conductor.session.config
    if config.only and name not in config.only:
        return False
    if name in config.skip:
        conductor.session.add(Experiment(name=name, outcome="skipped", why="it broke the script in an earlier attempt"))
        return False
    if name in config.already:
        return False
    if config.quick and name not in QUICK:
        conductor.session.add(Experiment(name=name, outcome="skipped", why="--quick leaves it out"))
        return False
    if conductor.left() <= 0:
        conductor.session.add(Experiment(name=name, outcome="skipped", why="the time budget was used up"))
        return False
    return True
