"""Tail probabilities of textbook distributions: how likely would chance alone have given this count?"""

from __future__ import annotations

import math
from statistics import fmean, stdev
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def normal_below(z: float) -> float:
    """Return the probability that a standard normal variable is at most `z`."""
    return 0.5 * math.erfc(-z / math.sqrt(2))


def poisson_at_most(count: int, expected: float) -> float:
    """Return the probability of at most `count` events where `expected` are expected."""
    if expected <= 0:
        return 1.0
    logs = [k * math.log(expected) - expected - math.lgamma(k + 1) for k in range(count + 1)]
    return min(1.0, sum(math.exp(log) for log in logs))


def binomial_at_least(count: int, trials: int, probability: float) -> float:
    """Return the probability of at least `count` successes in independent trials."""
    if count <= 0 or probability >= 1:
        return 1.0
    if probability <= 0:
        return 0.0
    total = 0.0
    for k in range(count, trials + 1):
        ways = math.lgamma(trials + 1) - math.lgamma(k + 1) - math.lgamma(trials - k + 1)
        total += math.exp(ways + k * math.log(probability) + (trials - k) * math.log1p(-probability))
    return min(1.0, total)


def chi_square_above(value: float, freedom: int) -> float:
    """Return the probability of a larger chi-square value (Wilson and Hilferty's cube-root approximation)."""
    if freedom < 1 or not value > 0:
        return 1.0
    spread = 2 / (9 * freedom)
    return normal_below(-(math.cbrt(value / freedom) - 1 + spread) / math.sqrt(spread))


def standard_score(values: Sequence[float]) -> float:
    """Return the mean of the values in units of its own standard error, 0 where that cannot be told."""
    if len(values) < 2:
        return 0.0
    mean, error = fmean(values), stdev(values) / math.sqrt(len(values))
    if error == 0:
        return math.copysign(math.inf, mean) if mean else 0.0
    return mean / error
