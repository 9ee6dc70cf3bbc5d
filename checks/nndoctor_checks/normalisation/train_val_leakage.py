"""R15 train-val-leakage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, check
from nndoctor.records import VALIDATION, Batch, Loader, Overlap
from nndoctor_checks.batches import CALL, loader_named, samples

if TYPE_CHECKING:
    from collections.abc import Iterator


REPEATEDLY = 2
"""Passes of a loader; a single one may be the training score at the end."""


@check("train-val-leakage", reason="R15", severity=Severity.ERROR, needs=[Overlap])
def train_val_leakage(
    run: Recording,
    *,
    share: float = 0.01,  # of the validation samples
    few: int = 5,  # real data sets hold a copy or two (Iris has one) that a split may part
    surely: float = 0.05,  # as much by content, and it is no longer a handful of natural duplicates
    beyond: float = 3.0,  # times the overlap that the duplicates within the validation set let expect
) -> Iterator[Finding]:
    """Validation samples are also in the training set.

    ## What it does
    Compares the samples of the training set with those of every other split, by index where both are subsets of one
    data set and by content otherwise. Reports a split of which at least `share` is also trained on. A data set that is
    full of copies by nature (few binary features) is judged by how many copies the validation set has of itself. A
    loader over the training set itself, beside one for validation, is taken for what it is: the training score. Where
    the training set is all that is scored, it is a note; a warning if a loader of its own is made for that and gone
    through again and again, as a validation loader is.

    ## Why is this bad?
    The network has seen the answers. The validation score then measures memory, overfitting stays invisible, and the
    model that looks best is the one that learnt most by heart. Typical are a split after the augmentation, two
    different permutations, overlapping slices, and a validation set cut from a training set that keeps it.

    ## Example
    ```python
    train = Subset(data, torch.randperm(len(data))[:800])
    val = Subset(data, torch.randperm(len(data))[800:])
    ```

    Use instead:
    ```python
    order = torch.randperm(len(data))
    train, val = Subset(data, order[:800]), Subset(data, order[800:])
    ```

    ## Known problems
    A script that watches its training score by a second loader, and scores its test set only once at the end, may get
    the warning. Samples that are nearly the same (frames of one film, records of one patient) leak as well and are not
    seen.

    ## References
    - Kapoor and Narayanan, Leakage and the reproducibility crisis in machine-learning-based science, Patterns 2023
    """
    overlaps = [o for o in run.rows(Overlap) if o.compared > 0]
    clean = any(o.shared < share * o.compared for o in overlaps) or _scored_by_hand(run)
    for overlap in overlaps:
        measured = overlap.shared / overlap.compared
        by_index = overlap.by == "index"
        if not share <= measured <= 1 or (not by_index and overlap.shared < few):
            continue
        if not by_index and measured <= beyond * _by_nature(overlap):
            continue
        train, other = _loader(run, overlap.train), _loader(run, overlap.validation)
        if _training_score(overlap, train, other):
            if not clean:
                yield _only_score(overlap, train, other)
        elif train is None and other is None:
            yield _of_calls(run, overlap, measured)
        else:
            certain = by_index or (measured >= surely and overlap.shared >= 2 * few)
            yield _finding(overlap, measured, other, None if certain else Severity.WARNING)


def _scored_by_hand(run: Recording) -> bool:
    """Whether data that came from no loader was scored as well."""
    return any(b.source == CALL and b.split == VALIDATION and samples(b) > 1 for b in run.rows(Batch))


def _by_nature(overlap: Overlap) -> float:
    """Return the overlap that independent splits of data with so many copies would have.

    A sample that has a twin among the validation samples with probability d has one among the training samples, of
    which there are k times as many, with 1 - (1 - d) ** k.
    """
    if overlap.distinct <= 0:
        return 0.0
    twins = max(0.0, min(1.0, 1 - overlap.distinct / overlap.compared))
    larger = max(1.0, overlap.train_samples / overlap.compared)
    return float(1 - (1 - twins) ** larger)


def _loader(run: Recording, name: str) -> Loader | None:
    named = loader_named(run, name)
    return named or next((row for row in run.rows(Loader) if row.dataset and row.dataset == name), None)


def _training_score(overlap: Overlap, train: Loader | None, other: Loader | None) -> bool:
    """Whether the other loader goes over the training set itself, or over a full copy of it."""
    if overlap.train == overlap.validation:
        return True
    if train is None or other is None:
        return False
    same_size = train.size == other.size > 0 and overlap.shared == overlap.compared
    return same_size or (train.dataset != "" and train.dataset == other.dataset)


def _finding(overlap: Overlap, measured: float, other: Loader | None, severity: Severity | None) -> Finding:
    how = "the same index" if overlap.by == "index" else "the same content"
    return Finding(
        message=f"{overlap.shared} of {overlap.compared} validation samples ({measured:.0%}) are also in the training "
        f"set ({how}).",
        advice="Split once, before anything else, and use the two parts of one permutation: "
        "`train_set, val_set = random_split(data, [n_train, n_val])`; then "
        "`assert not set(train_indices) & set(val_indices)`.",
        where=SourceLine.of(other),
        evidence=(Measure("share of validation samples in the training set", measured, "< 0.01"),),
        severity=severity,
        certain=severity is None,
    )


def _only_score(overlap: Overlap, train: Loader | None, other: Loader | None) -> Finding:
    """Judge a training set that is all the model is scored on. A loader made for it was meant for something else."""
    made_for_it = train is not None and other is not None and train.name != other.name and other.passes >= REPEATEDLY
    what = (
        "The loader that the model is scored on again and again goes over its training set"
        if made_for_it
        else ("The only data that the model is scored on is its training set")
    )
    return Finding(
        message=f"{what} ({overlap.shared} of {overlap.compared} samples): nothing shows whether it generalises.",
        advice="Hold out a part of the data before training (`random_split`) and score the model on that.",
        where=SourceLine.of(other),
        severity=Severity.WARNING if made_for_it else Severity.NOTE,
        certain=False,
    )


def _of_calls(run: Recording, overlap: Overlap, measured: float) -> Finding:
    """Judge a loop without loaders: what is scored without gradients may be the training data, on purpose."""
    scored = {samples(b) for b in run.rows(Batch) if b.source == CALL and b.split == VALIDATION and samples(b)}
    doubtful = len(scored) > 1 or measured >= 0.95
    return Finding(
        message=f"{overlap.shared} of {overlap.compared} samples that were scored without gradients ({measured:.0%}) "
        "are also trained on.",
        advice="If this is the validation data, split the data once, by one permutation: "
        "`order = torch.randperm(n); train, val = order[:k], order[k:]`.",
        evidence=(Measure("share of scored samples that are trained on", measured, "< 0.01"),),
        severity=Severity.NOTE if doubtful else Severity.WARNING,
        certain=False,
    )
