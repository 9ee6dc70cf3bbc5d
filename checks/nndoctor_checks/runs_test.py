"""The runs test of Wald and Wolfowitz for any number of classes: do equal labels stand together?"""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from nndoctor_checks.tails import chi_square_above, normal_below

if TYPE_CHECKING:
    from collections.abc import Sequence


def runs(labels: Sequence[int]) -> int:
    """Return how many runs of equal labels the sequence has."""
    return sum(a != b for a, b in pairwise(labels)) + bool(labels)


def expected_runs(labels: Sequence[int]) -> float:
    """Return how many runs the same labels have on average in random order."""
    n = len(labels)
    return n + 1 - sum(c * c for c in Counter(labels).values()) / n if n else 0.0


def chance_of_so_few_runs(labels: Sequence[int]) -> float:
    """Return the probability that random order has so few runs (normal approximation), 1 where it cannot be told."""
    n, counts = len(labels), Counter(labels).values()
    if n < 2 or len(counts) < 2:
        return 1.0
    squares, cubes = sum(c**2 for c in counts), sum(c**3 for c in counts)
    variance = (squares * (squares + n * (n + 1)) - 2 * n * cubes - n**3) / (n * n * (n - 1))
    if variance <= 0:
        return 1.0
    # Half a run for continuity: the count is a whole number.
    return normal_below((runs(labels) + 0.5 - expected_runs(labels)) / math.sqrt(variance))


def chance_of_such_batches(batches: Sequence[Sequence[int]]) -> float:
    """Return the probability that batches drawn at random differ so much in their classes (chi-square test)."""
    total = Counter(label for batch in batches for label in batch)
    n = total.total()
    value = 0.0
    for batch in batches:
        counts = Counter(batch)
        for label, count in total.items():
            expected = len(batch) * count / n
            value += (counts[label] - expected) ** 2 / expected if expected else 0.0
    return chi_square_above(value, (len(batches) - 1) * (len(total) - 1))


def dominant(batch: Sequence[int]) -> int:
    """Return the most frequent class of a batch; the lowest of equals."""
    counts = Counter(batch)
    return min(counts, key=lambda label: (-counts[label], label))


def chance_of_order(batches: Sequence[Sequence[int]], *, batchwise: bool) -> float:
    """Return how likely labels in random order would be so orderly, by the most doubtful of the tests.

    Order within a batch does no harm (first the positives, then the negatives), so the batches must differ as well.
    `batchwise`: batches of one class each may come in random order, so neighbouring batches must be alike as well.
    """
    if batchwise and chance_of_so_few_runs([dominant(batch) for batch in batches]) > 0.01:
        return 1.0
    labels = [label for batch in batches for label in batch]
    return max(chance_of_so_few_runs(labels), chance_of_such_batches(batches))
