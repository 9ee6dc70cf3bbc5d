"""R10 single-label-batches."""

from __future__ import annotations

from collections import Counter
from statistics import fmean
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, check
from nndoctor.records import TRAIN, Batch, LossCall
from nndoctor_checks.batches import by_leaf, is_float, place_of, samples, training_batches, width
from nndoctor_checks.label_streams import adversarial, different_batches, single, streams
from nndoctor_checks.observed import observed
from nndoctor_checks.tails import binomial_at_least

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nndoctor_checks.label_streams import Stream


@check(
    "single-label-batches",
    reason="R10",
    severity=Severity.ERROR,
    needs=[Batch],
    explains=[
        "collapsed-predictions",
        "dead-relu",
        "ignores-input",
        "initial-loss",
        "learning-rate-too-high",
        "update-ratio",
    ],
    treatments=["shuffle"],
)
def single_label_batches(
    run: Recording,
    *,
    share: float = 0.5,  # over half of the batches
    min_batch: int = 4,  # of three samples, all are often of one class
    min_batches: int = 5,
    risk: float = 1e-4,  # that random batches of these classes would so often hold a single one
) -> Iterator[Finding]:
    """Most batches hold samples of a single class.

    ## What it does
    Reports a classification task in which over `share` of the training batches (of at least `min_batch` samples) hold
    one class only, and far more of them than random batches of the same classes would. With small batches or one
    dominant class, single-label batches are bound to happen and are not reported. Where each sample has many labels
    (pixels, tokens), it reports that all labels of all batches are of one class.

    ## Why is this bad?
    Each step then pulls the network towards one class for everything, and the next towards another. Most of the
    gradient is this swinging of the biases, normalisation layers see the statistics of one class at a time, and the
    network forgets what it has just learnt.

    ## Example
    ```python
    loader = DataLoader(dataset, batch_sampler=OneClassAtATime(labels, 16))
    ```

    Use instead:
    ```python
    loader = DataLoader(dataset, batch_size=16, shuffle=True)
    ```

    ## Known problems
    Tasks that come one after the other by design (continual learning) look the same.

    ## References
    - Yoshua Bengio, Practical Recommendations for Gradient-Based Training of Deep Architectures, 2012 (section 2.1)
    - Slav Ivanov, 37 Reasons why your Neural Network is not working, 2017 (reason 10)
    """
    judged = 0
    for stream in streams(run):
        batches = [b for b in stream.batches if len(b) >= min_batch]
        if stream.continuous or len(batches) < min_batches or adversarial(run, stream.segment):
            continue
        judged += 1
        hits = [b for b in batches if single(b)]
        if len(hits) <= share * len(batches) or different_batches(run, stream) < min_batches:
            continue
        seen = {b[0] for b in hits}
        if len(seen) > 1:
            usual = _usual_share(batches)
            if binomial_at_least(len(hits), len(batches), usual) < risk:
                yield _finding(run, stream, len(hits), batches, usual)
        elif len(hits) == len(batches) and _learnt(run, stream.segment):
            total = sum(map(len, batches))
            yield _constant(run, stream.source, (total, len(batches)), batches[0][0], sure=total >= 500)
    maps = list(_maps(run, min_batches))
    yield from maps
    if not judged and not maps:
        raise Skip(f"fewer than {min_batches} batches of at least {min_batch} class labels were seen")


def _maps(run: Recording, min_batches: int) -> Iterator[Finding]:
    """Yield a finding for targets of many labels each (pixels, tokens) that are all of one class."""
    for segment, rows in training_batches(run).items():
        for (source, _), batches in by_leaf(rows).items():
            values = {value for b in batches for value in (b.min, b.max)}
            many = all(b.role == "target" and width(b) > 1 and not is_float(b) for b in batches)
            if not many or len(values) > 1 or len(batches) < min_batches or adversarial(run, segment):
                continue
            if _learnt(run, segment):
                labels = sum(samples(b) * width(b) for b in batches)
                # Images in which there is nothing to find may be by far the most.
                yield _constant(run, source, (labels, len(batches)), int(values.pop()), sure=False)


def _usual_share(batches: Sequence[Sequence[int]]) -> float:
    """Return the share of batches that would hold one class if the same labels were dealt out at random."""
    counts = Counter(label for batch in batches for label in batch)
    total = counts.total()
    return fmean(sum((count / total) ** len(batch) for count in counts.values()) for batch in batches)


def _learnt(run: Recording, segment: int) -> bool:
    """Whether a classification loss gets these labels, so that a constant is no unused part of the batch."""
    calls = [c for c in observed(run, LossCall) if c.split == TRAIN and c.segment == segment]
    scored = [c for c in calls if c.metric in ("accuracy", "binary-accuracy")]
    return bool(scored) and all(c.distinct_targets == 1 for c in scored)


def _finding(run: Recording, stream: Stream, hits: int, batches: Sequence[Sequence[int]], usual: float) -> Finding:
    classes = len({label for batch in batches for label in batch})
    return Finding(
        message=f"{hits} of {len(batches)} training batches hold a single class, although {classes} classes were "
        f"seen; in random batches of this size it would be {usual:.1%}.",
        advice="Mix the classes within each batch: `DataLoader(dataset, batch_size=..., shuffle=True)`. A batch "
        "sampler of your own must draw the samples of a batch from all classes.",
        where=place_of(run, stream.source),
        evidence=(Measure("share of batches with a single class", hits / len(batches), f"about {usual:.3g}"),),
    )


def _constant(run: Recording, source: str, counts: tuple[int, int], label: int, *, sure: bool) -> Finding:
    """`counts`: labels and batches."""
    labels, batches = counts
    return Finding(
        message=f"All {labels} labels of the {batches} training batches seen are of one class ({label}): "
        "there is nothing to tell apart.",
        advice="Print `torch.unique(labels, return_counts=True)` of the whole training set. Shuffle it if it is sorted "
        "by class; look at the code that makes the labels if it holds one class only.",
        where=place_of(run, source),
        evidence=(Measure("classes seen", 1, ">= 2"),),
        # A rare second class may simply not have come yet.
        severity=None if sure else Severity.WARNING,
        certain=sure,
    )
