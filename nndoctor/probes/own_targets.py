"""Where the target of a loss comes from: out of the batch, or out of the network's own answer."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from nndoctor.feeds.tree import leaves
from nndoctor.fingerprint import SAMPLE, content_hash, strided
from nndoctor.places import user_place
from nndoctor.probes.losses import CLASS, FUNCTIONS, compared
from nndoctor.records import OBSERVE
from nndoctor.records.objective import LossTarget
from nndoctor.session import Call, Listener, Session

ANSWERS = frozenset(
    {
        "argmax",
        "max",
        "topk",
        "round",
        "softmax",
        "log_softmax",
        "sigmoid",
        "gt",
        "__gt__",
        "ge",
        "__ge__",
        "detach",
        "float",
        "long",
        "squeeze",
        "clone",
    }
)
"""Functions that turn scores into answers, or pass an answer on."""
MOST_VALUES = 1 << 20
"""Targets larger than this are not hashed."""
MOST_SCORES = 1 << 24
"""Scores larger than this are not followed: they would have to be held."""
MOST_CALLS = 8
"""Losses looked at in one step."""
Origin = tuple[Any, ...]


class OwnTargets(Listener):
    """Records `LossTarget`."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._origin: Any = WeakIdKeyDictionary()
        """Answer -> the scores that it was computed from."""
        self._passes: dict[int, Origin] = {}
        """Address of what a model returned -> the model and what it was called with."""
        self._held: list[Tensor] = []
        """What addresses stand for, until the step is over: its memory must not be given to other scores."""
        self._rows: list[LossTarget] = []

    def module_done(self, call: Call, output: Any) -> None:
        """Two passes of one model over the same values give the same scores (but for dropout)."""
        if self.session.experiment != OBSERVE or self.session.stack or not any(True for _ in call.module.parameters()):
            return
        given = [tensor for _, tensor in (*leaves(call.args), *leaves(call.kwargs))]
        contents = [(tuple(t.shape), content_hash(strided(t, SAMPLE))) for t in given]
        for number, (_, scores) in enumerate(leaves(output)):
            if 0 < scores.numel() <= MOST_SCORES:
                self._held.append(scores.detach())
                self._passes[scores.data_ptr()] = (id(call.module), number, *contents)

    def op_done(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        """Follow answers from the scores to a loss."""
        if self.session.experiment != OBSERVE:
            return
        if name in FUNCTIONS:
            self._loss(name, args, kwargs, output)
        elif name in ANSWERS and not self.session.stack and args and isinstance(args[0], Tensor):
            origin = self._origin_of(args[0])
            if origin is None:
                return
            for made in output if isinstance(output, tuple) else (output,):
                if isinstance(made, Tensor) and made is not args[0]:
                    self._origin[made] = origin

    def step_ended(self) -> None:
        """Record what led to a training step."""
        for row in self._rows:
            self.session.add(row)
        self.new_data()

    def new_data(self) -> None:
        """What ran before is no part of a training step."""
        self._rows.clear()
        self._origin.clear()
        self._passes.clear()
        self._held.clear()

    def _origin_of(self, tensor: Tensor) -> Origin | None:
        known: Origin | None = self._origin.get(tensor)
        if known is not None or not 0 < tensor.numel() <= MOST_SCORES:
            return known
        self._held.append(tensor.detach())
        return self._passes.get(tensor.data_ptr(), (tensor.data_ptr(),))

    def _loss(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        given = compared(name, args, kwargs)
        target = given[1] if given else None
        if given is None or target is None or len(self._rows) >= MOST_CALLS:
            return
        prediction = given[0][0]
        if not prediction.requires_grad or target.requires_grad or target.numel() > MOST_VALUES:
            return
        file, line, _ = user_place()
        self._rows.append(
            LossTarget(
                function=name,
                own=target in self._origin and self._origin[target] == self._origin_of(prediction),
                content=content_hash(target),
                value=float(output) if isinstance(output, Tensor) and output.numel() == 1 else math.nan,
                classes=name in CLASS and not target.is_floating_point(),
                file=file,
                line=line,
            )
        )
