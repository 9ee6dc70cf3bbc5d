"""Faults of the network: activations, initialisation, wiring."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from faults.operator import Operator, theme
from faults.source import name_of

if TYPE_CHECKING:
    from faults.source import Source

OPERATORS: list[Operator] = []
fault = theme(__name__, OPERATORS)


def layer_calls(forward: ast.FunctionDef) -> list[ast.Call]:
    """Return the calls `self.layer(x)` in a forward method, in the order of the text."""
    calls = [n for n in ast.walk(forward) if isinstance(n, ast.Call) and len(n.args) == 1]
    found = [c for c in calls if isinstance(c.func, ast.Attribute) and name_of(c.func.value) == "self"]
    return sorted(found, key=lambda n: (n.lineno, n.col_offset))


def initialise(source: Source, line: str) -> None:
    """Change all parameters of the model right before its optimizer is made."""
    model = source.model()
    for _, made in source.optimizers()[:1] if model else []:
        source.before(made, f"for parameter in {model}.parameters():", f"    {line}")


def at_start(source: Source, line: str) -> None:
    """Change the input at the start of the forward pass of whole models: those whose input is a plain x."""
    for forward in source.forwards():
        arguments = [a.arg for a in forward.args.args]
        if arguments == ["self", "x"] and "gru" not in source.of(forward) and "attn" not in source.of(forward):
            source.before(forward.body[0], line)


@fault("first-layer-frozen", "frozen-parameters")
def frozen_first(source: Source) -> None:
    """The first layer takes no gradient."""
    model = source.model()
    for _, made in source.optimizers()[:1] if model else []:
        source.before(made, f"for parameter in list({model}.parameters())[:2]:", "    parameter.requires_grad_(False)")


@fault("all-but-the-last-layer-frozen", "frozen-parameters")
def frozen_body(source: Source) -> None:
    """All layers but the last take no gradient."""
    model = source.model()
    for _, made in source.optimizers()[:1] if model else []:
        source.before(made, f"for parameter in list({model}.parameters())[:-2]:", "    parameter.requires_grad_(False)")


@fault("detached-in-forward", "no-gradient", "loss-detached", "parameters-not-updating")
def detached(source: Source) -> None:
    """What goes into the last layer is detached from the layers before."""
    for forward in source.forwards():
        inputs = {a.arg for a in forward.args.args}
        calls = [c for c in layer_calls(forward) if not (isinstance(c.args[0], ast.Name) and c.args[0].id in inputs)]
        calls = [c for c in calls if name_of(c) in ("head", "classifier", "lm_head")]
        if calls:
            source.append(calls[-1].args[0], ".detach()")


@fault("sigmoid-everywhere", "vanishing-gradient", "saturated-activation", "activation-mean")
def sigmoid_everywhere(source: Source) -> None:
    """All activations are sigmoids."""
    for call in source.calls("ReLU", "GELU", "Tanh"):
        source.replace(call, "nn.Sigmoid()")


@fault("no-activation", "missing-nonlinearity")
def no_activation(source: Source) -> None:
    """There is no activation between the layers."""
    for call in source.calls("ReLU", "GELU", "Tanh"):
        source.replace(call, "nn.Identity()")
    for call in source.calls("relu"):
        source.replace(call, source.of(call.args[0]))


@fault("zero-initialisation", "symmetric-initialisation", "initialisation-scale")
def zero_initialisation(source: Source) -> None:
    """All parameters begin as zero."""
    initialise(source, "torch.nn.init.zeros_(parameter)")


@fault("constant-initialisation", "symmetric-initialisation")
def constant_initialisation(source: Source) -> None:
    """All parameters begin as 0.05."""
    initialise(source, "torch.nn.init.constant_(parameter, 0.05)")


@fault("initialisation-times-50", "initialisation-scale")
def huge_initialisation(source: Source) -> None:
    """All parameters begin fifty times larger."""
    initialise(source, "parameter.data.mul_(50)")


@fault("initialisation-times-1e-3", "initialisation-scale", "vanishing-gradient")
def tiny_initialisation(source: Source) -> None:
    """All parameters begin a thousand times smaller."""
    initialise(source, "parameter.data.mul_(1e-3)")


@fault("dropout-0.95", "over-regularised", "implausible-hyperparameter")
def dropout(source: Source) -> None:
    """Dropout of 0.95."""
    for call in source.calls("Dropout"):
        source.replace(call, "nn.Dropout(0.95)")


@fault("samples-mixed", "batch-mixing")
def mixed(source: Source) -> None:
    """A view where a transpose belongs mixes the values of different samples."""
    at_start(source, "x = x.transpose(0, -1).reshape(x.shape)")


@fault("batch-mean-subtracted", "batch-mixing")
def batch_mean(source: Source) -> None:
    """The forward pass subtracts the mean over the batch."""
    at_start(source, "x = x - x.mean(0)")


@fault("input-not-used", "input-disconnected", "ignores-input", "constant-input")
def input_ignored(source: Source) -> None:
    """The forward pass puts zeros in the place of its input."""
    for forward in source.forwards():
        names = [a.arg for a in forward.args.args]
        if names[1:2] == ["idx"] or (names == ["self", "x"] and "attn" not in source.of(forward)):
            source.before(forward.body[0], f"{names[1]} = {names[1]} * 0")


@fault("causal-mask-removed", "causality-leak")
def mask_removed(source: Source) -> None:
    """Tokens see the tokens that they are to predict."""
    for node in source.all(ast.Assign):
        if isinstance(node.value, ast.Call) and name_of(node.value) == "masked_fill":
            source.remove(node)


@fault("attention-over-the-wrong-dimension", "softmax-wrong-dim", "batch-mixing", "causality-leak")
def attention_dim(source: Source) -> None:
    """The softmax of the attention goes over the queries."""
    for call in source.calls("softmax"):
        for word in call.keywords:
            if word.arg == "dim" and "scores" in source.of(call):
                source.replace(word.value, "-2")


@fault("layer-made-in-forward", "recreated-layer", "parameters-not-in-optimizer", "unused-module")
def recreated(source: Source) -> None:
    """The last layer is made anew in each forward pass."""
    for forward in source.forwards():
        for call in layer_calls(forward):
            if name_of(call) in ("head", "lm_head"):
                layer = source.of(call.func)
                source.replace(call.func, f"nn.Linear({layer}.in_features, {layer}.out_features)")


@fault("layer-in-plain-list", "unregistered-parameters", "parameters-not-in-optimizer")
def plain_list(source: Source) -> None:
    """A layer stands in a plain list, where its parameters are not found."""
    for call in source.calls("ModuleList"):
        source.replace(call.func, "list")
    for node in source.all(ast.Assign):
        target = source.of(node.targets[0])
        if target not in ("self.features", "self.gru", "self.fc1", "self.net", "self.conv1"):
            continue
        uses = [c for c in source.all(ast.Call) if source.of(c.func) == target]
        if uses and isinstance(node.value, ast.Call):
            source.wrap(node.value, "[", "]")
            for use in uses:
                source.append(use.func, "[0]")


@fault("layer-not-used", "unused-module")
def not_used(source: Source) -> None:
    """A layer is made and never called."""
    for initialiser in source.all(ast.FunctionDef):
        if initialiser.name == "__init__" and "super().__init__()" in source.of(initialiser):
            source.after(initialiser.body[-1], "self.extra = nn.Linear(16, 16)")
            return
