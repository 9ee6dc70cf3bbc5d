"""The monitor beside the training: it hears of passes and steps, and writes down what its pace allows.

Whatever fails in here is noted and switched off; the training goes on.
"""

from __future__ import annotations

import math
import time
import traceback
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar
from weakref import WeakKeyDictionary, WeakSet, ref

import torch
from torch import Tensor, nn

from nndoctor.feeds.tree import leaves
from nndoctor.names import Names
from nndoctor.places import user_place
from nndoctor.records import OBSERVE, Event, Loader, NonFinite, Optimizer, Record, TensorStats
from nndoctor.watching.describe import described
from nndoctor.watching.evaluations import Evaluations, split_of, training_score
from nndoctor.watching.pace import Pace
from nndoctor.watching.replay import Outer, origin
from nndoctor.watching.samples import Sampler
from nndoctor.watching.start import statistics

if TYPE_CHECKING:
    from collections.abc import Callable

    from nndoctor.names import Place
    from nndoctor.watching.keeper import Keeper

MOST_CALLS = 8
"""Outermost calls of a step that are kept until its end, for a replay."""
LEAD_LOST = 50
"""Steps of other optimizers without one of the lead's, after which a new phase has begun."""
SENTINEL_SIZE = 4096
"""Of the small tensors, the first one's gradient is looked at on every step: a NaN in a backward pass reaches it."""

P = ParamSpec("P")
R = TypeVar("R")


