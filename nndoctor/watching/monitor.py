"""The monitor beside the training: it hears of passes and steps, and writes down what its pace allows.

Whatever fails in here is noted and switched off; the training goes on.
"""

from __future__ import annotations

import math
import traceback
from contextlib import suppress
from dataclasses import replace
from time import perf_counter as clock
from typing import TYPE_CHECKING, Any
from weakref import ref

import torch
from torch import Tensor, nn

from nndoctor.names import Names
from nndoctor.nesting import Nesting
from nndoctor.records import OBSERVE, Event, NonFinite, Record
from nndoctor.watching.attach import MOST_CALLS
from nndoctor.watching.describe import rate_of, size_of
from nndoctor.watching.evaluations import Evaluations, Guesses, guesses, split_of
from nndoctor.watching.identity import ByIdentity
from nndoctor.watching.keeper import ROW_SECONDS
from nndoctor.watching.pace import Pace
from nndoctor.watching.parts import Parts
from nndoctor.watching.replay import Outer, traced
from nndoctor.watching.samples import Sampler
from nndoctor.watching.sentinel import is_sound, sentinel_of
from nndoctor.watching.shield import shielded

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from nndoctor.watching.keeper import Keeper

LEAD_LOST = 50
"""Steps of other optimizers without one of the lead's, after which a new phase has begun."""
ALL_OF_BRIEF = 2.0
"""Times as long as `step_briefly` all takes that is done in a step that is not sampled."""
EVERY = 8
"""Where all steps are sampled, steps from one that is asked whether it draws random numbers to the next."""


def _nothing() -> None:
    return None


