"""What was asked for, of the command line, the configuration and the defaults together; the command line wins."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nndoctor import configuration
from nndoctor.commands.options import Threshold
from nndoctor.commands.outputs import Format, Output, outputs
from nndoctor.errors import UsageError
from nndoctor.reports import patch_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import typer

    from nndoctor.configuration import Configuration, TargetSection

QUICK_BUDGET = 8.0
"""Seconds for the experiments of `--quick`, where no `--budget` is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Options of `check` and `report`, settled."""

    select: Sequence[str] | None = None
    ignore: Sequence[str] | None = None
    fail_on: str = Threshold.ERROR
    formats: Sequence[str] | None = None
    out: Path | None = None
    budget: float = 60.0
    steps: int = 40
    scan: int = 2000
    seed: int | None = None
    patience: float = 300.0
    quick: bool = False
    trials: str = "auto"
    no_trials: bool = False
    baseline: Path | None = None
    update_baseline: bool = False
    own_checks: Sequence[Path] | None = None
    diff: bool = False
    diff_to: Path | None = None
    quiet: bool = False
    verbose: bool = False
    thresholds: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise `UsageError` for options that need another one."""
        if self.update_baseline and self.baseline is None:
            raise UsageError("--update-baseline needs --baseline FILE (or the key baseline in the configuration)")
        if self.diff_to is not None:
            patch_file.ensure_writable(self.diff_to)

    @property
    def outputs(self) -> tuple[Output, ...]:
        """The reports that are wanted. Raises `UsageError` for what cannot be, or cannot be together."""
        found = outputs(self.formats or ())
        rival = next((o.format.value for o in found if o.path is None and o.format is not Format.TERMINAL), "")
        if self.diff and rival:
            raise UsageError(f"--diff and --format {rival} both want stdout; use --diff-to FILE")
        return found


def given(context: typer.Context) -> dict[str, Any]:
    """Return what stands on the command line, without what are defaults."""
    told = {name: context.get_parameter_source(name) for name in context.params}
    return {name: context.params[name] for name, source in told.items() if source and source.name == "COMMANDLINE"}


def settled(context: typer.Context, config: Configuration, target: TargetSection | None = None) -> Asked:
    """Return the options that hold for a target."""
    from_file = {**config.options, **(target.options if target else {})}
    if target and "thresholds" in target.options:
        from_file["thresholds"] = {**config.options.get("thresholds", {}), **target.options["thresholds"]}
    values = {**context.params, **from_file, **given(context)}
    if values.get("quick") and "budget" not in {**from_file, **given(context)}:
        values["budget"] = QUICK_BUDGET
    own = {each.name for each in fields(Asked)}
    return Asked(**{name: value for name, value in values.items() if name in own})


def configured(config: Path | None, start: Path) -> Configuration:
    """Return the configuration that is named, else the nearest one upwards from where the script lies."""
    if config is None:
        return configuration.found_from(start.absolute())
    found = configuration.read(config)
    if found.file is None:
        raise UsageError(f"--config: {config} holds no [tool.nndoctor]")
    return found
