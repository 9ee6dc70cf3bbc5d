"""One observed run: where it stands, who listens, and the rule that nothing of ours reaches the patient.

The hooks tell the session what happens; it asks the conductor what to do about it and tells the listeners (probes).
A listener that raises is switched off and noted in the recording; the script goes on.
"""

from __future__ import annotations

import json
import os
import threading
import time
import traceback
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from nndoctor.names import Names, Place
from nndoctor.records import OBSERVE, Event, Record, Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from nndoctor.recording import Recorder


in_transforms = torch._C._are_functorch_transforms_active
"""Whether torch.func (vmap, grad) runs at the moment: a tensor in there is not one that can be read."""


class PatientStop(BaseException):
    """Ends the script from inside. A BaseException, so that `except Exception` of the user's does not hold it up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What the doctor wants of the patient; read from `patient.json`."""

    target: str
    run: str
    is_module: bool = False
    arguments: tuple[str, ...] = ()
    budget: float = 60.0
    steps: int = 40
    scan: int = 2000
    seed: int | None = None
    quick: bool = False
    skip: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    """Experiments besides `observe` that are wanted; empty: all."""
    no_cut: bool = False
    already: tuple[str, ...] = ()
    progress_fd: int = -1
    attempt: int = 0
    plan: str = "check"
    """Which experiments: `check` or `ladder`."""
    trials: tuple[dict[str, Any], ...] = ()
    """Treatments to be tried in this run of the script, which is then for nothing else."""
    iterations: int = 0
    """How many iterations the script's loop has in all, where no loader feeds it; 0 for no known end."""
    mixed: bool = True
    """The batches that trials are measured on may be mixed from the recorded ones."""
    rank: int = 0
    """Which of the processes that train together this is."""
    world: int = 1
    """How many of them there are."""

    @classmethod
    def read(cls, path: Path) -> Config:
        """Read the file that the doctor wrote; keys of a later version are ignored."""
        content = json.loads(path.read_text())
        known: dict[str, Any] = {name: content[name] for name in cls.__dataclass_fields__ if name in content}
        known.update((name, tuple(value)) for name, value in known.items() if isinstance(value, list))
        return cls(**known)


@dataclass(slots=True)
class Call:
    """One call of a module on the stack."""

    module: nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    place: Place
    grad: bool = True
    """Gradients were enabled."""


@dataclass(slots=True)
class Pass:
    """One call of backward: the losses, by what they were scaled, and where it was called."""

    roots: list[Tensor]
    scale: float
    place: Place
    inputs: list[Tensor] = field(default_factory=list)
    failed: str = ""


