"""What surrounds the steps: gradients and dropout in validation, clipping, schedulers, graphs that are kept."""

from __future__ import annotations

import gc
import math
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from weakref import ref

import torch
from torch import Tensor

from nndoctor.feeds.tree import leaves
from nndoctor.places import user_place
from nndoctor.records import OBSERVE, VALIDATION, Clipping, DropoutCall, KeptGraphs, SchedulerStep, ValidationCall
from nndoctor.session import Call, Listener, Pass, Session

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nndoctor.conductor import Conductor
    from nndoctor.names import Place
    from nndoctor.probes.era import Era

ATTENTION = "scaled_dot_product_attention"
DROPOUTS = frozenset({"dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout"})
DROPOUT_FUNCTIONS = DROPOUTS | {ATTENTION}
"""Every function that this probe wants to hear of."""
OLD = 10
"""Steps after which nothing but a reference of the script's keeps a graph alive."""
NEAR = 3
"""Nodes that are watched from the loss upwards: it may have been scaled or divided before `backward`."""
MOST_WATCHED = 500


class Sentinel:
    """Lives exactly as long as the node of the graph whose metadata hold it."""

    __slots__ = ("__weakref__",)


@dataclass(slots=True)
class Watched:
    """The nodes near one loss."""

    step: int
    nodes: list[ref[Sentinel]]

    def alive(self) -> bool:
        """Whether any of the nodes still exists."""
        return any(node() is not None for node in self.nodes)


