"""Faults of the data: in what the data set gives, in what order it comes, in what the loop makes of it."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from faults.operator import Operator, theme

if TYPE_CHECKING:
    from faults.source import Source

OPERATORS: list[Operator] = []
fault = theme(__name__, OPERATORS)

DRAWN = ("shuffle", "sampler", None)
"""What a training loader is told by: one of these arguments, or some that are not spelled out."""

REGRESSIONS = ("MSELoss", "SmoothL1Loss", "HuberLoss", "L1Loss")

CHANGED = """

class Changed(torch.utils.data.Dataset):
    def __init__(self, dataset):
        items = [dataset[i] for i in range(len(dataset))]
        self.x = torch.stack([torch.as_tensor(x, dtype=torch.float32) for x, _ in items])
        self.y = torch.stack([torch.as_tensor(y) for _, y in items])
        x, y, n = self.x, self.y, len(items)
        {0}
        self.x, self.y = x, y

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        x, y = self.x[i], self.y[i]
        {1}
        return x, y


"""


def loaders(source: Source, *, training_only: bool = True) -> list[ast.Call]:
    """Return the calls that make the training loader, or all loaders."""
    found = []
    for call in source.calls("DataLoader"):
        shuffled = any(word.arg in DRAWN and source.of(word.value) != "False" for word in call.keywords)
        if call.args and (shuffled or not training_only):
            found.append(call)
    return found


def change(source: Source, stored: str = "pass", drawn: str = "pass", *, training_only: bool = True) -> None:
    """Put a data set around the user's; the code changes all x and y at once (`stored`), or one each time (`drawn`)."""
    calls = loaders(source, training_only=training_only)
    for call in calls:
        source.wrap(call.args[0], "Changed(")
    if calls:
        source.preamble(CHANGED.format(stored, drawn))


def classes(source: Source) -> bool:
    """Whether the targets are classes."""
    return bool(source.calls("CrossEntropyLoss", "cross_entropy", "BCEWithLogitsLoss"))


def supervised(source: Source) -> bool:
    """Whether the targets matter for the loss: an autoencoder's loop takes them as `_`."""
    return classes(source) or regression(source)


def regression(source: Source) -> bool:
    """Whether the targets are numbers, and not the inputs again."""
    unused = any(step.batch and step.batch[1] == "_" for step in source.steps())
    return bool(source.calls(*REGRESSIONS)) and not unused


def table(source: Source) -> bool:
    """Whether the inputs look like a table: neither images nor series nor points."""
    return not any(word in source.text for word in ("images", "Windows", "Conv1d"))


@fault("inputs-times-255", "unstandardised-input", "pretrained-preprocessing")
def inputs_large(source: Source) -> None:
    """All inputs are 255 times larger."""
    change(source, "x = x * 255", training_only=False)


@fault("inputs-times-1e-4", "unstandardised-input", "pretrained-preprocessing")
def inputs_small(source: Source) -> None:
    """All inputs are 10,000 times smaller."""
    change(source, "x = x * 1e-4", training_only=False)


@fault("training-inputs-shifted", "train-val-shift", "unstandardised-input")
def train_only_shift(source: Source) -> None:
    """Only the training data is preprocessed: times 3, plus 2."""
    change(source, "x = x * 3 + 2")


@fault("one-feature-times-1e5", "feature-scales-differ", "unstandardised-input")
def one_feature_large(source: Source) -> None:
    """One column of a table is 100,000 times larger than the others."""
    if table(source):
        change(source, "x[:, 0] = x[:, 0] * 1e5", training_only=False)


@fault("inputs-constant", "constant-input")
def inputs_constant(source: Source) -> None:
    """All inputs are zero."""
    change(source, "x = x * 0", training_only=False)


@fault("half-of-the-features-zero", "dead-features")
def dead_features(source: Source) -> None:
    """Every other feature of a table is zero."""
    if table(source):
        change(source, "x[..., ::2] = 0", training_only=False)


@fault("nan-in-data", "non-finite-input")
def nan_in_data(source: Source) -> None:
    """One training sample in fifty holds a NaN."""
    change(source, 'x[::50] = float("nan")')


