"""The trials of one segment: which runs under which treatments, in which order, and when it is enough.

First each treatment alone, the likeliest cause first. Where one helps and the run is still not well, the others are
tried on top of it: a second fault shows only when the first is out of the way. Where none helps alone, all are tried
together, and then each is left out in turn.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from math import isnan, nan
from typing import TYPE_CHECKING, Any

from nndoctor.effects import MOST, REPETITIONS, Effect, settled, summary, vote, worsens
from nndoctor.experiments.bench import PLAIN, Bench, Setting, Value, values
from nndoctor.experiments.diet import Diet, Result
from nndoctor.experiments.wishes import Pair, Wish, rivals
from nndoctor.proof import NOT_NEEDED, TIME_OVER, TOO_SHORT
from nndoctor.rates import highest_rate
from nndoctor.records import TRIAL, Trial
from nndoctor.treatments.data import remixed
from nndoctor.treatments.registry import make

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from nndoctor.conductor import Conductor
    from nndoctor.experiments.forks import Forks
    from nndoctor.treatments.base import Ground, Treatment

    Runs = Generator[Diet, Result, None]
    Measured = Generator[Diet, Result, dict[str, Value]]
    Compared = Generator[Diet, Result, Trial]

MOST_STEPS = 100
"""At most in one run: more are what the script itself is for, and cost more than the experiments did."""
SHORT = 40
"""Steps of the first pair of runs: where they differ clearly, the others need no more."""
FEWEST = 20
"""Steps that the likeliest treatment gets though time is short."""
LIKELIEST = 2
"""Treatments that the time is planned for: one of them mostly helps."""
SHORTEST = 8
"""Steps below which a run shows nothing."""
WARM_UP = 0.5
"""A first rate below this part of its schedule's highest is that of a warm-up."""
MARGIN = 4
"""Iterations of such a loop that are not counted on: the last one is complete only when another begins."""
PASSES = 3
"""How often the recorded batches are gone through, where there is time."""
MEASURES = 5
"""Batches that a run is measured on."""
FEW_MEASURES = 3
"""The same where time is short."""
MIXING = 977
"""Seed of the order in which the measured batches are mixed."""
HALF = 0.5
"""Share of the time that must be left for treatments that no finding asks for."""
UNASKED = "optimizer-choice"
"""The check of treatments that no finding asks for."""
SLOWER = "learning-rate-x0.1"
SLACK = 5.0
_BEGINNINGS = (0.0, 1 / 3, 2 / 3, 1 / 6, 1 / 2, 5 / 6, 1 / 12)
"""Where in the order of the batches each repetition begins."""