class Practice(Listener):
    """Records `ValidationCall`, `DropoutCall`, `Clipping`, `SchedulerStep` and `KeptGraphs`."""

    def __init__(self, session: Session, conductor: Conductor, era: Era) -> None:
        self.session = session
        self.conductor = conductor
        self.era = era
        self._asked = False
        self._calls: dict[tuple[int, str], ValidationCall] = {}
        self._dropouts: dict[tuple[int, str], DropoutCall] = {}
        self._latest_input: ref[Tensor] | None = None
        self._same_input = False
        self._steps: defaultdict[int, int] = defaultdict(int)
        self._passes: defaultdict[int, int] = defaultdict(int)
        self._scale = 1.0
        self._watched: list[Watched] = []
        self._place: Place = ("", 0, "")

    # ---- validation

    def gradient_asked(self) -> None:
        """The script differentiates with respect to something that it does not train."""
        self._asked = True

    def outer_call(self, call: Call) -> None:
        """Note whether the model gets the same tensor again."""
        if call.module.training:
            return
        first = next((t for _, t in leaves(call.args)), None)
        latest = self._latest_input() if self._latest_input is not None else None
        self._same_input = first is not None and first is latest
        self._latest_input = ref(first) if first is not None else None

    def module_done(self, call: Call, output: Any) -> None:
        """Count the calls of models on data of another loader than the training one."""
        if self.session.stack or self.conductor.feed != "loader" or next(call.module.parameters(), None) is None:
            return
        graph = any(tensor.requires_grad for _, tensor in leaves(output))
        wanted = any(t.requires_grad for _, t in (*leaves(call.args), *leaves(call.kwargs)))
        name = self.session.names.path(call.module)

        def settle(split: str) -> None:
            if split != VALIDATION:
                return
            key = (self.session.segment, name)
            row = self._calls.get(key, ValidationCall(module=name))
            file, line, function = call.place if graph or not row.file else (row.file, row.line, row.function)
            self._calls[key] = row = replace(
                row,
                calls=row.calls + 1,
                graphs=row.graphs + graph,
                wanted=row.wanted or wanted or self._asked,
                file=file,
                line=line,
                function=function,
            )
            self.session.add(row)

        self.era.hold(settle, grad=graph)

    def op_done(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        """Recognise a functional dropout that is on in a module that is in eval mode."""
        if name not in DROPOUT_FUNCTIONS or not self.session.stack:
            return
        owner, root = self.session.stack[-1].module, self.session.stack[0].module
        p = _rate(name, args, kwargs)
        if not p > 0 or owner.training or root.training:
            return
        if type(owner).__module__.startswith("torch.nn."):
            return  # torch's own modules pass their mode on
        inside = f"{self.session.names.path(owner)}.{name}"
        file, line, function = user_place()
        repeated = self._same_input

        def settle(split: str) -> None:
            if split != VALIDATION:
                return
            key = (self.session.segment, inside)
            row = self._dropouts.get(key, DropoutCall(name=inside, function=name))
            self._dropouts[key] = row = replace(
                row,
                p=p,
                calls=row.calls + 1,
                repeated=row.repeated + repeated,
                file=file,
                line=line,
                function=function,
            )
            self.session.add(row)

        grad = isinstance(output, Tensor) and output.requires_grad
        self.era.hold(settle, grad=grad)

    # ---- clipping and schedules

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Count the steps of each optimizer."""
        self._steps[id(optimizer)] += 1
        self._passes[id(optimizer)] = 0

    def clipped(self, parameters: list[Tensor], max_norm: float, norm: Any) -> None:
        """Record a call of `clip_grad_norm_`; `norm` is that before it."""
        if self.session.experiment != OBSERVE or not self.conductor.trained_once:
            return
        file, line, function = user_place()
        holder = self._holder(parameters)
        after = holder is not None and self._steps[id(holder)] > 0 and self._passes[id(holder)] == 0
        self.session.add(
            Clipping(
                max_norm=float(max_norm),
                norm=float(norm),
                scale=1.0 if holder is None or self._unscaled(holder) else self._scale,
                after_step=after,
                file=file,
                line=line,
                function=function,
            )
        )

    def scheduler_stepped(self, scheduler: Any) -> None:
        """Record a step of a scheduler that the script itself made."""
        if self.session.experiment != OBSERVE or not user_place()[0]:
            return
        optimizer = getattr(scheduler, "optimizer", None)
        if optimizer is None:
            return
        rates = [float(group["lr"]) for group in optimizer.param_groups if "lr" in group]
        file, line, function = user_place()
        self.session.add(
            SchedulerStep(
                name=self.session.names.numbered(scheduler),
                type=type(scheduler).__name__,
                optimizer_steps=self._steps[id(optimizer)],
                lr=max(rates, default=math.nan),
                scaled=any(isinstance(each, torch.amp.GradScaler) for each in self.conductor.owned.stateful),
                file=file,
                line=line,
                function=function,
            )
        )

    def _holder(self, parameters: Iterable[Tensor]) -> torch.optim.Optimizer | None:
        wanted = {id(p) for p in parameters}
        for optimizer in list(self.conductor.owned.optimizers):
            if any(id(p) in wanted for group in optimizer.param_groups for p in group["params"]):
                return optimizer
        return None

    def _unscaled(self, optimizer: torch.optim.Optimizer) -> bool:
        """Whether a GradScaler has taken its factor off this optimizer's gradients since the last step."""
        for scaler in list(self.conductor.owned.stateful):
            states = getattr(scaler, "_per_optimizer_states", None)
            if states is not None and id(optimizer) in states:
                return getattr(states[id(optimizer)].get("stage"), "name", "") != "READY"
        return False

    # ---- graphs that are kept

    def backward_begins(self, this: Pass) -> None:
        """Hang a sentinel into the graph near the loss."""
        for optimizer in list(self.conductor.owned.optimizers):
            self._passes[id(optimizer)] += 1
        self._scale = this.scale
        if self.session.experiment != OBSERVE or this.inputs or len(self._watched) >= MOST_WATCHED:
            return
        nodes = []
        node = this.roots[0].grad_fn if this.roots else None
        for _ in range(NEAR):
            metadata = getattr(node, "metadata", None)
            if metadata is None or type(node).__name__ == "AccumulateGrad":
                break
            sentinel = Sentinel()
            metadata["nndoctor"] = sentinel
            nodes.append(ref(sentinel))
            node = next((above for above, _ in node.next_functions if above is not None), None)  # type: ignore[union-attr]
        if nodes:
            self._watched.append(Watched(self.session.step, nodes))
            self._place = this.place

    def diet_ended(self, name: str) -> None:
        """Count the old graphs that are still there."""
        watched, self._watched = self._watched, []
        if name != OBSERVE:
            return
        old = [each for each in watched if each.step <= self.session.step - OLD]
        alive = sum(each.alive() for each in old)
        if alive * 2 > len(old):
            gc.collect()  # a cycle that is about to be freed is not kept
            alive = sum(each.alive() for each in old)
        file, line, function = self._place
        if old:
            self.session.add(KeptGraphs(losses=len(old), alive=alive, file=file, line=line, function=function))


def _rate(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> float:
    """Return the rate of a dropout that is switched on, 0 of one that is off."""
    with suppress(TypeError, ValueError):
        if name == ATTENTION:
            return float(kwargs.get("dropout_p", args[4] if len(args) > 4 else 0.0))
        on = kwargs.get("training", kwargs.get("train", args[2] if len(args) > 2 else True))
        return float(kwargs.get("p", args[1] if len(args) > 1 else 0.5)) if on else 0.0
    return 0.0
