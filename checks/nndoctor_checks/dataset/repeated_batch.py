"""R01 repeated-batch."""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, check
from nndoctor.records import COAST, OBSERVE, TRAIN, VALIDATION, Batch, Loader, LossCall, LossTarget, Step
from nndoctor_checks.batches import CALL, OWN, loader_named, place_of, samples, width
from nndoctor_checks.observed import by_segment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


@check(
    "repeated-batch",
    reason="R01",
    severity=Severity.ERROR,
    needs=[Batch],
    explains=["class-imbalance", "loader-skips-data", "single-label-batches", "train-val-shift", "unshuffled-data"],
    relief=["shuffle"],
)
def repeated_batch(
    run: Recording,
    *,
    min_steps: int = 8,  # optimizers with inner loops (PPO, meta-learning) use a batch a few times
    few: float = 0.25,  # of the different batches that there should have been: fewer are worth a warning
    larger: int = 4,  # validation rows per training row: nobody validates on four times the training data
    min_width: int = 4,  # narrower inputs are coordinates, evaluated on a fine grid to draw the curve
) -> Iterator[Finding]:
    """The loop trains on the same batch again and again, although there is more data.

    ## What it does
    Compares the content of the batches, step by step. Reports a loop that gets the same content at every one of at
    least `min_steps` steps although the loader's data set has more than one batch. For loops without a DataLoader the
    size of the data is not known: there it warns where other batches come later, or where the validation
    data is at least `larger` times the batch.

    Reports a loop that takes one batch of each pass, too, and makes at least `min_steps` optimizer steps on it: as an
    error where these are just as many as the loader has batches (a list of one batch in the place of the loader), else
    as a warning. Where the loop goes on for so long that it counts as one without a loader, the target of the loss
    stands for the batch. Full-batch training is meant to repeat itself and is not reported.

    ## Why is this bad?
    The network learns these few samples by heart and never sees the others. The training loss looks splendid, and
    nothing generalises. Typical are `next(iter(loader))` inside the loop, which starts a new pass each time, and a
    slice that does not use the loop's index.

    ## Example
    ```python
    for step in range(1000):
        x, y = next(iter(loader))
    ```

    Use instead:
    ```python
    for epoch in range(10):
        for x, y in loader:
            ...
    ```

    ## Known problems
    Overfitting one batch on purpose, as a test, looks the same, and so do inner loops of many steps on one batch
    (reinforcement learning, meta-learning).

    ## References
    - Andrej Karpathy, A Recipe for Training Neural Networks, 2019 (overfit one batch: as a test, and then go on)
    """
    rows = [b for b in run.rows(Batch) if b.content and b.split == TRAIN]
    for segment, own in by_segment(b for b in rows if b.experiment == OBSERVE).items():
        contents = _contents(own)
        by_call = any(b.source == CALL and b.role.startswith("input") for b in own)
        taken = None if by_call else _one_target(run, segment, min_steps)
        if taken is not None:
            steps, loader, labels = taken
            yield _of_list(steps, loader, labels=labels)
            continue
        stuck: list[tuple[str, Severity | None, str]] = []
        for source, keys in contents.items():
            worked = None if source == CALL else _worked_on(run, segment, loader_named(run, source), min_steps)
            if worked is not None:
                yield _of_pass(run, source, worked)
                continue
            if len(keys) < min_steps or _featureless(b for b in own if b.source == source):
                continue  # inputs without any difference: another check says so
            later = [b for b in rows if b.experiment == COAST and (b.segment, b.source) == (segment, source)]
            verdict = (
                _made_by_hand(run, own, keys, later, few=few, larger=larger, min_width=min_width)
                if source == CALL
                else _of_loader(loader_named(run, source), own, source, keys, few)
            )
            if verdict is not None:
                stuck.append((source, *verdict))
        beside = len(contents) - len(stuck)
        for source, severity, why in stuck:
            # Beside a source that varies, one that does not may be an anchor or a calibration set.
            milder = Severity.WARNING if beside and severity is None else severity
            yield _finding(run, source, contents[source], why, milder)


def _contents(rows: Sequence[Batch]) -> dict[str, list[tuple[tuple[str, str], ...]]]:
    """Return for each source what came at each step: all leaves with the hash of their content."""
    found: defaultdict[str, defaultdict[int, set[tuple[str, str]]]] = defaultdict(lambda: defaultdict(set))
    for row in rows:
        found[row.source][row.step].add((row.leaf, row.content))
    return {source: [tuple(sorted(leaves)) for leaves in steps.values()] for source, steps in found.items()}


