"""What a project gives that has no script: the parts of a training, and the plain loop over them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nndoctor.errors import UsageError

EPOCHS = 3
"""Passes over the data of the plain loop; a check sees enough in the first ones."""
ALIASES = {
    "train_dataloader": "train_loader",
    "val_dataloader": "val_loader",
    "criterion": "loss_fn",
    "loss": "loss_fn",
}
"""Names that projects use for the same things."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """The parts of a training.

    `train_loader` yields batches `(inputs, targets)`, or mappings that are the model's keyword arguments. `loss_fn`
    takes `(prediction, targets)`; without one the model itself returns the loss (as its output, its `loss` or its
    first element, as Hugging Face's models do). `val_loader` is evaluated after each epoch.
    """

    model: nn.Module
    train_loader: Iterable[Any]
    optimizer: Any
    loss_fn: Callable[[Any, Any], Tensor] | None = None
    val_loader: Iterable[Any] | None = None
    scheduler: Any = None
    epochs: int = EPOCHS

    @classmethod
    def of(cls, given: Any, *, by: str) -> Training:
        """Return the training that a factory returned: a `Training`, a mapping, or an object with such attributes.

        `by` is the factory's name. Raises `UsageError`, in one line, for what is missing or of the wrong kind.
        """
        if isinstance(given, cls):
            return given._checked(by)
        if dataclasses.is_dataclass(given) and not isinstance(given, type):
            given = {field.name: getattr(given, field.name) for field in dataclasses.fields(given)}
        if not isinstance(given, Mapping):
            raise UsageError(f"{by} returned {_kind(given)}; a dict with {_wanted()} is expected")
        parts: dict[str, Any] = {ALIASES.get(str(name), str(name)): part for name, part in given.items()}
        known = {field.name for field in dataclasses.fields(cls)}
        if unknown := sorted(parts.keys() - known):
            raise UsageError(f"{by} returned an unknown part {unknown[0]!r}; known are {', '.join(sorted(known))}")
        if missing := [name for name in ("model", "train_loader", "optimizer") if parts.get(name) is None]:
            raise UsageError(f"{by} returned no {' and no '.join(missing)}; a dict with {_wanted()} is expected")
        return cls(**parts)._checked(by)

    def _checked(self, by: str) -> Training:
        wrong = {
            "model is no torch.nn.Module": not isinstance(self.model, nn.Module),
            "train_loader cannot be iterated": not isinstance(self.train_loader, Iterable),
            "optimizer has no step()": not callable(getattr(self.optimizer, "step", None)),
            "loss_fn cannot be called": self.loss_fn is not None and not callable(self.loss_fn),
            "val_loader cannot be iterated": self.val_loader is not None and not isinstance(self.val_loader, Iterable),
        }
        for what, is_wrong in wrong.items():
            if is_wrong:
                raise UsageError(f"{by}: its {what}")
        return self


def train(training: Training) -> None:
    """Train in the plain way: zero_grad, forward, loss, backward, step; evaluation without gradients."""
    device = next((p.device for p in training.model.parameters()), torch.device("cpu"))
    for _ in range(training.epochs):
        training.model.train()
        for batch in training.train_loader:
            training.optimizer.zero_grad()
            loss = loss_of(training, batch, device)
            loss.backward()  # type: ignore[no-untyped-call]
            training.optimizer.step()
        if training.scheduler is not None:
            training.scheduler.step()
        if training.val_loader is not None:
            training.model.eval()
            with torch.no_grad():
                for batch in training.val_loader:
                    loss_of(training, batch, device)


def loss_of(training: Training, batch: Any, device: torch.device) -> Tensor:
    """Return the loss of one batch."""
    batch = _on(batch, device)
    if isinstance(batch, Mapping):
        output = training.model(**batch)
        targets = batch.get("labels", batch.get("targets"))
    elif isinstance(batch, list | tuple) and len(batch) > 1:
        *inputs, targets = batch
        output = training.model(*inputs)
    else:
        inputs = batch[0] if isinstance(batch, list | tuple) else batch
        output, targets = training.model(inputs), inputs
    if training.loss_fn is not None:
        return training.loss_fn(output, targets)
    loss = getattr(output, "loss", None)
    if loss is None:
        loss = output["loss"] if isinstance(output, Mapping) else output[0] if isinstance(output, tuple) else output
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        raise TypeError(f"without a loss_fn the model must return its loss, not {_kind(loss)}")
    return loss


def _on(value: Any, device: torch.device) -> Any:
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, Mapping):
        return {key: _on(item, device) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_on(item, device) for item in value]
    return value


def _kind(value: Any) -> str:
    name = type(value).__name__
    return "nothing" if value is None else f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def _wanted() -> str:
    return "model, train_loader, loss_fn and optimizer"
