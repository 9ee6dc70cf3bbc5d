"""Decides what the loop is fed: which experiment runs, when it ends, what follows, and when the script is stopped.

A segment is one phase of the script (a new optimizer begins a new one). Its life: waiting for the first backward pass
or optimizer step; the diets of `experiments.plan`, each from the same saved start state; then coasting, in which the
script goes on with its own data, its epochs cut short, so that its validation, its later epochs and its end are seen.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from nndoctor.belongings import Belongings
from nndoctor.callbacks import Callbacks
from nndoctor.ending import Ending, ours
from nndoctor.experiments.diet import Diet, Result
from nndoctor.feeds.call import CallFeed, Slot
from nndoctor.feeds.cycle import Cycle
from nndoctor.feeds.loader import LoaderFeed, Served
from nndoctor.feeds.store import Store
from nndoctor.feeds.tree import batch_size
from nndoctor.rates import Rates
from nndoctor.records import COAST, OBSERVE, TRACE, Experiment
from nndoctor.schedules import Schedules

if TYPE_CHECKING:
    from nndoctor.feeds.state import Snapshot
    from nndoctor.session import Call, Session

MOST_SEGMENTS = 3
MOST_STEPS_A_BATCH = 25
"""Optimizer steps on one batch after which the loop is taken to have left its loader."""
Plan = Generator[Diet, Result, None]


class Conductor(Callbacks):
    """Holds the state of the experiments; the hooks ask it, the feeds serve what it says."""

    def __init__(self, session: Session, plan: Callable[[Conductor], Plan]) -> None:
        super().__init__()
        self.session = session
        self.owned = Belongings(session)
        self.loader_feed = LoaderFeed(self)
        self.call_feed = CallFeed(self)
        self.rates = Rates()
        self.schedules = Schedules()
        self.ending = Ending(session)
        self.feed = ""
        self.state = "waiting"
        self.trained_once = False
        self.start: Snapshot | None = None
        self.resume: Snapshot | None = None
        self.store = Store()
        self.spent = 0.0
        self.diet: Diet | None = None
        self.result = Result()
        self._make_plan = plan
        self._plan: Plan | None = None
        self._cycle = Cycle(self.owned.trained_tensors)
        self._steps_since_boundary = 0
        self._open = False
        self._began = 0.0
        self._waited = 0.0

    # ---- what the experiments ask

    def wanted_steps(self) -> int:
        """Return how many steps the current experiment is to have."""
        return self.diet.wanted if self.diet is not None else self.session.config.steps

    def batches_a_step(self) -> int:
        """Return how many iterations an optimizer step takes (gradient accumulation), 1 without an optimizer."""
        return max(1, round(max(1, len(self.result.losses)) / max(1, self._cycle.most_steps)))

    def rates_reach(self) -> bool:
        """Whether learning rates can be changed from outside: some optimizer has stepped."""
        return bool(self._cycle.counts)

    def training_loader(self) -> str:
        """Return the name of the loader that feeds the iterations, empty for a loop without one."""
        return self.loader_feed.name() if self.feed == "loader" else ""

    @ours
    def loader_seen(self, served: Served) -> None:
        """A pass over a loader begins."""
        with self.session.silence():
            self.on_loader(served)

    # ---- where we stand

    @property
    def coasting(self) -> bool:
        """The experiments of the segment are done."""
        return self.state == "coasting"

    def expects_new_segment(self) -> bool:
        """Whether training that begins now would be that of a new phase."""
        return (
            self.coasting
            and self.owned.fresh_optimizer
            and self.session.segment + 1 < MOST_SEGMENTS
            and (self.left() > 0 or self.session.config.world > 1)
        )

    def awaits_training(self) -> bool:
        """Whether the next backward pass begins a segment."""
        return self.state == "waiting" or self.expects_new_segment()

    def save_start(self) -> None:
        """Save the state from which the experiments will start, in case training begins now."""
        self.start = self.owned.snapshot()
        self.call_feed.begin()

    def left(self) -> float:
        """Seconds left of the budget; loading data does not count."""
        return self.session.config.budget - self.spent

    # ---- training begins, goes on, ends

    @ours
    def training_event(self) -> None:
        """`backward` or an optimizer's `step` was called."""
        if self.ending.ordered or not self.awaits_training():
            return
        with self.session.silence():
            self._begin_segment()

    def _begin_segment(self) -> None:
        session = self.session
        if self.trained_once:
            session.segment += 1
        self.loader_feed.pending = [(s, b) for s, b in self.loader_feed.pending if b is not None and not s.exhausted]
        self.feed = "loader" if self.loader_feed.pending else "call"
        self.store.begin(self.loader_feed.adopt() if self.feed == "loader" else [])
        if self.feed == "call":
            self.loader_feed.group = []
        if self.start is None:
            self.start = self.owned.snapshot()
        self.start.extend(self.owned.tensors())
        self.store.batch_size = self.store.batch_size or batch_size(self.call_feed.slots)
        self.state, self.trained_once, self.owned.fresh_optimizer = "diet", True, False
        self._cycle.begin_segment()
        self._plan = self._make_plan(self)
        self._start_diet(next(self._plan), restore=False)
        self._open = True

    @ours
    def boundary(self) -> None:
        """One training iteration is over and the next is about to begin."""
        self.ending.insist()
        if self.coasting and not self._open:
            self.session.tell("new_data")  # after an epoch that was cut short: what ran since belongs to no iteration
        self.finish_step()
        if self.state == "diet":
            self._advance()
        elif self.coasting:
            self.ending.batch_asked()
        self._open = True

    def finish_step(self) -> None:
        """Complete the iteration that is open."""
        if not self._open:
            return
        session = self.session
        self._open = False
        if self.feed == "call" and self.diet is not None and self.diet.name == OBSERVE and self.state == "diet":
            self.store.keep_iteration(self.call_feed.slots)
        session.tell("step_ended")
        session.step, session.iterations = session.step + 1, session.iterations + 1
        session.sampled = session.step < 3 or session.step % 4 == 0
        self._steps_since_boundary = 0
        self._cycle.begin_iteration()
        self.call_feed.begin()
        session.tell("new_data")

    def measured(self, loss: float, score: float, wait: float, *, finite: bool, objectives: int) -> None:
        """Take in the numbers of a completed iteration."""
        self.result.add(loss, score, finite=finite)
        self.result.objectives = max(self.result.objectives, objectives)
        self._waited += wait
        facts: dict[str, Any] = {"loss": loss, "of": self.diet.wanted} if self.diet and self.state == "diet" else {}
        self.session.say(left=round(self.left(), 1), **facts)

    def _advance(self) -> None:
        diet = self.diet
        if diet is None or self._plan is None:
            return
        elapsed = time.monotonic() - self._began - self._waited
        full = diet.name == OBSERVE and self.store.full
        early = not diet.lockstep and (elapsed > diet.seconds or full or diet.enough(self.result))
        if self.session.step >= diet.wanted or early:
            self._end_diet()
            try:
                following = self._plan.send(self.result)
            except StopIteration:
                self._coast()
            else:
                self._start_diet(following, restore=following.restore)

    def _start_diet(self, diet: Diet, *, restore: bool = True) -> None:
        if restore and self.start is not None:
            self.start.restore()
        self.diet, self.result = diet, Result(diet.name)
        self._began, self._waited = time.monotonic(), 0.0
        self.session.experiment, self.session.step, self.session.sampled = diet.name, 0, True
        self.rates.begin(diet, self.owned.optimizers)
        self.call_feed.begin() if restore else None
        self.session.add(self._row("running"))
        self.session.recorder.flush()
        self.session.tell("diet_began", diet.name)
        self.session.say(force=True, of=diet.wanted, left=round(self.left(), 1))

    def _end_diet(self, why: str = "") -> None:
        assert self.diet is not None
        self.result.seconds = time.monotonic() - self._began
        self.spent += max(0.0, self.result.seconds - self._waited)
        self.session.tell("diet_ended", self.diet.name)
        cut = self.session.step < self.diet.least and not self.diet.enough(self.result)
        self.session.add(self._row("cut" if cut or why else "done", why or ("time was over" if cut else "")))
        self.rates.end()

    def _row(self, outcome: str, why: str = "") -> Experiment:
        assert self.diet is not None
        return self.diet.row(self.result, self.session.step, outcome, why)

    def _coast(self) -> None:
        if self.resume is not None:
            self.resume.restore()
        self.start = self.resume = None
        self.store.clear()
        self.diet = None
        self.state, self.session.experiment, self.session.step = "coasting", COAST, 0
        self.ending.coast()
        self.session.say(force=True, left=round(self.left(), 1))

    def finish(self, why: str) -> None:
        """End the script without more ado. Raises `PatientStop`."""
        self._coast()
        self.ending.stop(why)

    def ends_epoch(self, served: int) -> bool:
        """Whether a pass of the training loader ends here, `served` batches into it."""
        ends = self.ending.ends_epoch(served)
        self._open = self._open and not ends
        return ends

    def validation_cut(self) -> None:
        """A pass over other data is cut short; the script's clock for coasting runs here too."""
        if self.coasting:
            self.ending.stop_if_overdue()

    def script_ended(self, failure: str = "") -> None:
        """The script is over: complete what is open."""
        with self.session.silence():
            if failure or self.ending.ordered:
                self.session.tell("broken_off")
            self.finish_step()
            if self.state == "diet" and self.diet is not None:
                if failure and self.diet.name != OBSERVE:
                    self.session.add(self._row("failed", failure))
                else:
                    self._end_diet(failure or f"the script ended after {self.session.step} steps")
            self.session.tell("new_data")
            self.session.tell("script_ended")

    # ---- what the hooks ask

    @ours
    def outer_call(self, call: Call) -> None:
        """The outermost module is about to run."""
        self.ending.insist()
        self.session.went_on()
        self.loader_feed.computed()
        with self.session.silence():
            name = self.session.names.path(call.module)
        if torch.is_grad_enabled() and (self.feed != "loader" or self.expects_new_segment()):
            if next(call.module.parameters(), None) is not None:
                self._opening()
            with self.session.silence():
                self.call_feed.module(call, name)
        self.session.tell("outer_call", call)

    @ours
    def outer_op(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
        """A function is about to run outside of all modules."""
        if not torch.is_grad_enabled() or not any(isinstance(a, Tensor) and a.requires_grad for a in args):
            return args, kwargs
        self.ending.insist()
        self.loader_feed.computed()
        if self.feed == "loader" and not self.expects_new_segment():
            return args, kwargs
        self._opening()
        with self.session.silence():
            return self.call_feed.function(name, args, kwargs)

    @ours
    def op_done(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        """A function returned. Most are of no interest but for the data that they hand on."""
        self.on_op(name, args, kwargs, output)
        if name in self.interesting or self.session.experiment == TRACE:
            self.session.tell("op_done", name, args, kwargs, output)

    def _opening(self) -> None:
        """Something differentiable begins, in a loop without a loader: perhaps a new iteration."""
        if self.awaits_training():
            if self.start is None:
                self.save_start()
        elif self.feed == "call" and self.session.in_optimizer is None:
            with self.session.silence():
                if self._cycle.over():
                    self.boundary()

    @ours
    def backward_ended(self) -> None:
        """A backward pass is complete."""
        if self.feed == "call":
            with self.session.silence():
                self._cycle.passed()

    @ours
    def before_step(self, optimizer: torch.optim.Optimizer) -> None:
        """An optimizer is about to step, with the rate that the diet wants."""
        self.owned.optimizers.add(optimizer)
        self.training_event()
        if self.feed == "call" and self._cycle.complete:  # a closure: the forward pass is inside the step
            with self.session.silence():
                self.boundary()
        self.session.in_optimizer = optimizer
        self.rates.apply(optimizer, self.session.step)
        self.session.tell("before_step", optimizer)

    @ours
    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        """An optimizer has stepped."""
        self.session.tell("after_step", optimizer)
        self.rates.take_back(optimizer)
        self.session.in_optimizer = None
        self._steps_since_boundary += 1
        others = {id(o) for o in self.owned.optimizers}
        self._cycle.stepped(id(optimizer), others, first_phase=self.session.segment == 0)
        if self.feed != "call" and self._steps_since_boundary > MOST_STEPS_A_BATCH and self.state == "diet":
            self._leave_loader()

    def _leave_loader(self) -> None:
        """The loop asked its loader once and trains on without it: serve it at the call instead."""
        self.state, self.feed, self.start, self.trained_once = "waiting", "", None, False
        self.loader_feed.group, self.loader_feed.pending = [], []
        self.rates.end()

    def holds_still(self, scheduler: Any) -> bool:
        """Whether a scheduler's step is left out: in experiments, or beyond the end that it was built for."""
        experiment = self.state == "diet" and self.diet is not None and self.diet.name != OBSERVE
        return experiment or (self.trained_once and self.schedules.is_over(scheduler))

    # ---- what the feeds ask

    @ours
    def keep(self, batch: Any) -> None:
        """Remember a batch of `observe`, so that it can be served again."""
        if self.diet is not None and self.diet.lockstep:  # no experiment follows
            return
        self.store.keep_batch(batch, self.session.step)

    @ours
    def batch_served(self, batch: Any, served: Served) -> None:
        """Tell the probes what the loop was given."""
        with self.session.silence():
            self.on_batch(batch, served)

    @ours
    def slot_served(self, slot: Slot, tensor: Tensor) -> None:
        """Tell the probes what entered the graph."""
        with self.session.silence():
            self.on_slot(slot, tensor)

    def records_slots(self) -> bool:
        """Whether the tensors that enter the graph are to be remembered."""
        observing = self.state == "diet" and self.diet is not None and self.diet.name == OBSERVE
        return self.awaits_training() or (self.feed == "call" and observing)

    @ours
    def replayed(self, position: int) -> Any:
        """Return the batch that the diet serves in this place of the iteration, None for the loop's own."""
        if self.state != "diet" or self.diet is None or self.diet.name == OBSERVE:
            return None
        with self.session.silence():
            served = self.store.batch(self.diet, self.session.step, position)
            self.on_batch(served, None)
        return served

    @ours
    def substitute(self, slot: Slot, tensor: Tensor) -> Tensor:
        """Return the tensor that the diet puts in this slot."""
        if self.feed != "call" or self.state != "diet" or self.diet is None or self.diet.name == OBSERVE:
            return tensor
        return self.store.tensor(self.diet, self.session.step, slot, tensor)
