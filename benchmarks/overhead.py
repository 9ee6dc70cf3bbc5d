"""What our instruments cost: the time of a training step under them, relative to the bare step.

`observe` is the experiment of `nndoctor check`; `watch` is `nndoctor watch` as it is by default, `every` with all
statistics on every step. Every mode has a model of its own, of which blocks of steps with the instruments and without
them alternate, so that neither a machine whose speed drifts nor where in memory a model lies decides. Printed are
medians, over the rounds, of the ratio of two such blocks, by three clocks: the wall's; the CPU time of the training's
thread; and that of the whole process, which the thread that writes the recording is part of.

    python benchmarks/overhead.py [--rounds 10] [--seconds 2] [--only watch] [--model mlp] [--peers]
    python benchmarks/overhead.py --memory      # peak memory of a process with and without
    python benchmarks/overhead.py --modules     # cost of a sampled step by the number and size of the modules

Peers are measured as far as they can be imported; none is a dependency. On Linux the program starts itself anew, with
an allocator that gives nothing back to the system: else it is chance of the heap's layout whether the heap is trimmed
in each step and its pages are faulted in again, by the bare loop as by the others, and that decides the ratios.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Batch = tuple[Tensor, ...]
KEPT_MEMORY = dict.fromkeys(("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"), "4000000000")
"""What the C library's allocator is told, by environment variables."""
SETTLING = 3
"""Steps at the beginning of a block that are not timed."""


def mlp() -> tuple[nn.Module, DataLoader[Batch]]:
    """Three layers of 256 on vectors of 64."""
    model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10))
    return model, _loader(torch.randn(4096, 64), 10, 64)


def cnn() -> tuple[nn.Module, DataLoader[Batch]]:
    """Eight convolutions with BatchNorm on 32x32 images."""
    widths = [3, 32, 32, 64, 64, 64, 128, 128, 128]
    layers: list[nn.Module] = []
    for i in range(8):
        layers += [
            nn.Conv2d(widths[i], widths[i + 1], 3, stride=1 + i % 2, padding=1),
            nn.BatchNorm2d(widths[i + 1]),
            nn.ReLU(),
        ]
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10))
    return model, _loader(torch.randn(512, 3, 32, 32), 10, 32)


def transformer() -> tuple[nn.Module, DataLoader[Batch]]:
    """Four encoder layers of width 128 on sequences of 64."""
    layer = nn.TransformerEncoderLayer(128, 4, 256, dropout=0.0, batch_first=True)
    model = nn.Sequential(
        nn.TransformerEncoder(layer, 4, enable_nested_tensor=False), nn.Flatten(), nn.Linear(128 * 64, 10)
    )
    return model, _loader(torch.randn(256, 64, 128), 10, 16)


MODELS = {build.__name__: build for build in (mlp, cnn, transformer)}


def _loader(inputs: Tensor, classes: int, batch_size: int) -> DataLoader[Batch]:
    return DataLoader(TensorDataset(inputs, torch.randint(classes, (len(inputs),))), batch_size, shuffle=True)


class Training:
    """One model in training. The step is what a user would write; a peer that wants to be called changes it."""

    def __init__(self, build: Callable[[], tuple[nn.Module, DataLoader[Batch]]]) -> None:
        torch.manual_seed(0)
        self.model, self.loader = build()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4)
        self.batches = self._endless()
        self.step: Callable[[Tensor, Tensor], None] = self.bare
        self.before_block: Callable[[], object] = lambda: None
        self.after_block: Callable[[], object] = lambda: None

    def _endless(self) -> Iterator[Batch]:
        while True:
            yield from self.loader

    def bare(self, inputs: Tensor, labels: Tensor) -> None:
        """Do one step."""
        self.optimizer.zero_grad()
        functional.cross_entropy(self.model(inputs), labels).backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()

    def block(self, steps: int, *, instruments: bool = True) -> Times:
        """Train for some steps, with the mode's instruments or without, and return how long one took."""
        if instruments:
            self.before_block()
        try:
            step, batches = self.step, self.batches
            for _ in range(SETTLING):
                step(*next(batches))
            began = Times(time.perf_counter(), time.thread_time(), time.process_time())
            for _ in range(steps):
                step(*next(batches))
            wall, thread = time.perf_counter(), time.thread_time()
        finally:
            if instruments:
                self.after_block()  # what was held back is written: by the process's clock it belongs to these steps
        ended = Times(wall, thread, time.process_time())
        return Times(*((b - a) / steps for a, b in zip(began, ended, strict=True)))


