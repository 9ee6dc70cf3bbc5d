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
from weakref import WeakKeyDictionary, WeakSet, ref

import torch
from torch import Tensor, nn

from nndoctor.feeds.tree import leaves
from nndoctor.names import NOWHERE, Names
from nndoctor.places import user_place
from nndoctor.records import OBSERVE, Event, NonFinite, Record, TensorStats
from nndoctor.watching.attach import MOST_CALLS
from nndoctor.watching.describe import described, loader_row, optimizer_row
from nndoctor.watching.evaluations import Evaluations, Guesses, guesses, split_of
from nndoctor.watching.identity import ByIdentity
from nndoctor.watching.keeper import ROW_SECONDS
from nndoctor.watching.pace import Pace
from nndoctor.watching.replay import Outer, finite, origin
from nndoctor.watching.samples import Sampler
from nndoctor.watching.shield import shielded
from nndoctor.watching.start import statistics

if TYPE_CHECKING:
    from collections.abc import Callable

    from nndoctor.names import Place
    from nndoctor.watching.keeper import Keeper

LEAD_LOST = 50
"""Steps of other optimizers without one of the lead's, after which a new phase has begun."""
EVERY = 8
"""Where all steps are sampled, steps from one that is asked whether it draws random numbers to the next."""
SENTINEL_SIZE = 4096
"""Of the small tensors, the first one's gradient is looked at on every step: a NaN in a backward pass reaches it."""


