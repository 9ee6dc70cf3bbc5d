"""Treatments of what the loss gets. They change what it measures, so the control is measured under them as well."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from nndoctor.treatments.base import Arguments, Treatment

TOLERANCE = 1e-3
"""How far rows of probabilities may be from summing to one."""
SAME_SHAPE = frozenset(
    {
        "mse_loss",
        "l1_loss",
        "smooth_l1_loss",
        "huber_loss",
        "binary_cross_entropy",
        "binary_cross_entropy_with_logits",
        "sub",
        "__sub__",
        "rsub",
        "__rsub__",
        "subtract",
    }
)
"""Functions of prediction and target that broadcast; those by hand only where data meets a graph."""


PRODUCTS = frozenset({"mul", "multiply", "__mul__", "__rmul__", "__imul__", "mul_"})
HEAVY = 10.0
"""Factors from which on a term is heavy: the usual ones weigh terms of about one size, or halve and average."""


class RecoverLogits(Treatment):
    """Undoes a softmax or sigmoid in front of a loss that expects logits, or takes the logarithm that is missing.

    The logarithms of probabilities are logits, up to a constant per row that a softmax does not see.
    """

    lens = "recover-logits"

    def op(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
        """Exchange the prediction."""
        repair = _REPAIRS.get(name)
        given = args[0] if args else kwargs.get("input")
        if repair is None or not isinstance(given, Tensor) or not given.is_floating_point():
            return args, kwargs
        if args:
            return (repair(given), *args[1:]), kwargs
        return args, {**kwargs, "input": repair(given)}


class ReshapeTarget(Treatment):
    """Gives the target the shape of the prediction where both hold as many values, so that nothing broadcasts."""

    lens = "reshape-target"

    def op(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
        """Exchange the target."""
        if name not in SAME_SHAPE:
            return args, kwargs
        one = args[0] if args else kwargs.get("input")
        two = args[1] if len(args) > 1 else kwargs.get("target")
        if not (isinstance(one, Tensor) and isinstance(two, Tensor)):
            return args, kwargs
        if one.shape == two.shape or one.numel() != two.numel() or one.requires_grad == two.requires_grad:
            return args, kwargs
        if one.requires_grad:
            two = two.reshape(one.shape)
        else:
            one = one.reshape(two.shape)
        if len(args) > 1:
            return (one, two, *args[2:]), kwargs
        return ((one,), {**kwargs, "target": two}) if args else (args, {**kwargs, "input": one, "target": two})


class SoftmaxOverClasses(Treatment):
    """Normalises over the last axis where the script normalises over the batch."""

    def op(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
        """Exchange the axis."""
        if name not in ("softmax", "log_softmax") or not args or not isinstance(args[0], Tensor) or args[0].dim() < 2:
            return args, kwargs
        axis = kwargs.get("dim", args[1] if len(args) > 1 else None)
        if axis != 0:
            return args, kwargs
        if "dim" in kwargs:
            return args, {**kwargs, "dim": -1}
        return (args[0], -1, *args[2:]), kwargs


class UnweightedTerms(Treatment):
    """Takes the large constant factors out of the loss. What counts is the sum of the terms without them."""

    lens = "unweighted-terms"

    def unfit(self) -> str:
        """There has to be one."""
        return "" if self.ground.weighted else "no term of the loss has a large constant factor"

    def op(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
        """Keep the sign of the factor."""
        if not weighs(name, args):
            return args, kwargs
        return tuple(a if isinstance(a, Tensor) else math.copysign(1.0, a) for a in args), kwargs


def weighs(name: str, args: tuple[Any, ...]) -> bool:
    """Whether a function multiplies one value of the graph, as a term of a loss is one, with a large number."""
    if name not in PRODUCTS or len(args) != 2:
        return False
    tensor, factor = args if isinstance(args[0], Tensor) else args[::-1]
    if not isinstance(tensor, Tensor) or isinstance(factor, bool) or not isinstance(factor, int | float):
        return False
    return tensor.numel() == 1 and tensor.requires_grad and HEAVY <= abs(factor) < math.inf


def _logits_of_rows(given: Tensor) -> Tensor:
    return _log(given) if _probabilities(given) else given


def _log_probabilities(given: Tensor) -> Tensor:
    if _probabilities(given):
        return _log(given)
    if given.dim() > 1 and bool((given.detach().logsumexp(dim=1).abs() > TOLERANCE).any()):
        return torch.log_softmax(given, dim=1)
    return given


def _logits(given: Tensor) -> Tensor:
    values = given.detach()
    if not bool(((values >= 0) & (values <= 1)).all()):
        return given
    return _log(given) - _log(1 - given)


def _log(given: Tensor) -> Tensor:
    return given.clamp_min(torch.finfo(given.dtype).tiny).log()


def _probabilities(given: Tensor) -> bool:
    if given.dim() < 2 or given.shape[1] < 2:
        return False
    values = given.detach()
    return bool((values >= 0).all()) and bool(((values.sum(dim=1) - 1).abs() <= TOLERANCE).all())


_REPAIRS = {
    "cross_entropy": _logits_of_rows,
    "nll_loss": _log_probabilities,
    "binary_cross_entropy_with_logits": _logits,
}
