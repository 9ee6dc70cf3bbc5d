"""D rank-metrics-not-reduced."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check
from nndoctor.records import Rank, RankEvaluation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

OWN_ORDER = ("shuffled", "weighted")
"""Orders in which two ranks that evaluate the same samples get them in different batches."""


@check("rank-metrics-not-reduced", reason="D", severity=Severity.WARNING, needs=[RankEvaluation])
def rank_metrics_not_reduced(run: Recording, *, min_repeats: int = 2) -> Iterator[Finding]:
    """Every process validates on its share of the data, and the shares are never put together.

    ## What it does
    Follows each validation from its first batch to the next training step. Reports if a rank gets only its share of
    the data, reads numbers off it, and no operation of torch.distributed that brings numbers of several ranks
    together (`all_reduce`, `all_gather`, `gather_object`, ...) is called in any of the validations at that place.
    `barrier` and `broadcast` bring nothing together. A share is told by a sampler that divides the data set among the
    ranks; without one, where the ranks train one model, by batches that differ from rank to rank and were the same in
    at least `min_repeats` validations of each.

    ## Why is this bad?
    What rank 0 prints, and picks the best checkpoint by, is the number of a part of the validation data: with eight
    processes of an eighth, which makes it 2.8 times as noisy. Ranks that decide by numbers of their own (early
    stopping, a schedule on a plateau) also decide differently, and then wait for each other for ever.

    ## Example
    ```python
    for images, labels in val_loader:  # of a DistributedSampler
        counts += hits(model(images), labels)
    accuracy = counts[0] / counts[1]
    ```

    Use instead:
    ```python
    for images, labels in val_loader:
        counts += hits(model(images), labels)
    dist.all_reduce(counts)
    accuracy = counts[0] / counts[1]
    ```

    ## Known problems
    Numbers that meet in another way are not seen: through files of rank 0 alone, MPI, a key-value store, or all at
    once at the end of a training that the check does not wait for. A number that is read and never used counts as
    used. Ranks that agree on something else meanwhile, as Lightning's EarlyStopping does, pass. Validation without a
    DataLoader is not seen.

    ## References
    - [PyTorch: torch.distributed.all_reduce](https://pytorch.org/docs/stable/distributed.html#torch.distributed.all_reduce)
    """
    rows = run.rows(RankEvaluation)
    if not any(row.rank == 0 for row in rows):
        raise Skip("rank 0 evaluates nothing")
    one_model = any(row.wrapped or row.sharded or row.communicated for row in run.rows(Rank))
    for together in _validations(rows):
        own = [row for row in together if row.rank == 0]
        if any(row.collectives for row in together) or not any(row.reads for row in own):
            continue
        if any(row.writes for row in together if row.rank != 0):
            continue  # they may hand their part on in files
        # Ranks that train one model each, as the folds of a cross-validation, have data of their own rightly.
        if _divided(own) or (one_model and _different(together, min_repeats)):
            yield _finding(own, certain=_divided(own))


def _validations(rows: Sequence[RankEvaluation]) -> Iterator[list[RankEvaluation]]:
    """Yield what belongs together: passes of all ranks at one place over equally many samples, but for a remainder.

    One function may well evaluate several data sets.
    """
    places: defaultdict[tuple[str, int, str], list[RankEvaluation]] = defaultdict(list)
    for row in rows:
        places[row.file, row.line, row.function].append(row)
    for here in places.values():
        done: list[int] = []
        for drawn in sorted({row.drawn for row in here if row.rank == 0}):
            if not done or drawn > done[-1] + 1:
                done.append(drawn)
                yield [row for row in here if abs(row.drawn - drawn) <= 1]


def _divided(own: Sequence[RankEvaluation]) -> bool:
    """Whether a sampler gives rank 0 only a part of the data set."""
    return all(row.replicas > 1 and 0 <= row.drawn < row.size for row in own) and bool(own)


def _different(rows: Sequence[RankEvaluation], min_repeats: int) -> bool:
    """Whether rank 0 and the others evaluate different data, each the same again and again."""
    by_rank: defaultdict[int, list[RankEvaluation]] = defaultdict(list)
    for row in rows:
        by_rank[row.rank].append(row)
    own, others = by_rank.pop(0, []), list(by_rank.values())
    if not own or not others or not all(_repeats(each, min_repeats) for each in (own, *others)):
        return False
    return all(_alike(own[0], each[0]) and set(own[0].content).isdisjoint(each[0].content) for each in others)


def _repeats(rows: Sequence[RankEvaluation], min_repeats: int) -> bool:
    """Whether the data are the same each time: not drawn at random, which would differ between ranks as well."""
    first = rows[0]
    same = all(row.content == first.content and all(row.content) for row in rows)
    return len(rows) >= max(2, min_repeats) and same and bool(first.content) and first.order not in OWN_ORDER


def _alike(one: RankEvaluation, other: RankEvaluation) -> bool:
    """Whether two ranks could share out one data set: in batches of one size, and equally many but for a remainder."""
    return one.batch_size == other.batch_size and abs(len(one.content) - len(other.content)) <= 1


def _finding(own: Sequence[RankEvaluation], *, certain: bool) -> Finding:
    row = own[0]
    part = f"{row.drawn} of the {row.size} samples" if certain else "other samples than the other ranks"
    times = "the one validation" if len(own) == 1 else f"each of {len(own)} validations"
    return Finding(
        message=f"In {times} that {'was' if len(own) == 1 else 'were'} seen here, rank 0 evaluated {part}, and read "
        "its numbers without anything being put together with those of the other ranks.",
        where=SourceLine.of(row),
        advice="Add the counts up over all ranks before dividing them, `dist.all_reduce(counts)`, or gather the "
        "predictions; or let rank 0 alone evaluate all of the data.",
        certain=certain,
        evidence=(
            Measure("operations that put numbers of the ranks together", 0, "1 or more"),
            *([Measure("share of the data set that rank 0 evaluates", row.drawn / row.size, "1")] if certain else []),
        ),
    )
