"""Executes the user's script or module exactly as `python` would: the script must not be able to tell.

Nothing is put back when the script has ended: threads, exit handlers and unpickling may still need its `__main__`.
So a process runs one script.
"""

from __future__ import annotations

import builtins
import os
import pkgutil
import runpy
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from traceback import TracebackException
from types import ModuleType
from typing import TYPE_CHECKING, Any

from nndoctor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import CodeType

_OURS = str(Path(__file__).absolute().parent) + os.sep


def run_script(path: str | Path, arguments: Sequence[str]) -> None:
    """Execute `path` as `python path *arguments` would; a folder or an archive by its `__main__`.

    Give a string where it is known: a `Path` has already lost the `./` that `sys.argv[0]` shows.
    Raises `UsageError` for what Python could not have begun to run; what the script raises comes through untouched.
    """
    given = str(path)
    full = _absolute(given)
    _set_command(given, [given, *arguments], arguments)
    if pkgutil.get_importer(full) is not None:
        _run_folder(given, full)
        return
    code = _compiled(given, full)
    # Natively symbolic links are followed: the neighbours are those of the real file.
    _set_first_path(os.path.dirname(os.path.realpath(full)))  # noqa: PTH120 - sys.path holds strings
    main = _fresh_main()
    main.update(__loader__=SourceFileLoader("__main__", full), __file__=full)
    if sys.version_info < (3, 15):
        main["__cached__"] = None
    exec(code, main)  # noqa: S102


def run_module(name: str, arguments: Sequence[str]) -> None:
    """Execute a module, or a package by its `__main__`, as `python -m name *arguments` would.

    Raises `UsageError` for what Python could not have begun to run. A package's own code runs first, as natively, so
    that its exceptions may come through too.
    """
    # While the packages above the module are imported, sys.argv[0] is natively "-m".
    _set_command("-m", ["-m", name, *arguments], arguments)
    _set_first_path(os.getcwd())  # noqa: PTH109
    main = _fresh_main()
    # The private door, which pdb uses too: its answers are exactly those of -m.
    _, spec, code = _found(
        lambda: runpy._get_module_details(name, UsageError)  # type: ignore[attr-defined]
    )
    sys.argv[0] = spec.origin
    _run_found(code, spec, main)


def clean_traceback(error: BaseException) -> str:
    """Return the text of the exception's traceback, as Python prints it, without the frames of nndoctor."""
    whole = TracebackException.from_exception(error, compact=True)
    waiting: list[TracebackException | None] = [whole]
    while waiting:
        part = waiting.pop()
        if part is not None:
            part.stack[:] = [frame for frame in part.stack if not frame.filename.startswith(_OURS)]
            waiting += [part.__cause__, part.__context__, *(part.exceptions or ())]
    return "".join(whole.format())


def _run_folder(given: str, full: str) -> None:
    """Run the `__main__` module of a folder or an archive."""
    # A folder goes to the path in safe-path mode too: it was asked for by name.
    _set_first_path(full, always=True)
    main = _fresh_main()
    _, spec, code = _found(
        lambda: runpy._get_main_module_details(UsageError),  # type: ignore[attr-defined]
        missing=f"{given} has no __main__.py; name a script in it",
    )
    _run_found(code, spec, main)


def _run_found(code: CodeType, spec: Any, main: dict[str, Any]) -> None:
    main.update(__loader__=spec.loader, __file__=spec.origin, __package__=spec.parent, __spec__=spec)
    if sys.version_info < (3, 15):
        main["__cached__"] = spec.cached
    exec(code, main)  # noqa: S102


def _found(find: Callable[[], tuple[str, Any, CodeType]], *, missing: str = "") -> tuple[str, Any, CodeType]:
    try:
        return find()
    except UsageError as error:
        raise UsageError(missing or str(error)) from None
    except SyntaxError as error:
        raise UsageError(_told(error.filename or "the module", error)) from None


def _compiled(given: str, full: str) -> CodeType:
    try:
        source = Path(full).read_bytes()
    except FileNotFoundError:
        raise UsageError(f"no such script: {given}") from None
    except OSError as error:
        raise UsageError(f"{given} cannot be read: {error.strerror}") from None
    if b"\0" in source:
        raise UsageError(f"{given} is not a Python script (it holds binary data)")
    try:
        # dont_inherit: our `from __future__ import annotations` must not leak into their script.
        return compile(source, full, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise UsageError(_told(given, error)) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise UsageError(f"{given} is not valid Python: {error}") from None


def _told(file: str, error: SyntaxError) -> str:
    if error.msg.startswith("(unicode error) 'utf-8' codec"):
        return f"{file} is not text: {error.msg.removeprefix('(unicode error) ')}; save it as UTF-8"
    at = f"{file}:{error.lineno}" if error.lineno else file
    text = f": {error.text.strip()}" if error.text and error.text.strip() else ""
    return f"{file} is not valid Python: {error.msg} at {at}{text}"


def _fresh_main() -> dict[str, Any]:
    """Put an empty `__main__` in the place of our own; pickles and spawned workers look there. Returns its globals."""
    main = ModuleType("__main__")
    if sys.version_info < (3, 14):
        vars(main)["__annotations__"] = {}
    vars(main)["__builtins__"] = builtins
    sys.modules["__main__"] = main
    return vars(main)


def _set_command(first: str, shown: Sequence[str], arguments: Sequence[str]) -> None:
    sys.argv = [first, *arguments]
    sys.orig_argv = [sys.orig_argv[0] if sys.orig_argv else sys.executable, *shown]


def _set_first_path(folder: str, *, always: bool = False) -> None:
    """Put the script's folder first on the path, obeying the user's own wish for safe paths.

    Called while `__main__` is still ours, because the entry that Python made for us has to go.
    """
    if _first_path_is_ours():
        del sys.path[0]
    if always or not (sys.flags.safe_path and os.environ.get("PYTHONSAFEPATH")):
        sys.path.insert(0, folder)


def _first_path_is_ours() -> bool:
    if sys.flags.safe_path or not sys.path:
        return False
    ours = sys.modules["__main__"]
    file = getattr(ours, "__file__", None)
    if file is None or getattr(ours, "__spec__", None) is not None:
        return True  # started by -c or -m
    # Started as a script, which may have removed its entry itself; what is first then comes from PYTHONPATH.
    return sys.path[0] == str(Path(file).resolve().parent)


def _absolute(path: str) -> str:
    """Return the path as Python makes a script's absolute: `..` and links stay as they were typed."""
    if os.path.isabs(path):  # noqa: PTH117
        return path
    return os.path.join(os.getcwd(), path)  # noqa: PTH109, PTH118
