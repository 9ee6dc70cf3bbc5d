"""Faults in the order and the presence of the statements of a training step."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from faults.operator import Operator, theme

if TYPE_CHECKING:
    from faults.source import Source

OPERATORS: list[Operator] = []
fault = theme(__name__, OPERATORS)


@fault("drop-zero-grad", "missing-zero-grad")
def drop_zero_grad(source: Source) -> None:
    """Gradients are never set to zero."""
    for statement in source.called("zero_grad"):
        source.remove(statement)


@fault("drop-step", "optimizer-never-steps")
def drop_step(source: Source) -> None:
    """The optimizer never steps."""
    for statement in source.optimizer_steps():
        source.remove(statement)


@fault("drop-backward", "backward-never-called")
def drop_backward(source: Source) -> None:
    """Backward is never called."""
    for step in source.steps():
        source.remove(step.backward)


@fault("zero-grad-before-step", "gradients-cleared-before-step")
def zero_before_step(source: Source) -> None:
    """Gradients are set to zero between backward and step."""
    if len(source.called("zero_grad")) != len(source.steps()):
        return
    for statement, step in zip(source.called("zero_grad"), source.steps(), strict=True):
        source.remove(statement)
        source.after(step.backward, source.of(statement))


@fault("step-before-backward", "gradients-cleared-before-step", "optimizer-never-steps", "discarded-gradient")
def step_before_backward(source: Source) -> None:
    """The optimizer steps before backward, right after the gradients were set to zero."""
    if len(source.optimizer_steps()) != len(source.steps()):
        return
    for statement, step in zip(source.optimizer_steps(), source.steps(), strict=True):
        source.remove(statement)
        source.before(step.backward, source.of(statement))


@fault("same-batch-every-step", "repeated-batch")
def same_batch(source: Source) -> None:
    """Every step gets the first batch of the epoch."""
    for step in source.steps():
        if step.batch and isinstance(step.loop.iter, ast.Name | ast.Attribute):
            source.replace(step.loop.iter, "[next(iter({0}))] * len({0})".format(source.of(step.loop.iter)))


@fault("accumulate-undivided", "accumulation-scale", "batch-too-large")
def accumulate(source: Source) -> None:
    """Gradients of eight batches are added up and not divided by eight."""
    if not source.calls("SGD"):
        return  # Adam and its like divide the factor out again
    for step in source.steps():
        inside = set(ast.walk(step.loop))
        steps = [s for s in source.optimizer_steps() if s in inside]
        zeros = [s for s in source.called("zero_grad") if s in inside]
        if (
            not step.batch
            or not isinstance(step.loop.iter, ast.Name | ast.Attribute)
            or len(steps) != 1
            or len(zeros) != 1
        ):
            continue
        source.wrap(step.loop.target, "batch_index, (")
        source.wrap(step.loop.iter, "enumerate(")
        source.remove(zeros[0])
        do, zero, indent = source.of(steps[0]), source.of(zeros[0]), " " * (steps[0].col_offset + 4)
        source.replace(steps[0], f"if batch_index % 8 == 7:\n{indent}{do}\n{indent}{zero}")


@fault("clip-at-1e-6", "clipping-misuse", "implausible-hyperparameter")
def clip_tiny(source: Source) -> None:
    """Gradients are clipped to a norm of 1e-6."""
    _clip(source, "1e-6", before=True)


@fault("clip-after-step", "clipping-misuse")
def clip_late(source: Source) -> None:
    """Gradients are clipped after the step."""
    _clip(source, "1.0", before=False)


def _clip(source: Source, norm: str, *, before: bool) -> None:
    for statement in source.all(ast.Expr):
        if isinstance(statement.value, ast.Call) and "clip_grad_norm_" in source.of(statement):
            source.remove(statement)
    for statement in source.optimizer_steps() if source.steps() else []:
        model = source.model() or "model"
        line = f"torch.nn.utils.clip_grad_norm_({model}.parameters(), {norm})"
        (source.before if before else source.after)(statement, line)


@fault("loss-detached", "loss-detached")
def detached(source: Source) -> None:
    """The loss is detached and asked for a gradient anew."""
    for step in source.steps():
        source.before(step.backward, f"{step.loss} = {step.loss}.detach().requires_grad_()")


@fault("loss-from-item", "loss-detached")
def from_item(source: Source) -> None:
    """The loss goes through a number: torch.tensor(loss.item(), requires_grad=True)."""
    for step in source.steps():
        source.before(step.backward, f"{step.loss} = torch.tensor({step.loss}.item(), requires_grad=True)")


@fault("losses-kept", "graph-kept-alive")
def losses_kept(source: Source) -> None:
    """The sum of the epoch's losses is made of tensors with their graphs."""
    for step in source.steps():
        for node in ast.walk(step.loop):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "item"
                and source.of(node.func.value) == step.loss
            ):
                source.replace(node, step.loss)


@fault("train-mode-forgotten", "eval-mode-in-training")
def never_back_to_train(source: Source) -> None:
    """After a validation nobody switches back to train mode."""
    if source.called("eval") and source.has_modes:
        for statement in source.called("train"):
            source.remove(statement)


@fault("eval-mode-in-training", "eval-mode-in-training")
def eval_in_training(source: Source) -> None:
    """The training loop switches to eval mode."""
    for statement in source.called("train") if source.has_modes else []:
        assert isinstance(statement.value, ast.Call)
        assert isinstance(statement.value.func, ast.Attribute)
        source.replace(statement, f"{source.of(statement.value.func.value)}.eval()")
