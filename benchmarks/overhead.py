"""What our instruments cost: the time of a training step under them, relative to the bare step.

`observe` is the experiment of `nndoctor check`; `watch` is `nndoctor watch` as it is by default, `every` with all
statistics on every step. Bare and observed steps are interleaved in one process, in blocks, so that a machine whose
speed drifts does not decide; the median ratio over the blocks is printed.
Run `python benchmarks/overhead.py [--blocks 10] [--steps 40] [--only watch]`.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import tempfile
import time
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from nndoctor.hooks import Hooks, Watcher
from nndoctor.patching import Patches
from nndoctor.patient import Patient
from nndoctor.session import Config
from nndoctor.watching.script import WatchedRun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Timer = Callable[[nn.Module, DataLoader[tuple[Tensor, ...]], int], float]

Batch = tuple[Tensor, ...]


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


def _loader(inputs: Tensor, classes: int, batch_size: int) -> DataLoader[Batch]:
    return DataLoader(TensorDataset(inputs, torch.randint(classes, (len(inputs),))), batch_size, shuffle=True)


def seconds(model: nn.Module, loader: DataLoader[Batch], steps: int) -> float:
    """Train for some steps, and return how long one took."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    began = 0.0
    for step, (inputs, labels) in enumerate(_endless(loader)):
        if step == 2:  # the first steps build the optimizer's state
            began = time.perf_counter()
        if step == steps + 2:
            return (time.perf_counter() - began) / steps
        optimizer.zero_grad()
        functional.cross_entropy(model(inputs), labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return 0.0


def _endless(loader: DataLoader[Batch]) -> Iterator[Batch]:
    while True:
        yield from loader


def observed(model: nn.Module, loader: DataLoader[Batch], steps: int) -> float:
    """The same under all instruments, as in the experiment `observe`."""
    with tempfile.TemporaryDirectory() as folder:
        patient = Patient(Config(target="benchmark", run=folder, steps=10 * steps, budget=1e6))
        patches = Patches()
        hooks = Hooks(patient.session, patient.conductor)
        hooks.install(patches)
        try:
            with Watcher(patient.session, patient.conductor):
                return seconds(model, loader, steps)
        finally:
            hooks.remove()
            patches.undo()
            patient.recorder.close()


@contextmanager
def watched(overhead: float) -> Iterator[Timer]:
    """Yield a timer of steps under `watch`. One run over all blocks: it is the long training that is measured."""
    with tempfile.TemporaryDirectory() as folder:
        run = WatchedRun(Path(folder), overhead=overhead, on_nan="continue", facts={})

        def timer(model: nn.Module, loader: DataLoader[Batch], steps: int) -> float:
            run.begin()
            try:
                return seconds(model, loader, steps)
            finally:
                run.pause()

        yield timer
        run.end()


def main() -> int:
    """Print a row per model and mode."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=10)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--only", default="", help="of the modes")
    parser.add_argument("--model", default="", help="of the models")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("model         mode       bare ms   with it ms   ratio (median of blocks, min-max)")
    build: Callable[[], tuple[nn.Module, DataLoader[Batch]]]
    for build in (mlp, cnn, transformer):
        for mode in ("observe", "watch", "every"):
            if options.only in mode and options.model in build.__name__:
                print(_row(build, mode, options.blocks, options.steps), flush=True)
    return 0


def _row(build: Callable[[], tuple[nn.Module, DataLoader[Batch]]], mode: str, blocks: int, steps: int) -> str:
    torch.manual_seed(0)
    model, loader = build()
    with nullcontext(observed) if mode == "observe" else watched(0.03 if mode == "watch" else math.inf) as timer:
        timer(model, loader, steps)  # the monitor learns what a step costs
        pairs = [(seconds(model, loader, steps), timer(model, loader, steps)) for _ in range(blocks)]
    ratios = sorted(b / a for a, b in pairs)
    bare, under = (statistics.median(column) * 1e3 for column in zip(*pairs, strict=True))
    middle = statistics.median(ratios)
    return (
        f"{build.__name__:12s}  {mode:8s} {bare:9.2f} {under:12.2f}   {middle:.3f} ({ratios[0]:.2f}-{ratios[-1]:.2f})"
    )


if __name__ == "__main__":
    sys.exit(main())