class Times(NamedTuple):
    """Seconds of a step."""

    wall: float
    thread: float
    process: float


@contextmanager
def observe(training: Training) -> Iterator[None]:
    """All instruments of `check`, as in its experiment `observe`; of each block a run."""
    from nndoctor.hooks import Hooks, Watcher
    from nndoctor.patching import Patches
    from nndoctor.patient import Patient
    from nndoctor.session import Config

    open_ones: list[ExitStack] = []

    def begin() -> None:
        stack = ExitStack()
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        patient = Patient(Config(target="benchmark", run=folder, steps=10**6, budget=1e6))
        stack.callback(patient.recorder.close)
        patches = stack.enter_context(Patches())
        hooks = Hooks(patient.session, patient.conductor)
        hooks.install(patches)
        stack.callback(hooks.remove)
        stack.enter_context(Watcher(patient.session, patient.conductor))
        training.batches = training._endless()
        open_ones.append(stack)

    training.before_block, training.after_block = begin, lambda: open_ones.pop().close()
    yield


def watched(overhead: float) -> Callable[[Training], object]:
    """Return a mode: steps under `watch`. One run over all blocks: it is the long training that is measured."""

    @contextmanager
    def mode(training: Training) -> Iterator[None]:
        from nndoctor.watching.script import WatchedRun

        with tempfile.TemporaryDirectory() as folder:
            run = WatchedRun(Path(folder), overhead=overhead, on_nan="continue", facts={})

            def pause() -> None:
                run.pause()
                run.keeper.flush()

            training.before_block, training.after_block = run.begin, pause
            yield
            run.end()

    return mode


OURS = {"observe": observe, "watch": watched(0.03), "every": watched(math.inf)}


def compare(name: str, modes: dict[str, Callable[[Training], object]], rounds: int, seconds: float) -> None:
    """Print a row per mode."""
    with ExitStack() as stack:
        trainings = {mode: Training(MODELS[name]) for mode in modes}
        for mode, enter in modes.items():
            stack.enter_context(enter(trainings[mode]))  # type: ignore[arg-type]
        steps = max(5, int(seconds / next(iter(trainings.values())).block(10, instruments=False).wall))
        for training in trainings.values():
            training.block(steps)  # kernels warm up, and the monitor learns what a step costs
        found: dict[str, list[tuple[Times, Times]]] = {mode: [] for mode in modes}
        order = list(modes)
        for number in range(rounds):
            random.shuffle(order)
            for mode in order:
                first = number % 2 == 0  # each of the two is as often the first
                blocks = {kind: trainings[mode].block(steps, instruments=kind) for kind in (first, not first)}
                found[mode].append((blocks[False], blocks[True]))
    for mode, times in found.items():
        print(f"{name:12s}  {mode:22s} {_row(times)}", flush=True)


def _row(times: list[tuple[Times, Times]]) -> str:
    """`times`: without instruments and with them."""
    cells = [f"{1e3 * statistics.median(pair[side].wall for pair in times):8.2f}" for side in (0, 1)]
    for clock in range(3):
        ratios = sorted(b[clock] / a[clock] for a, b in times)
        cells.append(f"{statistics.median(ratios):6.3f} ({ratios[0]:.2f}-{ratios[-1]:.2f})")
    return " ".join(cells)


def main() -> int:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=2.0, help="of a block")
    parser.add_argument("--only", default="", help="of the modes, by comma")
    parser.add_argument("--model", default="", help="of the models")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--modules", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    random.seed(0)
    models = [name for name in MODELS if options.model in name]
    if options.memory or options.modules:
        import overhead_limits

        return overhead_limits.memory(models) if options.memory else overhead_limits.modules()
    modes = dict(OURS)
    if options.peers:
        from overhead_peers import peers

        modes.update(peers())
    if options.only:
        modes = {name: mode for name, mode in modes.items() if name in options.only.split(",")}
    print("model         mode                    bare ms  with it  wall: ratio (min-max)  thread's CPU  process's CPU")
    for name in models:
        compare(name, modes, options.rounds, options.seconds)
    return 0


if __name__ == "__main__":
    # Not where the memory itself is measured.
    if sys.platform == "linux" and "--memory" not in sys.argv and not KEPT_MEMORY.keys() <= os.environ.keys():
        # It is read as a process begins.
        os.execve(sys.executable, [sys.executable, *sys.argv], {**KEPT_MEMORY, **os.environ})  # noqa: S606
    sys.exit(main())
