"""R08 sampler-weights-wrong."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, Table, check
from nndoctor.records import Loader, Scan
from nndoctor_checks.label_streams import streams
from nndoctor_checks.tails import poisson_at_most

if TYPE_CHECKING:
    from collections.abc import Iterator


@check(
    "sampler-weights-wrong",
    reason="R08",
    severity=Severity.WARNING,
    needs=[Loader],
    explains=["class-imbalance", "collapsed-predictions", "initial-loss", "repeated-batch", "single-label-batches"],
)
def sampler_weights_wrong(
    run: Recording,
    *,
    skewed: float = 3.0,  # largest to smallest class as delivered; right weights give 1
    kept: float = 0.7,  # of the data set's own ratio: weights that are soft on purpose (square roots) take off more
    severe: float = 10.0,  # where the data set's own ratio is not known
    min_labels: int = 200,
    risk: float = 0.001,  # of naming a skew that is chance
) -> Iterator[Finding]:
    """A weighted sampler is in use, and the classes still come out skewed.

    ## What it does
    Looks at loaders with a `WeightedRandomSampler`. Warns if the sampler holds fewer weights than there are samples,
    so that the others are never drawn; and if the classes that it delivers are as unequal as those in the data set, or
    more so.

    ## Why is this bad?
    The sampler wants one weight per sample. Given one per class, it takes them for the weights of the first samples
    and never draws any other. Weights that are not the inverse of the class's count, or in another order than the
    data set, leave the imbalance as it is or make it worse.

    ## Example
    ```python
    weights = 1.0 / torch.bincount(labels)
    sampler = WeightedRandomSampler(weights, num_samples=len(labels))
    ```

    Use instead:
    ```python
    weights = 1.0 / torch.bincount(labels)
    sampler = WeightedRandomSampler(weights[labels], num_samples=len(labels))
    ```

    ## Known problems
    Weights that are meant for something else than classes may leave a skew of the classes on purpose.

    ## References
    - PyTorch, torch.utils.data.WeightedRandomSampler documentation
    - Buda, Maki and Mazurowski, A systematic study of the class imbalance problem in CNNs, Neural Networks 2018
    """
    weighted = [loader for loader in run.rows(Loader) if loader.order == "weighted"]
    if not weighted:
        raise Skip("no loader with a weighted sampler was seen")
    judged = 0
    for loader in weighted:
        if 0 < loader.weights < loader.size:
            judged += 1
            yield _too_few(loader)
            continue
        counts = _delivered(run, loader)
        if counts.total() < min_labels or len(counts) < 2:
            continue
        judged += 1
        natural = _natural(run, loader)
        most, least = max(counts.values()), min(counts.values())
        own = max(natural.values()) / max(1, min(natural.values())) if natural else 0.0
        least_wanted = max(skewed, kept * own) if own >= 2 else severe
        if most >= least_wanted * max(1, least) and poisson_at_most(least, most / skewed) < risk:
            yield _skewed(loader, counts, own)
    if not judged:
        raise Skip(f"fewer than {min_labels} class labels came from the weighted sampler")


def _delivered(run: Recording, loader: Loader) -> Counter[int]:
    counts = Counter(dict.fromkeys(_natural(run, loader), 0))
    for stream in streams(run):
        if stream.source == loader.name and not stream.continuous:
            counts.update(stream.labels)
            break
    return counts


def _natural(run: Recording, loader: Loader) -> dict[int, int]:
    """Return the classes in the data set itself; empty where they are not known or cannot be the stream's."""
    for row in run.rows(Scan):
        if row.loader == loader.name and len(row.labels) == len(row.counts):
            return dict(zip(row.labels, row.counts, strict=True))
    return {}


def _too_few(loader: Loader) -> Finding:
    return Finding(
        message=f"The sampler of {loader.name} holds {loader.weights} weights for {loader.size:,} samples: it draws "
        f"only the first {loader.weights} of them, again and again.",
        advice="Give it one weight per sample: "
        "`WeightedRandomSampler(class_weights[labels], num_samples=len(labels))`.",
        where=SourceLine.of(loader),
        evidence=(Measure("weights of the sampler", loader.weights, f"{loader.size}"),),
    )


def _skewed(loader: Loader, counts: Counter[int], own: float) -> Finding:
    ranked = counts.most_common()
    (big, most), (small, least) = ranked[0], ranked[-1]
    shown = ranked if len(ranked) <= 8 else [*ranked[:4], *ranked[-4:]]
    beside = f"; the data set itself has {own:.0f} to 1" if own else ""
    return Finding(
        message=f"Of {counts.total()} labels that the weighted sampler delivered, {most} are of class {big} and "
        f"{least} of class {small}{beside}.",
        advice="Weight each sample by the inverse of its class's count, in the order of the data set: "
        "`weights = (1.0 / torch.bincount(labels))[labels]`, with `labels` of the very samples that the loader serves.",
        where=SourceLine.of(loader),
        evidence=(
            Measure("largest to smallest class as delivered", most / max(1, least), "about 1"),
            Table("labels delivered", ("class", "count"), tuple((str(c), str(n)) for c, n in shown)),
        ),
        certain=bool(own),
    )
