"""The real files, as they are behind everything that is replaced while a script is examined."""

# ruff: noqa: PTH109, PTH115, PTH118 - paths are plain text here

from __future__ import annotations

import errno
import os
import shutil
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

# Bound before anything is replaced.
_open, lstat, access, listdir, rmtree = open, os.lstat, os.access, os.listdir, shutil.rmtree
mkdir, rmdir, unlink, replace, link, symlink = os.mkdir, os.rmdir, os.unlink, os.replace, os.link, os.symlink

P = ParamSpec("P")
T = TypeVar("T")


def natural(method: Callable[P, T]) -> Callable[P, T]:
    """Let nothing but what the system could raise come out: a fault of ours reads as a failed write, and nothing is."""

    @wraps(method)
    def guarded(*args: P.args, **options: P.kwargs) -> T:
        try:
            return method(*args, **options)
        except OSError:
            raise
        except Exception as error:
            raise OSError(errno.EIO, os.strerror(errno.EIO)) from error

    return guarded


def absolute(path: Any, dir_fd: int | None = None) -> str | None:
    """Return a path as absolute text without `.` and `..`; None for what is no path (a descriptor, say)."""
    text = as_text(path, dir_fd)
    if text is None or not ("/." in text or "//" in text or text[-1] == "/"):
        return text
    return "/" + os.path.normpath(text).lstrip("/")


def missing(path: Any, other: Any = None) -> FileNotFoundError:
    """Return the exception for a file that is not there."""
    if other is None:
        return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path, None, other)


def as_text(path: Any, dir_fd: int | None = None) -> str | None:
    """Return a path as text that begins at the root, otherwise as it was given; None for what is no path."""
    if not isinstance(path, str):
        if not isinstance(path, bytes | os.PathLike):
            return None
        path = os.fsdecode(path)
    if not path or "\0" in path:
        return None
    if path[0] == "/":
        return str(path)
    try:
        folder = os.getcwd() if dir_fd is None else os.readlink(f"/proc/self/fd/{dir_fd}")
    except OSError:
        return None
    return os.path.join(folder, path)


def is_there(path: str) -> bool:
    """Whether there is anything at a path, be it a broken link."""
    try:
        lstat(path)
    except OSError:
        return False
    return True


def copy(source: str, target: str) -> None:
    """Copy the content of a file."""
    with _open(source, "rb") as old, _open(target, "wb") as new:
        shutil.copyfileobj(old, new, 1 << 20)
