"""What one check of a script was asked to do."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from nndoctor.errors import UsageError


def split_factory(name: str) -> tuple[str, str]:
    """Return file or module, and factory, of `train.py:make` or `package.module:make`; the latter empty without one."""
    place, colon, factory = name.rpartition(":")
    return (place, factory) if colon and place and factory.isidentifier() else (name, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The user's program: a script's path or a module's name, and its own arguments."""

    name: str
    is_module: bool = False
    arguments: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join((*(("-m",) if self.is_module else ()), self.name, *self.arguments))

    @property
    def short(self) -> str:
        """A name for folders: the file without folder and suffix, the module, or the factory."""
        place, factory = split_factory(self.name)
        return factory or (place if self.is_module else Path(place).stem)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Options of `nndoctor check` that concern the patient, checked."""

    target: Target
    out: Path | None = None
    budget: float = 60.0
    """Seconds for the experiments, without the time that the script takes to start."""
    steps: int = 40
    scan: int = 2000
    """Samples of each training data set to look at when the script is over, within ten seconds or so."""
    seed: int | None = None
    patience: float = 300.0
    """Seconds without any progress after which the script counts as hanging."""
    verbose: bool = False
    quiet: bool = False
    quick: bool = False
    """Only the cheap experiments."""
    skip: tuple[str, ...] = field(default=())
    plan: str = "check"
    """Which experiments the patient makes: `check` or `ladder`."""
    trials: Literal["none", "auto", "all"] = "auto"
    """Which treatments are tried after the experiments."""

    def __post_init__(self) -> None:
        """Raise `UsageError` for values that cannot work; NaN fails every comparison."""
        for option, value in (("--budget", self.budget), ("--patience", self.patience)):
            if not (value > 0 and math.isfinite(value)):
                raise UsageError(f"{option} must be a positive number of seconds, not {value:g}")
        if not self.steps >= 1:
            raise UsageError(f"--steps must be at least 1, not {self.steps}")
        if not self.scan >= 0:
            raise UsageError(f"--scan must be 0 or more samples, not {self.scan}")
        if self.seed is not None and not 0 <= self.seed < 2**32:
            raise UsageError(f"--seed must lie between 0 and {2**32 - 1}, not {self.seed}")
