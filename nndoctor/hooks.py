"""Connects the session to torch. Every replacement and every global hook of torch is made here, and undone together.

Replaced are only the few places that torch has no public hook for: the call of a module (its arguments must be
exchanged, keyword ones too), `backward`, the iteration of a DataLoader, and constructors of what carries state.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import update_wrapper
from types import GeneratorType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as module_hooks
from torch.optim import lr_scheduler
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.overrides import TorchFunctionMode
from torch.utils.data import DataLoader

from nndoctor.feeds.loader import Served
from nndoctor.nesting import Nesting
from nndoctor.places import shown_file, user_place
from nndoctor.records import Event
from nndoctor.session import Call, Pass, PatientStop, Session
from nndoctor.weight_hooks import WeightHooks

if TYPE_CHECKING:
    from collections.abc import Callable

    from nndoctor.conductor import Conductor
    from nndoctor.patching import Patches

IGNORED_FUNCTIONS = frozenset(
    [
        "__get__",
        "__set__",
        "__delete__",
        "size",
        "dim",
        "backward",
        "numel",
        "item",
        "tolist",
        "__repr__",
        "__format__",
        "__bool__",
        "__len__",
        "stride",
        "is_floating_point",
        "requires_grad_",
        "register_hook",
        "element_size",
        "__hash__",
        "numpy",
        "__array__",
        "is_complex",
        "has_names",
        "__iter__",
        "data_ptr",
        "storage_offset",
        "untyped_storage",
    ]
)
"""Functions that make no new values; the mode passes them on at once."""

READS = frozenset(
    ["item", "tolist", "numpy", "__array__", "__bool__", "__float__", "__int__", "__index__", "__format__", "__repr__"]
)
"""Functions by which a number leaves a tensor, to be printed, compared or kept."""

ACCELERATE_LOADERS = ("DataLoaderShard", "DataLoaderDispatcher", "SkipDataLoader")
"""Wrappers of loaders that iterate themselves and pass for loaders; nothing of them is built as one."""


class Hooks:
    """Everything that listens in on torch, for the duration of the script."""

    def __init__(self, session: Session, conductor: Conductor) -> None:
        self.session = session
        self.conductor = conductor
        self._handles: list[Any] = []
        self._stepping: set[type] = set()
        self._iterated: set[type] = {DataLoader}
        self._blind: Any = None
        self._stance: Any = None
        self._calls_backward = False
        self._nesting = Nesting()

    def install(self, patches: Patches) -> None:
        """Attach to torch. `patches.undo()` and `remove` take everything off again."""
        patches.wrap(nn.Module, "__call__", self._call_module)
        WeightHooks(self.session, self.conductor).install(patches)
        patches.wrap(torch.autograd, "backward", self._backward)
        patches.wrap(torch.autograd, "grad", self._grad)
        patches.wrap(DataLoader, "__iter__", self._iterate)
        patches.wrap(DataLoader, "__init__", self._loader_built)
        patches.wrap(torch.optim.Optimizer, "__init__", self._built(self.conductor.owned.optimizer_built))
        patches.wrap(lr_scheduler.LRScheduler, "__init__", self._built(self._scheduler_built))
        patches.wrap(torch.amp.GradScaler, "__init__", self._built(self.conductor.owned.stateful_built))
        patches.wrap(torch.amp.GradScaler, "scale", self._scale)
        patches.wrap(torch, "compile", self._compile)
        patches.wrap(nn.utils.clip_grad, "clip_grad_norm_", self._clip)
        patches.replace(nn.utils, "clip_grad_norm_", nn.utils.clip_grad.clip_grad_norm_)
        applied = torch.autograd.Function.apply.__func__  # type: ignore[attr-defined]
        patches.replace(torch.autograd.Function, "apply", classmethod(self._apply(applied)))
        self._patches = patches
        for kind in vars(lr_scheduler).values():
            if isinstance(kind, type) and issubclass(kind, lr_scheduler.LRScheduler):
                self._freezable(kind)
        self._handles = [
            register_optimizer_step_pre_hook(self._before_step),
            register_optimizer_step_post_hook(self._after_step),
            module_hooks.register_module_module_registration_hook(self._module_registered),
            module_hooks.register_module_parameter_registration_hook(self._tensor_registered),
            module_hooks.register_module_buffer_registration_hook(self._tensor_registered),
        ]

    def remove(self) -> None:
        """Take off the hooks."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        if self._stance is not None:
            self._stance.__exit__(None, None, None)
            self._stance = None

    def _call_module(self, original: Callable[..., Any]) -> Callable[..., Any]:
        session, conductor = self.session, self.conductor

        def __call__(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            if not session.hears() or session.in_backward:
                return original(module, *args, **kwargs)
            outermost = not session.stack
            place = user_place() if outermost else session.stack[0].place
            call = Call(module, args, kwargs, place, torch.is_grad_enabled())
            if outermost:
                self.see_again()
                conductor.outer_call(call)
            session.stack.append(call)
            try:
                output = original(module, *call.args, **call.kwargs)
            except PatientStop:
                raise
            except Exception as error:
                if outermost:
                    session.raised(error, call.place)
                raise
            finally:
                session.stack.pop()
            session.tell("module_done", call, output)
            return output

        return __call__

    def _backward(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
            if not self.session.hears() or self.session.in_backward:
                return original(tensors, *args, **kwargs)
            roots = [tensors] if isinstance(tensors, Tensor) else [t for t in tensors if isinstance(t, Tensor)]
            self._calls_backward = True
            return self._run_backward(roots, [], lambda: original(tensors, *args, **kwargs))

        return backward

    def _grad(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """`torch.autograd.grad` with respect to trained tensors is the backward pass of loops that have no other.

        Where the gradient is part of another graph (MAML's inner steps, penalties), or the loop calls `backward` (inner
        steps of the first order, gradients that are only looked at), it belongs to no objective of a step.
        """

        def grad(outputs: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            if not self.session.hears() or self.session.in_backward:
                return original(outputs, inputs, *args, **kwargs)
            wanted = [inputs] if isinstance(inputs, Tensor) else [t for t in inputs if isinstance(t, Tensor)]
            roots = [outputs] if isinstance(outputs, Tensor) else [t for t in outputs if isinstance(t, Tensor)]
            in_passing = self._calls_backward or kwargs.get("create_graph")
            if in_passing or not any(self.conductor.owned.is_trained(t) for t in wanted):
                self.session.tell("gradient_asked")
                return original(outputs, inputs, *args, **kwargs)
            return self._run_backward(roots, wanted, lambda: original(outputs, inputs, *args, **kwargs))

        return grad

    def _run_backward(self, roots: list[Tensor], inputs: list[Tensor], run: Callable[[], Any]) -> Any:
        session = self.session
        this = Pass(roots, self.conductor.owned.scale_of(roots), user_place(), inputs)
        self.conductor.training_event()
        session.tell("backward_begins", this)
        session.in_backward = True
        try:
            result = run()
        except Exception as error:
            this.failed = f"{type(error).__name__}: {error}"
            raise
        finally:
            session.in_backward = False
            session.tell("backward_ended", this)
        self.conductor.backward_ended()
        return result

    def _iterate(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def __iter__(loader: Any) -> Any:
            if not self.session.hears():
                return original(loader)
            place = user_place()

            def begin() -> Iterator[Any]:
                with self.session.loading():  # what a subclass asks of its base, or of a loader that it wraps
                    inner: Iterator[Any] = original(loader)
                    return inner

            return Served(begin(), loader, self.conductor.loader_feed, begin, place)

        return __iter__

    def _loader_built(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """The loop is fed where it asks: at the outermost `__iter__`, which may fetch ahead of what it hands on."""

        def __init__(loader: Any, *args: Any, **kwargs: Any) -> None:
            original(loader, *args, **kwargs)
            accelerate = sys.modules.get("accelerate.data_loader")
            kinds = [kind for kind in type(loader).__mro__ if issubclass(kind, DataLoader)]
            kinds += [getattr(accelerate, name) for name in ACCELERATE_LOADERS if hasattr(accelerate, name)]
            for kind in kinds:
                if kind not in self._iterated and "__iter__" in vars(kind):
                    self._iterated.add(kind)
                    self._patches.wrap(kind, "__iter__", self._iterate)

        return __init__

    def _built(self, tell: Callable[[Any], None]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def make(original: Callable[..., Any]) -> Callable[..., Any]:
            def __init__(thing: Any, *args: Any, **kwargs: Any) -> None:
                original(thing, *args, **kwargs)
                if self.session.hears():
                    tell(thing)

            return __init__

        return make

    def _scheduler_built(self, scheduler: Any) -> None:
        self._freezable(type(scheduler))
        self.conductor.owned.stateful_built(scheduler)

    def _freezable(self, kind: type) -> None:
        """Let the conductor hold a class of schedulers still. On the class: instances must stay picklable."""
        for owner in kind.__mro__:
            if owner in self._stepping or "step" not in vars(owner) or owner is object:
                continue
            self._stepping.add(owner)
            self._patches.wrap(owner, "step", self._scheduler_step)

    def _scheduler_step(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def step(scheduler: Any, *args: Any, **kwargs: Any) -> Any:
            if self.session.hears() and self.conductor.holds_still(scheduler):
                return None
            begun = getattr(scheduler, "last_epoch", 0) >= 0  # else the constructor makes its first step
            by_user = bool(shown_file(sys._getframe(1).f_code.co_filename))  # not one scheduler inside another
            if begun and self.session.hears() and self.conductor.loader_feed.extended:
                result = self.conductor.schedules.step(scheduler, lambda: original(scheduler, *args, **kwargs))
            else:
                result = original(scheduler, *args, **kwargs)
            if begun and by_user and self.session.hears():
                self.session.tell("scheduler_stepped", scheduler)
            return result

        return step

    def _clip(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def clip_grad_norm_(parameters: Any, max_norm: float, *args: Any, **kwargs: Any) -> Any:
            if not self.session.hears():
                return original(parameters, max_norm, *args, **kwargs)
            again, given = parameters, [parameters] if isinstance(parameters, Tensor) else []
            if not given and isinstance(parameters, Iterator):
                given = list(parameters)  # it can be read once only; torch warns of an empty generator
                again = (p for p in given) if isinstance(parameters, GeneratorType) else iter(given)
            elif not given:
                given = list(parameters)
            norm = original(again, max_norm, *args, **kwargs)
            self.session.tell("clipped", given, max_norm, norm)
            return norm

        return clip_grad_norm_

    def _apply(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def apply(kind: type, *args: Any, **kwargs: Any) -> Any:
            if self.session.hears() and torch.is_grad_enabled() and not kwargs:
                self.session.tell("function_applied", kind, args)
            return original(kind, *args, **kwargs)

        return update_wrapper(apply, original)

    def _scale(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def scale(scaler: Any, outputs: Any) -> Any:
            scaled = original(scaler, outputs)
            if self.session.hears() and isinstance(scaled, Tensor):
                self.conductor.owned.scaled(scaler, scaled)
            return scaled

        return scale

    def _compile(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def compile(*args: Any, **kwargs: Any) -> Any:  # noqa: A001 - the name that it stands for
            if self._stance is None:  # hooks must fire, and a few steps do not repay a compilation
                self._stance = torch.compiler.set_stance("force_eager")
            self.session.add(Event(kind="note", text="torch.compile was run eagerly, so that the hooks see inside"))
            result = original(*args, **kwargs)
            self.conductor.on_compiled(result, kwargs)
            return result

        return compile

    def _before_step(self, optimizer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not self.session.hears() or not self._nesting.enters(optimizer, sys._getframe(1)):
            return
        self.conductor.before_step(optimizer)
        closure = kwargs.get("closure", args[1] if len(args) > 1 else None)
        if closure is None and type(optimizer).__module__.startswith("torch.optim"):
            # The arithmetic of torch's own optimizers is of no interest, and the mode would see every piece of it.
            self._blind = torch._C.DisableTorchFunction()
            self._blind.__enter__()

    def _after_step(self, optimizer: Any, _args: Any, _kwargs: Any) -> None:
        if not self.session.hears():
            self.see_again()
        elif self._nesting.leaves(optimizer):
            self.see_again()
            self.conductor.after_step(optimizer)

    def see_again(self) -> None:
        """Undo the blindness of an optimizer's step, also one that raised."""
        if self._blind is not None:
            blind, self._blind = self._blind, None
            blind.__exit__(None, None, None)

    def _module_registered(self, parent: nn.Module, _name: str, child: Any) -> None:
        if self.session.hears():
            self.session.names.registered(parent, child, user_place())

    def _tensor_registered(self, module: nn.Module, _name: str, _tensor: Any) -> None:
        if self.session.hears():
            self.session.names.seen(module)


class Watcher(TorchFunctionMode):
    """Sees every torch function that the script calls; those inside a composite function are part of it."""

    def __init__(self, session: Session, conductor: Conductor) -> None:
        super().__init__()
        self.session = session
        self.conductor = conductor

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Pass the call on; exchange arguments where the feed says so; tell the listeners."""
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in READS and not self.session.stack and self.session.hears():
            self.conductor.on_read()
        if name in IGNORED_FUNCTIONS or not self.session.hears() or self.session.in_backward:
            return func(*args, **kwargs)
        if not self.session.stack:
            args, kwargs = self.conductor.outer_op(name, args, kwargs)
        if self.conductor.on_arguments is not None:
            args, kwargs = self.conductor.on_arguments(name, args, kwargs)
        try:
            output = func(*args, **kwargs)
        except Exception as error:
            if not self.session.stack:
                self.session.raised(error, user_place())
            raise
        self.conductor.op_done(name, args, kwargs, output)
        return output