class Monitor:
    """The state of one watched training."""

    def __init__(self, recorder: Keeper, *, overhead: float = 0.03) -> None:
        self.recorder = recorder
        self.names = Names()
        self.pace = Pace(overhead)
        self.off = False
        """Nothing is watched: a forked worker, a failure of ours, or the end."""
        self.inside = False
        """A module of the training's runs."""
        self.in_backward = False
        self.sampling = True
        self.step = 0
        self.segment = 0
        self.epoch = 0
        self.loaded: WeakSet[nn.Module] = WeakSet()
        """Modules whose weights came from a state dict."""
        self.waited = 0.0
        self.loader = ""
        self.batch: Any = None
        self.data_set: object | None = None
        self.training_set: object | None = None
        self.calls: list[tuple[Any, Any, Any, Any]] = []
        """The first `MOST_CALLS` outermost calls of the step: function, args, kwargs, output, as in an `Outer`."""
        self.own_seconds = 0.0
        """What our instruments took in this step, by the clock."""
        self.entered = self.settled = 0.0
        """When the latest of our methods began, and until when the time is counted in the steps before."""
        self.found: NonFinite | None = None
        """The first NaN or Inf; `on_found` is called with it once, when its step's state is still there."""
        self.on_found: Callable[[NonFinite], None] = lambda _row: None
        self.optimizer_places: WeakKeyDictionary[Any, Place] = WeakKeyDictionary()
        self._random_state: Tensor | None = None
        self._draws = True
        """The latest step that was asked drew random numbers: only then is their state copied in the others."""
        self._evaluations = Evaluations()
        self._loaders: set[str] = set()
        self.met: ByIdentity[None] = ByIdentity()
        """Outermost modules that were called."""
        self._held: ByIdentity[Tensor | None] = ByIdentity()
        """The optimizers that have stepped, and of each the parameter whose gradient is looked at."""
        self._lead: ref[Any] | None = None
        self._others = 0
        self._sampler = Sampler(self.names)
        self._orders: dict[str, int] = {}
        """Positions in the forward pass of the latest sampled step."""
        self._start: dict[str, TensorStats] = {}
        """The parameters as they were before their optimizer's first step."""
        self._clock: float | None = None
        self._batch_size = 0
        self._begin_step()

    def _begin_step(self) -> None:
        self.calls.clear()
        self._loss: float = 0.0
        self._unread: list[Tensor] = []
        """Losses on an accelerator: to read one waits for it."""
        self._unscaled: dict[int, Tensor] = {}
        self._passes = 0
        self._steps = 0
        self._guesses: Guesses | None = None
        self._waited = self.waited
        self.sampling = self.pace.is_sampled(self.step)
        self._random_state = torch.default_generator.get_state() if self._draws or self._asks() else None
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

    # ---- what the hooks tell

    @shielded
    def meets(self, module: nn.Module) -> None:
        """An outermost module is about to run for the first time: name it before its parts are seen by themselves."""
        self.met.put(module, None)
        if next(module.parameters(), None) is not None:
            self.names.learn(self.names.root_of(module))

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
            self._unscaled[id(result)] = loss.detach()

    @shielded
    def backward_begins(self, roots: tuple[Tensor, ...]) -> None:
        """`backward` was called; is what it was called on finite?"""
        if self._clock is None:
            self._clock = self.entered
        if self._evaluations.sums:
            for row in self._evaluations.over(epoch=self.epoch):
                self._add(row)
        if self._passes and self._lead is None:
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
            number = value.item()
            self._loss += number
            if self.found is None and not math.isfinite(number):
                self._found(phase="forward", loss=root)

    @shielded
    def before_step(self, optimizer: Any) -> None:
        """An optimizer is about to step."""
        if id(optimizer) not in self._held:
            self._introduce(optimizer)
        if self.found is None and not self._sound(optimizer):
            self._found(phase="backward", optimizer=optimizer)
        if self.sampling:
            self._sampler.before(optimizer)

    @shielded
    def after_step(self, optimizer: Any) -> None:
        """An optimizer has stepped; the lead's step ends the iteration."""
        self._steps += 1
        lead = self._lead() if self._lead is not None else None
        if lead is optimizer and not self.sampling and not self._unread:
            self._close_quickly(optimizer)  # most steps
            return
        if self.sampling:
            self._sampler.after(optimizer)
        if lead is None or self._others > LEAD_LOST:
            self.segment += int(self._others > LEAD_LOST)
            self._lead, self._others = ref(optimizer), 0
        elif lead is not optimizer:
            self._others += 1
            return
        self._others = 0
        self._close_step()

    def served(self, iterator: Any, batch: Any, waited: float) -> None:
        """A loader handed out a batch."""
        data_set = iterator._dataset
        if data_set is not self.data_set:
            self._introduce_loader(iterator, data_set)
        self.data_set, self.batch = data_set, batch
        self.waited += waited

    def exhausted(self, data_set: object) -> None:
        """A pass over a loader is complete."""
        self.epoch += data_set is self.training_set

    @shielded
    def finish(self) -> None:
        """The training is over: write what is still held back."""
        for row in self._evaluations.over(epoch=self.epoch):
            self._add(row)
        if self._passes and self._lead is None:
            self._close_step()
        self._describe_modules()
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
        seconds = 0.0 if self._clock is None else now - self._clock
        waited = self.waited - self._waited
        if self.sampling:
            self._write_samples()
            if self._asks():
                self._draws = not torch.equal(self.random_state, torch.default_generator.get_state())
        lead = self._lead() if self._lead is not None else None
        # No `Step`, but its values in their order: this is done on every step, and a record costs more than the rest.
        rate = math.nan if lead is None else _rate(lead.param_groups)
        self.recorder.add_step(
            (
                OBSERVE, self.segment, self.step, self.epoch, self._whole_loss(), math.nan, rate, self._batch_size,
                self._passes, self._steps, lead is not None, waited, max(0.0, seconds - waited), self.loader,
            )
        )  # fmt: skip
        self.step += 1
        if self.step == 2:
            self._describe_modules()
        ended = clock()
        if self.pace.selective:
            own = self.own_seconds + ended - self.entered + ROW_SECONDS
            own += self.recorder.sample_seconds if self.sampling else 0.0
            self.pace.ended(self.step - 1, seconds + ended - now, own, sampled=self.sampling)
        self._clock = ended
        self._begin_step()
        self.settled = clock()
        self.own_seconds = self.settled - ended

    def _close_quickly(self, lead: Any) -> None:
        """Do what `_close_step` does, for a step that is not sampled, and begin the next one."""
        now = clock()
        seconds, waited = now - (self._clock or now), self.waited - self._waited
        self.recorder.add_step(
            (
                OBSERVE, self.segment, self.step, self.epoch, self._loss if self._passes else math.nan, math.nan,
                _rate(lead.param_groups), self._batch_size, self._passes, self._steps,
                True, waited, max(0.0, seconds - waited), self.loader,
            )
        )  # fmt: skip
        pace, self._others = self.pace, 0
        pace.rested += 1
        pace.seconds += seconds
        pace.own += self.own_seconds + now - self.entered + ROW_SECONDS
        self.step += 1
        self._clock = self.settled = now
        if self.step >= pace.next_step or self._unscaled:
            self._begin_step()
        else:
            self.calls.clear()
            self._loss, self._passes, self._steps, self._waited = 0.0, 0, 0, self.waited
            if self._draws:
                self._random_state = torch.default_generator.get_state()
        self.own_seconds = 0.0

    def _whole_loss(self) -> float:
        """Return the sum of the losses. On an accelerator to read them waits for it: that is done in sampled steps."""
        if not self._unread:
            return self._loss if self._passes else math.nan
        return self._loss + sum(map(float, self._unread)) if self.sampling else math.nan

    def _write_samples(self) -> None:
        self.recorder.add_samples(self._sampler.taken(self.segment, self.step))
        if self._guesses is not None:
            self.recorder.add_guesses(self.segment, self.step, self._guesses)
        self._orders, self._batch_size = self._sampler.orders, _size(self.batch)

    def _keep(self, function: Any, args: Any, kwargs: Any, output: Any) -> None:
        if len(self.calls) < MOST_CALLS:
            self.calls.append((function, args, kwargs, output))

    @shielded
    def _introduce_loader(self, iterator: Any, data_set: Any) -> None:
        """Name the loader by its data set: a loader and its iterators are not known to each other."""
        self.loader = self.names.numbered(data_set, "DataLoader")
        if self.loader in self._loaders or self.off:
            return
        self._loaders.add(self.loader)
        self._add(loader_row(iterator, self.loader, user_place()))

    def _introduce(self, optimizer: Any) -> None:
        for module in self.met.things():  # what was added to a model since
            if next(module.parameters(), None) is not None:
                self.names.learn(self.names.root_of(module))
        held = [p for g in optimizer.param_groups for p in g["params"] if p.is_floating_point()]
        small = next((p for p in held if p.numel() <= SENTINEL_SIZE and p.requires_grad), None)
        self._held.put(optimizer, held[0] if small is None and held else small)
        self._start.update(statistics(self._sampler.parameters(optimizer)))
        place = self.optimizer_places.get(optimizer, NOWHERE)
        self._add(optimizer_row(optimizer, self.names.numbered(optimizer), place))

    def _describe_modules(self) -> None:
        for row in described(self.names, self._held.things(), self._orders, start=self._start, loaded=self.loaded):
            self._add(row)

    # ---- NaN and Inf

    def _sound(self, optimizer: Any) -> bool:
        """Whether a small gradient is finite. On an accelerator that is asked in sampled steps only."""
        parameter = self._held[id(optimizer)]
        gradient = None if parameter is None else parameter.grad
        if gradient is None or gradient.is_sparse or not (gradient.is_cpu or self.sampling):
            return True
        value = gradient.dot(gradient) if gradient.dim() == 1 else gradient.sum()  # dot takes half the time
        return math.isfinite(value.item()) or finite(gradient)

    def _found(self, *, phase: str, loss: Tensor | None = None, optimizer: Any = None) -> None:
        place = user_place()
        self.off = True  # what is repeated is no part of the training
        row = origin(
            [Outer(*call) for call in self.calls], loss, self.names, self.random_state, self.batch, phase=phase
        )
        self.off = False
        if phase == "backward" and not row.tensor and optimizer is not None:
            names = [n for n, p in self._sampler.parameters(optimizer) if p.grad is not None and not finite(p.grad)]
            row = replace(row, tensor=names[-1] if names else "")
        if not row.file:
            row = replace(row, file=place[0], line=place[1], function=place[2])
        if loss is not None and row.phase == "unknown":
            row = replace(row, what="nan" if bool(torch.isnan(loss).any()) else "inf")
        self.found = row
        self._add(row)
        self.recorder.flush()
        self.on_found(row)

    def _add(self, record: Record) -> None:
        self.recorder.add(replace(record, segment=self.segment, step=self.step))


def _rate(groups: Any) -> float:
    """Return the greatest learning rate."""
    if len(groups) == 1:
        rate = groups[0].get("lr", math.nan)
        return rate if type(rate) is float else float(rate)
    return max((float(group["lr"]) for group in groups if "lr" in group), default=math.nan)


def _size(batch: Any) -> int:
    first = batch[0] if type(batch) in (list, tuple) and batch else batch
    if not isinstance(first, Tensor):
        first = next((tensor for _, tensor in leaves(batch)), None)
    return int(first.shape[0]) if first is not None and first.dim() else 0
