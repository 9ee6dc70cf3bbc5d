"""Where a prediction meets a target: calls of torch's loss functions, and the operations of hand-written losses."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.utils.weak import WeakIdKeyDictionary

from nndoctor.places import user_place
from nndoctor.probes import graph, scoring
from nndoctor.records import TRAIN, LossCall
from nndoctor.session import Listener, Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from nndoctor.conductor import Conductor
    from nndoctor.probes.batches import Batches
    from nndoctor.probes.era import Era

CLASS = frozenset({"cross_entropy", "nll_loss", "multi_margin_loss"})
BINARY = frozenset({"binary_cross_entropy", "binary_cross_entropy_with_logits", "soft_margin_loss"})
REGRESSION = frozenset({"mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"})
OTHER = frozenset(
    {
        "kl_div",
        "poisson_nll_loss",
        "gaussian_nll_loss",
        "ctc_loss",
        "hinge_embedding_loss",
        "cosine_embedding_loss",
        "margin_ranking_loss",
        "triplet_margin_loss",
        "triplet_margin_with_distance_loss",
        "multilabel_margin_loss",
        "multilabel_soft_margin_loss",
        "linear_cross_entropy",
    }
)
FUNCTIONS = CLASS | BINARY | REGRESSION | OTHER
_PAIR = ("input1", "input2", "target")
_TRIPLET = ("anchor", "positive", "negative")
COMPARED = {
    "ctc_loss": ("log_probs", "targets"),
    "cosine_embedding_loss": _PAIR,
    "linear_cross_entropy": ("input", "linear_weight", "target"),
    "margin_ranking_loss": _PAIR,
    "triplet_margin_loss": _TRIPLET,
    "triplet_margin_with_distance_loss": _TRIPLET,
}
"""The names of the tensors that a loss compares, in their order, where they are not `input` and `target`."""
WEIGHTED = frozenset({"cross_entropy", "nll_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits"})
"""Losses whose third argument is a weight; that of `ctc_loss` is lengths, that of `gaussian_nll_loss` a variance."""
DIFFERENCES = {"sub": "sub", "__sub__": "sub", "rsub": "sub", "__rsub__": "sub", "subtract": "sub"}
PRODUCTS = {"mul": "mul", "__mul__": "mul", "__rmul__": "mul", "multiply": "mul"}
PICKS = {"gather": "gather", "__getitem__": "getitem"}
PENALTIES = frozenset({"pow", "__pow__", "square", "abs", "norm"})
"""What makes a loss with floor 0 out of a difference."""
LOSS_FUNCTIONS = FUNCTIONS | DIFFERENCES.keys() | PRODUCTS.keys() | PICKS.keys() | PENALTIES
"""Every function that this probe wants to hear of."""
MOST_CALLS = 64
"""Loss calls recorded in one iteration."""


class Losses(Listener):
    """Records `LossCall`."""

    def __init__(self, session: Session, conductor: Conductor, era: Era, batches: Batches) -> None:
        self.session = session
        self.conductor = conductor
        self.era = era
        self.batches = batches
        self._rows: list[LossCall] = []
        self._difference: tuple[Tensor, int] | None = None
        self._last: tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]] | None = None
        self._score = math.nan
        self.metric = ""
        """What the score of the iteration that ended last is."""
        self.paused = False
        """Nobody wants to know now."""
        self._rebuilt: dict[tuple[str, str, int], str] = {}
        self._trained: Any = WeakIdKeyDictionary()
        """By outermost module: whether it has parameters. One that has none is a criterion, if a target meets it."""

    def score(self) -> float:
        """Return accuracy or R2 of the iteration that ended last; NaN if there was none."""
        return self._score

    def op_done(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        """Recognise a loss."""
        if self.paused or len(self._rows) >= MOST_CALLS:
            return
        if name in FUNCTIONS:
            if given := compared(name, args, kwargs):
                self._function(name, *given, kwargs, args, output)
        elif isinstance(output, Tensor) and self._outside():
            self._by_hand(name, args, output)

    def step_ended(self) -> None:
        """Keep the iteration's score."""
        rows = [row for row in self._rows if row.metric and row.requires_grad]
        self.metric = rows[0].metric if rows else ""
        weights = [row.input_shape[0] if row.input_shape else 1 for row in rows]
        total = sum(weights)
        self._score = sum(r.score * w for r, w in zip(rows, weights, strict=True)) / total if total else math.nan
        self._emit()

    def new_data(self) -> None:
        """Nothing that was held belongs to what comes."""
        self._emit()

    def _emit(self) -> None:
        rows, self._rows, self._difference = self._rows, [], None
        for row in rows:
            self.session.add(row)

    def _hold(self, row: LossCall, *, grad: bool) -> None:
        position = len(self._rows)
        self._rows.append(row)

        def settle(split: str) -> None:
            if position < len(self._rows):
                self._rows[position] = replace(self._rows[position], split=split if grad else "validation")

        self.era.hold(settle, grad=grad)

    def _function(
        self,
        name: str,
        predictions: list[Tensor],
        target: Tensor | None,
        kwargs: dict[str, Any],
        args: tuple[Any, ...],
        output: Any,
    ) -> None:
        file, line, _ = user_place()
        prediction = next((p for p in predictions if p.requires_grad), predictions[0])
        grad = prediction.requires_grad or not isinstance(output, Tensor) or output.requires_grad
        weight = kwargs.get("weight", args[2] if len(args) > 2 and name in WEIGHTED else None)
        smoothing = float(kwargs.get("label_smoothing", 0.0) or 0.0)
        if target is not None:
            self.batches.is_target(target, predictions)
        row = LossCall(
            split=TRAIN,
            index=len(self._rows),
            function=name,
            module=self._inside(file, line),
            input_shape=tuple(prediction.shape),
            target_shape=tuple(target.shape) if target is not None else (),
            input_dtype=str(prediction.dtype).removeprefix("torch."),
            target_dtype=str(target.dtype).removeprefix("torch.") if target is not None else "",
            requires_grad=prediction.requires_grad,
            target_requires_grad=target is not None and target.requires_grad,
            graph=graph.chain(prediction),
            value=float(output) if isinstance(output, Tensor) and output.numel() == 1 else math.nan,
            weighted=weight is not None or kwargs.get("pos_weight") is not None,
            label_smoothing=smoothing,
            reduction=_reduction(kwargs),
            target_is_input=target is not None and self.batches.is_input(target),
            file=file,
            line=line,
        )
        self._hold(scoring.scored(row, prediction, target, int(kwargs.get("ignore_index", -100))), grad=grad)

    def _outside(self) -> bool:
        """Whether no model runs: the script's own lines, or a criterion of its own, which has nothing to train."""
        if not self.session.stack:
            return True
        outermost = self.session.stack[0].module
        trained = self._trained.get(outermost)
        if trained is None:
            trained = self._trained[outermost] = next(outermost.parameters(), None) is not None
        return not trained

    def _is_buffer(self, tensor: Tensor) -> bool:
        """Whether a criterion keeps it (weights, quantiles): then it is no target."""
        return any(tensor is own for call in self.session.stack for own in call.module.buffers())

    def _by_hand(self, name: str, args: tuple[Any, ...], output: Tensor) -> None:
        if name in PENALTIES and self._difference is not None and args and args[0] is self._difference[0]:
            position = self._difference[1]
            if position < len(self._rows):
                self._rows[position] = replace(self._rows[position], floor=0.0)
            return
        found = DIFFERENCES.get(name) or PRODUCTS.get(name) or PICKS.get(name)
        pair = _meeting(args) if found else None
        if found is None or pair is None or not output.requires_grad:
            return
        prediction, target = pair
        if found in ("sub", "mul") and not target.is_floating_point() and target.dtype != torch.bool:
            target = target.float()
        if target.dim() == 0 or prediction.dim() == 0 or self._is_buffer(target):
            return
        file, line, _ = user_place()
        self.batches.is_target(pair[1], pair[:1])
        row = LossCall(
            index=len(self._rows),
            function=found,
            written_by_hand=True,
            module=self._inside(file, line),
            input_shape=tuple(prediction.shape),
            target_shape=tuple(target.shape),
            input_dtype=str(prediction.dtype).removeprefix("torch."),
            target_dtype=str(target.dtype).removeprefix("torch."),
            graph=graph.chain(prediction),
            target_is_input=self.batches.is_input(pair[1]),
            file=file,
            line=line,
        )
        row = scoring.scored(row, prediction, target, -100)
        if found == "sub":
            self._difference = (output, len(self._rows))
        self._hold(row, grad=True)

    def _inside(self, file: str, line: int) -> str:
        """Return the innermost module's path. A criterion that is built anew for each call keeps its first name."""
        if not self.session.stack:
            return ""
        module = self.session.stack[-1].module
        path = self.session.names.path(module)
        kind = type(module).__name__
        if path.partition("#")[0] != kind or not isinstance(module, nn.modules.loss._Loss):
            return path
        first = self._rebuilt.setdefault((kind, file, line), path)
        return path if self.session.names.is_alive(first) else first