def _featureless(rows: Iterator[Batch]) -> bool:
    fed = [row for row in rows if row.role.startswith("input")]
    return bool(fed) and all(row.constant or row.identical_samples for row in fed)


def _of_loader(
    loader: Loader | None, rows: Sequence[Batch], source: str, keys: Sequence[object], few: float
) -> tuple[Severity | None, str] | None:
    different = len(set(keys))
    size = loader.size if loader else -1
    batches = loader.batches if loader else -1
    largest = max(samples(b) for b in rows if b.source == source)
    if batches < 0 < size and largest:
        batches = size // largest
    if batches < 0:
        return (Severity.WARNING, "How much data the loader has is not known.") if different == 1 else None
    if batches < 2 or size == largest:
        return None  # all of the data in every step
    held = f"the loader has {batches} batches" + (f" ({size} samples)" if size > 0 else "")
    if different == 1:
        return None, f"{held[0].upper()}{held[1:]}, and only one is ever used."
    if different <= few * min(batches, len(keys)):
        return Severity.WARNING, f"{held[0].upper()}{held[1:]}."
    return None


def _worked_on(run: Recording, segment: int, loader: Loader | None, min_steps: int) -> tuple[int, Loader] | None:
    """Return how many optimizer steps are made on each batch, if a pass gives one batch only and they are many."""
    steps = [s for s in run.rows(Step) if s.experiment == OBSERVE and s.segment == segment]
    if loader is None or loader.batches < 2 or any(s.loader not in ("", loader.name) for s in steps):
        return None
    fed = [s for s in steps if s.loader]  # those without are of a phase that came later and asked its loader once
    if len(fed) < 3:
        return None
    fewest = min(s.optimizer_steps for s in fed)
    if fewest < min_steps or len({s.epoch for s in fed}) < len(fed) - 1:  # the last one has no next pass
        return None
    targets: defaultdict[tuple[object, ...], list[tuple[object, ...]]] = defaultdict(list)
    for c in run.rows(LossCall):
        if c.experiment == OBSERVE and c.segment == segment and c.split == TRAIN and c.requires_grad:
            seen = (c.input_shape[:1], c.target_min, c.target_max, c.target_mean)
            targets[(c.step, c.file, c.line, c.function)].append(seen)
    alike = {step for (step, *_), seen in targets.items() if len(seen) >= min_steps and len(set(seen)) == 1}
    # Slices of a batch have targets of their own.
    return (fewest, loader) if alike.issuperset(s.step for s in fed) else None


def _one_target(run: Recording, segment: int, min_steps: int) -> tuple[int, Loader, bool] | None:
    """Return in how many steps the loss got one and the same target, and the loader that it was taken from once.

    A loop over a list of batches asks no loader, and what it is fed was the loader's before. Where another target
    follows, the one before must have been used just as often as the loader has batches.
    """
    fed = [s for s in run.rows(Step) if s.experiment == OBSERVE and s.segment == segment and s.optimizer_steps > 0]
    if len(fed) < min_steps or sum(not s.loader for s in fed) < len(fed) - 1:
        return None
    losses = _losses(run, segment, len(fed))
    rows = {c.input_shape[0] for calls in losses for c in calls if c.input_shape}
    loaders = [x for x in run.rows(Loader) if x.split != VALIDATION and x.batches >= 2 and x.batch_size > 1]
    loaders = [x for x in loaders if x.batch_size in rows]
    made = {s.step: s.optimizer_steps for s in fed}
    courses = [_stretches(calls, made) for calls in losses]
    if not loaders or any(lengths != courses[0] for lengths in courses):
        return None
    lengths = courses[0]
    for calls in losses:
        contents = {t.content for t in run.rows(LossTarget) if _of(t, calls[0]) and not t.own}
        if not calls[0].written_by_hand and len(contents) != len(lengths):
            return None
        if calls[0].target_integral and calls[0].distinct_targets == calls[0].input_shape[0]:
            return None  # the same by design: who belongs to whom within the batch
    if all(calls[0].written_by_hand for calls in losses) or any(n != loaders[0].batches for n in lengths[:-1]):
        return None
    labels = all(calls[0].target_integral for calls in losses)  # may be few, and the same in another batch
    return lengths[0], loaders[0], labels


def _losses(run: Recording, segment: int, steps: int) -> list[list[LossCall]]:
    """Return the calls of each loss of a step whose target has more than one value; none if one is not in each step."""
    losses: defaultdict[tuple[object, ...], list[LossCall]] = defaultdict(list)
    for c in run.rows(LossCall):
        if c.experiment == OBSERVE and c.segment == segment and c.split == TRAIN and c.requires_grad:
            losses[c.file, c.line, c.function].append(c)
    varied = [calls for calls in losses.values() if calls[0].target_min < calls[0].target_max]
    return varied if all(len(calls) >= steps for calls in varied) else []


