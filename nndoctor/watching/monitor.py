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
from nndoctor.records import Event, NonFinite, Optimizer, Record, Step
from nndoctor.watching.describe import described
from nndoctor.watching.evaluations import Evaluations, split_of, training_score
from nndoctor.watching.pace import Pace
from nndoctor.watching.replay import Outer, origin
from nndoctor.watching.samples import Sample, rows, sampled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nndoctor.names import Place
    from nndoctor.watching.keeper import Keeper

MOST_CALLS = 8
"""Outermost calls of a step that are kept until its end, for a replay."""
MOST_MODULES = 3000
LEAD_LOST = 50
"""Steps of other optimizers without one of the lead's, after which a new phase has begun."""
SENTINELS = 2
"""Small tensors whose gradients are looked at on every step: a NaN in a backward pass reaches the first layers."""
SENTINEL_SIZE = 4096

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
        self.waited = 0.0
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
        self._held: WeakSet[Any] = WeakSet()
        """The optimizers that have stepped."""
        self._lead: ref[Any] | None = None
        self._others = 0
        self._orders: dict[str, int] = {}
        self._module_orders: dict[str, int] = {}
        """Positions in the forward pass of the latest sampled step."""
        self._sentinels: WeakKeyDictionary[Any, list[Tensor]] = WeakKeyDictionary()
        self._clock: float | None = None
        self._changed = False
        self._batch_size = 0
        self._begin_step()

    def _begin_step(self) -> None:
        self.calls.clear()
        self._losses: list[Tensor] = []
        self._unscaled: dict[int, Tensor] = {}
        self._passes = 0
        self._steps = 0
        self._score = math.nan
        self._samples: list[Sample] = []
        self._before: dict[int, Tensor] = {}
        self._waited = self.waited
        self.own_seconds = 0.0
        self.random_state = torch.get_rng_state()
        self.sampling = self.pace.is_sampled(self.step)

    # ---- what the hooks tell

    @shielded
    def outer_done(self, module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        """An outermost module returned, with gradients on."""
        self._keep(Outer(module, args, kwargs, output))
        if self.sampling:
            self._activation(module, output)
            if next(module.parameters(), None) is not None:
                self.names.learn(self.names.root_of(module))

    @shielded
    def module_done(self, module: nn.Module, output: Any) -> None:
        """A module returned inside of another, in a sampled step."""
        self._activation(module, output)

    def _activation(self, module: nn.Module, output: Any) -> None:
        name = self.names.path(module)
        if name in self._orders or len(self._orders) >= MOST_MODULES:
            return
        self._orders[name] = len(self._orders)
        first = output if isinstance(output, Tensor) else next((t for _, t in leaves(output)), None)
        values = None if first is None else sampled(first)
        if first is not None and values is not None:
            kind, order = type(module).__name__, self._orders[name]
            self._samples.append(Sample(values, "activation", name, first.numel(), kind, order))

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
        values = [self._unscaled.get(id(root), root.detach()) for root in roots]
        values = [value if value.numel() == 1 else value.sum() for value in values]
        self._losses += values
        if self.found is None and all(v.device.type == "cpu" for v in values):
            bad = next((root for root, v in zip(roots, values, strict=True) if not math.isfinite(float(v))), None)
            if bad is not None:
                self._found(phase="forward", loss=bad)

    @shielded
    def before_step(self, optimizer: Any) -> None:
        """An optimizer is about to step."""
        if optimizer not in self._held:
            self._introduce(optimizer)
        if self.found is None and not self._sound(optimizer):
            self._found(phase="backward", optimizer=optimizer)
        if not self.sampling:
            return
        for name, parameter in self._parameters(optimizer):
            values = sampled(parameter)
            if values is not None:
                self._before[id(parameter)] = values
            gradient = None if parameter.grad is None else sampled(parameter.grad)
            if gradient is not None:
                self._samples.append(Sample(gradient, "gradient", name, parameter.numel()))

    @shielded
    def after_step(self, optimizer: Any) -> None:
        """An optimizer has stepped; the lead's step ends the iteration."""
        self._steps += 1
        if self.sampling:
            self._measure_updates(optimizer)
        lead = self._lead() if self._lead is not None else None
        if lead is None or self._others > LEAD_LOST:
            self.segment += int(self._others > LEAD_LOST)
            self._lead, self._others = ref(optimizer), 0
        elif lead is not optimizer:
            self._others += 1
            return
        self._others = 0
        self._close_step()

    def served(self, data_set: object, batch: Any, waited: float) -> None:
        """A loader handed out a batch."""
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
        loss = sum(map(float, self._losses)) if self._losses and self._readable() else math.nan
        lead = self._lead() if self._lead is not None else None
        rates = [float(g["lr"]) for g in getattr(lead, "param_groups", []) if "lr" in g]
        if self.sampling:
            self._batch_size = _size(self.batch)
        # Not by `_add`: this one is made on every step, and copying a record costs as much as all the rest.
        self.recorder.add(
            Step(
                segment=self.segment,
                step=self.step,
                epoch=self.epoch,
                loss=loss,
                score=self._score,
                lr=max(rates, default=math.nan),
                batch_size=self._batch_size,
                backwards=self._passes,
                optimizer_steps=self._steps,
                parameters_changed=self._changed,
                data_seconds=waited,
                compute_seconds=max(0.0, seconds - waited),
            )
        )
        self.pace.ended(self.step, seconds, self.own_seconds, sampled=self.sampling)
        self.step += 1
        if self.step == 2:
            self._describe_modules()
        self._clock = time.perf_counter()
        self._begin_step()

    def _readable(self) -> bool:
        """Whether the losses may be read now: on an accelerator that waits for it, so only in sampled steps."""
        return self.sampling or all(value.device.type == "cpu" for value in self._losses)

    def _measure_updates(self, optimizer: Any) -> None:
        for name, parameter in self._parameters(optimizer):
            before, after = self._before.get(id(parameter)), sampled(parameter)
            if before is None or after is None or before.shape != after.shape:
                continue
            self._samples.append(Sample(after, "weight", name, parameter.numel()))
            self._samples.append(Sample(after - before, "update", name, parameter.numel()))

    def _write_samples(self) -> None:
        found = rows(self._samples, self.segment, self.step) if self._samples else []
        for row in found:
            self.recorder.add(row)
        updates = [row.absmax for row in found if row.kind == "update"]
        self._changed = any(value > 0 for value in updates) if updates else self._lead is not None
        self._module_orders, self._orders = self._orders, {}

    def _keep(self, call: Outer) -> None:
        if len(self.calls) < MOST_CALLS:
            self.calls.append(call)

    def _parameters(self, optimizer: Any) -> Iterable[tuple[str, Tensor]]:
        number = 0
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                known = self.names.parameter(parameter)
                yield known[0] if known else f"{self.names.numbered(optimizer)}.{number}", parameter
                number += 1

    def _introduce(self, optimizer: Any) -> None:
        group = optimizer.param_groups[0] if optimizer.param_groups else {}
        betas = group.get("betas") or (math.nan, math.nan)
        file, line, function = self.optimizer_places.get(optimizer, ("", 0, ""))
        held = [p for g in optimizer.param_groups for p in g["params"]]
        self._held.add(optimizer)
        self._sentinels[optimizer] = [p for p in held if p.numel() <= SENTINEL_SIZE][:SENTINELS] or held[:1]
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
        for row in described(self.names, self._held, self._module_orders):
            self._add(row)

    # ---- NaN and Inf

    def _sound(self, optimizer: Any) -> bool:
        """Whether a few small gradients are finite. On an accelerator that is asked in sampled steps only."""
        for parameter in self._sentinels[optimizer]:
            gradient = parameter.grad
            if gradient is None or gradient.is_sparse or (gradient.device.type != "cpu" and not self.sampling):
                continue
            if not math.isfinite(float(gradient.sum())) and not _finite(gradient):
                return False
        return True

    def _found(self, *, phase: str, loss: Tensor | None = None, optimizer: Any = None) -> None:
        place = user_place()
        self.off = True  # what is repeated is no part of the training
        row = origin(self.calls, loss, self.names, self.random_state, self.batch, phase=phase)
        self.off = False
        if phase == "backward" and not row.tensor and optimizer is not None:
            names = [n for n, p in self._parameters(optimizer) if p.grad is not None and not _finite(p.grad)]
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
