"""Edits of the call that builds a DataLoader, found from the loop that iterates over it."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from nndoctor.prescription.case import with_keyword
from nndoctor.prescription.change import Change
from nndoctor.prescription.source import Replacement
from nndoctor.prescription.syntax import argument, called, classes, dotted, quoted, spread
from nndoctor.records import TRAIN, Loader

if TYPE_CHECKING:
    from nndoctor.prescription.case import Case
    from nndoctor.prescription.source import Source

SAMPLERS = ("sampler", "batch_sampler")


def shuffle(case: Case) -> Change | None:
    """Shuffle the training data, if they can be asked for in any order."""
    rows = [r for r in case.run.rows(Loader) if (r.file, r.line) == (case.source.file, case.line)]
    if any(row.order == "unknown" for row in rows) or _streams(case):
        return None
    return _switched(case, "shuffle", 2)


def _streams(case: Case) -> bool:
    """Whether the data set is an iterable one, by the class that the file defines."""
    built = loader_at(case)
    made = called(case.origin(argument(built, "dataset", 0))) if built is not None else ""
    bases = [dotted(base) for c in classes(case.source) if c.name == made for base in c.bases]
    return any("Iterable" in base for base in bases)


def drop_last(case: Case) -> Change | None:
    """Leave out the last, incomplete batch of training."""
    return _switched(case, "drop_last", 8)


def _switched(case: Case, name: str, position: int) -> Change | None:
    source, built = case.source, loader_at(case)
    if built is None or spread(built):
        return None
    if any(argument(built, each, place) is not None for each, place in zip(SAMPLERS, (3, 4), strict=True)):
        return None
    given = argument(built, name, position)
    if given is None:
        change = Replacement(*with_keyword(source, built, name, "True"))
    else:
        made = case.origin(given)
        if not isinstance(made, ast.Constant) or made.value is not False:
            return None
        change = source.replaced(made, "True")
    return Change.of(source, f"Set `{name}=True` in {quoted(source, built)}.", change)


def loader_at(case: Case) -> ast.Call | None:
    """Return the call that builds the loader of the loop at the finding's line, if it builds no other one."""
    source = case.source
    found = {id(m): m for each in _iterated(source, case.line) if (m := case.origin(each)) is not None}
    built = [m for m in found.values() if called(m) == "DataLoader"]
    if not built:
        built = _only_trained_on(case)
    if len(built) != 1 or not isinstance(built[0], ast.Call):
        return None
    return built[0] if _built_once(case, built[0]) else None


def _iterated(source: Source, line: int) -> list[ast.expr]:
    """Return what is iterated over at a line, by a loop, a comprehension or `iter`."""
    loops = [n.iter for n in ast.walk(source.tree) if isinstance(n, (ast.For, ast.AsyncFor, ast.comprehension))]
    calls = [c.args[0] for c in source.calls() if called(c) in ("iter", "enumerate") and len(c.args) == 1]
    return [n for n in (*loops, *calls) if n.lineno <= line <= (n.end_lineno or n.lineno)]


def _only_trained_on(case: Case) -> list[ast.expr]:
    """Return the one DataLoader of the file, where the run iterated over one only."""
    calls = [c for c in case.source.calls() if called(c) == "DataLoader"]
    return list(calls) if len(calls) == 1 and len(case.run.rows(Loader)) == 1 else []


def _built_once(case: Case, built: ast.Call) -> bool:
    """Whether the call built one loader of the run: what is right for training need not be so for validation."""
    function = case.source.function_of(built)
    from nndoctor.prescription.origins import callers

    trained = [row for row in case.run.rows(Loader) if row.split == TRAIN]
    return function is None or len(callers(case.source, function)) <= 1 or len(trained) == len(case.run.rows(Loader))