def _stretches(calls: Sequence[LossCall], made: Mapping[int, int]) -> list[int]:
    """Return for how many optimizer steps in a row a loss got what looks like one target.

    `made` holds how many were made in each iteration: several in one that the engine took for a whole.
    """
    kinds = groupby(calls, key=lambda c: (c.input_shape[:1], c.target_min, c.target_max, c.target_mean))
    return [sum(made.get(step, 0) for step in {c.step for c in same}) for _, same in kinds]


def _of(target: LossTarget, call: LossCall) -> bool:
    same = (target.file, target.line, target.function) == (call.file, call.line, call.function)
    return same and target.segment == call.segment


def _of_list(steps: int, loader: Loader, *, labels: bool) -> Finding:
    return Finding(
        message=f"The loss got one and the same target in {steps} steps in a row. It was drawn once from a loader of "
        f"{loader.batches} batches.",
        advice="Iterate over the loader (`for x, y in loader:`) instead of over `next(iter(loader))`.",
        where=SourceLine.of(loader),
        evidence=(Measure("different targets", 1, f"> 1, in {steps} steps"),),
        severity=Severity.WARNING if labels else None,
        certain=not labels,
    )


def _of_pass(run: Recording, source: str, worked: tuple[int, Loader]) -> Finding:
    steps, loader = worked
    as_many = steps == loader.batches
    return Finding(
        message=f"In each pass only one batch is taken from the loader, which has {loader.batches}, and {steps} "
        "optimizer steps are made on it.",
        advice="Iterate over the loader (`for x, y in loader:`) instead of over `next(iter(loader))`.",
        where=place_of(run, source),
        evidence=(
            Measure("batches of each pass", 1, f"{loader.batches}"),
            Measure("optimizer steps on one batch", steps, "1"),
        ),
        severity=None if as_many else Severity.WARNING,
        certain=as_many,
    )


def _made_by_hand(
    run: Recording,
    rows: Sequence[Batch],
    keys: Sequence[object],
    later: Sequence[Batch],
    *,
    few: float,
    larger: int,
    min_width: int,
) -> tuple[Severity | None, str] | None:
    different = len(set(keys))
    fed = [b for b in rows if b.source == CALL and b.role.startswith("input")]
    size = max((samples(b) for b in fed), default=0)
    for loader in run.rows(Loader):
        if loader.split != VALIDATION and loader.batch_size == size > 0 and loader.size > size:
            if different == 1:
                return None, f"It was drawn once from a loader of {loader.size} samples."
            if different <= few * min(loader.size // size, len(keys)):
                return Severity.WARNING, f"They were drawn from a loader of {loader.size} samples."
    if different > 1:
        return None
    known = {(b.leaf, b.content) for b in rows}
    if any((b.leaf, b.content) not in known for b in later):
        return Severity.WARNING, "Other batches came only much later."
    shapes = {b.shape[1:] for b in fed if width(b) >= min_width}
    others = [b for b in run.rows(Batch) if b.split == VALIDATION and b.source == CALL and b.experiment in OWN]
    most = max((samples(b) for b in others if b.shape[1:] in shapes and b.segment == fed[0].segment), default=0)
    most = max(most, _scored_at_once(run, fed[0].segment)) if shapes else 0
    if size and most >= larger * size:
        return Severity.WARNING, f"It has {size} samples, and the model is evaluated on {most}."
    return None


def _scored_at_once(run: Recording, segment: int) -> int:
    """Return how many samples the loss got at most in validation, where it got the like in training."""
    calls = [c for c in run.rows(LossCall) if c.segment == segment and c.input_shape]
    known = {(c.function, c.input_shape[1:]) for c in calls if c.split == TRAIN}
    alike = (c for c in calls if c.split == VALIDATION and (c.function, c.input_shape[1:]) in known)
    return max((c.input_shape[0] for c in alike), default=0)


def _finding(run: Recording, source: str, keys: Sequence[object], why: str, severity: Severity | None) -> Finding:
    different = len(set(keys))
    what = "the same batch" if different == 1 else f"only {different} different batches"
    return Finding(
        message=f"The loop was fed {what} in {len(keys)} steps. {why}",
        advice="Iterate over the loader (`for x, y in loader:`) instead of calling `next(iter(loader))` in the loop; "
        "in a loop of slices, let the slice depend on the index: `x[i : i + batch_size]`.",
        where=place_of(run, source),
        evidence=(Measure("different batches", different, f"> {different}, in {len(keys)} steps"),),
        severity=severity,
        certain=severity is None,
    )
