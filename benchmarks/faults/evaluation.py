"""Faults of validation."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from faults.operator import Operator, theme

if TYPE_CHECKING:
    from faults.source import Source

OPERATORS: list[Operator] = []
fault = theme(__name__, OPERATORS)

HELD_OUT = {"val_set": "train_set", "test_set": "train_set", "x_val": "x_train", "y_val": "y_train"}


@fault("no-eval-mode", "train-mode-in-validation")
def no_eval(source: Source) -> None:
    """Validation runs in train mode."""
    for statement in source.called("eval") if source.has_modes else []:
        if "backbone" not in source.of(statement):
            source.remove(statement)


@fault("no-no-grad", "gradients-in-validation")
def no_no_grad(source: Source) -> None:
    """Validation builds graphs."""
    for call in source.calls("no_grad"):
        source.replace(call, "torch.enable_grad()")


@fault("validation-on-training-data", "train-val-leakage")
def on_training_data(source: Source) -> None:
    """The validation loader reads the training data."""
    for call in source.calls("DataLoader", "loader", "dataset"):
        for argument in call.args:
            other = HELD_OUT.get(source.of(argument))
            if other and other in source.text:
                source.replace(argument, other)


@fault("functional-dropout-in-eval", "dropout-in-eval")
def functional_dropout(source: Source) -> None:
    """A functional dropout without training=self.training stays on."""
    for forward in source.forwards():
        for node in ast.walk(forward):
            if isinstance(node, ast.Return) and isinstance(node.value, ast.Call) and len(node.value.args) == 1:
                argument = node.value.args[0]
                if isinstance(argument, ast.Call | ast.Subscript):
                    source.wrap(argument, "nn.functional.dropout(", ", 0.3)")
