"""R07 unshuffled-data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, check
from nndoctor.records import VALIDATION, Labels, Loader, Module
from nndoctor_checks.batches import CALL, loader_named, place_of
from nndoctor_checks.label_streams import Stream, adversarial, different_batches, single, streams
from nndoctor_checks.runs_test import chance_of_order, expected_runs, runs

if TYPE_CHECKING:
    from collections.abc import Iterator

RECURRENT = ("RNN", "LSTM", "GRU")
"""Modules that may carry a state from batch to batch, for which the order matters."""


@check(
    "unshuffled-data",
    reason="R07",
    severity=Severity.ERROR,
    needs=[Labels],
    explains=[
        "class-imbalance",
        "collapsed-predictions",
        "dead-relu",
        "ignores-input",
        "initial-loss",
        "learning-rate-too-high",
        "single-label-batches",
        "train-val-shift",
        "update-ratio",
    ],
    treatments=["shuffle"],
)
def unshuffled_data(
    run: Recording,
    *,
    risk: float = 1e-4,  # one false alarm in ten thousand loaders that are in order by chance
    extreme: float = 1e-12,  # for loops whose order is not known: no chance at all
    min_labels: int = 50,  # the normal approximation of the runs test
) -> Iterator[Finding]:
    """The training data comes in order, and samples of one class stand together.

    ## What it does
    Takes the labels of the training batches in the order in which they came and counts the runs of equal ones (the
    test of Wald and Wolfowitz, for any number of classes). Reports a loader that does not shuffle if there are far
    fewer runs than in random order and the batches differ in their classes for that reason (chi-square test). In order,
    but without runs, is a note: the epochs are all alike. For numeric targets, runs above and below their median are
    counted; those are a warning at most, and a note where chance could do it.

    ## Why is this bad?
    Stochastic gradient descent takes each batch for a fair sample of the data. If a batch holds the first class and
    the next ones the second, the network learns to answer with the class of the moment and forgets the ones before.

    ## Example
    ```python
    loader = DataLoader(train_set, batch_size=32)
    ```

    Use instead:
    ```python
    loader = DataLoader(train_set, batch_size=32, shuffle=True)
    ```

    ## Known problems
    Recurrent networks that carry their state from batch to batch need the order (a warning at most); layers that are
    never called with a state carry none. Continual learning presents tasks in order by design.

    ## References
    - Wald and Wolfowitz, On a Test Whether Two Samples are from the Same Population, 1940
    - Bengio, Practical Recommendations for Gradient-Based Training of Deep Architectures, 2012
    """
    judged = 0
    for stream in streams(run):
        loader = loader_named(run, stream.source)
        if len(stream.labels) < min_labels or adversarial(run, stream.segment) or _all_at_once(run, stream, loader):
            continue
        judged += 1
        order = "unknown" if loader is None or stream.source == CALL else loader.order
        if order in ("shuffled", "weighted"):
            continue
        if order == "sequential" and not stream.continuous and _first_class_only(run, stream, loader, risk):
            yield _sorted(run, stream)
            continue
        chance = chance_of_order(stream.batches, batchwise=order != "sequential")
        if chance < risk:
            severity = _severity(run, stream, order, certain=chance < extreme)
            if severity is None or severity > Severity.NOTE or not _recurrent(run, stream.segment):
                yield _in_runs(run, stream, chance, severity, order)
        elif order == "sequential" and not stream.continuous and not _recurrent(run, stream.segment):
            yield _in_order(run, stream)
    if not judged:
        raise Skip(f"fewer than {min_labels} labels were seen in more than one batch")


def _all_at_once(run: Recording, stream: Stream, loader: Loader | None) -> bool:
    """Whether each step takes all of the data, or always the same batch: order means nothing then."""
    return different_batches(run, stream) < 2 or (loader is not None and 0 <= loader.batches < 2)


def _first_class_only(run: Recording, stream: Stream, loader: Loader | None, risk: float) -> bool:
    """Whether only one class came so far, though validation shows that there are others."""
    if loader is None or len(stream.labels) >= loader.size or not single(stream.labels):
        return False
    seen = [
        value
        for row in run.rows(Labels)
        if row.split == VALIDATION and row.leaf == stream.leaf and not row.continuous
        for value in row.values
    ]
    alike = sum(value == stream.labels[0] for value in seen)
    # (alike + 1) / (all + 2): also if the class was not seen there at all, it may exist.
    return len(seen) >= 20 and float((alike + 1) / (len(seen) + 2)) ** len(stream.labels) < risk


def _recurrent(run: Recording, segment: int) -> bool:
    """Whether a state may go from batch to batch: not in layers that never get one, nor in what is built of them."""
    modules = [m for m in run.rows(Module) if m.segment == segment]
    without = [m for m in modules if m.without_state]
    return any(
        m.type.startswith(RECURRENT)
        and not any(w.root == m.name or f"{w.name}.".startswith(f"{m.name}.") for w in without)
        for m in modules
    )


def _severity(run: Recording, stream: Stream, order: str, *, certain: bool) -> Severity | None:
    if stream.continuous:
        return (
            Severity.WARNING
            if order == "sequential" and certain and not _recurrent(run, stream.segment)
            else Severity.NOTE
        )
    if _recurrent(run, stream.segment) or (order != "sequential" and not certain):
        return Severity.WARNING
    return None


ADVICE = (
    "Shuffle the training data anew in each epoch: `DataLoader(train_set, batch_size=..., shuffle=True)`; without a "
    "DataLoader, index with a new `torch.randperm(len(x))` in each epoch."
)


def _in_runs(run: Recording, stream: Stream, chance: float, severity: Severity | None, order: str) -> Finding:
    labels = stream.labels
    kind = "targets on one side of the median" if stream.continuous else "labels of one class"
    how = "The loader does not shuffle" if order == "sequential" else "The loop takes its samples in order"
    return Finding(
        message=f"{how}, and {kind} stand together: {runs(labels)} runs in {len(labels)} samples, where random order "
        f"has about {expected_runs(labels):.0f}.",
        advice=ADVICE,
        where=place_of(run, stream.source),
        evidence=(
            Measure("runs of equal labels", runs(labels), f"about {expected_runs(labels):.0f}"),
            Measure("probability in random order", chance, ">= 1e-4"),
        ),
        severity=severity,
        certain=severity is None,
    )


def _sorted(run: Recording, stream: Stream) -> Finding:
    return Finding(
        message=f"The loader does not shuffle, and the first {len(stream.labels)} labels are all of class "
        f"{stream.labels[0]}, while the validation data has others: the training set is sorted by class.",
        advice=ADVICE,
        where=place_of(run, stream.source),
        evidence=(Measure("classes seen in training", 1, ">= 2"),),
    )


def _in_order(run: Recording, stream: Stream) -> Finding:
    return Finding(
        message="The training loader does not shuffle. The labels come without runs, so each batch is a fair sample, "
        "but every epoch repeats the same batches in the same order.",
        advice=ADVICE,
        where=place_of(run, stream.source),
        severity=Severity.NOTE,
    )
