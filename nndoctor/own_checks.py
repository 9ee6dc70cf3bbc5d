"""`--checks PATH`: checks of the user's own, from a file or a folder, without packaging them first."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from typing import TYPE_CHECKING

from nndoctor.catalogue import checks_in
from nndoctor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import ModuleType

    from nndoctor.check import Check


def checks_at(path: Path) -> list[Check]:
    """Return the checks that are defined in a file, in a package, or in the files of a folder.

    Raises `UsageError`, in one line, where the path does not exist, cannot be imported, or holds no check.
    """
    full = path.resolve()
    if not full.exists():
        raise UsageError(f"--checks: no such file or folder: {path}")
    if full.is_file() and full.suffix != ".py":
        raise UsageError(f"--checks takes a Python file or a folder, not {path}")
    found = [check for module in _modules(full) for check in checks_in(module)]
    if not found:
        raise UsageError(f"--checks: {path} defines no check (a function under @check, see checks/README.md)")
    return found


def _modules(path: Path) -> Iterator[ModuleType]:
    if path.is_file():
        yield _loaded(path, path.stem)
    elif (path / "__init__.py").is_file():
        package = _loaded(path / "__init__.py", path.name)
        yield package
        for info in pkgutil.walk_packages(package.__path__, prefix=f"{package.__name__}."):
            yield _imported(info.name, path)
    else:
        if str(path) not in sys.path:
            sys.path.append(str(path))  # its files may import each other
        for file in sorted(path.glob("*.py")):
            if not file.name.startswith(("test_", "conftest")):
                yield _loaded(file, file.stem)


def _loaded(file: Path, name: str) -> ModuleType:
    """Import a file under its own name, or under a longer one where that is taken."""
    present = sys.modules.get(name)
    if present is not None and getattr(present, "__file__", None) == str(file):
        return present
    if present is not None or name in sys.stdlib_module_names:
        name = f"nndoctor_own_{name}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise UsageError(f"--checks: {file} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise _told(error, file) from error
    return module


def _imported(name: str, source: Path) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise _told(error, source) from error


def _told(error: Exception, source: Path) -> UsageError:
    place = f" at line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
    text = " ".join(str(error).split())
    return UsageError(f"--checks: {source} cannot be loaded: {type(error).__name__}{place}: {text}")
