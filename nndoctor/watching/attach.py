"""Connects a monitor to torch: a handful of replaced functions, all undone together, none of which changes a value."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules import module as module_hooks
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.utils.data import dataloader

from nndoctor.patching import Patches
from nndoctor.places import user_place
from nndoctor.session import in_transforms
from nndoctor.watching.evaluations import LOSSES

if TYPE_CHECKING:
    from collections.abc import Callable

    from nndoctor.watching.monitor import Monitor

MOST_CALLS = 8
"""Outermost calls of a step that are kept until its end, for a replay."""


class Attachment:
    """A monitor's connection to torch, from `install` to `remove`."""

    def __init__(self, monitor: Monitor) -> None:
        self.monitor = monitor
        self._patches = Patches()
        self._handles: list[Any] = []
        self._thread = threading.get_ident()
        self.stop: BaseException | None = None
        """Raised at the next `backward`, out of the user's own code, where the monitor wants the training to end."""

    def install(self) -> None:
        """Attach."""
        patches = self._patches
        patches.wrap(nn.Module, "__call__", self._call_module)
        patches.wrap(torch.autograd, "backward", self._backward)
        patches.wrap(torch.amp.GradScaler, "scale", self._scale)
        patches.wrap(torch.optim.Optimizer, "__init__", self._optimizer_built)
        patches.wrap(dataloader._BaseDataLoaderIter, "__next__", self._next)
        for name in LOSSES:
            patches.wrap(functional, name, self._loss(name))
        patches.wrap(torch.jit, "script", self._script)
        patches.wrap(nn.Module, "load_state_dict", self._load)
        self._handles = [
            register_optimizer_step_pre_hook(self._before_step()),
            register_optimizer_step_post_hook(self._after_step()),
            module_hooks.register_module_module_registration_hook(self._registered),
        ]
        os.register_at_fork(after_in_child=self._fall_silent)

    def remove(self) -> None:
        """Take everything off again."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._patches.undo()

    def _fall_silent(self) -> None:
        self.monitor.off = True

    def _here(self) -> bool:
        return not self.monitor.off and threading.get_ident() == self._thread

    def _call_module(self, original: Callable[..., Any]) -> Callable[..., Any]:
        monitor, thread, get_ident = self.monitor, self._thread, threading.get_ident
        is_traced, is_compiling = torch.compiler.is_dynamo_compiling, torch.compiler.is_compiling
        is_grad_enabled = torch.is_grad_enabled
        calls, met = monitor.calls, monitor.parts.outermost
        # Where nobody else has replaced it: this function stands in its place, so that no call goes through one more.
        plain = original is getattr(nn.Module, "_wrapped_call_impl", None)

        def __call__(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            # First: what compiled code has looked at is guarded, and a change of it would compile anew.
            if is_traced():
                return original(module, *args, **kwargs)
            if monitor.inside:
                if plain and module._compiled_call_impl is None:  # the most frequent case
                    output = module._call_impl(*args, **kwargs)  # type: ignore[no-untyped-call]
                else:
                    output = original(module, *args, **kwargs)
                if monitor.sampling and get_ident() == thread and not in_transforms():
                    monitor.module_done(module, output)
                return output
            if monitor.in_backward or monitor.off or not is_grad_enabled() or get_ident() != thread:
                return original(module, *args, **kwargs)
            if in_transforms() or is_compiling():  # also where a model is exported
                return original(module, *args, **kwargs)
            if id(module) not in met:
                monitor.meets(module)
            monitor.inside = True
            try:
                output = original(module, *args, **kwargs)
            finally:
                monitor.inside = False
            if monitor.sampling:
                monitor.outer_done(module, args, kwargs, output)
            elif len(calls) < MOST_CALLS:
                calls.append((module, args, kwargs, output))
            return output

        return __call__

    def _backward(self, original: Callable[..., Any]) -> Callable[..., Any]:
        monitor, thread, get_ident = self.monitor, self._thread, threading.get_ident

        def backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
            if monitor.in_backward or monitor.off or get_ident() != thread:
                return original(tensors, *args, **kwargs)
            if not (monitor.brief and monitor.backward_briefly(tensors)):
                monitor.backward_begins((tensors,) if isinstance(tensors, Tensor) else tuple(tensors))
                if self.stop is not None:
                    self._obey()
            monitor.in_backward = True
            try:
                return original(tensors, *args, **kwargs)
            finally:
                monitor.in_backward = False

        return backward

    def _obey(self) -> None:
        stop, self.stop = self.stop, None
        if stop is not None:
            raise stop

    def _scale(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def scale(scaler: Any, outputs: Any) -> Any:
            result = original(scaler, outputs)
            if isinstance(outputs, Tensor) and self._here():
                self.monitor.scaled(outputs, result)
            return result

        return scale

    def _optimizer_built(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def __init__(optimizer: Any, *args: Any, **kwargs: Any) -> None:
            original(optimizer, *args, **kwargs)
            if self._here():
                self.monitor.parts.built[optimizer] = user_place()

        return __init__

    def _next(self, original: Callable[..., Any]) -> Callable[..., Any]:
        clock = time.perf_counter
        monitor, thread, get_ident = self.monitor, self._thread, threading.get_ident

        def __next__(iterator: Any) -> Any:
            began = clock()
            try:
                batch = original(iterator)
            except StopIteration:
                if self._here():
                    monitor.exhausted(iterator._dataset)
                raise
            if not monitor.off and get_ident() == thread:
                monitor.waited += clock() - began
                monitor.batch = batch
                if iterator._dataset is not monitor.data_set:
                    monitor.another_loader(iterator)
            return batch

        return __next__

    def _loss(self, name: str) -> Callable[..., Any]:
        monitor, thread, get_ident = self.monitor, self._thread, threading.get_ident
        is_compiling, is_grad_enabled, calls = torch.compiler.is_compiling, torch.is_grad_enabled, monitor.calls

        def make(original: Callable[..., Any]) -> Callable[..., Any]:
            def loss(*args: Any, **kwargs: Any) -> Any:
                output = original(*args, **kwargs)
                if is_compiling() or monitor.off or get_ident() != thread or in_transforms():
                    return output
                if monitor.sampling or not is_grad_enabled():
                    monitor.loss_called(name, original, args, kwargs, output)
                elif not monitor.inside and len(calls) < MOST_CALLS:
                    calls.append((original, args, kwargs, output))
                return output

            return loss

        return make

    def _load(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def load_state_dict(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            result = original(module, *args, **kwargs)
            if self._here():
                self.monitor.parts.loaded.update(module.modules())
            return result

        return load_state_dict

    def _script(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """TorchScript compiles the loss functions' source: for the time of it they are torch's own again."""

        def script(*args: Any, **kwargs: Any) -> Any:
            own = {name: getattr(functional, name) for name in LOSSES}
            for name, wrapper in own.items():
                setattr(functional, name, getattr(wrapper, "__wrapped__", wrapper))
            try:
                return original(*args, **kwargs)
            finally:
                for name, wrapper in own.items():
                    setattr(functional, name, wrapper)

        return script

    def _before_step(self) -> Callable[..., None]:
        monitor, thread, get_ident = self.monitor, self._thread, threading.get_ident

        def before_step(optimizer: Any, args: Any, kwargs: Any) -> None:
            if monitor.off or get_ident() != thread:
                return
            if not (monitor.brief and monitor.step_briefly(optimizer, args, kwargs)):
                monitor.before_step(optimizer, sys._getframe(1))
                if self.stop is not None:
                    self._obey()

        return before_step

    def _after_step(self) -> Callable[..., None]:
        monitor, thread, get_ident = self.monitor, self._thread, threading.get_ident

        def after_step(optimizer: Any, _args: Any, _kwargs: Any) -> None:
            if get_ident() != thread:
                return
            if monitor.closed and monitor.brief and not (monitor.depth or monitor.draws):
                monitor.closed = False
            else:
                monitor.after_step(optimizer)

        return after_step

    def _registered(self, parent: nn.Module, _name: str, child: nn.Module | None) -> None:
        if self._here():
            self.monitor.names.registered(parent, child, user_place())