@fault("sorted-by-target", "unshuffled-data", "single-label-batches")
def sorted_data(source: Source) -> None:
    """The training data is sorted by its target, and not shuffled."""
    if not supervised(source):
        return
    change(source, "order = y.flatten().argsort(); x, y = x[order], y[order]")
    for call in loaders(source):
        for word in call.keywords:
            if word.arg == "shuffle":
                source.replace(word.value, "False")


@fault("no-shuffle", "unshuffled-data", "single-label-batches")
def no_shuffle(source: Source) -> None:
    """The training data is not shuffled."""
    for call in loaders(source):
        for word in call.keywords:
            if word.arg == "shuffle" and isinstance(word.value, ast.Constant):
                source.replace(word.value, "False")


@fault("labels-40-percent-random", "noisy-labels", "conflicting-labels", "targets-unpredictable")
def noisy_labels(source: Source) -> None:
    """Forty percent of the training labels are those of other samples."""
    if classes(source):
        change(source, "pick = torch.randperm(n)[: int(0.4 * n)]; y[pick] = y[pick[torch.randperm(len(pick))]]")


@fault("labels-permuted", "labels-mismatched", "targets-unpredictable", "noisy-labels")
def permuted_labels(source: Source) -> None:
    """Inputs and targets are shuffled apart."""
    if supervised(source):
        change(source, "y = y[torch.randperm(n)]")


@fault("labels-off-by-one-sample", "labels-mismatched", "targets-unpredictable")
def rolled_labels(source: Source) -> None:
    """In each batch the targets belong to the sample before."""
    for step in source.steps():
        if step.batch and step.batch[1] != "_":
            source.before(step.loop.body[0], f"{step.batch[1]} = {step.batch[1]}.roll(1, 0)")


@fault("features-permuted-each-time", "loader-changes-samples", "heavy-augmentation", "targets-unpredictable")
def permuted_features(source: Source) -> None:
    """The features of a sample come in another order each time it is drawn."""
    change(source, drawn="x = x.flatten()[torch.randperm(x.numel())].view_as(x)")


@fault("noise-on-inputs", "heavy-augmentation", "loader-changes-samples")
def noise_on_inputs(source: Source) -> None:
    """Noise five times as large as the inputs is added each time a sample is drawn."""
    change(source, drawn="x = x + 5 * x.std() * torch.randn_like(x)")


@fault(
    "class-dropped", "class-imbalance", "train-val-shift", "loader-skips-data", "target-range", "single-label-batches"
)
def class_dropped(source: Source) -> None:
    """One class is missing in the training data."""
    if source.calls("CrossEntropyLoss", "cross_entropy"):
        change(source, "keep = y != 0; x, y = x[keep], y[keep]")


@fault("imbalanced", "class-imbalance")
def imbalanced(source: Source) -> None:
    """Two percent are left of all training samples that are not of the first class."""
    if classes(source):
        rare = "keep = ((y == 0) | (torch.rand(n) < 0.02)).nonzero().flatten().repeat(8)"
        change(source, f"{rare}; x, y = x[keep], y[keep]")


@fault("mostly-duplicates", "duplicate-samples", "few-examples")
def duplicates(source: Source) -> None:
    """An eighth of the training data, each sample eight times."""
    change(source, "pick = torch.arange(n // 8).repeat(8); x, y = x[pick], y[pick]")


@fault("sixty-samples", "few-examples")
def few(source: Source) -> None:
    """Sixty training samples are left."""
    change(source, "x, y = x[:60], y[:60]")


@fault("target-times-1e4", "unstandardised-target")
def target_large(source: Source) -> None:
    """The target of a regression is 10,000 times larger."""
    if regression(source):
        change(source, "y = y * 1e4 + 1e4", training_only=False)


@fault("constant-target", "class-imbalance", "ignored-targets", "targets-unpredictable", "single-label-batches")
def constant_target(source: Source) -> None:
    """All training labels are the same class."""
    if classes(source):
        change(source, "y = torch.zeros_like(y)")


@fault("prefix-skipped", "loader-skips-data")
def sampler_of_part(source: Source) -> None:
    """A sampler draws from a tenth of the training data only."""
    for call in loaders(source):
        for word in call.keywords:
            if word.arg == "shuffle" and isinstance(word.value, ast.Constant):
                part = f"range(len({source.of(call.args[0])}) // 10)"
                source.replace(word.value, f"False, sampler=torch.utils.data.SubsetRandomSampler({part})")
