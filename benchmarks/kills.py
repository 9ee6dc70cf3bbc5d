"""What is left of a watched training that is killed: kill -9 at random moments, then open and diagnose the recording.

Each training runs in a fork of this process and notes beside the recording when each of its steps ended. A recording
must open, hold every step older than two seconds at the moment of the kill, and be diagnosed.
Run `python benchmarks/kills.py [--kills 50] [--at-once 5]`; exits with 1 if one of them fails.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from nndoctor.catalogue import load_catalogue
from nndoctor.diagnose import diagnose
from nndoctor.finding import Status
from nndoctor.recording import FILE_NAME, Recording
from nndoctor.records import Step
from nndoctor.watching.script import WatchedRun

SAFE = 2.0
"""Seconds after which a row must be on disk."""
CLOCK = "clock.txt"


def train(folder: Path) -> None:
    """Train until somebody kills this process."""
    with (folder / CLOCK).open("wb", buffering=0) as clock:
        run = WatchedRun(folder, overhead=0.1, on_nan="continue", facts={"target": "endless.py", "script": ""})
        run.begin()
        model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        while True:
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(torch.randn(16, 8)), torch.randint(3, (16,)))
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            clock.write(f"{time.time()}\n".encode())
            time.sleep(0.002)


def killed(folder: Path, after: float) -> tuple[int, float]:
    """Start a training; return its process and the time of its death to come."""
    folder.mkdir()
    child = os.fork()
    if not child:
        try:
            train(folder)
        finally:
            os._exit(1)
    return child, time.time() + after


def verdict(folder: Path, death: float) -> str:
    """Return what is wrong with a recording; empty if nothing is."""
    ended = [float(line) for line in (folder / CLOCK).read_text().split("\n")[:-1]]
    due = sum(moment < death - SAFE for moment in ended)
    if not (folder / FILE_NAME).exists():
        return "no recording" if due else ""
    run = Recording.open(folder / FILE_NAME)
    steps = [row.step for row in run.rows(Step)]
    if steps != list(range(len(steps))) or len(steps) < due:
        return f"{len(steps)} steps, at least {due} were due"
    crashed = [o.check for o in diagnose(run, list(load_catalogue().values())).outcomes if o.status is Status.CRASHED]
    return f"crashed: {crashed}" if crashed else ""


def main() -> int:
    """Kill some trainings at a time, and look at what they left."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--at-once", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    draw = random.Random(0)  # noqa: S311 - moments, not secrets
    bad = []
    with tempfile.TemporaryDirectory() as name:
        numbers = list(range(options.kills))
        while numbers:
            group, numbers = numbers[: options.at_once], numbers[options.at_once :]
            started = {n: killed(Path(name) / str(n), draw.uniform(0.2, 6.0)) for n in group}
            for number, (child, death) in sorted(started.items(), key=lambda item: item[1][1]):
                time.sleep(max(0.0, death - time.time()))
                os.kill(child, signal.SIGKILL)
                moment = time.time()
                os.waitpid(child, 0)
                if why := verdict(Path(name) / str(number), moment):
                    bad.append(why)
    print(f"{options.kills} kills, {len(bad)} recordings that are not as they should be")
    for why in bad:
        print(f"  {why}")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
