"""What else `watch` must keep to: memory, and the cost of a sampled step by the number and the size of the modules."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from overhead import MODELS, OURS, Training
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_SHARE = 0.05
MOST_MORE = 50.0
"""MB: peak memory may be greater by that share and that many."""
ROUNDS = 5
TRAINED = {"mlp": 12.0, "cnn": 12.0, "transformer": 12.0}
"""Seconds of training, in which memory has the time to grow."""


def memory(models: list[str]) -> int:
    """Print the peak memory of a training's process, by mode; return 1 if `watch` takes more than it may."""
    print("model         mode       peak MB     more MB   allowed")
    failed = False
    for name in models:
        peaks = {mode: _peak(name, mode) for mode in ("bare", "watch", "every")}
        allowed = MOST_SHARE * peaks["bare"] + MOST_MORE
        for mode, peak in peaks.items():
            print(f"{name:12s}  {mode:8s} {peak:9.1f}   {peak - peaks['bare']:9.1f} {allowed:9.1f}", flush=True)
            failed |= peak - peaks["bare"] > allowed
    return int(failed)


def _peak(name: str, mode: str) -> float:
    command = [sys.executable, __file__, name, mode]
    told = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parent)
    return float(told.stdout.split()[-1])


def train(name: str, mode: str) -> None:
    """Train in this process, and print its peak memory in MB."""
    torch.set_num_threads(1)
    training = Training(MODELS[name])
    with ExitStack() as stack:
        if mode != "bare":
            stack.enter_context(OURS[mode](training))  # type: ignore[arg-type]
        until = time.process_time() + TRAINED[name]
        training.before_block()
        while time.process_time() < until:
            training.step(*next(training.batches))
        training.after_block()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def modules() -> int:
    """Print what a sampled step costs, as CPU time of the process, writing included."""
    torch.set_num_threads(1)
    print("modules   width   parameters   bare step ms   sampling it ms   per module us")
    for layers, width in ((5, 16), (50, 16), (500, 16), (5, 64), (5, 256), (5, 1024), (5, 2048)):
        both = {mode: Training(_chain(layers, width)) for mode in ("bare", "every")}
        with ExitStack() as stack:
            stack.enter_context(OURS["every"](both["every"]))  # type: ignore[arg-type]
            steps = max(6, 300 // layers)
            times = [[each.block(steps).process for each in both.values()] for _ in range(ROUNDS + 1)][1:]
        bare = statistics.median(a for a, _ in times)
        cost = statistics.median(b - a for a, b in times)
        count = 2 * layers + 2
        parameters = sum(p.numel() for p in both["bare"].model.parameters())
        told = f"{bare * 1e3:14.2f} {cost * 1e3:16.3f} {cost / count * 1e6:15.1f}"
        print(f"{count:7d} {width:7d} {parameters:12d} {told}", flush=True)
    return 0


def _chain(layers: int, width: int) -> Callable[[], tuple[nn.Module, DataLoader[Any]]]:
    def build() -> tuple[nn.Module, DataLoader[Any]]:
        parts = [part for _ in range(layers) for part in (nn.Linear(width, width), nn.Tanh())]
        data = TensorDataset(torch.randn(512, width), torch.randint(10, (512,)))
        return nn.Sequential(*parts, nn.Linear(width, 10)), DataLoader(data, 16, shuffle=True)

    return build


if __name__ == "__main__":
    train(*sys.argv[1:3])
