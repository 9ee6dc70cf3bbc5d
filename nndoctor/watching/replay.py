"""Where the first NaN or Inf came from: the calls of the broken step once more, every operation looked at.

The weights, the batch and the random state of the step are still there when it is found: the update has not run yet.
Statistics that a module keeps (BatchNorm's) are copies during the replay: the backward pass that the training is about
to do would notice if they were written to, even if their values were put back.
"""

from __future__ import annotations

import math
import re
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as module_hooks
from torch.overrides import TorchFunctionMode

from nndoctor.experiments.origin import MASKS, summary
from nndoctor.feeds.tree import leaves, replaced
from nndoctor.places import source_line, user_place
from nndoctor.records import NonFinite

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from nndoctor.names import Names


@dataclass(slots=True)
class Outer:
    """One call of a model, a loss module or a loss function in a training step."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    output: Any


def traced(
    calls: list[Outer],
    loss: Tensor | None,
    names: Names,
    random_state: Tensor,
    batch: Any,
    *,
    phase: str,
    held: Iterable[tuple[str, Tensor]],
) -> NonFinite:
    """Return the row of the first NaN or Inf: its origin, and where that is not known, what shows it.

    `held` are the parameters, by name, of the optimizer whose gradients are not finite; the rest as for `origin`.
    """
    place = user_place()
    row = origin(calls, loss, names, random_state, batch, phase=phase)
    if phase == "backward" and not row.tensor:
        broken = [name for name, p in held if p.grad is not None and not finite(p.grad)]
        row = replace(row, tensor=broken[-1] if broken else "")
    if not row.file:
        row = replace(row, file=place[0], line=place[1], function=place[2])
    if loss is not None and row.phase == "unknown":
        row = replace(row, what="nan" if bool(torch.isnan(loss).any()) else "inf")
    return row


def origin(
    calls: list[Outer], loss: Tensor | None, names: Names, random_state: Tensor, batch: Any, *, phase: str
) -> NonFinite:
    """Return what is known of the origin. `phase` is where it showed: `forward` (the loss) or `backward`.

    `random_state` is torch's from the beginning of the step; what the script draws later is not touched.
    """
    early = _in_weights(calls) or _in_batch(batch)
    if early is not None:
        return early
    present = torch.get_rng_state()
    gradients = [
        (p, p.grad) for call in calls if isinstance(call.function, nn.Module) for p in call.function.parameters()
    ]
    try:
        torch.set_rng_state(random_state)
        with _buffers_of_its_own(calls):
            return _forward(calls, names, loss) if phase == "forward" else _backward(calls)
    except Exception as error:  # noqa: BLE001 - a forward pass may not be repeatable
        return NonFinite(phase="unknown", inputs=f"the step could not be repeated: {type(error).__name__}")
    finally:
        torch.set_rng_state(present)
        for parameter, gradient in gradients:
            parameter.grad = gradient


@contextmanager
def _buffers_of_its_own(calls: list[Outer]) -> Iterator[None]:
    modules = [m for call in calls if isinstance(call.function, nn.Module) for m in call.function.modules()]
    held = {module: dict(module._buffers) for module in modules}
    copies = {id(b): b.detach().clone() for own in held.values() for b in own.values() if b is not None}
    try:
        for module, own in held.items():
            module._buffers.update({name: copies[id(b)] for name, b in own.items() if b is not None})
        yield
    finally:
        for module, own in held.items():
            module._buffers.update(own)


def _in_weights(calls: list[Outer]) -> NonFinite | None:
    for call in calls:
        if isinstance(call.function, nn.Module):
            for name, parameter in call.function.named_parameters():
                if not finite(parameter):
                    return NonFinite(phase="optimizer", what=_what(parameter), tensor=name, inputs=summary([parameter]))
    return None


def _in_batch(batch: Any) -> NonFinite | None:
    for path, tensor in leaves(batch):
        if tensor.is_floating_point() and not finite(tensor):
            return NonFinite(phase="data", what=_what(tensor), tensor=path, inputs=summary([tensor]))
    return None


class _Watcher(TorchFunctionMode):
    """Remembers the first operation that made something non-finite of what was finite."""

    def __init__(self, names: Names) -> None:
        super().__init__()
        self.found: NonFinite | None = None
        self.stack: list[str] = []
        self._names = names
        self._handles = [
            module_hooks.register_module_forward_pre_hook(self._enter),
            module_hooks.register_module_forward_hook(self._leave, always_call=True),
        ]

    def _enter(self, module: nn.Module, _args: Any) -> None:
        self.stack.append(self._names.path(module))

    def _leave(self, _module: nn.Module, _args: Any, _output: Any) -> None:
        self.stack.pop()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        if self.found is None:
            with torch._C.DisableTorchFunction():
                self._look(getattr(func, "__name__", "?"), args, kwargs or {}, output)
        return output

    def _look(self, name: str, args: Any, kwargs: Any, output: Any) -> None:
        bad = next((t for _, t in leaves(output) if t.is_floating_point() and not finite(t)), None)
        if bad is None or (name in MASKS and not bool(torch.isnan(bad).any())):
            return
        file, line, function = user_place()
        self.found = NonFinite(
            phase="forward",
            what=_what(bad),
            operation=name.strip("_"),
            module=self.stack[-1] if self.stack else "",
            inputs=summary([t for _, t in leaves((args, kwargs)) if t.is_floating_point()]),
            code=source_line(file, line) if file else "",
            file=file,
            line=line,
            function=function,
        )

    def __exit__(self, *args: object) -> None:
        for handle in self._handles:
            handle.remove()
        super().__exit__(*args)  # type: ignore[no-untyped-call]


def _forward(calls: list[Outer], names: Names, loss: Tensor | None) -> NonFinite:
    with torch.no_grad(), _Watcher(names) as watcher:
        for _ in _repeated(calls):
            found: NonFinite | None = watcher.found
            if found is not None:
                return found
    # The calls are sound: the script's own arithmetic on their results is not.
    outputs = [t for call in calls for _, t in leaves(call.output) if t.is_floating_point()]
    broken = _in_graph(loss) if loss is not None else None
    return broken or NonFinite(
        phase="forward", what=_what(loss) if loss is not None else "nan", inputs=summary(outputs[-1:])
    )


FAULTY: dict[str, tuple[str, str, Callable[[Tensor], bool]]] = {
    "LogBackward0": ("log", "_saved_self", lambda t: bool((t <= 0).any())),
    "Log2Backward0": ("log2", "_saved_self", lambda t: bool((t <= 0).any())),
    "Log10Backward0": ("log10", "_saved_self", lambda t: bool((t <= 0).any())),
    "Log1PBackward0": ("log1p", "_saved_self", lambda t: bool((t <= -1).any())),
    "DivBackward0": ("div", "_saved_other", lambda t: bool((t == 0).any())),
    "ReciprocalBackward0": ("reciprocal", "_saved_result", lambda t: not finite(t)),
    "SqrtBackward0": ("sqrt", "_saved_result", lambda t: not finite(t)),
    "ExpBackward0": ("exp", "_saved_result", lambda t: not finite(t)),
    "PowBackward0": ("pow", "_saved_self", lambda t: bool((t <= 0).any())),
}
"""By backward node: the operation, what it saved for its backward pass, and which values make it NaN or infinite."""
MOST_NODES = 300


def _in_graph(loss: Tensor) -> NonFinite | None:
    """Return the operation nearest to the data in the loss's graph whose saved values show that it broke."""
    waiting: list[Any] = [loss.grad_fn]
    seen: set[Any] = set()
    found: NonFinite | None = None
    while waiting and len(seen) < MOST_NODES:
        node = waiting.pop(0)
        if node is None or node in seen:
            continue
        seen.add(node)
        waiting += [above for above, _ in node.next_functions]
        kind = FAULTY.get(type(node).__name__)
        saved = getattr(node, kind[1], None) if kind else None
        if kind is not None and isinstance(saved, Tensor) and kind[2](saved):
            found = NonFinite(phase="forward", what=_what(loss), operation=kind[0], inputs=summary([saved]))
    return found


