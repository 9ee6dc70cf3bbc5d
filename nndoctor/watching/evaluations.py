"""The script's own evaluations: losses computed without gradients between two training steps, summed up to one row."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from nndoctor.records import TRAIN, VALIDATION, Evaluation

if TYPE_CHECKING:
    from collections.abc import Sequence

LOSSES = (
    "cross_entropy",
    "nll_loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "mse_loss",
    "l1_loss",
    "smooth_l1_loss",
    "huber_loss",
    "kl_div",
    "gaussian_nll_loss",
    "poisson_nll_loss",
)
"""Functions of torch.nn.functional; the loss modules call them too."""
OF_CLASSES = ("cross_entropy", "nll_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits")
MOST_GUESSES = 65_536
"""Values of the predictions of a training batch that its accuracy is told from."""


@dataclass(slots=True)
class _Sum:
    loss: Any = 0.0
    hits: Any = 0.0
    samples: int = 0
    scored: int = 0


class Evaluations:
    """Adds up one pass over validation data. Sums stay on the device until the pass is over."""

    def __init__(self) -> None:
        self.sums: dict[str, _Sum] = {}

    def add(self, function: str, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any, *, split: str) -> None:
        """Take in one call of a loss function under `no_grad`; `split` is empty where it cannot be told."""
        if not isinstance(output, Tensor):
            return
        prediction = args[0] if args else kwargs.get("input")
        target = args[1] if len(args) > 1 else kwargs.get("target")
        size = prediction.shape[0] if isinstance(prediction, Tensor) and prediction.dim() else 1
        total = self.sums.setdefault(split, _Sum())
        mean = output.detach().float().mean()
        if kwargs.get("reduction") == "sum":
            mean = mean / max(1, size)
        total.loss = total.loss + mean * size
        total.samples += size
        hits = _hits(function, prediction, target)
        if hits is not None:
            total.hits, total.scored = total.hits + hits[0], total.scored + hits[1]

    def over(self, *, epoch: int) -> list[Evaluation]:
        """Return the rows of the pass that has ended, and begin anew."""
        rows = [
            Evaluation(
                split=split,
                epoch=epoch,
                loss=float(each.loss) / max(1, each.samples),
                metric="accuracy" if each.scored else "",
                score=float(each.hits) / each.scored if each.scored else math.nan,
                samples=each.samples,
            )
            for split, each in self.sums.items()
        ]
        self.sums = {}
        return rows


def split_of(loader: object | None, training: object | None) -> str:
    """Name the split that a data set is: of two data sets, the one that is trained on is known."""
    if loader is None or training is None:
        return ""
    return TRAIN if loader is training else VALIDATION


def _hits(function: str, prediction: Any, target: Any) -> tuple[Tensor, int] | None:
    """Return how many class predictions are right, of how many; None for other losses."""
    if not (isinstance(prediction, Tensor) and isinstance(target, Tensor)) or target.numel() == 0:
        return None
    right = _right(function, prediction, target)
    return None if right is None else (right.sum(), target.numel())


def _right(function: str, prediction: Tensor, target: Tensor, *, first: int = 0) -> Tensor | None:
    """Say of each class prediction whether it is right; None for other losses. `first`: dimensions before theirs."""
    if function in ("cross_entropy", "nll_loss"):
        dimensions = prediction.dim() - first
        if dimensions < 1 or target.is_floating_point() or prediction.dim() != target.dim() + 1:
            return None
        return prediction.argmax(first + (1 if dimensions > 1 else 0)) == target
    if function.startswith("binary_cross_entropy") and prediction.shape == target.shape:
        limit = 0.0 if function.endswith("logits") else 0.5
        return (prediction > limit) == (target > 0.5)
    return None


class Guesses(NamedTuple):
    """Some of a training batch's predictions with their targets, kept to be compared later."""

    function: str
    prediction: Tensor
    target: Tensor
    versions: tuple[int, int] | None = None
    """Of tensors that are the script's own: what is written to since is no longer what was compared."""

    @property
    def written(self) -> bool:
        """The script has written to one of the tensors."""
        return self.versions is not None and self.versions != (self.prediction._version, self.target._version)


@torch.no_grad()
def scores(kept: Sequence[Guesses]) -> list[float]:
    """Return the accuracy of each; those of the same shape are worked out together."""
    alike: dict[tuple[Any, ...], list[int]] = {}
    for number, each in enumerate(kept):
        key = (each.function, each.prediction.shape, each.target.shape, each.prediction.dtype, each.target.dtype)
        alike.setdefault(key, []).append(number)
    found = [math.nan] * len(kept)
    for (function, *_), numbers in alike.items():
        predictions = torch.stack([kept[n].prediction for n in numbers])
        right = _right(function, predictions, torch.stack([kept[n].target for n in numbers]), first=1)
        if right is not None:
            shares = right.reshape(len(numbers), -1).float().mean(1).tolist()
            for number, share in zip(numbers, shares, strict=True):
                found[number] = share
    # Asked last: the script runs on while this is worked out.
    return [math.nan if each.written else share for each, share in zip(kept, found, strict=True)]


def guesses(function: str, args: tuple[Any, ...], kwargs: dict[str, Any], *, copied: bool = True) -> Guesses | None:
    """Return what a training batch's accuracy can be told from, bounded; None for losses that are not of classes.

    Unless it is to be `copied`, tensors that are small and whole are kept as they are.
    """
    if function not in OF_CLASSES:
        return None
    prediction = args[0] if args else kwargs.get("input")
    target = args[1] if len(args) > 1 else kwargs.get("target")
    if not (isinstance(prediction, Tensor) and isinstance(target, Tensor)) or not target.numel():
        return None
    computed = prediction.requires_grad and not prediction._is_view()  # by torch, into memory of its own
    prediction = prediction.detach()
    if target.requires_grad:
        target = target.detach()
    excess = prediction.numel() // MOST_GUESSES
    if excess and prediction.dim() > 1 and target.dim() and len(prediction) == len(target):
        step = min(excess + 1, len(prediction))
        prediction, target = prediction[::step], target[::step]
        excess = prediction.numel() // MOST_GUESSES
        if excess and prediction.dim() > 2 and prediction.shape[-1] == target.shape[-1]:  # pixels, one by one
            prediction, target = prediction[..., :: excess + 1], target[..., :: excess + 1]
    small = computed and prediction.is_cpu and prediction.numel() <= MOST_GUESSES
    if copied or excess or not ((small or _may_be_kept(prediction)) and _may_be_kept(target)):
        return Guesses(function, prediction.clone(), target.clone())
    return Guesses(function, prediction, target, (prediction._version, target._version))


def _may_be_kept(tensor: Tensor) -> bool:
    """Whether its memory is torch's own (numpy's is written to unseen) and no more than is copied otherwise."""
    if type(tensor) is not Tensor or not tensor.is_cpu:
        return False
    memory = tensor.untyped_storage()
    return memory.resizable() and memory.nbytes() <= 4 * MOST_GUESSES
