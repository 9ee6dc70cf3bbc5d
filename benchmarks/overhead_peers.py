"""Other tools around the same training step, each used as its documentation says; those not installed are left out."""

from __future__ import annotations

import importlib
import importlib.util
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from overhead import Training
    from torch import Tensor


def peers() -> dict[str, Callable[[Training], object]]:
    """Return the modes by name: each tool's default, and what it calls its most thorough."""
    found: dict[str, tuple[str, Callable[[Training], object]]] = {
        "torchmortem": ("torchmortem", by_block(torchmortem("balanced"))),
        "torchmortem thorough": ("torchmortem", by_block(torchmortem("thorough"))),
        "torch-audit": ("torch_audit", by_block(torch_audit(1000))),
        "torch-audit every step": ("torch_audit", by_block(torch_audit(1))),
        "traintools": ("traintools", by_block(traintools)),
        "torcheck": ("torcheck", torcheck),
        "detect_anomaly": ("torch", detect_anomaly),
        "hooks by hand": ("torch", by_block(by_hand)),
    }
    missing = sorted({module for module, _ in found.values() if importlib.util.find_spec(module) is None})
    if missing:
        print(f"not installed, left out: {', '.join(missing)}")
    return {name: mode for name, (module, mode) in found.items() if module not in missing}


def by_block(enter: Callable[[Training], object]) -> Callable[[Training], object]:
    """Return a mode that is entered before each block and left after it."""

    @contextmanager
    def mode(training: Training) -> Iterator[None]:
        opened: list[ExitStack] = []

        def begin() -> None:
            opened.append(ExitStack())
            opened[-1].enter_context(enter(training))  # type: ignore[arg-type]

        def end() -> None:
            opened.pop().close()
            training.step = training.bare

        training.before_block, training.after_block = begin, end
        yield

    return mode


@contextmanager
def by_hand(training: Training) -> Iterator[None]:
    """What one writes oneself, as cheap as can be: one norm of each output, gradient, weight and update, every step.

    `every` keeps seven figures of each of these, among them the norm.
    """
    parameters = list(training.model.parameters())
    before: list[Tensor] = []
    seen: list[Tensor] = []
    steps: list[list[float]] = []

    def output(_module: nn.Module, _args: object, out: Tensor | tuple[Tensor, ...]) -> None:
        first = out if isinstance(out, torch.Tensor) else out[0]  # attention returns its weights as well
        seen.append(torch.linalg.vector_norm(first.detach()))

    def before_step(*_arguments: object) -> None:
        seen.extend(torch.linalg.vector_norm(p.grad) for p in parameters if p.grad is not None)
        before[:] = [p.detach().clone() for p in parameters]

    def after_step(*_arguments: object) -> None:
        for parameter, old in zip(parameters, before, strict=True):
            seen.append(torch.linalg.vector_norm(parameter.detach()))
            seen.append(torch.linalg.vector_norm(parameter.detach() - old))
        steps.append(torch.stack(seen).tolist())
        seen.clear()

    handles = [module.register_forward_hook(output) for module in training.model.modules()]
    handles += [training.optimizer.register_step_pre_hook(before_step)]
    handles += [training.optimizer.register_step_post_hook(after_step)]
    yield
    for handle in handles:
        handle.remove()


def torchmortem(sampling: str) -> Callable[[Training], object]:
    """Collectors on hooks; the loss is handed over after each step."""

    @contextmanager
    def mode(training: Training) -> Iterator[None]:
        autopsies: Any = importlib.import_module("torchmortem")
        with autopsies.Autopsy(training.model, optimizer=training.optimizer, sampling=sampling) as autopsy:

            def step(inputs: Tensor, labels: Tensor) -> None:
                training.optimizer.zero_grad()
                loss = functional.cross_entropy(training.model(inputs), labels)
                loss.backward()  # type: ignore[no-untyped-call]
                training.optimizer.step()
                autopsy.step(loss=loss.item())

            training.step = step
            yield

    return mode


def torch_audit(interval: int) -> Callable[[Training], object]:
    """Its mode without changes to the loop; 1000 is the interval of its documentation."""

    @contextmanager
    def mode(training: Training) -> Iterator[None]:
        audits: Any = importlib.import_module("torch_audit")
        auditor = audits.autopatch(
            training.model, optimizer=training.optimizer, every_n_steps=interval, reporters=[], fail_level="FATAL"
        )
        yield
        auditor.unpatch()

    return mode


@contextmanager
def traintools(training: Training) -> Iterator[None]:
    """The two inspectors that its quick start calls on every step."""
    tools: Any = importlib.import_module("traintools")
    batches = tools.BatchInspector(expected_num_classes=10)
    gradients = tools.GradientHealthMonitor(max_grad_norm=1.0)
    count = 0

    def step(inputs: Tensor, labels: Tensor) -> None:
        nonlocal count
        batches.inspect(inputs, labels, step=count)
        functional.cross_entropy(training.model(inputs), labels).backward()  # type: ignore[no-untyped-call]
        gradients.inspect(training.model, step=count, lr=1e-4)
        training.optimizer.step()
        training.optimizer.zero_grad()
        count += 1

    training.step = step
    yield


@contextmanager
def torcheck(training: Training) -> Iterator[None]:
    """Parameters change, and neither they nor the output are NaN or infinite."""
    tool: Any = importlib.import_module("torcheck")
    tool.register(training.optimizer)
    tool.add_module_changing_check(training.model, module_name="model")
    tool.add_module_nan_check(training.model, module_name="model")
    tool.add_module_inf_check(training.model, module_name="model")
    tool.disable()
    training.before_block, training.after_block = tool.enable, tool.disable
    yield


@contextmanager
def detect_anomaly(training: Training) -> Iterator[None]:
    """Torch's own search for the NaN of a backward pass."""
    kept: list[Any] = []

    def begin() -> None:
        kept.append(torch.autograd.set_detect_anomaly(True, check_nan=True))

    def end() -> None:
        kept.pop().__exit__(None, None, None)

    training.before_block, training.after_block = begin, end
    yield