class Listener:
    """Something that wants to know. Every method may be overridden; all are called with gradients off."""

    def outer_call(self, call: Call) -> None:
        """The outermost module is about to run."""

    def module_done(self, call: Call, output: Any) -> None:
        """A module returned."""

    def op_done(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        """A torch function returned; `session.stack` tells inside which modules."""

    def backward_begins(self, this: Pass) -> None:
        """`backward` was called and has not run."""

    def backward_ended(self, this: Pass) -> None:
        """`backward` returned or raised (`this.failed`)."""

    def before_step(self, optimizer: torch.optim.Optimizer) -> None:
        """An optimizer is about to step."""

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        """An optimizer has stepped."""

    def clipped(self, parameters: list[Tensor], max_norm: float, norm: Any) -> None:
        """`clip_grad_norm_` returned the norm that the gradients had."""

    def state_loads(self, module: nn.Module, state: Any) -> None:
        """`load_state_dict` was called on a module and has not run."""

    def state_loaded(self, module: nn.Module, state: Any) -> None:
        """`load_state_dict` returned."""

    def built_by_name(self, module: nn.Module) -> None:
        """`from_pretrained` has built a module; `state_loaded` was told of its weights."""

    def scheduler_stepped(self, scheduler: Any) -> None:
        """The script stepped a learning-rate scheduler."""

    def gradient_asked(self) -> None:
        """`torch.autograd.grad` was called with respect to tensors that are not trained."""

    def function_applied(self, kind: type, args: tuple[Any, ...]) -> None:
        """A custom `autograd.Function` was applied."""

    def step_ended(self) -> None:
        """A training iteration is complete; the session still stands at it."""

    def diet_began(self, name: str) -> None:
        """An experiment begins; the start state has been restored."""

    def diet_ended(self, name: str) -> None:
        """An experiment is complete; the model is in the state in which it ended."""

    def new_data(self) -> None:
        """A loader is asked for a batch, or an iteration begins: what ran before belongs to what was before."""

    def broken_off(self) -> None:
        """The script was stopped or raised, perhaps in the middle of an iteration."""

    def script_ended(self) -> None:
        """The script returned, raised or was stopped."""


class Silence:
    """Context in which the session does not listen and gradients are off.

    A class, because it is entered at every event; the function mode is taken off too, or it would see our arithmetic.
    """

    __slots__ = ("_grad", "_mode", "_session")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._grad = False
        self._mode = torch._C.DisableTorchFunction()

    def __enter__(self) -> None:
        self._session.deaf += 1
        self._grad = torch.is_grad_enabled()
        self._mode.__enter__()
        torch.set_grad_enabled(False)

    def __exit__(self, *_: object) -> None:
        torch.set_grad_enabled(self._grad)
        self._mode.__exit__(None, None, None)
        self._session.deaf -= 1


EVENTS = [name for name in vars(Listener) if not name.startswith("_")]


class Session:
    """The state that all probes share."""

    def __init__(self, config: Config, recorder: Recorder) -> None:
        self.config = config
        self.recorder = recorder
        self.names = Names()
        self.experiment = OBSERVE
        self.segment = 0
        self.step = 0
        self.iterations = 0
        """All that the script's loop has made, over all experiments."""
        self.epoch = 0
        self.stack: list[Call] = []
        self.in_backward = False
        self.in_optimizer: torch.optim.Optimizer | None = None
        self.sampled = False
        self.deaf = 0
        self.quiet_kinds: frozenset[str] = frozenset(config.already)
        self.started = time.monotonic()
        self._thread = threading.get_ident()
        self._listeners: dict[str, list[Any]] = {name: [] for name in EVENTS}
        self._said = 0.0
        self._raised: tuple[BaseException, Place] | None = None
        os.register_at_fork(after_in_child=self._fall_silent)

    def listen(self, listener: Listener) -> None:
        """Add a listener to the events that it overrides."""
        for name in EVENTS:
            if getattr(type(listener), name) is not getattr(Listener, name):
                self._listeners[name].append(getattr(listener, name))

    def hears(self) -> bool:
        """Whether what happens now is the script's doing: not ours, not a worker's, not another thread's.

        Nor is it heard inside of torch.func's transforms.
        """
        return not self.deaf and threading.get_ident() == self._thread and not in_transforms()

    def silence(self) -> Silence:
        """Run code of ours: it is not observed, and builds no graph."""
        return Silence(self)

    @contextmanager
    def loading(self) -> Generator[None]:
        """Run the data set's code: what it computes is no part of the training."""
        self.deaf += 1
        try:
            yield
        finally:
            self.deaf -= 1

    def tell(self, event: str, *args: Any) -> None:
        """Tell all listeners of an event; one that raises is switched off for it."""
        handlers = self._listeners[event]
        if not handlers:
            return
        with self.silence():
            for handler in list(handlers):
                try:
                    handler(*args)
                except Exception as error:  # noqa: BLE001 - nothing of ours may reach the patient
                    handlers.remove(handler)
                    self.failed(f"{type(handler.__self__).__name__}.{event}", error)

    def guarded(self, handler: Callable[..., None]) -> Callable[..., None]:
        """Return a handler that listeners may call: one that raises is switched off alone, not with its caller."""
        working = True

        def handle(*args: Any) -> None:
            nonlocal working
            if working:
                try:
                    handler(*args)
                except Exception as error:  # noqa: BLE001 - nothing of ours may reach the patient
                    working = False
                    self.failed(getattr(handler, "__qualname__", "handler"), error)

        return handle

    def wants(self, event: str) -> bool:
        """Whether anybody listens to an event."""
        return bool(self._listeners[event])

    def raised(self, error: BaseException, place: Place) -> None:
        """An exception of the script's passes; if the script goes on, it swallowed it."""
        self._raised = (error, place)

    def went_on(self) -> None:
        """The script goes on: note an exception that it swallowed."""
        if self._raised is None:
            return
        error, (file, line, function) = self._raised
        self._raised = None
        text = f"{type(error).__name__}: {error}"
        self.add(Event(kind="swallowed", text=text, file=file, line=line, function=function))

    def failed(self, instrument: str, error: BaseException) -> None:
        """Note that an instrument of ours failed."""
        detail = "".join(traceback.format_exception(error))
        self.add(Event(kind="instrument", text=f"{instrument}: {type(error).__name__}: {error}", detail=detail))

    def add(self, record: Record) -> None:
        """Record something, at the step where the run stands, unless an earlier attempt recorded this experiment."""
        kept = isinstance(record, Trial) or (isinstance(record, Event) and record.kind == "instrument")
        if self.config.trials and not kept:
            return  # what a treated loop does is no evidence of anything else
        if self.experiment not in self.quiet_kinds:
            here = {"experiment": self.experiment, "segment": self.segment, "step": self.step}
            self.recorder.add(replace(record, **here))  # type: ignore[arg-type]

    def say(self, *, phase: str = "", force: bool = False, **facts: Any) -> None:
        """Report progress to the doctor, at most ten times a second."""
        now = time.monotonic()
        if self.config.progress_fd < 0 or (now - self._said < 0.1 and not force):
            return
        self._said = now
        line = json.dumps({"phase": phase or self.experiment, "step": self.step, **facts}) + "\n"
        with suppress(OSError):  # the doctor is gone: the script does not care
            os.write(self.config.progress_fd, line.encode())

    def _fall_silent(self) -> None:
        self.deaf += 1
