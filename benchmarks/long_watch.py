"""A recording of a very long training: how large does it get, and how long does its report take?

Writes the rows of many steps of many tensors through the writer of `nndoctor watch`, without training anything, then
diagnoses the recording. The rows come as in `watch`: a `Step` for each step, samples of all tensors in every
`--interval`-th step.
Run `python benchmarks/long_watch.py [--steps 1000000] [--tensors 100] [--interval 100]`; exits with 1 above 300 MB or
15 s for the report.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from nndoctor.recording import FILE_NAME, Recording
from nndoctor.records import OBSERVE, Environment, Module, Parameter, Step, TensorStats
from nndoctor.watching.keeper import Keeper
from nndoctor.watching.samples import Column, Taken
from nndoctor.watching.views import SAMPLE

MOST_BYTES = 300e6
LONGEST = 15.0
EVERY_FLUSH = 5000


def write(folder: Path, *, steps: int, tensors: int, interval: int) -> None:
    """Write the recording."""
    keeper = Keeper(folder / FILE_NAME)
    for name, value in {"command": "watch", "target": "long.py", "script": "long.py"}.items():
        keeper.add(Environment(name=name, value=value))
    names = [f"layer.{number}.weight" for number in range(tensors)]
    for number, name in enumerate(names):
        layer = name.removesuffix(".weight")
        keeper.add(Module(name=layer, type="Linear", root="Model", order=number))
        keeper.add(
            Parameter(name=name, module=layer, module_type="Linear", root="Model", order=number, shape=(64, 64),
                      numel=4096, std=0.1, mean=0.0, absmax=0.3)
        )  # fmt: skip
    columns = tuple(Column("gradient", name, 4096, SAMPLE) for name in names)
    values = 1e-3 * torch.randn(tensors * SAMPLE)
    for step in range(steps):
        loss = 2.0 * math.exp(-5 * step / steps) + 0.05 * math.sin(step * step)
        keeper.add_step((OBSERVE, 0, step, step // 10_000, loss, math.nan, 1e-3, 64, 1, 1, True, 1e-4, 1e-2, ""))
        if step % interval == 0:
            keeper.add_samples([Taken(0, step, columns, (values,))])
        if step % EVERY_FLUSH == 0:  # as the writer's thread does every half second
            keeper.flush()
    keeper.add(Environment(name="ended", value="yes"))
    keeper.close()
    if keeper.lost:
        raise SystemExit(keeper.lost)


def main() -> int:
    """Write, open and report; print what each took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--tensors", type=int, default=100)
    parser.add_argument("--interval", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        began = time.perf_counter()
        write(folder, steps=options.steps, tensors=options.tensors, interval=options.interval)
        print(f"written in {time.perf_counter() - began:.1f} s", flush=True)
        size = sum(file.stat().st_size for file in folder.iterdir())
        began = time.perf_counter()
        run = Recording.open(folder / FILE_NAME)
        opened = time.perf_counter() - began
        print(f"{size / 1e6:.0f} MB, {len(run.rows(Step))} steps, {len(run.rows(TensorStats))} rows of tensors")
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "nndoctor", "report", "-q", str(folder)], check=False)
        report = time.perf_counter() - began
        print(f"opened in {opened:.1f} s, reported in {report:.1f} s")
    return int(size > MOST_BYTES or report > LONGEST)


if __name__ == "__main__":
    sys.exit(main())
