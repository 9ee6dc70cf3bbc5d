"""The plan of `nndoctor ladder`: 1, 10, 100 ... samples, each rung from the start state, until one is not fitted."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from statistics import fmean
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from nndoctor.experiments.diet import Diet, Result
from nndoctor.feeds.tree import clone, leaves, replaced
from nndoctor.records import OBSERVE, Experiment, Rung

if TYPE_CHECKING:
    from collections.abc import Generator

    from nndoctor.conductor import Conductor

RUNGS = (1, 10, 100, 1_000, 10_000)
LADDER = "ladder"
PASSES = 40
"""Passes over the samples of a rung."""
FEWEST_STEPS = 300
"""Steps on few samples: any network that learns at all fits 16 of them in fewer."""
HELD_OUT_BATCHES = 8
COLLECTED = 0.25
"""Share of the budget for drawing the samples."""
FITTED_SCORE = 0.95
FITTED_LOSS = 0.1
"""Share of the first loss that may be left where there is no score."""
CLIMBED = ("fitted", "learnt")
MANY = 100
"""Samples from which a network need not know each by heart."""
LEARNT = (0.8, 1.25)
"""Share of the first loss that is left, and the held-out loss over it: something was learnt, and it carries over."""
STILL_FALLING = 0.97
"""The loss of the last quarter over that of the third, below which a run is not at its end."""


Part = tuple[Any, int]
"""An iteration in the form in which it was recorded, and its number of samples."""


def ladder(conductor: Conductor) -> Generator[Diet, Result, None]:
    """Yield the diets: the script's own batches to draw from, then a rung after the other."""
    conductor.ending.seconds = 0.0  # what the script does afterwards is of no interest here
    budget = conductor.session.config.budget
    epoch = conductor.session.epoch
    size = max(1, conductor.store.batch_size)
    wanted = math.ceil(1.25 * RUNGS[-1] / size) + 1
    if conductor.feed != "loader":  # such a loop has an end, and every step that is observed is one less for the rungs
        wanted = min(wanted, conductor.session.config.steps)
    observed = yield Diet(
        name=OBSERVE,
        wanted=max(2, wanted),
        least=2,
        seconds=COLLECTED * budget,
        enough=lambda _result: conductor.session.epoch > epoch,
    )
    conductor.resume = conductor.owned.snapshot()
    why = _cannot_climb(conductor, observed)
    if why:
        conductor.session.add(Experiment(name=LADDER, outcome="skipped", why=why))
        return
    content = conductor.store.content
    content = content[:-1] if conductor.session.epoch > epoch and len(content) > 1 else content  # of the next pass
    pool, held_out = _split(content, conductor.store.batch_size)
    sizes = [n for n in RUNGS if n < _count(pool)]
    if not sizes or (len(sizes) < len(RUNGS) and _count(pool) > 1.5 * sizes[-1]):
        sizes.append(_count(pool))
    for number, samples in enumerate(sizes):
        seconds = conductor.left() / (len(sizes) - number)
        if seconds <= 0:
            return
        rung = yield from _rung(conductor, pool, held_out, samples, 0.9 * seconds)
        conductor.session.add(rung)
        if rung.outcome not in CLIMBED:
            return


def _cannot_climb(conductor: Conductor, observed: Result) -> str:
    if observed.objectives > 1:
        return "several objectives are minimised in turn: none of them need fall"
    if observed.non_finite_at >= 0:
        return "the training on all samples became NaN or Inf"
    if conductor.batches_a_step() > 1:
        return "an optimizer step takes several batches (gradient accumulation)"
    if conductor.store.batch_size < 2:
        return "the samples of a batch could not be told apart"
    return ""


def _rung(
    conductor: Conductor, pool: list[Part], held_out: list[Part], samples: int, seconds: float
) -> Generator[Diet, Result, Rung]:
    content = _first(pool, samples)
    wanted = max(FEWEST_STEPS, PASSES * len(content))
    result = yield Diet(
        name=f"{LADDER}:{samples}",
        wanted=wanted,
        least=min(wanted, len(content)),
        seconds=seconds,
        content=content,
        peak_lr=True,
        enough=lambda so_far: fitted(so_far, len(content)),
    )
    last = max(3, len(content))
    rung = Rung(
        samples=samples,
        batches=len(content),
        steps=len(result.losses),
        outcome=_outcome(result, len(content), wanted),
        seconds=result.seconds / max(1, len(result.losses)),
        first_loss=result.losses[0] if result.losses else math.nan,
        loss=_mean(result.losses[-last:]),
        score=_mean(result.scores[-last:]),
    )
    conductor.session.add(rung)
    if not held_out or not conductor.rates_reach():
        return rung
    for module in list(conductor.session.names.modules):
        module.training = False
    tried = yield Diet(
        name=f"{LADDER}:{samples}:held-out",
        wanted=len(held_out),
        least=1,
        seconds=max(1.0, 0.1 * seconds),
        content=[one for one, _ in held_out],
        rate=lambda _step: 0.0,
        restore=False,
    )
    rung = replace(
        rung,
        held_out=_count(held_out),
        held_out_loss=_mean(tried.losses),
        held_out_score=_mean(tried.scores),
    )
    return replace(rung, outcome="learnt") if _learnt(rung) else rung


