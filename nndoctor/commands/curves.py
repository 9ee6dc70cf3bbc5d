"""`nndoctor curves`: classify the curves of existing logs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nndoctor.commands import options
from nndoctor.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from nndoctor.curves import Verdict
    from nndoctor.curves.model import Series
    from nndoctor.curves.readers.columns import Found

SPARK = 16
Judged = list[tuple[str, "Found", "Verdict"]]


def curves(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="TensorBoard folders, CSV, JSON lines, trainer_state.json.")
    ],
    *,
    train: Annotated[str, typer.Option(metavar="NAME", help="Column of the training loss [by name].")] = "",
    val: Annotated[str, typer.Option(metavar="NAME", help="Column of the validation loss [by name].")] = "",
    metric: Annotated[str, typer.Option(metavar="NAME", help="Column of the training accuracy or R2 [by name].")] = "",
    x: Annotated[str, typer.Option(metavar="NAME", help="Column of the step or epoch [by name].")] = "",
    picture: Annotated[Path | None, typer.Option(metavar="FILE.svg", help="Draw the curves of all runs.")] = None,
    fail_on: options.FailOn = options.Threshold.ERROR,
    formats: Annotated[options.Format, typer.Option("--format", help="How to print.")] = options.Format.TERMINAL,
) -> None:
    """Classify the loss curves of finished or running trainings, from their logs.

    Exit code: 0, 1 if a class at or above --fail-on was found (diverging is an error), 2 if nothing could be read.
    """
    from nndoctor.curves.readers import Wanted

    if picture is not None and picture.suffix.lower() != ".svg":
        raise UsageError(f"--picture {picture}: only .svg can be written")
    judged, problems = _judged(paths, Wanted(train, val, metric), x)
    if not judged:
        raise UsageError("; ".join(problems))
    if picture is not None:
        _draw(judged, picture)
    threshold = fail_on.severity
    bad = [v for _, _, v in judged if threshold is not None and v.severity is not None and v.severity >= threshold]
    code = ExitCode.FINDINGS if bad else ExitCode.HEALTHY
    if formats is options.Format.JSON:
        document = {"schema": 1, "exit_code": int(code), "runs": [_row(*each) for each in judged]}
        sys.stdout.write(json.dumps(document | {"unreadable": problems}, indent=2) + "\n")
    else:
        _print(judged)
        for problem in problems:
            sys.stderr.write(f"nndoctor: not read: {' '.join(problem.split())}\n")
    raise typer.Exit(int(code))


def _judged(paths: list[Path], wanted: Any, x: str) -> tuple[Judged, list[str]]:
    from nndoctor.curves.classify import classify
    from nndoctor.curves.readers import history_of, logs_of

    judged: Judged = []
    problems: list[str] = []
    for path in paths:
        try:
            logs = logs_of(path, x)
        except UsageError as error:
            problems.append(str(error))
            continue
        for log in logs:
            if log.problem:
                problems.append(log.problem)
                continue
            try:
                found = history_of(log.columns, wanted)
            except UsageError as error:
                problems.append(str(error) if log.name in str(error) else f"{log.name}: {error}")
                continue
            judged.append((log.name, found, classify(found.history)))
    return judged, problems


def _draw(judged: Judged, path: Path) -> None:
    from nndoctor.curves.picture import draw

    try:
        path.write_text(draw([(name, found.history, verdict) for name, found, verdict in judged]), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--picture {path} cannot be written: {error.strerror}") from None


def _row(name: str, found: Found, verdict: Verdict) -> dict[str, Any]:
    from nndoctor.curves import ADVICE

    return {
        "run": name,
        "columns": {"train": found.train, "validation": found.validation, "metric": found.metric},
        "class": verdict.label.value,
        "severity": verdict.severity.label if verdict.severity else None,
        "confidence": round(verdict.confidence, 3),
        "best": verdict.best,
        "why": verdict.why,
        "advice": ADVICE.get(verdict.label, ""),
        "also": [label.value for label in verdict.also],
        "notes": list(verdict.notes),
        "numbers": verdict.numbers,
    }


def _print(judged: Judged) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from nndoctor.commands.showing import output_console
    from nndoctor.curves import ADVICE
    from nndoctor.reports.words import clean

    console = output_console()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("run", overflow="fold")
    for name in ("class", "sure", "best at", "training", "validation"):
        table.add_column(name, no_wrap=True)
    for name, found, verdict in judged:
        best = f"{verdict.best:g}" if verdict.best is not None else "-"
        history = found.history
        cells = [clean(name), verdict.label, f"{verdict.confidence:.0%}", best]
        table.add_row(*map(Text, [*cells, _spark(history.train), _spark(history.validation)]))
    console.print(table)
    for name, _, verdict in judged:
        console.print(Text(f"\n{clean(name)}: {verdict.label}", style="bold"))
        console.print(Text(f"  {verdict.why}"))
        if verdict.also:
            console.print(Text(f"  also: {', '.join(verdict.also)}", style="dim"))
        if advice := ADVICE.get(verdict.label):
            console.print(Text(f"  {advice}"))
        for note in verdict.notes:
            console.print(Text(f"  {note}", style="dim"))


def _spark(series: Series | None) -> str:
    from nndoctor.curves.shape import cleaned
    from nndoctor.reports.evidence import sparkline

    return sparkline(cleaned(series).y.tolist(), width=SPARK)