def _backward(calls: list[Outer]) -> NonFinite:
    """Repeat forward and backward under anomaly detection, which names the node and the line of its forward."""
    with warnings.catch_warnings(record=True) as told, torch.enable_grad():
        warnings.simplefilter("always")
        with torch.autograd.set_detect_anomaly(mode=True, check_nan=True):
            scalar = None
            for output in _repeated(calls):
                scalar = next((t for _, t in leaves(output) if t.grad_fn is not None), scalar)
            if scalar is None:
                return NonFinite(phase="backward")
            try:
                scalar.sum().backward()  # type: ignore[no-untyped-call]
            except RuntimeError as error:
                node = re.search(r"Function '(\w+)' returned nan", str(error))
                return _placed(NonFinite(phase="backward", operation=node[1] if node else ""), told)
    return NonFinite(phase="backward", what="inf")


def _placed(row: NonFinite, told: list[warnings.WarningMessage]) -> NonFinite:
    text = str(told[-1].message) if told else ""
    for file, line, function in reversed(re.findall(r'File "(.+?)", line (\d+), in (\S+)', text)):
        from nndoctor.places import shown_file

        if shown_file(file):
            shown = shown_file(file)
            code = source_line(shown, int(line))
            return replace(row, file=shown, line=int(line), function=function, code=code)
    return row


def _repeated(calls: list[Outer]) -> Iterator[Any]:
    """Make the calls again, the later ones with the new outputs of the earlier ones."""
    new: dict[int, Tensor] = {}

    def exchanged(value: Any) -> Any:
        return replaced(value, lambda _path, tensor: new.get(id(tensor), tensor))

    for call in calls:
        output = call.function(*exchanged(call.args), **exchanged(call.kwargs))
        for (_, old), (_, fresh) in zip(leaves(call.output), leaves(output), strict=False):
            new[id(old)] = fresh
        yield output


def finite(tensor: Tensor) -> bool:
    """Return whether all values are finite. One that is not shows in the sum, which is much cheaper to ask for."""
    if tensor.is_sparse:
        tensor = tensor.detach().coalesce().values()
    total = float(tensor.detach().float().sum()) if tensor.numel() else 0.0
    return math.isfinite(total) or bool(torch.isfinite(tensor).all())


def _what(tensor: Tensor) -> str:
    return "nan" if bool(torch.isnan(tensor).any()) else "inf"
