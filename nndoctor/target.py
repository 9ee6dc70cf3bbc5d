"""Is this a program that can be run? Asked before anything is started, so that a typing error costs no time."""

from __future__ import annotations

import ast
import difflib
import importlib.util
import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from nndoctor.errors import UsageError
from nndoctor.settings import split_factory

if TYPE_CHECKING:
    from nndoctor.settings import Target


def ensure_runnable(target: Target) -> None:
    """Raise `UsageError` where Python itself would refuse to run the target."""
    place, factory = split_factory(target.name)
    if factory:
        _ensure_factory(place, factory)
    elif target.is_module:
        _ensure_module(target.name)
    else:
        _ensure_script(Path(target.name))


def _ensure_factory(place: str, factory: str) -> None:
    if not place.endswith(".py"):
        _ensure_module(place)
        return
    _ensure_script(Path(place))
    names = _defined(Path(place).read_bytes())
    if names is not None and factory not in names:
        near = difflib.get_close_matches(factory, names, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UsageError(f"{place} defines no {factory}{hint}")


def _defined(source: bytes) -> set[str] | None:
    """Return the names that a file defines at its top level; None where they cannot all be known."""
    names: set[str] = set()
    for node in ast.parse(source).body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names |= {alias.asname or alias.name for alias in aliases}
            case ast.If() | ast.Try() | ast.With() | ast.For() | ast.While():
                return None
    return None if "*" in names else names


def _ensure_module(name: str) -> None:
    if not all(part.isidentifier() for part in name.split(".")):
        raise UsageError(f"-m takes the name of a module, not {name!r}")
    top = name.partition(".")[0]
    # Only the top package is looked for: finding a submodule would run the package's code in this process.
    here = os.getcwd()  # noqa: PTH109 - sys.path holds strings
    sys.path.insert(0, here)
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        spec = None
    finally:
        sys.path.remove(here)
    if spec is None:
        raise UsageError(f"no module named {top} (searched the working directory and {sys.executable}'s packages)")


def _ensure_script(path: Path) -> None:
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a script in it, or run a package with -m")
    if not path.exists():
        raise UsageError(f"no such script: {path}")
    try:
        source = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    if path.suffix == ".ipynb":
        raise UsageError(f"{path} is a notebook; convert it first: jupyter nbconvert --to script {path}")
    if b"\0" in source:
        raise UsageError(f"{path} is not a Python script (it holds binary data)")
    _ensure_compiles(path, source)


def _ensure_compiles(path: Path, source: bytes) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the patient shows them, in its log
            compile(source, str(path), "exec", dont_inherit=True)
    except SyntaxError as error:
        raise UsageError(f"{path} is not valid Python: {_described(path, error)}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise UsageError(f"{path} is not valid Python: {error}") from None


def _described(path: Path, error: SyntaxError) -> str:
    if error.lineno is None or error.text is None:
        return f"{error.msg}"
    return f"{error.msg} at {path}:{error.lineno}: {error.text.strip()}"
