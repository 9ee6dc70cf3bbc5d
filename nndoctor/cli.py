"""The command line: one sentence on stderr for whatever goes wrong, never a traceback of ours."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from typing import TYPE_CHECKING, Annotated

import typer

import nndoctor
from nndoctor.commands.check import check
from nndoctor.commands.checks import checks
from nndoctor.commands.compare import compare
from nndoctor.commands.curves import curves
from nndoctor.commands.explain import explain
from nndoctor.commands.init import init
from nndoctor.commands.ladder import ladder
from nndoctor.commands.report import report
from nndoctor.commands.validate import validate
from nndoctor.commands.watch import watch
from nndoctor.errors import ExitCode, NndoctorError
from nndoctor.reports.words import soften

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

app = typer.Typer(
    name="nndoctor",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
# What follows the script belongs to the script, also `--help`.
app.command(context_settings={"allow_interspersed_args": False})(check)
app.command(context_settings={"allow_interspersed_args": False})(watch)
app.command(context_settings={"allow_interspersed_args": False})(ladder)
app.command()(report)
app.command()(compare)
app.command()(curves)
app.command()(checks)
app.command()(explain)
app.command()(init)
app.command()(validate)


def _version(*, wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"nndoctor {nndoctor.__version__}\n")
        raise typer.Exit


@app.callback()
def root(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=lambda v: _version(wanted=v), is_eager=True)
    ] = False,
) -> None:
    """Say why a PyTorch network does not learn.

    Exit codes: 0 healthy, 1 findings, 2 wrong usage, 3 the script failed by itself before it could be judged,
    4 nndoctor failed, 130 interrupted.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    soften(sys.stdout, sys.stderr)
    sys.exit(run(sys.argv[1:] if arguments is None else list(arguments)))


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code."""
    code = guarded(lambda: app(args=list(arguments) or ["--help"], prog_name="nndoctor", standalone_mode=False))
    return code if arguments or code else int(ExitCode.USAGE)


def guarded(work: Callable[[], object]) -> int:
    """Do what is to be done; whatever it raises becomes one line on stderr and an exit code."""
    try:
        code = work()
        sys.stdout.flush()
    except NndoctorError as error:
        return _refuse(str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _refuse("interrupted", ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # The reader (`| head`) has gone; Python would complain once more at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.HEALTHY)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told in one line
        # Click's own errors (typer carries a copy of it under a private name) know how to say what is wrong.
        if hasattr(error, "format_message"):
            return _refuse(error.format_message(), ExitCode.USAGE, context=getattr(error, "ctx", None))
        return _refuse(_told(error), ExitCode.INTERNAL)
    return code if isinstance(code, int) else int(ExitCode.HEALTHY)


def _refuse(message: str, code: ExitCode, context: typer.Context | None = None) -> int:
    hint = f" (see `{context.command_path} --help`)" if context is not None else ""
    sys.stderr.write(f"nndoctor: error: {' '.join(message.split())}{hint}\n")
    return int(code)


def _told(error: Exception) -> str:
    """Write the traceback to a file and return the line that names it."""
    text = "".join(traceback.format_exception(error))
    with tempfile.NamedTemporaryFile(
        "w", prefix="nndoctor-", suffix=".txt", delete=False, encoding="utf-8", errors="replace"
    ) as file:
        file.write(text)
    return f"nndoctor itself failed: {type(error).__name__}: {error} (details in {file.name})"


if __name__ == "__main__":
    main()
