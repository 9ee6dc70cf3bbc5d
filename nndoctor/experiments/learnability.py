"""Can anything learn the targets? Simple learners are cross-validated on the samples that the loop was given.

Kernel ridge regression has one solution for all targets at once, so that it is trained on many permutations of them
for the price of one. Extremely randomised trees see what depends on few of many columns; their predictions out of
fold are compared with permuted targets without training anew.
"""

from __future__ import annotations

import math
import time
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nndoctor.records import Learner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nndoctor.names import Place

    Array = np.ndarray[Any, Any]

FEWEST = 150
MOST_SAMPLES = 800
MOST_CLASSES = 50
FOLDS = 3
TREES = 60
PERMUTATIONS = (19, 99)
MOST_COLUMNS = 1000
"""Of permuted targets together; with many classes there are fewer permutations."""


@dataclass(frozen=True, slots=True)
class Table:
    """Features and targets by sample; `classes` is 0 where the target is a number."""

    features: Array
    targets: Array
    classes: int


@dataclass(frozen=True, slots=True)
class Guess:
    """What a learner predicts out of fold: a score for each class (or one number), and its p-value."""

    scores: Array
    quality: float
    p_value: float


def table(features: Array, targets: Array) -> Table | None:
    """Return different samples, at most so many, in a random order; None where they cannot be learnt from."""
    targets = np.asarray(targets)
    if targets.ndim == 2 and targets.shape[1] == 1:
        targets = targets[:, 0]
    if targets.ndim == 2 and bool(((targets == 0) | (targets == 1)).all() and (targets.sum(axis=1) == 1).all()):
        targets = targets.argmax(axis=1)
    if targets.ndim != 1 or len(targets) != len(features):
        return None
    binary = bool(((targets == 0) | (targets == 1)).all())
    kinds = np.unique(targets)
    discrete = targets.dtype.kind in "iub" or binary
    good = np.isfinite(features).all(axis=1) & np.isfinite(targets.astype(np.float64))
    _, first = np.unique(np.column_stack([features, targets]), axis=0, return_index=True)
    chosen = np.intersect1d(first, np.flatnonzero(good))
    chosen = np.random.default_rng(0).permutation(chosen)[:MOST_SAMPLES]
    if len(chosen) < FEWEST or len(kinds) < 2 or (discrete and len(kinds) > MOST_CLASSES):
        return None
    features, targets = features[chosen].astype(np.float64), targets[chosen]
    spread = features.std(axis=0)
    features = ((features - features.mean(axis=0)) / np.where(spread > 0, spread, 1.0))[:, spread > 0]
    if features.shape[1] == 0:
        return None
    if discrete:
        kinds, targets = np.unique(targets, return_inverse=True)
        return Table(features, targets, len(kinds)) if len(kinds) > 1 else None
    return Table(features, targets.astype(np.float64), 0) if targets.std() > 0 else None


def learners(parts: list[tuple[Array, Array]], place: Place, deadline: float) -> Iterator[Learner]:
    """Yield what simple learners make of the samples; nothing where there are too few, or of different sizes."""
    if not parts or any(x.shape[1] != parts[0][0].shape[1] or y.shape[1:] != parts[0][1].shape[1:] for x, y in parts):
        return
    known = table(np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts]))
    if known is not None:
        file, line, function = place
        yield replace(learnt(known, deadline), file=file, line=line, function=function)


