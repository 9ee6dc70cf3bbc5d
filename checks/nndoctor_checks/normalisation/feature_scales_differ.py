"""R12 feature-scales-differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, Table, check
from nndoctor.records import Batch, Module
from nndoctor_checks.batches import by_leaf, inputs, leaf_name, main_leaves, place_of, samples, training_batches
from nndoctor_checks.normalisation.unstandardised_input import NORMALISERS
from nndoctor_checks.profiles import Profile, judged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Column = tuple[int, float, float]
"""Position, mean and deviation."""


@check(
    "feature-scales-differ",
    reason="R12",
    severity=Severity.WARNING,
    needs=[Batch],
    explains=[
        "cannot-overfit-batch",
        "collapsed-predictions",
        "dead-relu",
        "exploding-gradient",
        "fails-on-solvable-data",
        "initial-loss",
        "initialisation-scale",
        "learning-rate-too-high",
        "learning-rate-too-low",
        "non-finite",
        "saturated-activation",
        "unstandardised-input",
        "update-ratio",
        "vanishing-gradient",
    ],
    treatments=["standardise-inputs"],
)
def feature_scales_differ(
    run: Recording,
    *,
    ratio: float = 1000.0,  # a gradient step that is right for one column is then a million times off for the other
    min_samples: int = 60,  # fewer give no deviation to compare
    present: float = 0.75,  # of the batches in which a column varies; in fewer it is rare events, not a measurement
) -> Iterator[Finding]:
    """The columns of the input have very different scales.

    ## What it does
    Compares the standard deviations of the columns of a table that is fed to the model. Warns if the largest is more
    than `ratio` times the smallest. Flags, constant columns and columns of rare events are left out, and so is a
    model that begins with a normalisation. If most columns are off scale, `unstandardised-input` says so instead.

    ## Why is this bad?
    The gradient of a weight is proportional to its input. The weights of the large column take steps that are far too
    big at any rate at which those of the small ones move, and the network sees little else than the large column.

    ## Example
    ```python
    x = torch.cat([scaled_features, income.unsqueeze(1)], dim=1)
    ```

    Use instead:
    ```python
    x = torch.cat([features, income.unsqueeze(1)], dim=1)
    x = (x - x_train.mean(dim=0)) / x_train.std(dim=0)
    ```

    ## Known problems
    Only tables of at most 256 columns are looked at.

    ## References
    - LeCun, Bottou, Orr and Mueller, Efficient BackProp, 1998 (section 4.3, normalizing the inputs)
    """
    tables = 0
    found: set[tuple[str, str]] = set()
    for segment, rows in training_batches(run).items():
        fed = inputs(rows)
        for leaf in main_leaves(by_leaf(fed)):
            of = [b for b in by_leaf(fed)[leaf] if judged(b) and len(b.dim_std) > 1]
            if not of or sum(map(samples, of)) < min_samples:
                continue
            tables += 1
            columns = _measured(of, present)
            if leaf in found or len(columns) < 2 or _mostly_off(columns) or _normalised_inside(run, segment):
                continue
            widest, narrowest = max(columns, key=lambda c: c[2]), min(columns, key=lambda c: c[2])
            if widest[2] > ratio * narrowest[2]:
                found.add(leaf)
                yield _finding(run, leaf, columns, widest, narrowest)
    if not tables:
        raise Skip("no table of several columns was fed to the model")


def _measured(rows: Sequence[Batch], present: float) -> list[Column]:
    """Return the columns that vary in nearly all batches and are no flags."""
    profile = Profile.of(rows)
    varies = [sum(b.dim_std[i] > 0 for b in rows if i < len(b.dim_std)) for i in range(len(profile.columns))]
    return [
        (i, mean, std)
        for i, (mean, std) in enumerate(profile.columns)
        if std > 0 and varies[i] >= present * len(rows) and not _flag(mean, std)
    ]


def _flag(mean: float, std: float) -> bool:
    """Whether a column of zeros and ones would have this mean and deviation."""
    spread = mean * (1 - mean)
    return 0 < mean < 1 and 0.5 < std * std / spread < 2


def _mostly_off(columns: Sequence[Column]) -> bool:
    off = [c for c in columns if c[2] > 20 or abs(c[1]) > max(1.0, 3 * c[2])]
    return 2 * len(off) > len(columns)


def _normalised_inside(run: Recording, segment: int) -> bool:
    called = sorted((m for m in run.rows(Module) if m.segment == segment and m.order >= 0), key=lambda m: m.order)
    leaves = [m for m in called if not m.children]
    return bool(leaves) and leaves[0].type.startswith(NORMALISERS)


def _finding(
    run: Recording, leaf: tuple[str, str], columns: Sequence[Column], widest: Column, narrowest: Column
) -> Finding:
    source, path = leaf
    ranked = sorted(columns, key=lambda c: -c[2])
    shown = ranked if len(ranked) <= 8 else [*ranked[:4], *ranked[-4:]]
    factor = widest[2] / narrowest[2]
    return Finding(
        message=f"The columns of the input ({leaf_name(path)}) differ in scale by a factor of {factor:,.0f}: column "
        f"{widest[0]} has a standard deviation of {widest[2]:.3g}, column {narrowest[0]} one of {narrowest[2]:.3g}.",
        advice="Standardise every column with the training set's statistics, the same for all splits: "
        "`x = (x - x_train.mean(dim=0)) / x_train.std(dim=0)`; take the logarithm of amounts and counts first.",
        where=place_of(run, source),
        names=(path,) if path else (),
        evidence=(
            Measure("largest to smallest deviation", factor, "< 1000"),
            Table(
                "columns by scale",
                ("column", "mean", "std"),
                tuple((str(i), f"{mean:.3g}", f"{std:.3g}") for i, mean, std in shown),
            ),
        ),
    )