def _learnt(rung: Rung) -> bool:
    """Whether a rung of many samples, though not known by heart, has taught what holds for others."""
    left, behind = LEARNT
    gone = rung.loss <= left * rung.first_loss and rung.held_out_loss <= behind * rung.loss
    return rung.outcome == "stuck" and rung.samples >= MANY and gone


def fitted(result: Result, batches: int) -> bool:
    """Whether the last pass over the samples was right: by its score, or by the loss where it has none."""
    last = max(3, batches)
    losses, scores = result.losses[-last:], result.scores[-last:]
    if len(losses) < last or result.non_finite_at >= 0 or not all(map(math.isfinite, losses)):
        return False
    start = result.losses[0]
    if all(map(math.isfinite, scores)):
        return fmean(scores) >= FITTED_SCORE and fmean(losses) <= 0.5 * start
    return fmean(losses) <= FITTED_LOSS * start


def _outcome(result: Result, batches: int, wanted: int) -> str:
    if fitted(result, batches):
        return "fitted"
    quarter = max(1, len(result.losses) // 4)
    third, last = _mean(result.losses[-2 * quarter : -quarter]), _mean(result.losses[-quarter:])
    over = len(result.losses) < wanted and result.non_finite_at < 0
    return "falling" if over and last < STILL_FALLING * third else "stuck"


def _mean(values: list[float]) -> float:
    known = [v for v in values if math.isfinite(v)]
    return fmean(known) if known else math.nan


def _split(content: list[Any], usual: int) -> tuple[list[Part], list[Part]]:
    """Return what is trained on and what is held out: whole iterations, or rows of the one that is always the same."""
    if len(content) >= 3 and not _same(content[0], content[1]):
        parts = [(one, _size(one, usual)) for one in content]
        kept = max(1, min(HELD_OUT_BATCHES, len(parts) // 5))
        return parts[:-kept], parts[-kept:]
    first = usual - max(1, usual // 5)
    return [(_rows(content[0], usual, 0, first), first)], [(_rows(content[0], usual, first, usual), usual - first)]


def _first(pool: list[Part], samples: int) -> list[Any]:
    """Return iterations that hold so many samples, about as many in each."""
    whole, size = pool[0]
    if samples == 1:
        return [_rows(whole, size, 0, 1, twice=True)]
    count = min(len(pool), math.ceil(samples / size))
    bounds = [round(i * samples / count) for i in range(count + 1)]
    shares = [b - a for a, b in pairwise(bounds)]
    return [_rows(one, size, 0, min(share, size)) for (one, size), share in zip(pool, shares, strict=False)]


def _count(parts: list[Part]) -> int:
    return sum(size for _, size in parts)


def _size(iteration: Any, usual: int) -> int:
    """Return the number of samples: the usual one, or (last batch of an epoch) the first dimension of most tensors."""
    sizes = [t.shape[0] for t in _tensors(iteration) if t.dim() > 0]
    return usual if usual in sizes or not sizes else max(set(sizes), key=sizes.count)


def _rows(iteration: Any, size: int, begin: int, end: int, *, twice: bool = False) -> Any:
    """Return some samples of an iteration. One alone is given `twice`: BatchNorm and `squeeze` stumble over it."""

    def shorter(_path: str, tensor: Tensor) -> Tensor:
        if tensor.dim() == 0 or tensor.shape[0] != size:
            return tensor
        kept = tensor[begin:end]
        return torch.cat([kept, kept]) if twice else kept

    if isinstance(iteration, dict):
        return {slot: shorter("", tensor) for slot, tensor in iteration.items()}
    return replaced(clone(iteration), shorter)


def _same(one: Any, other: Any) -> bool:
    first, second = _tensors(one), _tensors(other)
    return len(first) == len(second) and all(
        a.shape == b.shape and torch.equal(a, b) for a, b in zip(first, second, strict=True)
    )


def _tensors(iteration: Any) -> list[Tensor]:
    return list(iteration.values()) if isinstance(iteration, dict) else [t for _, t in leaves(iteration)]