def compared(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[list[Tensor], Tensor | None] | None:
    """Return what a loss judges, and the target that it compares it with, if it has one. None: these are no tensors."""
    names = COMPARED.get(name, ("input", "target"))
    given = [*args[: len(names)], *(kwargs[k] for k in names[len(args) :] if k in kwargs)]
    if len(given) != len(names) or not all(isinstance(t, Tensor) for t in given):
        return None
    return (given, None) if names is _TRIPLET else (given[:-1], given[-1])


def _reduction(kwargs: dict[str, Any]) -> str:
    """Return how a loss is reduced; `reduce` and `size_average` are the old names of it."""
    if kwargs.get("reduce") is False:
        return "none"
    if kwargs.get("size_average") is False:
        return "sum"
    return str(kwargs.get("reduction", "mean"))


def _meeting(args: tuple[Any, ...]) -> tuple[Tensor, Tensor] | None:
    """Return (prediction, target) where one argument carries a graph and the other, a tensor of data, does not."""
    flat = [a for arg in args for a in (arg if isinstance(arg, tuple | list) else (arg,))]
    tensors = [a for a in flat if isinstance(a, Tensor)]
    with_graph = [t for t in tensors if t.grad_fn is not None]
    without = [t for t in tensors if not t.requires_grad and t.dim() > 0]
    if len(with_graph) != 1 or not without:
        return None
    return with_graph[0], without[-1]
