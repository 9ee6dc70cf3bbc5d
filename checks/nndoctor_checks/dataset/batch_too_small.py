"""R11 batch-too-small."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check, names_shown
from nndoctor.records import TRAIN, Batch, Loader, LossCall, Normalised, Step
from nndoctor_checks.batches import samples, width
from nndoctor_checks.observed import by_segment, observed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FEWEST_STEPS = 8
STEPPING = 0.9
"""Share of the iterations in which an optimizer steps; with accumulation it is a half or less."""


@check(
    "batch-too-small",
    reason="R11",
    severity=Severity.WARNING,
    needs=[Step],
    explains=["cannot-overfit-batch", "collapsed-predictions", "tiny-last-batch"],
)
def batch_too_small(
    run: Recording,
    *,
    share: float = 0.5,  # of the calls: a small batch now and then is an epoch's last
    min_calls: int = 4,
    plenty: int = 1024,  # values per channel, from the pixels of few images: the mean is known to 3 % of a deviation
    min_batches: int = 200,  # of one sample each: batches of 16 would still make a dozen steps in an epoch
    small_sample: int = 10_000,  # values: 32 of them fit anywhere
    few_targets: int = 16,  # that one sample is compared with: a text or an image has one for each token or pixel
) -> Iterator[Finding]:
    """BatchNorm averages over fewer than four samples, or each step is made on a single one.

    ## What it does
    Measures how many samples the BatchNorms get in the training steps. Warns if it is fewer than 4 in more than half
    of their calls. Where large images give at least `plenty` values per channel even so, it is a note only.

    Warns of a DataLoader with batches of one sample, too, whether there is a BatchNorm or not, if the optimizer steps
    after each of them, there are at least `min_batches`, all samples have one shape and at most `small_sample` values,
    and the loss compares each with at most `few_targets` numbers.

    ## Why is this bad?
    The gradient of one sample points to what is right for this sample; it takes many steps until the noise averages
    out, and a rate that is right for a batch is too high. A batch of 32 costs hardly more time than one sample.

    BatchNorm subtracts the mean of the batch. With two samples, each is told apart from the other by its sign alone,
    and all else about them is lost; the running averages that evaluation uses fit none of these batches. Training is
    noisy, and the network is much worse in evaluation than in training.

    ## Example
    ```python
    loader = DataLoader(train_set, batch_size=2, shuffle=True)
    model = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 2))
    ```

    Use instead:
    ```python
    loader = DataLoader(train_set, batch_size=32, shuffle=True)
    model = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 2))
    ```

    ## Known problems
    Accumulating the gradients of several batches does not help BatchNorm: the averages are still of one batch. Online
    learning, where each sample is seen once and in order, is meant to take one at a time.

    ## References
    - Ioffe and Szegedy, Batch Normalization, ICML 2015
    - Bottou, Curtis and Nocedal, Optimization Methods for Large-Scale Machine Learning, SIAM Review 2018 (section 5)
    - Wu and He, Group Normalization, ECCV 2018 (figure 1: the error against the batch size)
    """
    normalised = by_segment(run.rows(Normalised))
    loaders = [loader for loader in run.rows(Loader) if loader.split == TRAIN and loader.batch_size > 0]
    if not normalised and not loaders:
        raise Skip("no BatchNorm in train mode was seen, and no training DataLoader")
    found = False
    for rows in normalised.values():
        small = [r for r in rows if r.calls >= min_calls and r.few > share * r.calls]
        if small:
            found = True
            yield _averaged(run, small, plenty)
    for loader in [] if found else loaders:
        many = loader.batch_size == 1 and loader.batches >= min_batches
        if many and _one_at_a_time(run, loader, small_sample, few_targets):
            yield _single(loader)


def _averaged(run: Recording, small: Sequence[Normalised], plenty: int) -> Finding:
    names = tuple(r.module for r in small)
    size = min(r.smallest for r in small)
    values = min(r.values for r in small)
    return Finding(
        message=f"{names_shown(names)} {'averages' if len(names) == 1 else 'average'} over batches of "
        f"{size} {'sample' if size == 1 else 'samples'} in training.",
        advice="Train with a larger batch (16 or more), or exchange BatchNorm for a normalisation within the "
        "sample: `nn.LayerNorm(features)`, for images `nn.GroupNorm(8, channels)`. Accumulating gradients does "
        "not help.",
        where=_place(run),
        names=names,
        evidence=(
            Measure("samples per batch", size, ">= 4, better >= 16"),
            Measure("values per channel", values, f">= {plenty} for so few samples"),
        ),
        severity=Severity.NOTE if values >= plenty else None,
    )


def _one_at_a_time(run: Recording, loader: Loader, small_sample: int, few_targets: int) -> bool:
    """Whether an optimizer steps after each sample, though several could be stacked and each has few targets."""
    steps = [s for s in observed(run, Step) if s.loader == loader.name and s.backwards > 0]
    fed = [b for b in observed(run, Batch) if b.source == loader.name and b.split == TRAIN and samples(b) == 1]
    shapes: defaultdict[str, set[tuple[int, ...]]] = defaultdict(set)
    for b in fed:
        shapes[b.leaf].add(b.shape)
    calls = [c for c in observed(run, LossCall) if c.split == TRAIN and c.requires_grad]
    compared = [1 if c.target_is_input else math.prod(c.target_shape) for c in calls]  # an autoencoder sees one thing
    return (
        len(steps) >= FEWEST_STEPS
        and sum(s.optimizer_steps > 0 for s in steps) >= STEPPING * len(steps)
        and all(len(seen) == 1 for seen in shapes.values())
        and 0 < max((width(b) for b in fed), default=0) <= small_sample
        and 0 < max(compared, default=0) <= few_targets
    )


def _single(loader: Loader) -> Finding:
    return Finding(
        title="Each step is made on a single sample.",
        message=f"The loader gives batches of 1 sample, {loader.batches} of them in an epoch, and the optimizer steps "
        "after each. (1 is what `DataLoader` takes if no `batch_size` is given.)",
        advice="Give the loader a `batch_size` of 16 to 128.",
        where=SourceLine.of(loader),
        names=(loader.name,),
        evidence=(Measure("samples per batch", 1, ">= 16"), Measure("steps in an epoch", loader.batches)),
        certain=False,
    )


def _place(run: Recording) -> SourceLine | None:
    small = (r for r in run.rows(Loader) if r.split == TRAIN and 0 < r.batch_size < 4)
    return SourceLine.of(next(small, None))
