"""The experiment `trace`: where the first NaN or Inf came from.

The run is repeated from its start state on the same batches; in the step in which it broke, the result of every
operation is looked at, and every node of the backward pass. Infinite values that are made on purpose (masks filled
with -inf before a softmax) are no origin: they become one only where an operation turns them into NaN.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from nndoctor.feeds.tree import leaves
from nndoctor.places import source_line, user_place
from nndoctor.records import OBSERVE, TRACE, NonFinite
from nndoctor.session import Call, Listener, Pass, Session

if TYPE_CHECKING:
    from nndoctor.conductor import Conductor
    from nndoctor.probes.batches import Batches

MASKS = frozenset(
    {
        "masked_fill",
        "masked_fill_",
        "full",
        "full_like",
        "where",
        "triu",
        "tril",
        "fill_",
        "__setitem__",
        "new_full",
        "zeros",
        "empty",
        "add",
        "__add__",
        "expand",
        "view",
        "reshape",
        "unsqueeze",
        "to",
        "repeat",
        "float",
        "transpose",
    }
)
"""Operations that make or carry a mask; an infinity of theirs is intended until something trips over it."""


@dataclass(slots=True)
class Origin:
    """What is known of the operation that made a tensor non-finite."""

    row: NonFinite
    intended: bool = False


class Tracer(Listener):
    """Records `NonFinite`, during the experiment `trace` only."""

    def __init__(self, session: Session, conductor: Conductor, batches: Batches) -> None:
        self.session = session
        self.conductor = conductor
        self.batches = batches
        self._origins: Any = WeakIdKeyDictionary()
        self._nodes: dict[Any, NonFinite] = {}
        self._found: NonFinite | None = None
        self._handles: list[Any] = []
        self._told: set[int] = set()

    def _active(self) -> bool:
        return self.session.experiment == TRACE and self._found is None

    def outer_call(self, call: Call) -> None:
        """Before anything runs: are the weights and the data finite?"""
        if not self._active():
            return
        for name, parameter in call.module.named_parameters():
            if not _finite(parameter):
                phase = "weights" if self.session.step == 0 else "optimizer"
                self._conclude(NonFinite(phase=phase, what=_what(parameter), tensor=name, inputs=summary([parameter])))
                return
        for path, tensor in (*leaves(call.args), *leaves(call.kwargs)):
            if tensor.is_floating_point() and not _finite(tensor) and self.batches.of(tensor) is not None:
                self._conclude(NonFinite(phase="data", what=_what(tensor), tensor=path, inputs=summary([tensor])))
                return

    def op_done(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        """Look at the result of an operation, and remember who made it."""
        if not self._active():
            return
        inputs = [t for _, t in leaves((args, kwargs)) if t.is_floating_point()]
        for _, tensor in leaves(output):
            if tensor.grad_fn is not None:
                self._nodes[tensor.grad_fn] = self._here(name, inputs, tensor)
            if tensor.is_floating_point() and not _finite(tensor):
                self._spoilt(name, inputs, tensor)

    def _spoilt(self, name: str, inputs: list[Tensor], output: Tensor) -> None:
        for tensor in inputs:
            origin = self._origins.get(tensor)
            if origin is not None and not (origin.intended and bool(torch.isnan(output).any())):
                self._origins[output] = origin
                return
        row = self._here(name, inputs, output)
        bad = [t for t in inputs if not _finite(t)]
        if bad and not any(t in self._origins for t in bad):
            row = self._unseen(row, bad[0])
        intended = name in MASKS and not bool(torch.isnan(output).any())
        self._origins[output] = Origin(row, intended)

    def _unseen(self, row: NonFinite, tensor: Tensor) -> NonFinite:
        """The input was already non-finite and no operation was seen to make it so."""
        known = self.session.names.parameter(tensor)
        if known is not None:
            phase = "weights" if self.session.step == 0 else "optimizer"
            return replace(row, phase=phase, tensor=known[0], inputs=summary([tensor]))
        leaf = self.batches.of(tensor)
        if leaf is not None:
            return replace(row, phase="data", tensor=leaf.path, inputs=summary([tensor]))
        made_by = type(tensor.grad_fn).__name__ if tensor.grad_fn is not None else row.operation
        return replace(row, operation=made_by)

    def _here(self, name: str, inputs: list[Tensor], output: Tensor) -> NonFinite:
        file, line, function = user_place()
        inside = self.session.names.path(self.session.stack[-1].module) if self.session.stack else ""
        return NonFinite(
            phase="forward",
            what=_what(output),
            operation=name.strip("_"),
            module=inside,
            inputs=summary(inputs),
            code=source_line(file, line) if file else "",
            file=file,
            line=line,
            function=function,
        )

    def backward_begins(self, this: Pass) -> None:
        """The forward pass is over: either the loss is spoilt by now, or the gradients are going to be."""
        if not self._active():
            return
        for root in this.roots:
            if not _finite(root):
                origin = self._origins.get(root)
                self._conclude(origin.row if origin is not None else NonFinite(phase="unknown", what=_what(root)))
                return
        self._watch_nodes(this)

    def _watch_nodes(self, this: Pass) -> None:
        """Hook every node of the graph; one without a known operation belongs to the one that consumed it."""
        seen: set[Any] = set()
        stack: list[tuple[Any, NonFinite | None]] = [(root.grad_fn, None) for root in this.roots if root.grad_fn]
        while stack:
            node, owner = stack.pop()
            if node is None or node in seen:
                continue
            seen.add(node)
            owner = self._nodes.get(node, owner)
            if type(node).__name__ != "AccumulateGrad":
                self._handles.append(node.register_hook(self._watch(node, owner)))
                stack.extend((above, owner) for above, _ in node.next_functions)

    def _watch(self, node: Any, owner: NonFinite | None) -> Any:
        kind = type(node).__name__

        def look(passed_on: tuple[Tensor | None, ...], received: tuple[Tensor | None, ...]) -> None:
            if self._found is not None or all(t is None or _finite(t) for t in passed_on):
                return
            if all(t is None or _finite(t) for t in received):
                bad = next(t for t in passed_on if t is not None and not _finite(t))
                row = owner if owner is not None else NonFinite()
                self._found = replace(row, phase="backward", operation=kind, what=_what(bad))

        return look

    def backward_ended(self, this: Pass) -> None:
        """Take the hooks off again."""
        for handle in self._handles:
            handle.remove()
        self._handles, self._nodes = [], {}
        if self._found is not None:
            found, self._found = self._found, None
            self._conclude(found)

    def step_ended(self) -> None:
        """Finite gradients and a parameter that is not: the update did it."""
        if not self._active():
            return
        for tensor in self.conductor.owned.trained_tensors():
            if not _finite(tensor):
                known = self.session.names.parameter(tensor)
                name = known[0] if known is not None else "a tensor"
                self._conclude(NonFinite(phase="optimizer", what=_what(tensor), tensor=name))
                return
        self._origins, self._nodes = WeakIdKeyDictionary(), {}

    def diet_ended(self, name: str) -> None:
        """Whatever was not found again is said to be unknown."""
        if name == TRACE:
            if self.session.segment not in self._told:
                self._conclude(NonFinite(phase="unknown"))
            self._found = None

    def _conclude(self, row: NonFinite) -> None:
        if self.session.segment in self._told:
            return
        self._found = row
        self._told.add(self.session.segment)
        step = max(0, self.conductor.wanted_steps() - 1)  # where `observe` broke; a replay may break earlier
        self.session.recorder.add(replace(row, experiment=OBSERVE, segment=self.session.segment, step=step))


def summary(tensors: list[Tensor]) -> str:
    """Say in a few words what went in: range, zeros, and what was not finite."""
    words = []
    for tensor in tensors[:3]:
        values = tensor.detach().float().reshape(-1)
        good = values[torch.isfinite(values)]
        if good.numel() == 0:
            words.append("no finite value")
            continue
        text = f"min {float(good.min()):.3g}, max {float(good.max()):.3g}"
        zeros, bad = int((good == 0).sum()), values.numel() - good.numel()
        text += f", {zeros} of {values.numel()} are zero" if zeros else ""
        text += f", {bad} of {values.numel()} not finite" if bad else ""
        words.append(text)
    return "; ".join(words)


def _finite(tensor: Tensor) -> bool:
    if not tensor.is_floating_point() or tensor.numel() == 0:
        return True
    total = float(tensor.detach().float().sum())  # a NaN shows in the sum, at a fraction of the price of isfinite
    return math.isfinite(total) or bool(torch.isfinite(tensor).all())


def _what(tensor: Tensor) -> str:
    return "nan" if bool(torch.isnan(tensor).any()) else "inf"