class Monitor:
    """The state of one watched training."""

    # What every step touches comes first, side by side: a step of the training has swept the caches.
    __slots__ = (  # noqa: RUF023
        "off", "inside", "in_backward", "brief", "closed", "depth", "sampling", "draws", "calls", "batch", "data_set",
        "training_set", "waited", "own_seconds", "pace", "recorder", "step", "segment", "epoch", "loader",
        "_lead", "_sentinel", "_loss", "_passes", "_steps", "_others", "_clock", "_waited", "_batch_size",
        "names", "entered", "settled", "found", "on_found", "parts", "_random_state", "_evaluations", "_held",
        "_nesting", "_sampler", "_orders", "_mark", "_unread", "_unscaled", "_guesses",
    )  # fmt: skip

    def __init__(self, recorder: Keeper, *, overhead: float = 0.03) -> None:
        self.recorder = recorder
        self.names = Names()
        self.pace = Pace(overhead)
        self.off = False
        """Nothing is watched: a forked worker, a failure of ours, or the end."""
        self.inside = self.in_backward = False
        """A module of the training's runs, or a backward pass."""
        self.sampling = True
        self.brief = False
        """Nothing of this step is sampled, and nothing uncommon has happened in it: the short ways are open."""
        self.closed = False
        """The row of a step is written, and its optimizer is at it."""
        self.depth = 0
        """How many steps of the same optimizer are inside of that one."""
        self.step = self.segment = self.epoch = 0
        self.waited = self.own_seconds = self.entered = self.settled = 0.0
        """Seconds that loaders took until now, and our instruments in this step; when the latest of our methods began,
        and until when the time is counted in the steps before."""
        self.loader = ""
        self.batch: Any = None
        self.data_set: object | None = None
        self.training_set: object | None = None
        self.calls: list[tuple[Any, Any, Any, Any]] = []
        """The first `MOST_CALLS` outermost calls of the step: function, args, kwargs, output, as in an `Outer`."""
        self.found: NonFinite | None = None
        """The first NaN or Inf; `on_found` is called with it once, when its step's state is still there."""
        self.on_found: Callable[[NonFinite], None] = lambda _row: None
        self.parts = Parts(self.names, self._add)
        self._random_state: Tensor | None = None
        self.draws = True
        """The latest step that was asked drew random numbers: only then is their state copied in the others."""
        self._evaluations = Evaluations()
        self._held: ByIdentity[Tensor | None] = ByIdentity()
        """The optimizers that have stepped, and of each the parameter whose gradient is looked at."""
        self._lead: Callable[[], Any] = _nothing
        """A weak reference to the optimizer whose steps end the iterations."""
        self._sentinel: Tensor | None = None
        self._others = self._batch_size = 0
        self._nesting = Nesting()
        self._sampler = Sampler(self.names)
        self._orders: dict[str, int] = {}
        """Positions in the forward pass of the latest sampled step."""
        self._clock: float | None = None
        self._mark: tuple[float, float] | None = None
        """When the optimizer that steps now was called, and what our instruments had taken in the step by then."""
        self._unread: list[Tensor] = []
        """Losses on an accelerator: to read one waits for it."""
        self._unscaled: dict[int, Tensor] = {}
        """Losses by the `id` of what a GradScaler has made of them."""
        self._begin_step()

    def _begin_step(self) -> None:
        self.calls.clear()
        self._loss: float = 0.0
        self._unread.clear()
        self._unscaled.clear()
        self._passes = self._steps = 0
        self._guesses: Guesses | None = None
        self._waited = self.waited
        self.sampling = self.pace.is_sampled(self.step)
        self._random_state = torch.default_generator.get_state() if self.draws or self._asks() else None
        if self.sampling:
            self._sampler.clear()

    def _asks(self) -> bool:
        """Whether it is asked at the end of this step if it has drawn random numbers."""
        return self.sampling and (self.pace.selective or self.step % EVERY == 0)

    @property
    def random_state(self) -> Tensor:
        """Torch's random state at the beginning of the step."""
        return torch.default_generator.get_state() if self._random_state is None else self._random_state

    def resume(self) -> None:
        """Forget when the latest step ended: what was in between is no step's time."""
        self._clock = None
        self.brief = False

    # ---- what the hooks tell

    @shielded
    def meets(self, module: nn.Module) -> None:
        """An outermost module is about to run for the first time: name it before its parts are seen by themselves."""
        self.parts.module(module)

    @shielded
    def outer_done(self, module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        """An outermost module returned, with gradients on."""
        self._keep(module, args, kwargs, output)
        if self.sampling:
            self._sampler.activation(module, output)

    def module_done(self, module: nn.Module, output: Any) -> None:
        """A module returned inside of another, in a sampled step. The most frequent call: it has its own shield."""
        if self.off:
            return
        began = clock()
        try:
            self._sampler.activation(module, output)
        except Exception as error:  # noqa: BLE001 - the training must go on
            self.lost("module_done", error)
        self.own_seconds += clock() - began

    @shielded
    def loss_called(self, name: str, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
        """A loss function of torch's returned."""
        if not torch.is_grad_enabled():
            self.brief = False
            split = split_of(self.data_set, self.training_set)
            self._evaluations.add(name, args, kwargs, out, split=split)
            return
        if not self.inside:  # inside of a module, the module's own call is kept
            self._keep(function, args, kwargs, out)
        if self.sampling and self._guesses is None:
            self._guesses = guesses(name, args, kwargs, copied=self.recorder.copies_guesses)

    def scaled(self, loss: Tensor, result: Any) -> None:
        """Remember the loss that a GradScaler multiplied."""
        if isinstance(result, Tensor):
            self.brief = False
            self._unscaled[id(result)] = loss.detach()

    def backward_briefly(self, loss: Any) -> bool:
        """Take in the loss that `backward` was called on; False where that needs a closer look."""
        try:
            if not loss.is_cpu:
                return False
            number = loss.item()
            if type(number) is not float or number - number != 0.0:  # complex, NaN or infinite
                return False
        except Exception:  # noqa: BLE001 - no tensor, or one of several values
            return False
        self.training_set = self.data_set
        self._passes += 1
        self._loss += number
        return True

    def step_briefly(self, optimizer: Any, args: Any, kwargs: Any) -> bool:
        """Write down the step that an optimizer is about to complete; False where that needs a closer look."""
        if not self._passes or optimizer is not self._lead() or len(args) > 1 or kwargs:  # a closure's passes come yet
            return False
        now = clock()
        try:
            if not is_sound(self._sentinel, wait=False):
                return False
            waited_so_far = self.waited
            seconds, waited = now - (self._clock or now), waited_so_far - self._waited
            self._write(seconds, waited, self._loss, rate_of(optimizer.param_groups), self._steps + 1)
            pace = self.pace
            self.step += 1
            self._clock, self._waited, self._loss = now, waited_so_far, 0.0
            self._passes = self._steps = self._others = self.depth = 0
            self.calls.clear()
            self.closed, self.brief = True, self.step < pace.next_step
            pace.rested += 1
            pace.seconds += seconds
            pace.own += self.own_seconds + ALL_OF_BRIEF * (clock() - now) + ROW_SECONDS
            self.own_seconds = 0.0
        except Exception as error:  # noqa: BLE001 - the training must go on
            self.lost("step_briefly", error)
        return True

    @shielded
    def backward_begins(self, roots: tuple[Tensor, ...]) -> None:
        """`backward` was called; is what it was called on finite?"""
        if self._clock is None:
            self._clock = self.entered
        if self._evaluations.sums:
            for row in self._evaluations.over(epoch=self.epoch):
                self._add(row)
        if self._passes and self._lead is _nothing and not self._nesting.inside:
            self._close_step()
        self.training_set = self.data_set
        self._passes += 1
        for root in roots:
            value = self._unscaled.get(id(root), root) if self._unscaled else root
            if value.numel() != 1:
                value = value.detach().sum()
            if not value.is_cpu:
                self._unread.append(value.detach())
                continue
            number = float(value.item().real)
            self._loss += number
            if self.found is None and not math.isfinite(number):
                self._found(phase="forward", loss=root)

    @shielded
    def before_step(self, optimizer: Any, frame: FrameType) -> None:
        """An optimizer is about to step. `frame`: as for `Nesting`."""
        if self.closed and not self._passes and optimizer is self._lead():
            self.depth += 1  # a step within the one that is written down
            return
        if self.closed:  # that one has failed
            self._leave()
        if not self._nesting.enters(optimizer, frame):
            return
        self._mark = (self.entered, self.own_seconds)
        if id(optimizer) not in self._held:
            self._introduce(optimizer)
        if self.found is None and not is_sound(self._held[id(optimizer)], wait=self.sampling):
            self._found(phase="backward", optimizer=optimizer)
        if self.sampling:
            self._sampler.before(optimizer)

    @shielded
    def after_step(self, optimizer: Any) -> None:
        """An optimizer has stepped; the lead's step ends the iteration."""
        if self.depth:
            self.depth -= 1
            return
        if self.closed:
            self._leave()
            return
        if not self._nesting.leaves(optimizer):
            return
        self._steps += 1
        lead = self._lead()
        if self.sampling:
            self._sampler.after(optimizer)
        if lead is None or self._others > LEAD_LOST:
            self.segment += int(self._others > LEAD_LOST)
            self._lead, self._others, self._sentinel = ref(optimizer), 0, self._held[id(optimizer)]
        elif lead is not optimizer:
            self._others += 1
            return
        self._others = 0
        self._close_step()

    def _leave(self) -> None:
        """The optimizer has made the step that is written down."""
        self.closed = False
        if not self.brief:
            self._begin_step()
        elif self.draws:
            self._random_state = torch.default_generator.get_state()

    @shielded
    def another_loader(self, iterator: Any) -> None:
        """A batch comes from another loader than the one before."""
        self.loader = self.parts.loader(iterator)
        self.data_set = iterator._dataset

    def exhausted(self, data_set: object) -> None:
        """A pass over a loader is complete."""
        self.epoch += data_set is self.training_set

    @shielded
    def finish(self) -> None:
        """The training is over: write what is still held back."""
        for row in self._evaluations.over(epoch=self.epoch):
            self._add(row)
        if self._passes and self._lead is _nothing:
            self._close_step()
        self.parts.describe(self._held.things(), self._orders)
        self.off = True

    def lost(self, instrument: str, error: Exception) -> None:
        """Note that an instrument failed, and stop watching."""
        self.off = True
        text = f"{instrument}: {type(error).__name__}: {error}; nothing was watched from step {self.step} on"
        with suppress(Exception):  # the recording itself is what failed
            self._add(Event(kind="instrument", text=text, detail="".join(traceback.format_exception(error))))

    # ---- the step

    def _close_step(self) -> None:
        now = clock()
        own = self.own_seconds + now - self.entered
        (mark, own_before), self._mark = self._mark or (now, own), None
        seconds = 0.0 if self._clock is None else mark - self._clock
        waited = self.waited - self._waited
        if self.sampling:
            self._write_samples()
            if self._asks():
                self.draws = not torch.equal(self.random_state, torch.default_generator.get_state())
        lead = self._lead()
        rate = math.nan if lead is None else rate_of(lead.param_groups)
        self._write(seconds, waited, self._whole_loss(), rate, self._steps)
        self.step += 1
        if self.step == 2:
            self.parts.describe(self._held.things(), self._orders)
        ended = clock()
        own += ended - now
        if self.pace.selective:
            later = ROW_SECONDS + (self.recorder.sample_seconds if self.sampling else 0.0)
            self.pace.ended(self.step - 1, seconds + own - own_before, own + later, sampled=self.sampling)
        self._clock = mark + own - own_before
        self._begin_step()
        self.brief = not self.sampling and lead is not None
        self.settled = clock()
        self.own_seconds = self.settled - ended

    def _write(self, seconds: float, waited: float, loss: float, rate: float, steps: int) -> None:
        # No `Step`, but its values in their order: this is done on every step, and a record costs more than the rest.
        self.recorder.add_step(
            (
                OBSERVE, self.segment, self.step, self.epoch, loss, math.nan, rate, self._batch_size, self._passes,
                steps, steps > 0, waited, max(0.0, seconds - waited), self.loader,
            )
        )  # fmt: skip

    def _whole_loss(self) -> float:
        """Return the sum of the losses. On an accelerator to read them waits for it: that is done in sampled steps."""
        if not self._unread:
            return self._loss if self._passes else math.nan
        return self._loss + sum(map(float, self._unread)) if self.sampling else math.nan

    def _write_samples(self) -> None:
        self.recorder.add_samples(self._sampler.taken(self.segment, self.step))
        if self._guesses is not None:
            self.recorder.add_guesses(self.segment, self.step, self._guesses)
        self._orders, self._batch_size = self._sampler.orders, size_of(self.batch)

    def _keep(self, function: Any, args: Any, kwargs: Any, output: Any) -> None:
        if len(self.calls) < MOST_CALLS:
            self.calls.append((function, args, kwargs, output))

    def _introduce(self, optimizer: Any) -> None:
        self.parts.optimizer(optimizer, self._sampler.parameters)
        self._held.put(optimizer, sentinel_of(optimizer))

    # ---- NaN and Inf

    def _found(self, *, phase: str, loss: Tensor | None = None, optimizer: Any = None) -> None:
        calls = [Outer(*call) for call in self.calls]
        held = [] if optimizer is None else self._sampler.parameters(optimizer)
        self.off = True  # what is repeated is no part of the training
        row = traced(calls, loss, self.names, self.random_state, self.batch, phase=phase, held=held)
        self.off = False
        self.found = row
        self._add(row)
        self.recorder.flush()
        self.on_found(row)

    def _add(self, record: Record) -> None:
        self.recorder.add(replace(record, segment=self.segment, step=self.step))
