"""R09 few-examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, Table, check
from nndoctor.records import Loader, Parameter, Scan

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
) -> Iterator[Finding]:
    """There are few examples of each class for a network that is trained from scratch.

    ## What it does
    Counts the samples per class in the training data set. Warns if there are fewer than `per_class` on average and
    the network trains more than `free` parameters for each sample. Networks with loaded weights need fewer examples
    and are left alone.

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
    Data sets that make new samples each time they are asked have more than their length says.

    ## References
    - Goodfellow, Bengio and Courville, Deep Learning, 2016 (section 1.2.2, increasing dataset sizes)
    - Yosinski et al., How transferable are features in deep neural networks?, NeurIPS 2014
    """
    judged = 0
    for row in run.rows(Scan):
        if len(row.labels) < 2 or row.keyed < row.total or len(row.labels) != len(row.counts) or row.keyed < 2:
            continue  # a part of the data set does not tell how much there is
        trained = [p for p in run.rows(Parameter) if p.requires_grad and p.called]
        if any(p.loaded for p in run.rows(Parameter)) or not trained:
            continue
        judged += 1
        number = sum({(p.segment, p.name): p.numel for p in trained if p.segment == trained[0].segment}.values())
        average = row.keyed / len(row.labels)
        if average >= per_class or len(row.labels) > many or number <= free * row.keyed:
            continue
        loader = next((r for r in run.rows(Loader) if r.name == row.loader), None)
        shown = sorted(zip(row.labels, row.counts, strict=True), key=lambda pair: pair[1])[:8]
        yield Finding(
            message=f"The training set has {row.keyed} samples of {len(row.labels)} classes, {average:.0f} of each on "
            f"average, for a network with {number:,} parameters.",
            advice="Begin with weights that were trained on more data and train the last layers, augment the data, "
            "use a smaller model (or none of this kind: a support vector machine), and judge by cross-validation.",
            where=SourceLine.of(loader),
            evidence=(
                Measure("samples per class", average, f">= {per_class:g}"),
                Measure("trained parameters per sample", number / row.keyed, f"<= {free:g}"),
                Table("rarest classes", ("class", "samples"), tuple((str(c), str(n)) for c, n in shown)),
            ),
        )
    if not judged:
        raise Skip("the classes of the training data are not known, or the network began with loaded weights")
