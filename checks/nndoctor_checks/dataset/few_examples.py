"""R09 few-examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, Table, check
from nndoctor.records import Loader, Parameter, Redraw, Scan

if TYPE_CHECKING:
    from collections.abc import Iterator


@check(
    "few-examples",
    reason="R09",
    severity=Severity.WARNING,
    needs=[Scan, Parameter],
    explains=[],
)
def few_examples(
    run: Recording,
    *,
    per_class: float = 50.0,  # samples; Goodfellow et al. want about 5,000 for a good result
    many: int = 100,  # classes; with more, few of each are the rule (species, persons), and methods are made for it
    free: float = 10.0,  # trained parameters per sample; below that, the model is as small as its data
    per_column: float = 10.0,  # samples per input, where there are no classes: the rule of thumb of regression
    at_all: int = 100,  # of samples, where there are no classes: pixels are many, and depend on each other
) -> Iterator[Finding]:
    """There are few examples for a network that is trained from scratch.

    ## What it does
    Counts the samples per class in the training data set. Warns if there are fewer than `per_class` on average and
    the network trains more than `free` parameters for each sample. Where there are no classes (regression,
    autoencoders), warns of fewer than `at_all` samples if these are also fewer than `per_column` for each number of an
    input. Networks with loaded weights need fewer examples and are left alone.

    ## Why is this bad?
    A network of that size learns so few samples by heart without finding what they have in common, and a validation
    set of the same kind is too small to tell.

    ## Example
    ```python
    model = ConvNet(classes=10)  # trained from scratch on 200 images
    ```

    Use instead:
    ```python
    model = ConvNet(classes=10)
    model.load_state_dict(torch.load("pretrained.pt"))  # and train the last layer on the 200 images
    ```

    ## Known problems
    Data sets that make new samples each time they are asked have more than their length says; those without classes are
    then left alone.

    ## References
    - Goodfellow, Bengio and Courville, Deep Learning, 2016 (section 1.2.2, increasing dataset sizes)
    - Harrell, Regression Modeling Strategies, 2015 (section 4.4: ten to twenty samples for each predictor)
    - Yosinski et al., How transferable are features in deep neural networks?, NeurIPS 2014
    """
    judged = 0
    trained = [p for p in run.rows(Parameter) if p.requires_grad and p.called]
    number = sum({(p.segment, p.name): p.numel for p in trained if p.segment == trained[0].segment}.values())
    for row in run.rows(Scan):
        if row.keyed < max(row.total, 2) or not trained or any(p.loaded for p in run.rows(Parameter)):
            continue  # a part of the data set does not tell how much there is
        if row.labels and not 2 <= len(row.labels) == len(row.counts):
            continue
        judged += bool(row.labels or row.columns)
        if number <= free * row.keyed or len(row.labels) > many:
            continue
        if row.labels and row.keyed / len(row.labels) < per_class:
            yield _of_each(run, row, number, per_class, free)
        elif not row.labels and row.keyed < min(at_all, per_column * row.columns) and not _made_anew(run, row):
            yield _at_all(run, row, number, free)
    if not judged:
        raise Skip("how much training data there is is not known, or the network began with loaded weights")


ADVICE = (
    "Begin with weights that were trained on more data and train the last layers, augment the data, "
    "use a smaller model (or none of this kind: a support vector machine), and judge by cross-validation."
)


def _of_each(run: Recording, row: Scan, number: int, per_class: float, free: float) -> Finding:
    average = row.keyed / len(row.labels)
    shown = sorted(zip(row.labels, row.counts, strict=True), key=lambda pair: pair[1])[:8]
    return Finding(
        message=f"The training set has {row.keyed} samples of {len(row.labels)} classes, {average:.0f} of each on "
        f"average, for a network with {number:,} parameters.",
        advice=ADVICE,
        where=_place(run, row),
        evidence=(
            Measure("samples per class", average, f">= {per_class:g}"),
            Measure("trained parameters per sample", number / row.keyed, f"<= {free:g}"),
            Table("rarest classes", ("class", "samples"), tuple((str(c), str(n)) for c, n in shown)),
        ),
    )


def _at_all(run: Recording, row: Scan, number: int, free: float) -> Finding:
    return Finding(
        message=f"The training set has {row.keyed} samples of {row.columns} numbers each, for a network with "
        f"{number:,} parameters.",
        advice=ADVICE,
        where=_place(run, row),
        evidence=(
            Measure("samples for each number of an input", row.keyed / row.columns, ">= 10"),
            Measure("trained parameters per sample", number / row.keyed, f"<= {free:g}"),
        ),
    )


def _made_anew(run: Recording, row: Scan) -> bool:
    """Whether a sample is another one each time: the draws differ as much as the samples do."""
    return any(r.loader == row.loader and not r.label and r.values >= 0.5 for r in run.rows(Redraw))


def _place(run: Recording, row: Scan) -> SourceLine | None:
    return SourceLine.of(next((r for r in run.rows(Loader) if r.name == row.loader), None))
