"""Faults of the loss."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from faults.operator import Operator, theme

if TYPE_CHECKING:
    from faults.source import Source

OPERATORS: list[Operator] = []
fault = theme(__name__, OPERATORS)

PAIR_OF_A_CHUNK = re.compile(r"(\w+)\[:-1\], \1\[1:\]")
"""Inputs and targets of a language model, cut from one run of tokens."""

BROADCASTS = ("loss-broadcast", "accidental-broadcast")


def is_classifier(source: Source) -> bool:
    """Whether the file trains with cross entropy."""
    return bool(source.calls("CrossEntropyLoss", "cross_entropy")) and bool(source.steps())


def wrap_outputs(source: Source, before: str, after: str) -> None:
    """Put something around the model's output in the call of the loss."""
    for step in source.steps():
        if step.call:
            source.wrap(step.call.args[0], before, after)


@fault("softmax-before-cross-entropy", "softmax-into-cross-entropy")
def softmax_first(source: Source) -> None:
    """Cross entropy gets probabilities."""
    if is_classifier(source):
        wrap_outputs(source, "torch.softmax(", ", dim=1)")


@fault("sigmoid-before-bce-with-logits", "sigmoid-into-bce-with-logits")
def sigmoid_first(source: Source) -> None:
    """Binary cross entropy with logits gets probabilities."""
    if source.calls("BCEWithLogitsLoss"):
        wrap_outputs(source, "torch.sigmoid(", ")")


@fault("nll-of-logits", "logits-into-nll")
def nll_of_logits(source: Source) -> None:
    """The negative log-likelihood gets logits."""
    for call in source.calls("CrossEntropyLoss"):
        source.replace(call, "nn.NLLLoss()")
    for call in source.calls("cross_entropy"):
        source.replace(call.func, "F.nll_loss")


@fault("softmax-over-batch", "softmax-wrong-dim")
def softmax_over_batch(source: Source) -> None:
    """The log-softmax before the negative log-likelihood goes over the batch."""
    if not is_classifier(source) or not all(step.call for step in source.steps()):
        return  # else the log-softmax would find no place, and the fault would be another
    nll_of_logits(source)
    wrap_outputs(source, "torch.log_softmax(", ", dim=0)")


@fault("mse-on-classes", "wrong-loss-for-target", *BROADCASTS)
def mse_on_classes(source: Source) -> None:
    """The outputs of a classifier are regressed on the number of the class."""
    if not is_classifier(source):
        return
    for step in source.steps():
        if step.call:
            first, second = map(source.of, step.call.args)
            source.replace(step.call, f"torch.nn.functional.mse_loss({first}, {second}.float().unsqueeze(1))")


@fault("l1-on-binary-labels", "wrong-loss-for-target")
def l1_on_labels(source: Source) -> None:
    """The logit of a binary classifier is regressed on 0 and 1."""
    for call in source.calls("BCEWithLogitsLoss"):
        source.replace(call, "nn.L1Loss()")


@fault("loss-sign", "loss-sign")
def sign(source: Source) -> None:
    """The loss is maximised."""
    for step in source.steps():
        source.replace(step.backward, f"(-{step.loss}).backward()")


@fault("arguments-swapped", "target-range", "wrong-loss-for-target", "loss-sign")
def swapped(source: Source) -> None:
    """A binary cross entropy gets target and prediction in the wrong order."""
    candidates = source.calls("binary_cross_entropy")
    if source.calls("BCEWithLogitsLoss"):
        candidates += [step.call for step in source.steps() if step.call]
    for call in candidates:
        first, second = call.args[0], call.args[1]
        source.replace(first, source.of(second))
        source.replace(second, source.of(first))


@fault("target-squeezed", *BROADCASTS)
def target_squeezed(source: Source) -> None:
    """Targets of shape (N,) meet outputs of shape (N, 1)."""
    if source.calls("MSELoss", "mse_loss", "SmoothL1Loss", "HuberLoss", "L1Loss"):
        for step in source.steps():
            if step.call and not (step.batch and step.batch[1] == "_"):
                source.append(step.call.args[1], ".squeeze(-1)")


@fault("own-prediction-as-target", "loss-ignores-target", "ignored-targets")
def own_prediction(source: Source) -> None:
    """The loss compares the prediction with itself."""
    for step in source.steps():
        if step.call and is_classifier(source):
            source.replace(step.call.args[1], f"{source.of(step.call.args[0])}.argmax(1)")


@fault("loss-times-1e-6", "learning-rate-too-low", "vanishing-gradient", "loss-term-imbalance")
def tiny_loss(source: Source) -> None:
    """The loss is multiplied by 1e-6."""
    if source.calls("SGD"):
        for step in source.steps():
            source.replace(step.backward, f"({step.loss} * 1e-6).backward()")


@fault("loss-summed", "learning-rate-too-high", "exploding-gradient", "implausible-hyperparameter")
def summed(source: Source) -> None:
    """The loss is summed over the batch, with a rate chosen for the mean."""
    if not source.calls("SGD"):
        return  # Adam and its like divide the factor out again
    for call in source.calls("CrossEntropyLoss", "BCEWithLogitsLoss", "MSELoss"):
        source.keyword(call, "reduction", '"sum"')


@fault("term-times-1000", "loss-term-imbalance")
def term_dominates(source: Source) -> None:
    """One term of the loss is a thousand times heavier."""
    for step in source.steps():
        if step.assigned and isinstance(step.assigned.value, ast.BinOp) and isinstance(step.assigned.value.op, ast.Add):
            source.wrap(step.assigned.value.right, "1000 * ", "")


@fault("loss-divided-by-zero", "non-finite")
def divided_by_zero(source: Source) -> None:
    """The loss is divided by a count that is zero."""
    for step in source.steps():
        if step.batch:
            count = f"({step.batch[1]} > 1e6).sum()"
            source.before(step.backward, f"{step.loss} = {step.loss} / {count}")


@fault("target-not-shifted", "target-not-shifted")
def not_shifted(source: Source) -> None:
    """The next token to be predicted is the token itself."""
    for node in source.all(ast.Slice):
        if source.of(node).startswith("i + 1 : i + 1 +"):
            source.replace(node, "i : i +" + source.of(node).removeprefix("i + 1 : i + 1 +"))
    for pair in source.all(ast.Tuple):
        if PAIR_OF_A_CHUNK.fullmatch(source.of(pair)):
            source.replace(pair.elts[1], source.of(pair.elts[0]))