def shielded(
    method: Callable[Concatenate[Monitor, P], R],
) -> Callable[Concatenate[Monitor, P], R | None]:
    """Let nothing out of a method of the monitor's: after a failure it is off, and the recording says so."""

    @wraps(method)
    def safe(self: Monitor, /, *args: P.args, **kwargs: P.kwargs) -> R | None:
        if self.off:
            return None
        if not self.sampling:  # its cost is known, and nothing to be spent on a clock
            try:
                return method(self, *args, **kwargs)
            except Exception as error:  # noqa: BLE001 - the training must go on
                self.lost(method.__name__, error)
                return None
        began = time.perf_counter()
        try:
            return method(self, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - the training must go on
            self.lost(method.__name__, error)
            return None
        finally:
            self.own_seconds += time.perf_counter() - began

    return safe


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
        self.calls: list[Outer] = []
        self.own_seconds = 0.0
        self.found: NonFinite | None = None
        """The first NaN or Inf; `on_found` is called with it once, when its step's state is still there."""
        self.on_found: Callable[[NonFinite], None] = lambda _row: None
        self.optimizer_places: WeakKeyDictionary[Any, Place] = WeakKeyDictionary()
        self.random_state = torch.get_rng_state()
        self._evaluations = Evaluations()
        self._loaders: set[str] = set()
        self.known: WeakSet[nn.Module] = WeakSet()
        """Outermost modules that were called."""
        self._held: WeakSet[Any] = WeakSet()
        """The optimizers that have stepped."""
        self._lead: ref[Any] | None = None
        self._others = 0
        self._sampler = Sampler(self.names)
        self._orders: dict[str, int] = {}
        """Positions in the forward pass of the latest sampled step."""
        self._start: dict[str, TensorStats] = {}
        """The parameters as they were before their optimizer's first step."""
        self._sentinels: WeakKeyDictionary[Any, Tensor | None] = WeakKeyDictionary()
        self._clock: float | None = None
        self._changed = False
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
        self._score = math.nan
        self._waited = self.waited
        self.own_seconds = 0.0
        self.random_state = torch.default_generator.get_state()
        self.sampling = self.pace.is_sampled(self.step)
        if self.sampling:
            self._sampler.clear()

    # ---- what the hooks tell

    @shielded
    def meets(self, module: nn.Module) -> None:
        """An outermost module is about to run for the first time: name it before its parts are seen by themselves."""
        self.known.add(module)
        if next(module.parameters(), None) is not None:
            self.names.learn(self.names.root_of(module))

    @shielded
    def outer_done(self, module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        """An outermost module returned, with gradients on."""
        self._keep(Outer(module, args, kwargs, output))
        if self.sampling:
            self._sampler.activation(module, output)

    @shielded
    def module_done(self, module: nn.Module, output: Any) -> None:
        """A module returned inside of another, in a sampled step."""
        self._sampler.activation(module, output)

    @shielded
    def loss_called(self, name: str, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
        """A loss function of torch's returned."""
        if not torch.is_grad_enabled():
            split = split_of(self.data_set, self.training_set)
            self._evaluations.add(name, args, kwargs, out, split=split)
            return
        if not self.inside:  # inside of a module, the module's own call is kept
            self._keep(Outer(function, args, kwargs, out))
        if self.sampling and math.isnan(self._score):
            self._score = training_score(name, args, kwargs)

    def scaled(self, loss: Tensor, result: Any) -> None:
        """Remember the loss that a GradScaler multiplied."""
        if isinstance(result, Tensor):
            self._unscaled[id(result)] = loss.detach()

    @shielded
    def backward_begins(self, roots: list[Tensor]) -> None:
        """`backward` was called; is what it was called on finite?"""
        if self._clock is None:
            self._clock = time.perf_counter()
        if self._evaluations:
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
        if optimizer not in self._held:
            self._introduce(optimizer)
        if self.found is None and not self._sound(optimizer):
            self._found(phase="backward", optimizer=optimizer)
        if self.sampling:
            self._sampler.before(optimizer)

    @shielded
    def after_step(self, optimizer: Any) -> None:
        """An optimizer has stepped; the lead's step ends the iteration."""
        self._steps += 1
        if self.sampling:
            self._sampler.after(optimizer)
        lead = self._lead() if self._lead is not None else None
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
        try:
            detail = "".join(traceback.format_exception(error))
            self._add(Event(kind="instrument", text=text, detail=detail))
        except Exception:  # noqa: BLE001, S110 - the recording itself is what failed
            pass

    # ---- the step

    def _close_step(self) -> None:
        now = time.perf_counter()
        seconds = 0.0 if self._clock is None else now - self._clock
        waited = self.waited - self._waited
        if self.sampling:
            self._write_samples()
            self._batch_size = _size(self.batch)
        lead = self._lead() if self._lead is not None else None
        rates = [group["lr"] for group in getattr(lead, "param_groups", ()) if "lr" in group]
        # No `Step`, but its values in their order: this is done on every step, and a record costs more than the rest.
        self.recorder.add_step(
            (
                OBSERVE, self.segment, self.step, self.epoch, self._whole_loss(), self._score,
                float(max(rates)) if rates else math.nan, self._batch_size, self._passes, self._steps, self._changed,
                waited, max(0.0, seconds - waited), self.loader,
            )
        )  # fmt: skip
        self.pace.ended(self.step, seconds, self.own_seconds, sampled=self.sampling)
        self.step += 1
        if self.step == 2:
            self._describe_modules()
        self._clock = time.perf_counter()
        self._begin_step()

    def _whole_loss(self) -> float:
        """Return the sum of the losses. On an accelerator to read them waits for it: that is done in sampled steps."""
        if not self._unread:
            return self._loss if self._passes else math.nan
        return self._loss + sum(map(float, self._unread)) if self.sampling else math.nan

    def _write_samples(self) -> None:
        self.recorder.add_samples(self._sampler.taken(self.segment, self.step))
        changed = self._sampler.changed
        self._changed = self._lead is not None if changed is None else changed
        self._orders = self._sampler.orders

    def _keep(self, call: Outer) -> None:
        if len(self.calls) < MOST_CALLS:
            self.calls.append(call)

    @shielded
    def _introduce_loader(self, iterator: Any, data_set: Any) -> None:
        """Name the loader by its data set: a loader and its iterators are not known to each other."""
        self.loader = self.names.numbered(data_set, "DataLoader")
        if self.loader in self._loaders or self.off:
            return
        self._loaders.add(self.loader)
        file, line, function = user_place()
        self._add(
            Loader(
                name=self.loader, dataset=self.loader, dataset_type=type(data_set).__name__,
                workers=int(iterator._num_workers), file=file, line=line, function=function,
            )
        )  # fmt: skip

    def _introduce(self, optimizer: Any) -> None:
        group = optimizer.param_groups[0] if optimizer.param_groups else {}
        betas = group.get("betas") or (math.nan, math.nan)
        file, line, function = self.optimizer_places.get(optimizer, ("", 0, ""))
        for module in self.known:  # what was added to a model since
            if next(module.parameters(), None) is None:
                continue
            self.names.learn(self.names.root_of(module))
        held = [p for g in optimizer.param_groups for p in g["params"]]
        self._held.add(optimizer)
        small = next((p for p in held if p.numel() <= SENTINEL_SIZE and p.requires_grad), None)
        self._sentinels[optimizer] = held[0] if small is None and held else small
        self._start.update(statistics(self._sampler.parameters(optimizer)))
        self._add(
            Optimizer(
                name=self.names.numbered(optimizer),
                type=type(optimizer).__name__,
                lr=_number(group.get("lr")),
                momentum=_number(group.get("momentum")),
                weight_decay=_number(group.get("weight_decay")),
                eps=_number(group.get("eps")),
                beta1=_number(betas[0]),
                beta2=_number(betas[1]),
                groups=len(optimizer.param_groups),
                parameters=len(held),
                file=file,
                line=line,
                function=function,
            )
        )

    def _describe_modules(self) -> None:
        for row in described(self.names, self._held, self._orders, start=self._start, loaded=self.loaded):
            self._add(row)

    # ---- NaN and Inf

    def _sound(self, optimizer: Any) -> bool:
        """Whether a small gradient is finite. On an accelerator that is asked in sampled steps only."""
        parameter = self._sentinels[optimizer]
        gradient = None if parameter is None else parameter.grad
        if gradient is None or gradient.is_sparse or not (gradient.is_cpu or self.sampling):
            return True
        return math.isfinite(gradient.sum().item()) or _finite(gradient)

    def _found(self, *, phase: str, loss: Tensor | None = None, optimizer: Any = None) -> None:
        place = user_place()
        self.off = True  # what is repeated is no part of the training
        row = origin(self.calls, loss, self.names, self.random_state, self.batch, phase=phase)
        self.off = False
        if phase == "backward" and not row.tensor and optimizer is not None:
            names = [n for n, p in self._sampler.parameters(optimizer) if p.grad is not None and not _finite(p.grad)]
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


def _finite(tensor: Tensor) -> bool:
    return bool(torch.isfinite(tensor).all())


def _size(batch: Any) -> int:
    first = next(leaves(batch), None)
    return int(first[1].shape[0]) if first is not None and first[1].dim() else 0


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else math.nan
