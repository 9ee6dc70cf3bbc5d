"""`nndoctor watch`: the whole training, at a few per cent of its time."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nndoctor.commands import options
from nndoctor.errors import UsageError
from nndoctor.settings import Target

if TYPE_CHECKING:
    from nndoctor.commands.asked import Asked


class OnNan(StrEnum):
    """Values of `--on-nan`."""

    STOP = "stop"
    CONTINUE = "continue"
    RAISE = "raise"


def watch(
    context: typer.Context,
    program: Annotated[str, typer.Argument(metavar="SCRIPT", help="The training script, or with -m a module.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[ARGS]...", help="What follows belongs to the script.")
    ] = None,
    *,
    module: Annotated[bool, typer.Option("-m", help="SCRIPT is the name of a module, as with python -m.")] = False,
    overhead: Annotated[
        str, typer.Option(metavar="SHARE", help="How much slower the training may get: 3%, 0.03, or `every` step.")
    ] = "3%",
    on_nan: Annotated[OnNan, typer.Option(help="At the first NaN or Inf.")] = OnNan.CONTINUE,
    config: options.Config = None,
    select: options.Select = None,
    ignore: options.Ignore = None,
    fail_on: options.FailOn = options.Threshold.ERROR,
    baseline: options.Baseline = None,
    own_checks: options.OwnChecks = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of the run.")] = None,
    formats: options.Formats = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Run a whole training, unchanged, under instruments that cost little; diagnose it at the end.

    Leaves with the script's own exit code if it is not 0, else as `check` does.
    """
    from nndoctor import run_folder
    from nndoctor.commands import showing
    from nndoctor.commands.asked import configured, settled
    from nndoctor.target import ensure_runnable

    share = parsed_share(overhead)
    script = None if module else Path(program)
    found = configured(config, script.resolve().parent if script and script.exists() else Path.cwd())
    asked = settled(context, found, found.of_script(script) if script else None)
    # Names that do not exist and files that cannot be written are told now.
    showing.Chosen.by(asked)
    _ = asked.outputs
    target = Target(name=program, is_module=module, arguments=tuple(arguments or ()))
    ensure_runnable(target)
    folder = run_folder.create(target.short, asked.out)
    options_of_run = {
        "target": target.name,
        "run": str(folder.path),
        "is_module": module,
        "arguments": list(target.arguments),
        "overhead": share,
        "on_nan": on_nan.value,
        "asked": _plain(asked),
        "facts": {"target": str(target), "script": target.name, "arguments": " ".join(target.arguments)},
    }
    _become(folder.path / "watch.json", options_of_run)


def parsed_share(text: str) -> float:
    """Return a share of `3%`, `0.03` or `every` (infinite). Raises `UsageError` for anything else."""
    if text.strip().lower() == "every":
        return float("inf")
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = float("nan")
    if not 0 < share <= 10:
        raise UsageError(f"--overhead takes a share such as 3% or 0.03, or `every`, not {text!r}")
    return share


def _plain(asked: Asked) -> dict[str, object]:
    """Return what the report at the end needs to know, as JSON; paths from here, wherever the script goes."""
    return {
        "select": [*(asked.select or ())],
        "ignore": [*(asked.ignore or ())],
        "fail_on": str(asked.fail_on),
        "formats": [*(asked.formats or ())],
        "baseline": str(asked.baseline.absolute()) if asked.baseline else None,
        "own_checks": [str(path.absolute()) for path in asked.own_checks or ()],
        "thresholds": dict(asked.thresholds),
        "quiet": asked.quiet,
        "verbose": asked.verbose,
    }


def _become(path: Path, wanted: dict[str, object]) -> None:
    """Replace this process by the script's."""
    import json

    path.write_text(json.dumps(wanted, indent=1), encoding="utf-8")
    main = Path(__file__).resolve().parent.parent / "watch_main.py"
    sys.stdout.flush()
    sys.stderr.flush()
    os.environ["NNDOCTOR"] = "1"
    os.execv(sys.executable, [sys.executable, str(main), str(path)])  # noqa: S606
