"""Targets that are no script: `train.py:make_training` or `package.module:make_training`."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nndoctor.errors import UsageError
from nndoctor.library.training import Training, train
from nndoctor.settings import split_factory

if TYPE_CHECKING:
    from collections.abc import Sequence


def run_factory(name: str, arguments: Sequence[str]) -> None:
    """Import the file or module, call its factory without arguments, and train what it returns in the plain way.

    `arguments` stand in `sys.argv`. Raises `UsageError` for a factory that does not exist or returns the wrong thing;
    what the user's own code raises comes through.
    """
    place, factory = split_factory(name)
    sys.argv = [place, *arguments]
    module = _from_file(Path(place)) if place.endswith(".py") else _from_name(place)
    make = getattr(module, factory, None)
    if not callable(make):
        raise UsageError(f"{place} has no function {factory}")
    train(Training.of(make(), by=f"{factory}()"))


def _from_file(path: Path) -> Any:
    sys.path.insert(0, str(path.resolve().parent))
    spec = importlib.util.spec_from_file_location(path.stem, path.absolute())
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # so that its classes pickle, for loader workers
    spec.loader.exec_module(module)
    return module


def _from_name(name: str) -> Any:
    sys.path.insert(0, str(Path.cwd()))
    return importlib.import_module(name)
