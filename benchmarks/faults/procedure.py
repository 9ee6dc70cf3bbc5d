"""Faults of hyperparameters, optimizers and schedulers."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from faults.operator import Operator, theme
from faults.source import name_of

if TYPE_CHECKING:
    from faults.source import Source

OPERATORS: list[Operator] = []
fault = theme(__name__, OPERATORS)

TOO_LOW = ("learning-rate-too-low", "implausible-hyperparameter")
TOO_HIGH = ("learning-rate-too-high", "implausible-hyperparameter")


def option(source: Source, name: str) -> ast.expr | None:
    """Return the default of a command-line option."""
    for call in source.calls("add_argument"):
        if call.args and isinstance(call.args[0], ast.Constant) and call.args[0].value == name:
            return next((word.value for word in call.keywords if word.arg == "default"), None)
    return None


def scale_rate(source: Source, factor: str) -> None:
    """Multiply the learning rate: the option of that name, and what is written in numbers."""
    default = option(source, "--lr")
    if default:
        source.append(default, f" * {factor}")
    for _, made in source.optimizers():
        call = made.value
        assert isinstance(call, ast.Call)
        for value in [word.value for word in call.keywords if word.arg == "lr"] or call.args[1:2]:
            if isinstance(value, ast.Constant):
                source.append(value, f" * {factor}")


@fault("rate-times-1e-4", *TOO_LOW)
def rate_far_too_low(source: Source) -> None:
    """The learning rate is 10,000 times smaller."""
    scale_rate(source, "1e-4")


@fault("rate-times-1e-2", *TOO_LOW)
def rate_too_low(source: Source) -> None:
    """The learning rate is 100 times smaller."""
    scale_rate(source, "1e-2")


@fault("rate-times-1e2", *TOO_HIGH)
def rate_too_high(source: Source) -> None:
    """The learning rate is 100 times larger."""
    scale_rate(source, "1e2")


@fault("rate-times-1e4", *TOO_HIGH)
def rate_far_too_high(source: Source) -> None:
    """The learning rate is 10,000 times larger."""
    scale_rate(source, "1e4")


@fault("momentum-1", "implausible-hyperparameter", "learning-rate-too-high")
def momentum_one(source: Source) -> None:
    """SGD with a momentum of 1.0: nothing ever slows down."""
    for call in source.calls("SGD"):
        source.keyword(call, "momentum", "1.0")


@fault("weight-decay-10", "over-regularised", "implausible-hyperparameter")
def huge_weight_decay(source: Source) -> None:
    """Weight decay of 10."""
    for _, made in source.optimizers():
        for node in ast.walk(made.value):
            if isinstance(node, ast.Constant) and node.value == 0.1:  # the decay of a parameter group
                source.replace(node, "10.0")
                return
        assert isinstance(made.value, ast.Call)
        source.keyword(made.value, "weight_decay", "10.0")


@fault("first-group-not-in-optimizer", "parameters-not-in-optimizer")
def without_first(source: Source) -> None:
    """The optimizer gets all parameters but those of the first layer."""
    for _, made in source.optimizers():
        for node in ast.walk(made.value):
            if isinstance(node, ast.Call) and name_of(node) == "parameters":
                source.wrap(node, "list(", ")[2:]")


@fault("optimizer-of-a-copy", "parameters-not-in-optimizer")
def optimizer_of_copy(source: Source) -> None:
    """The optimizer is made for a copy of the model."""
    changed = False
    for _, made in source.optimizers():
        for node in ast.walk(made.value):
            if isinstance(node, ast.Call) and name_of(node) == "parameters" and isinstance(node.func, ast.Attribute):
                source.wrap(node.func.value, "copy.deepcopy(")
                changed = True
    if changed and "import copy\n" not in source.text:
        source.preamble("import copy")


@fault("rate-halved-each-batch", "scheduler-misuse", "learning-rate-too-low")
def rate_halved(source: Source) -> None:
    """ExponentialLR(gamma=0.5) is stepped after each batch instead of each epoch."""
    _schedule(source, "ExponentialLR({0}, gamma=0.5)")


@fault("cosine-stepped-each-batch", "scheduler-misuse")
def cosine_each_batch(source: Source) -> None:
    """CosineAnnealingLR made for epochs is stepped after each batch, so that the rate swings up and down."""
    _schedule(source, "CosineAnnealingLR({0}, T_max=10)")


def _schedule(source: Source, made_by: str) -> None:
    if "Annealing" in source.text or "OneCycle" in source.text or "get_lr" in source.text:
        return  # it has a schedule already
    for name, made in source.optimizers():
        source.after(made, f"{name}.schedule = torch.optim.lr_scheduler.{made_by.format(name)}")
    for statement in source.optimizer_steps() if source.optimizers() else []:
        assert isinstance(statement.value, ast.Call)
        assert isinstance(statement.value.func, ast.Attribute)
        source.after(statement, f"{source.of(statement.value.func.value)}.schedule.step()")


@fault("batch-size-1", "batch-too-small", "tiny-last-batch")
def batch_of_one(source: Source) -> None:
    """Batches of one sample, with BatchNorm in the model or not."""
    default = option(source, "--batch-size")
    if default:
        source.replace(default, "1")


@fault("batch-of-all", "batch-too-large", "learning-rate-too-low")
def full_batch(source: Source) -> None:
    """The whole data set is one batch: few steps are made."""
    default = option(source, "--batch-size")
    if default and "drop_last" not in source.text and "DataLoader" in source.text:
        source.replace(default, "100_000")


@fault("hidden-size-1", "insufficient-capacity")
def one_hidden_unit(source: Source) -> None:
    """The hidden layers have one unit."""
    for name in ("--hidden", "--latent"):
        default = option(source, name)
        if default:
            source.replace(default, "1")
