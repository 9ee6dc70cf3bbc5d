"""`nndoctor init`: a commented start for the configuration."""

from __future__ import annotations

import sys
from pathlib import Path

from nndoctor.configuration import FILE_NAME, PYPROJECT

TEMPLATE = """\
# Configuration of nndoctor. It is found from the script upwards; options on the command line win. Paths are relative
# to this file. In pyproject.toml the same keys stand under [tool.nndoctor], its sections are called
# `[[tool.nndoctor.target]]` and `[tool.nndoctor.thresholds]`. `nndoctor checks` lists the checks, `nndoctor explain
# CHECK` tells their thresholds.

# select = ["R18", "missing-zero-grad"]     # only these: names or reasons
# ignore = ["class-imbalance"]              # not these
# fail-on = "error"                         # or "warning", "never": what makes the exit code 1
# format = ["terminal", "sarif:reports/nndoctor.sarif", "junit:reports/nndoctor.xml"]
# out = "nndoctor-runs/ci"                  # the run's folder; it must not hold a run yet
# quick = false                             # only the cheap experiments
# budget = 60.0                             # seconds for the experiments
# steps = 40                                # training steps to observe
# scan = 2000                               # samples of the training set to look at
# seed = 0
# patience = 300.0                          # seconds without progress
# baseline = "nndoctor-baseline.json"       # known findings; `--update-baseline` writes them
# checks = ["my_checks"]                    # files or folders with checks of your own
# quiet = false
# verbose = false

# A number stands for the first threshold of a check.
# [thresholds]
# class-imbalance = 50
# [thresholds.dead-relu]
# share = 0.5

# One section for each script that `nndoctor check --all` runs. All keys from above may stand there as well.
# [[target]]
# script = "train.py"                       # or module = "package.train"
# name = "small"                            # in reports; else the script with its arguments
# args = ["--epochs", "1"]
# folder = "."                              # where it is started, and where its script lies
"""


def init() -> None:
    """Write a commented nndoctor.toml into the working directory. Never overwrites anything."""
    from nndoctor.configuration import read
    from nndoctor.errors import UsageError

    file = Path(FILE_NAME)
    if Path(PYPROJECT).is_file() and read(Path(PYPROJECT)).file is not None:
        raise UsageError(f"{PYPROJECT} holds a [tool.nndoctor] already; nothing was written")
    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(TEMPLATE)
    except FileExistsError:
        raise UsageError(f"{file} exists already; nothing was written") from None
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror}") from None
    sys.stdout.write(f"wrote {file}: everything in it is a comment until you say otherwise\n")
