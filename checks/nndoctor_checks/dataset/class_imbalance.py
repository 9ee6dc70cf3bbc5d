"""R08 class-imbalance."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, Table, check
from nndoctor.records import TRAIN, VALIDATION, Labels, LossCall
from nndoctor_checks.batches import is_float, leaf_name, loader_named, place_of, training_batches
from nndoctor_checks.label_streams import adversarial, different_batches, representative, streams
from nndoctor_checks.observed import observed
from nndoctor_checks.tails import poisson_at_most

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nndoctor_checks.label_streams import Stream

FEW = 5
"""Samples of a class in the validation data, below which it may be a slip."""


@check(
    "class-imbalance",
    reason="R08",
    severity=Severity.WARNING,
    needs=[Labels],
    explains=["collapsed-predictions", "initial-loss", "single-label-batches", "targets-unpredictable"],
)
def class_imbalance(
    run: Recording,
    *,
    ratio: float = 10.0,  # largest to smallest class; what deepchecks and others call imbalanced as well
    severe: float = 100.0,  # the smaller class is then less than 1 % of the data
    min_labels: int = 200,  # fewer labels do not show a class of one in a hundred
    risk: float = 0.01,  # of naming a ratio that the data does not have, for all classes together
    many: int = 10,  # with more classes than this, rare ones are the rule (words, species)
) -> Iterator[Finding]:
    """One class is far more frequent than another, and nothing makes up for it.

    ## What it does
    Counts the labels of the training batches. Warns if the largest class is at least `ratio` times the smallest (an
    error from `severe` on), beyond what chance gives for the number of labels seen. A weighted sampler, class weights
    in the loss and losses weighted sample by sample are taken as remedies. Warns as well of a class that the network
    has an output for and the validation data has samples of, and of which no sample came in training, although a class
    of half that share would have shown itself.

    ## Why is this bad?
    Always naming the largest class gives an accuracy that looks good, and the gradient of the few rare samples drowns
    in that of the many. The network learns the rare class late or never, and accuracy does not show it.

    ## Example
    ```python
    criterion = nn.CrossEntropyLoss()
    ```

    Use instead:
    ```python
    counts = torch.bincount(train_labels)
    criterion = nn.CrossEntropyLoss(weight=counts.sum() / (len(counts) * counts))
    ```

    ## Known problems
    Where calibrated probabilities are wanted (click rates, risk), imbalance is a fact to be kept, not to be corrected.
    Next-word targets are exempt: they follow Zipf's law. Open-set recognition and continual learning leave classes out
    on purpose.

    ## References
    - Buda, Maki and Mazurowski, A systematic study of the class imbalance problem in CNNs, Neural Networks 2018
    - He and Garcia, Learning from Imbalanced Data, IEEE TKDE 2009
    """
    judged = 0
    for stream in streams(run):
        counts = Counter(stream.labels)
        if stream.continuous or counts.total() < min_labels or adversarial(run, stream.segment):
            continue
        if not representative(run, stream) or different_batches(run, stream) == 1:
            continue
        judged += 1
        if gone := _missing(run, stream, counts, risk):
            yield _without(run, stream, counts, gone)
        if len(counts) < 2 or _remedied(run, stream) or (len(counts) > many and _tokens(run, stream.segment)):
            continue
        largest, rarest = max(counts.values()), min(counts.values())
        if not _surely(rarest, largest, ratio, risk / len(counts)) or largest < ratio * rarest:
            continue
        error = largest >= severe * rarest and _surely(rarest, largest, severe / 3, risk) and len(counts) <= many
        yield _finding(run, stream, counts, error=error and not _by_hand(run, stream.segment))
    if not judged:
        raise Skip(f"fewer than {min_labels} class labels were seen, or not in random order")


def _surely(rarest: int, largest: int, ratio: float, risk: float) -> bool:
    """Whether a class of one `ratio`-th of the largest would hardly ever show so few samples."""
    return poisson_at_most(rarest, largest / ratio) < risk


def _missing(run: Recording, stream: Stream, counts: Counter[int], risk: float) -> dict[int, float]:
    """Return the classes, with their share, that validation has and training ought to have shown by now, but has not.

    Half of the share, as a class may be rarer in training. Few classes of many: else the two are different tasks.
    """
    here = [r for r in run.rows(Labels) if r.segment == stream.segment and not r.continuous]
    training = [r for r in here if r.split == TRAIN]  # of all loaders that feed the loop
    sources, trained = {r.source for r in training}, {v for r in training for v in r.values}
    seen: Counter[int] = Counter()
    for row in here:
        if row.split == VALIDATION and row.leaf == stream.leaf and row.source not in sources:
            seen.update(row.values)
    outputs = [c.classes for c in observed(run, LossCall) if c.split == TRAIN and c.segment == stream.segment]
    shares = {label: n / seen.total() for label, n in seen.items() if n >= FEW and 0 <= label < max(outputs, default=0)}
    gone = {
        label: share
        for label, share in shares.items()
        if label not in trained and (1 - share / 2) ** counts.total() < risk / len(shares)
    }
    return gone if 2 * len(gone) < len(seen) else {}


def _remedied(run: Recording, stream: Stream) -> bool:
    loader = loader_named(run, stream.source)
    calls = [c for c in observed(run, LossCall) if c.split == TRAIN and c.segment == stream.segment]
    return (loader is not None and loader.order == "weighted") or any(
        c.weighted or c.reduction == "none" for c in calls
    )


def _tokens(run: Recording, segment: int) -> bool:
    """Whether the model reads tokens, so that its targets may be tokens too."""
    fed = [b for b in training_batches(run).get(segment, ()) if b.role.startswith("input")]
    return bool(fed) and not any(is_float(b) for b in fed)


def _by_hand(run: Recording, segment: int) -> bool:
    """Whether the loss is written by hand, so that weights in it would not be seen."""
    calls = [c for c in observed(run, LossCall) if c.split == TRAIN and c.segment == segment]
    return bool(calls) and all(c.written_by_hand for c in calls)


def _finding(run: Recording, stream: Stream, counts: Counter[int], *, error: bool) -> Finding:
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    (big, most), (small, least) = ranked[0], ranked[-1]
    shown = ranked if len(ranked) <= 8 else [*ranked[:4], *ranked[-4:]]
    total = counts.total()
    return Finding(
        message=f"Of {total} training labels ({leaf_name(stream.leaf)}), {most} are of class {big} and {least} of "
        f"class {small}: {most / least:.0f} to 1, and neither the loss nor a sampler makes up for it.",
        advice="Give the loss class weights (`nn.CrossEntropyLoss(weight=counts.sum() / (len(counts) * counts))`, "
        "`nn.BCEWithLogitsLoss(pos_weight=negatives / positives)`) or draw with a `WeightedRandomSampler`; judge by "
        "balanced accuracy or recall per class, not by accuracy.",
        where=place_of(run, stream.source),
        evidence=(
            Measure("largest to smallest class", most / least, "< 10"),
            Measure("accuracy of always naming the largest class", most / total, ""),
            Table("labels seen", ("class", "count"), tuple((str(c), str(n)) for c, n in shown)),
        ),
        severity=Severity.ERROR if error else None,
    )


def _without(run: Recording, stream: Stream, counts: Counter[int], gone: dict[int, float]) -> Finding:
    label, share = max(gone.items(), key=lambda item: item[1])
    others = f" Nor did {len(gone) - 1} other classes come." if len(gone) > 1 else ""
    return Finding(
        title="A class that validation asks for is missing in the training data.",
        message=f"Class {label} makes up {share:.0%} of the validation labels, and none of {counts.total()} training "
        f"labels ({leaf_name(stream.leaf)}).{others}",
        advice="Count the classes of the training set, `torch.unique(labels, return_counts=True)`, and look for the "
        "filter, split or file that lost them; split with `stratify=labels`.",
        where=place_of(run, stream.source),
        evidence=(
            Measure(f"training labels of class {label}", 0, f"about {share * counts.total():.0f}"),
            Measure("training labels seen", counts.total()),
        ),
    )
