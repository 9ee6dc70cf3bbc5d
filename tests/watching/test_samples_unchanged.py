"""Every sample ends bit for bit as it does natively, under `nndoctor watch` and under the library's context."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SAMPLES = Path(__file__).parents[2] / "sample_projects"
SHORT = {
    "cancer": ("--epochs", "3"),
    "digits": ("--epochs", "1"),
    "finetune": ("--epochs", "2", "--pretrain-epochs", "1"),
    "forecaster": ("--epochs", "1"),
    "gpt": ("--steps", "30", "--eval-every", "15"),
    "tabular": ("--epochs", "3"),
    "vae": ("--epochs", "2"),
}
"""As short as it takes to train, to validate and to train again."""

PROBE = """
import hashlib, json, random, runpy, sys

import numpy
import torch
from torch.nn.modules.module import register_module_module_registration_hook

mode, ended, script, *arguments = sys.argv[1:]
random.seed(0)  # what the script does not seed itself
numpy.random.seed(0)
optimizers, modules = [], []
built = torch.optim.Optimizer.__init__


def keep(optimizer, *args, **kwargs):
    built(optimizer, *args, **kwargs)
    optimizers.append(optimizer)


torch.optim.Optimizer.__init__ = keep
register_module_module_registration_hook(lambda parent, name, child: modules.append(parent))
sys.argv = [script, *arguments]
if mode == "library":
    import nndoctor

    with nndoctor.watch(out="library") as watched:
        runpy.run_path(script, run_name="__main__")
    assert watched.diagnosis is not None
else:
    runpy.run_path(script, run_name="__main__")


def digest(tensors):
    whole = hashlib.sha256()
    for tensor in tensors:
        whole.update(tensor.detach().contiguous().numpy().tobytes())
    return whole.hexdigest()


groups = [group for optimizer in optimizers for group in optimizer.param_groups]
state = {
    "weights": digest(p for group in groups for p in group["params"]),
    "buffers": digest(b for module in modules for b in module._buffers.values() if b is not None),
    "moments": digest(t for o in optimizers for s in o.state.values() for t in s.values() if torch.is_tensor(t)),
    "rates": [group["lr"] for group in groups],
    "torch": digest([torch.get_rng_state()]),
    "numpy": hashlib.sha256(numpy.random.get_state()[1].tobytes()).hexdigest(),
    "random": hashlib.sha256(repr(random.getstate()).encode()).hexdigest(),
    "counts": [len(optimizers), len(modules)],
}
with open(ended, "w") as file:
    json.dump(state, file)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SHORT))
def test_a_sample_ends_as_it_does_natively(name: str, tmp_path: Path) -> None:
    """Weights, buffers, the optimizer's state, what was printed (the losses), and all three random streams."""

    def run(mode: str, *command: str) -> tuple[dict[str, Any], list[str]]:
        folder = tmp_path / mode
        shutil.copytree(SAMPLES / name, folder, ignore=shutil.ignore_patterns("nndoctor-runs"))
        (folder / "probe.py").write_text(PROBE)
        done = subprocess.run(
            [sys.executable, *command, "probe.py", mode, "ended.json", "train.py", *SHORT[name]],
            cwd=folder,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (folder / "ended.json").exists(), done.stderr
        return json.loads((folder / "ended.json").read_text()), done.stdout.splitlines()

    ended, printed = run("native")
    assert ended["counts"][0] >= 1
    assert printed
    for mode, command in (("watched", ("-m", "nndoctor", "watch", "--overhead", "every")), ("library", ())):
        under, told = run(mode, *command)
        assert under == ended
        assert told[: len(printed)] == printed


def test_no_sample_is_left_out() -> None:
    assert {path.parent.name for path in SAMPLES.glob("*/train.py")} - {"own_check", "tested"} == SHORT.keys()