@dataclass(slots=True)
class Trials:
    """Everything known of the trials of one segment."""

    conductor: Conductor
    bench: Bench
    ground: Ground
    wishes: Sequence[Wish]
    forks: Forks | None = None
    """For a loop with an end, where the process can be forked: each run has all the iterations that are left."""
    _fit: dict[str, Wish] = field(default_factory=dict)
    _lenses: dict[str, Treatment | None] = field(default_factory=dict)
    _known: dict[tuple[tuple[str, ...], int, int], dict[str, Value]] = field(default_factory=dict)
    _results: dict[str, Trial] = field(default_factory=dict)
    _content: list[Any] = field(default_factory=list)
    _measured: list[Any] = field(default_factory=list)
    _steps: int = 0
    _pace: float = 0.0
    _warms_up: bool = False
    """Nothing is learned in so few steps of a warm-up: all runs have the rate that it is going to reach."""

    def plan(self, observed: Result) -> Runs:
        """Yield the diets, and record a `Trial` for every wish that there was time for."""
        self._prepare(observed)
        if not self._fit:
            return
        yield from self._alone()
        if not any(self._helped(name) for name in self._fit):
            yield from self._together()
        elif not any(self._cured(name) for name in self._fit):
            yield from self._on_top()

    # ---- what can be tried at all

    def _prepare(self, observed: Result) -> None:
        store = self.conductor.store
        self._content = list(store.content)
        for wish in self.wishes:
            why = self._unfit(wish, observed)
            if why:
                self._left_out(wish, why)
            else:
                self._fit[wish.treatment] = wish
        if not self._fit:
            return
        self._measured = self._to_measure()
        self._warms_up = self.ground.first_rate < WARM_UP * highest_rate(self.conductor.owned.optimizers)
        self._lenses = {PLAIN: None}
        for name in self._fit:
            lens = self._made(name).lens
            if lens:
                self._lenses[lens] = self._made(lens)
        self._pace = max(1e-6, observed.seconds / max(1, len(observed.losses)))
        self._steps = self._length(observed)
        if self._steps < SHORTEST:
            for wish in self._fit.values():
                self._left_out(wish, TOO_SHORT)
            self._fit = {}

    def _length(self, observed: Result) -> int:
        """Return how many steps a run is to have; measure on fewer batches where they cost more than the steps."""
        wanted = min(MOST_STEPS, PASSES * len(self._content))
        affordable = self._steps_in_time(REPETITIONS * (min(LIKELIEST, len(self._fit)) + 1))
        if affordable < SHORT:  # what time there is goes to the likeliest treatment
            self._measured = self._measured[:FEW_MEASURES]
            affordable = max(affordable, min(FEWEST, self._steps_in_time(2 * REPETITIONS)), SHORTEST)
        steps = int(min(wanted, affordable))
        iterations = self.conductor.session.config.iterations
        if not iterations:
            return steps
        # A loop with an end: what it has is for the likeliest treatment; the others have to wait for a further run.
        room = iterations - MARGIN - len(observed.losses)
        if self.forks is None:
            room = (room - 2 * self._overhead()) // (2 * REPETITIONS)
        return min(steps, room - self._overhead())

    def _steps_in_time(self, runs: int) -> float:
        """Return for how many steps in each of so many runs there is time, beside what is measured before and after."""
        return (self.conductor.left() / self._pace - 2 * self._overhead()) / runs - self._overhead()

    def _to_measure(self) -> list[Any]:
        """Return the batches that everybody is measured on: mixed, for the order may be the fault.

        What a script collates by itself (offsets into one long tensor) is not ours to mix.
        """
        feed = self.conductor.loader_feed
        own = feed.collates_itself() or not self.conductor.session.config.mixed
        fresh = feed.drawn(MEASURES, MIXING) if own or "shuffle" in self._fit else None
        mixed = fresh or (None if own else remixed(self._content, MIXING)) or self._content
        return mixed[:MEASURES]

    def _unfit(self, wish: Wish, observed: Result) -> str:
        if observed.objectives > 1:
            return "several losses are minimised against one another"
        if all(map(isnan, observed.losses)):
            return "no loss was seen"
        treatment = make(wish.treatment, self._ground(wish.treatment))
        if treatment is None:
            return "this version knows no such treatment"
        try:
            return treatment.unfit()
        except Exception as error:  # noqa: BLE001 - nothing of ours may reach the patient
            return f"the treatment failed: {type(error).__name__}: {error}"

    def _ground(self, name: str, repetition: int = 0) -> Ground:
        names = tuple(n for wish in self.wishes if wish.treatment == name for n in wish.names)
        return replace(self.ground, names=names, repetition=repetition)

    def _made(self, name: str, repetition: int = 0) -> Treatment:
        treatment = make(name, self._ground(name, repetition))
        assert treatment is not None
        return treatment

    # ---- the order of the trials

    def _alone(self) -> Runs:
        for name, wish in self._fit.items():
            if self._settled(wish):
                self._left_out(wish, NOT_NEEDED[0])
            elif (wish.symptom and (why := self._well())) or (why := self._needless(wish)):
                self._left_out(wish, why)
            elif not self._affordable():
                self._left_out(wish, TIME_OVER)
            else:
                yield from self._try(name, base=())
                yield from self._more_slowly(name)

    def _more_slowly(self, name: str) -> Runs:
        """Where a treatment makes it worse, the learning rate may be a second fault, which the first has hidden."""
        found = self._results.get(name)
        if found and worsens(found) and not (rivals(name, SLOWER) or self._made(SLOWER).unfit()):
            alone = summary(found).treated
            yield from self._try(name, base=(SLOWER,), keep_if_no_better=True, alone=alone)

    def _on_top(self) -> Runs:
        """Try what did not help by itself on top of what helped most."""
        best = max((n for n in self._results if self._helped(n)), key=self._gain)
        for name in [n for n in self._results if not self._helped(n)]:
            if not (rivals(name, best) or self._settled(self._fit[name])):
                yield from self._try(name, base=(*self._results[best].with_others, best), keep_if_no_better=True)

    def _together(self) -> Runs:
        """Try all at once; if that helps, what is needed is what is missed when it is left out."""
        chosen: list[str] = []
        for name in self._results:
            if not any(rivals(name, other) for other in chosen) and not self._results[name].skipped:
                chosen.append(name)
        if len(chosen) < 2:
            return
        joint = yield from self._compared(tuple(chosen), base=())
        if summary(joint).effect is not Effect.HELPED:
            return
        for name in chosen:
            others = tuple(n for n in chosen if n != name)
            yield from self._try(name, base=others, keep_if_no_better=True)

    def _settled(self, wish: Wish) -> bool:
        """Whether another treatment has helped for every finding that this one is for."""
        helped = {check for name in self._results if self._helped(name) for check in self._fit[name].checks}
        return bool(wish.checks) and set(wish.checks) <= helped

    def _left_out(self, wish: Wish, why: str) -> None:
        self.conductor.session.add(Trial(treatment=wish.treatment, checks=wish.checks, skipped=why))

    def _helped(self, name: str) -> bool:
        return name in self._results and summary(self._results[name]).effect is Effect.HELPED

    def _well(self) -> str:
        """Say why symptoms need no treatment; empty if they do."""
        return NOT_NEEDED[1] if any(self._cured(n) for n in self._fit) else ""

    def _needless(self, wish: Wish) -> str:
        """Say why a treatment that no finding asks for is not tried; empty if it is."""
        if not wish.symptom or any(check != UNASKED for check in wish.checks):
            return ""
        if any(summary(trial).control_learns for trial in self._results.values()):
            return "the run learns well without it"
        spent = self.conductor.left() < HALF * self.conductor.session.config.budget
        return TIME_OVER if spent and self._results else ""

    def _cured(self, name: str) -> bool:
        return self._helped(name) and summary(self._results[name]).cured

    def _gain(self, name: str) -> float:
        found = summary(self._results[name])
        better = found.control - found.treated
        return better if self._results[name].metric == "loss" else -better

    # ---- one trial

    def _try(self, name: str, *, base: tuple[str, ...], keep_if_no_better: bool = False, alone: float = nan) -> Runs:
        wish = self._fit[name]
        if not self._affordable():
            return
        trial = yield from self._compared((*base, name), base=base)
        trial = replace(trial, treatment=name, checks=wish.checks, with_others=base, alone=alone)
        if keep_if_no_better and summary(trial).effect is not Effect.HELPED:
            return
        self._results[name] = trial
        session = self.conductor.session
        session.add(trial)
        session.recorder.flush()

    def _compared(self, treated: tuple[str, ...], *, base: tuple[str, ...]) -> Compared:
        """Run control and treatment until the outcome is clear, at most so often as there are repetitions."""
        began = time.monotonic()
        added = [n for n in treated if n not in base]
        lens = next((lens for n in added if (lens := self._made(n).lens)), PLAIN)
        if against := self._made(added[0]).against():
            base = (*base, against)
        pair = Pair(base, treated, lens)
        start = (yield from self._run(base, 0, 0)).get(pair.lens_base)
        begun = (yield from self._run(treated, 0, 0)).get(pair.lens_treated)
        by_score = any(self._made(n).by_score for n in treated)
        metric = "loss" if not by_score else "r2" if self.bench.metric == "r2" else "accuracy"
        trial = Trial(treatment=added[0], jointly=tuple(added[1:]), metric=metric, measured=len(self._measured))
        if start is None or begun is None:
            return replace(trial, skipped=self.bench.broken or "it could not be measured")
        # Weights or inputs far off make the first loss a huge one, beside which all that follows looks small.
        better = min if metric == "loss" else max
        trial = replace(trial, start=better(start.of(metric), begun.of(metric)))
        if isnan(trial.start):
            return replace(trial, skipped=f"no {metric} is known")
        if self._steps >= 2 * SHORT:
            short = yield from self._repeated(replace(trial, steps=SHORT), pair, most=1)
            if vote(short) > 0:
                trial = yield from self._repeated(short, pair)
                trial = yield from self._followed(trial, pair)
                return replace(trial, seconds=round(time.monotonic() - began, 3))
        trial = yield from self._repeated(replace(trial, steps=self._steps), pair)
        return replace(trial, seconds=round(time.monotonic() - began, 3))

    def _repeated(self, trial: Trial, pair: Pair, most: int = MOST) -> Compared:
        """Add repetitions of so many steps as the trial has until its outcome is clear, or there are `most`."""
        while len(trial.treated) < most and not settled(trial):
            if trial.treated and not self._affordable(trial.steps):
                break
            number = len(trial.treated)
            control = (yield from self._run(pair.base, trial.steps, number)).get(pair.lens_base)
            other = (yield from self._run(pair.treated, trial.steps, number)).get(pair.lens_treated)
            if self.bench.broken or control is None or other is None:
                why = self.bench.broken or "it could not be measured"
                return replace(trial, skipped=why) if not trial.treated else trial
            controls = (*trial.controls, control.of(trial.metric))
            trial = replace(trial, controls=controls, treated=(*trial.treated, other.of(trial.metric)))
        return trial

    def _followed(self, trial: Trial, pair: Pair) -> Compared:
        """After short runs: does a longer one with the treatment become well?"""
        found = summary(trial)
        if found.effect is not Effect.HELPED or found.cured or not self._affordable(self._steps / 2):
            return trial
        later = (yield from self._run(pair.treated, self._steps, 0)).get(pair.lens_treated)
        if self.bench.broken or later is None:
            return trial
        return replace(trial, later=later.of(trial.metric), later_steps=self._steps)

    def _run(self, names: tuple[str, ...], steps: int, repetition: int) -> Measured:
        """Return what a run under these treatments measures, from memory where it was done before."""
        key = (tuple(sorted(names)), steps, repetition)
        if key in self._known:
            return self._known[key]
        treatments = [self._made(name, repetition) for name in names]
        lenses = {n: t for n, t in self._lenses.items() if n not in names}
        setting = Setting(treatments, steps, len(self._measured), lenses, repetition)
        self.bench.prepare(setting)
        factor = 1.0
        for treatment in treatments:
            factor *= treatment.lr_factor
        label = "+".join(names) or "control"
        diet = Diet(
            name=f"{TRIAL}{label}" + (f"#{repetition + 1}" if repetition else ""),
            wanted=setting.length,
            least=setting.length,
            seconds=SLACK * setting.length * self._pace + SLACK,
            enough=setting.lost,
            lr_factor=factor,
            peak_lr=self._warms_up,
            content=self._served(treatments, setting),
        )
        found = yield from self._result(diet, setting)
        if not self.bench.broken:
            self._known[key] = found
        return found

    def _result(self, diet: Diet, setting: Setting) -> Measured:
        """Have a run made, here or in a fork, and return what was measured in it."""
        if self.forks is not None:
            began = time.monotonic()
            told = self.forks.split(2 * diet.seconds)
            if told is not None:
                self.conductor.spent += time.monotonic() - began
                self.bench.close()
                return self._heard(told)
        result = yield diet
        found = values(setting, result)
        pace = result.seconds / max(1, len(result.losses))
        if self.forks is not None:
            lenses = {lens: (value.loss, value.score) for lens, value in found.items()}
            told = {"values": lenses, "pace": pace, "broken": self.bench.broken, "metric": self.bench.metric}
            self.forks.report(told)
        self._pace = max(1e-5, 0.5 * self._pace + 0.5 * pace)
        return found

    def _heard(self, told: dict[str, Any]) -> dict[str, Value]:
        """Take over what the child measured."""
        self.bench.broken = told.get("broken", "the script failed or its loop ended")
        self.bench.metric = told.get("metric", "") or self.bench.metric
        self._pace = max(1e-5, 0.5 * self._pace + 0.5 * told.get("pace", self._pace))
        return {lens: Value(*pair) for lens, pair in told.get("values", {}).items()}

    def _served(self, treatments: Sequence[Treatment], setting: Setting) -> list[Any]:
        """Return the batches of a run. A repetition begins elsewhere in the same order: the order may be the fault."""
        trained, measured = self._content, self._measured
        shift = int(len(trained) * _BEGINNINGS[setting.repetition])
        trained = trained[shift:] + trained[:shift]
        for treatment in treatments:
            trained = treatment.content(trained, measuring=False)
            measured = treatment.content(measured, measuring=True)
        served = [trained[step % len(trained)] for step in range(setting.steps)]
        for lens in setting.lenses.values():
            seen = measured if lens is None else lens.content(measured, measuring=True)
            served += [seen[step % len(seen)] for step in range(setting.measures)]
        return served

    def _overhead(self) -> int:
        return len(self._measured) * max(1, len(self._lenses))

    def _affordable(self, steps: float = 0.0) -> bool:
        """Whether there is time for a pair of runs of so many steps (0: as many as they are to have)."""
        return self.conductor.left() > 2 * self._pace * ((steps or self._steps) + self._overhead())