def learnt(known: Table, deadline: float) -> Learner:
    """Return what the learners make of a table."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes with few samples; the script's output is the user's
        guesses = [_by_kernel(known)]
        if time.monotonic() < deadline:
            guesses.append(_by_trees(known))
    best = max(guesses, key=lambda g: g.quality)
    targets, count = known.targets, len(known.targets)
    row = Learner(
        samples=count,
        features=known.features.shape[1],
        classes=known.classes,
        score=best.quality,
        chance=float(np.bincount(targets).max()) / count if known.classes else 0.0,
        p_value=min(g.p_value for g in guesses),
        permutations=_permutations(known),
    )
    return replace(row, **_sure(known, guesses)) if known.classes and len(guesses) > 1 else row


def _permutations(known: Table) -> int:
    fewest, most = PERMUTATIONS
    return max(fewest, min(most, MOST_COLUMNS // max(1, known.classes)))


def _columns(known: Table, targets: Array) -> Array:
    """Return the targets as columns: one for each class, or the number itself."""
    return np.eye(known.classes)[targets] if known.classes else targets[:, None]


def _quality(known: Table, scores: Array, targets: Array) -> float:
    """Return accuracy or R2."""
    if known.classes:
        return float((scores.argmax(axis=1) == targets).mean())
    return float(1 - ((scores[:, 0] - targets) ** 2).mean() / targets.var())


def _folds() -> Any:
    from sklearn.model_selection import KFold

    return KFold(FOLDS, shuffle=True, random_state=0)


def _by_kernel(known: Table) -> Guess:
    from sklearn.kernel_ridge import KernelRidge
    from sklearn.model_selection import cross_val_predict

    rng = np.random.default_rng(0)
    orders = [np.arange(len(known.targets))]
    orders += [rng.permutation(len(known.targets)) for _ in range(_permutations(known))]
    columns = np.hstack([_columns(known, known.targets[order]) for order in orders])
    ridge = KernelRidge(kernel="rbf", gamma=0.5 / known.features.shape[1], alpha=1.0)
    base = columns.mean(axis=0)  # kernel ridge has no intercept
    found = base + cross_val_predict(ridge, known.features, columns - base, cv=_folds())
    found = found.reshape(len(found), len(orders), -1)
    reached = [_quality(known, found[:, i], known.targets[order]) for i, order in enumerate(orders)]
    return Guess(found[:, 0], reached[0], _p(reached[0], reached[1:]))


def _by_trees(known: Table) -> Guess:
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
    from sklearn.model_selection import cross_val_predict

    kind = ExtraTreesClassifier if known.classes else ExtraTreesRegressor
    forest = kind(n_estimators=TREES, min_samples_leaf=2, random_state=0)
    method = "predict_proba" if known.classes else "predict"
    scores = cross_val_predict(forest, known.features, known.targets, cv=_folds(), method=method)
    scores = scores.reshape(len(scores), -1)
    rng = np.random.default_rng(1)
    by_chance = [_quality(known, scores, rng.permutation(known.targets)) for _ in range(_permutations(known))]
    quality = _quality(known, scores, known.targets)
    return Guess(scores, quality, _p(quality, by_chance))


def _p(reached: float, by_chance: list[float]) -> float:
    return (1 + sum(value >= reached for value in by_chance)) / (1 + len(by_chance))


def _sure(known: Table, guesses: list[Guess]) -> dict[str, Any]:
    """Return what the two learners say of the samples that both find easiest.

    Hard samples are where learners are wrong, and know it; wrong labels are found among the easy ones too.
    """
    predicted = [g.scores.argmax(axis=1) for g in guesses]
    margins = [np.diff(np.sort(g.scores, axis=1)[:, -2:], axis=1)[:, 0] for g in guesses]
    ease = np.sum([margin.argsort().argsort() for margin in margins], axis=0)
    groups = []
    for kind in range(known.classes):
        members = np.flatnonzero(np.logical_and(*(p == kind for p in predicted)))
        groups.append(members[np.argsort(-ease[members])][: math.ceil(len(members) / 3)])
    sure = np.concatenate(groups)
    label = np.repeat(np.arange(known.classes), [len(group) for group in groups])
    wrong = known.targets[sure] != label
    best = predicted[int(np.argmax([g.quality for g in guesses]))]
    recalls = [float((best[known.targets == c] == c).mean()) for c in range(known.classes)]
    return {
        "sure": len(sure),
        "sure_wrong": int(wrong.sum()),
        "balanced": float(np.mean(recalls)),
        "pattern_p": pattern(known.features[sure], wrong, label),
    }


def pattern(features: Array, wrong: Array, label: Array) -> float:
    """Return the p-value of the pattern in the sure but wrong predictions (see `Learner.pattern_p`).

    The learners may be sure and wrong where they cannot see what matters ("not" before a word): that has a pattern.
    Labels that are wrong by accident have none, within a class. The statistic is the greatest correlation of a single
    feature with being wrong, its distribution that under permutations within the classes (Westfall and Young 1993).
    """
    rng = np.random.default_rng(2)
    columns = np.empty((len(wrong), 1 + MOST_COLUMNS // 2))
    inside = features.astype(np.float64).copy()
    for each in np.unique(label):
        members = np.flatnonzero(label == each)
        inside[members] -= inside[members].mean(axis=0)
        errors = wrong[members] - wrong[members].mean()
        columns[members] = np.column_stack([errors, *(rng.permutation(errors) for _ in range(columns.shape[1] - 1))])
    norms = np.linalg.norm(inside, axis=0)
    if not columns.any() or not norms.any():
        return math.nan
    greatest = np.abs((inside / np.where(norms > 0, norms, 1.0)).T @ columns).max(axis=0)
    return _p(float(greatest[0]), [float(value) for value in greatest[1:]])
