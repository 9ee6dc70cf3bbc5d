"""Replaces the functions that write, remove or look for files by ones that ask the overlay first.

Every replacement takes what the original takes and raises what it raises. Where the overlay has nothing to say, the
original is called with exactly what was given. A failure of the overlay itself never ends in the user's file.
"""

from __future__ import annotations

import builtins
import bz2
import io
import os
import shutil
import tarfile
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from nndoctor.listing import Entry, Scan
from nndoctor.overlay import GONE
from nndoctor.real_files import missing

if TYPE_CHECKING:
    from collections.abc import Callable

    from nndoctor.overlay import Overlay
    from nndoctor.patching import Patches

    Function = Callable[..., Any]

_READERS: Final = ("stat", "lstat", "getxattr", "listxattr")
_CHANGERS: Final = ("chmod", "chown", "utime", "setxattr", "removexattr")
_CAPABILITIES: Final = ("supports_dir_fd", "supports_effective_ids", "supports_fd", "supports_follow_symlinks")
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def install(overlay: Overlay, patches: Patches) -> None:
    """Replace Python's functions and torch's."""
    before = dict(vars(os))
    _install_open(overlay, patches)
    for name, make in {**dict.fromkeys(_READERS, _reading), **dict.fromkeys(_CHANGERS, _changing), **_IN_OS}.items():
        if hasattr(os, name):
            patches.wrap(os, name, make(overlay))
    patches.wrap(shutil, "rmtree", _removing_tree(overlay))
    for name in _CAPABILITIES:
        known = getattr(os, name)
        ours = {vars(os)[key] for key, value in before.items() if callable(value) and value in known}
        patches.replace(os, name, known | ours)
    _install_torch(overlay, patches)
    _install_safetensors(overlay, patches)


def _install_open(overlay: Overlay, patches: Patches) -> None:
    patches.wrap(builtins, "open", _opening(overlay))
    # The same function under the other names by which the standard library calls it.
    for owner, name in ((io, "open"), (bz2, "_builtin_open"), (tarfile, "bltn_open")):
        if hasattr(owner, name):
            patches.replace(owner, name, builtins.open)


def _install_torch(overlay: Overlay, patches: Patches) -> None:
    """Redirect what writes and reads in C, by a path alone."""
    import torch
    import torch.export

    for owner in (torch, torch.jit, torch.export):
        patches.wrap(owner, "save", _saving(overlay))
        patches.wrap(owner, "load", _loading(overlay))
    patches.replace(torch.serialization, "save", torch.save)
    patches.replace(torch.serialization, "load", torch.load)
    scripted = torch.jit.RecursiveScriptModule  # type: ignore[attr-defined]
    patches.wrap(scripted, "save", _saving(overlay))


def _install_safetensors(overlay: Overlay, patches: Patches) -> None:
    """Redirect what is read and written in Rust. The package is imported here, before others copy its names."""
    if find_spec("safetensors") is None:
        return
    import safetensors
    import safetensors.numpy
    import safetensors.torch

    for owner in (safetensors, safetensors.torch, safetensors.numpy):
        patches.wrap(owner, "serialize_file", _saving(overlay))
        patches.wrap(owner, "safe_open", _loading(overlay))


def _opening(overlay: Overlay) -> Callable[[Function], Function]:
    def make(original: Function) -> Function:
        def open(file: Any, mode: Any = "r", *args: Any, **options: Any) -> Any:  # noqa: A001 - stands for it
            # With an opener it is the opener that opens: by os.open, which is replaced as well.
            if isinstance(file, int) or not isinstance(mode, str) or options.get("opener") or len(args) > 5:
                return original(file, mode, *args, **options)
            if not any(letter in mode for letter in "wxa+"):
                now = _now(overlay, file)
                return (
                    original(file, mode, *args, **options)
                    if now is None
                    else _named(original(now, mode, *args, **options), file)
                )
            keep, create = "w" not in mode and "x" not in mode, "r" not in mode
            with overlay.writing(file, keep=keep, create=create, new="x" in mode) as place:
                if place is None:
                    return original(file, mode, *args, **options)
                return _named(original(place, mode, *args, **options), file)

        return open

    return make


def _named(file: Any, name: Any) -> Any:
    """Let an opened file tell the name that it was asked for by."""
    raw = getattr(file, "buffer", file)
    with suppress(AttributeError, TypeError):
        getattr(raw, "raw", raw).name = name
    return file


def _now(overlay: Overlay, path: Any, dir_fd: int | None = None) -> str | None:
    """Return where the content lies; raise for a removed file; None for where it always lay."""
    now = overlay.find(path, dir_fd)
    if now == GONE:
        raise missing(path)
    return now


def _with_fd(options: dict[str, Any], dir_fd: int | None) -> dict[str, Any]:
    return options if dir_fd is None else {**options, "dir_fd": dir_fd}


def _reading(overlay: Overlay) -> Callable[[Function], Function]:
    def make(original: Function) -> Function:
        def read(path: Any, *args: Any, dir_fd: int | None = None, **options: Any) -> Any:
            now = _now(overlay, path, dir_fd)
            if now is None:
                return original(path, *args, **_with_fd(options, dir_fd))
            return original(now, *args, **options)

        return read

    return make


def _access(overlay: Overlay) -> Callable[[Function], Function]:
    def make(original: Function) -> Function:
        def access(path: Any, mode: int, *, dir_fd: int | None = None, **options: Any) -> bool:
            now = overlay.find(path, dir_fd)
            if now == GONE:
                return False
            if now is None:
                return bool(original(path, mode, **_with_fd(options, dir_fd)))
            return bool(original(now, mode, **options))

        return access

    return make


def _changing(overlay: Overlay) -> Callable[[Function], Function]:
    """Modes, owners and times: changed on our copies, only pretended on the user's files."""

    def make(original: Function) -> Function:
        def change(path: Any, *args: Any, dir_fd: int | None = None, **options: Any) -> Any:
            now = _now(overlay, path, dir_fd)
            if not overlay.owns(now) and overlay.guards(path, dir_fd):
                os.stat(path, dir_fd=dir_fd, follow_symlinks=options.get("follow_symlinks", True))  # is it there?
                return None
            if now is None:
                return original(path, *args, **_with_fd(options, dir_fd))
            return original(now, *args, **options)

        return change

    return make


def _opening_low(overlay: Overlay) -> Callable[[Function], Function]:
    def make(original: Function) -> Function:
        def open(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> Any:  # noqa: A001
            if not flags & _WRITING:
                now = _now(overlay, path, dir_fd)
                return original(path, flags, mode, dir_fd=dir_fd) if now is None else original(now, flags, mode)
            keep, create = not flags & os.O_TRUNC, bool(flags & os.O_CREAT)
            new = bool(create and flags & os.O_EXCL)
            with overlay.writing(path, keep=keep, create=create, new=new, dir_fd=dir_fd) as place:
                if place is None:
                    return original(path, flags, mode, dir_fd=dir_fd)
                return original(place, flags, mode)

        return open

    return make


def _truncating(overlay: Overlay) -> Callable[[Function], Function]:
    def make(original: Function) -> Function:
        def truncate(path: Any, length: int) -> None:
            with overlay.writing(path, keep=True, create=False) as place:
                original(path if place is None else place, length)

        return truncate

    return make


def _removing(overlay: Overlay) -> Callable[[Function], Function]:
    def make(original: Function) -> Function:
        def remove(path: Any, *, dir_fd: int | None = None) -> None:
            if not overlay.remove(path, dir_fd):
                original(path, dir_fd=dir_fd)

        return remove

    return make


def _removing_folder(overlay: Overlay) -> Callable[[Function], Function]:
    def make(original: Function) -> Function:
        def rmdir(path: Any, *, dir_fd: int | None = None) -> None:
            if not overlay.remove_folder(path, dir_fd):
                original(path, dir_fd=dir_fd)

        return rmdir

    return make


def _removing_tree(overlay: Overlay) -> Callable[[Function], Function]:
    def make(original: Function) -> Function:
        def rmtree(path: Any, *args: Any, **options: Any) -> None:
            if not overlay.remove_folder(path, options.get("dir_fd"), contents=True):
                original(path, *args, **options)

        return rmtree

    return make


def _making_folder(overlay: Overlay) -> Callable[[Function], Function]:
    def make(original: Function) -> Function:
        def mkdir(path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
            if not overlay.make_folder(path, mode, dir_fd):
                original(path, mode, dir_fd=dir_fd)

        return mkdir

    return make


def _renaming(overlay: Overlay) -> Callable[[Function], Function]:
    def make(original: Function) -> Function:
        def rename(src: Any, dst: Any, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None) -> None:
            if not overlay.rename(src, dst, (src_dir_fd, dst_dir_fd)):
                original(src, dst, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

        return rename

    return make


def _linking(overlay: Overlay) -> Callable[[Function], Function]:
    def make(original: Function) -> Function:
        def link(
            src: Any,
            dst: Any,
            *,
            src_dir_fd: int | None = None,
            dst_dir_fd: int | None = None,
            follow_symlinks: bool = True,
        ) -> None:
            if not overlay.link(src, dst, fds=(src_dir_fd, dst_dir_fd)):
                original(src, dst, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd, follow_symlinks=follow_symlinks)

        return link

    return make


def _linking_by_name(overlay: Overlay) -> Callable[[Function], Function]:
    def make(original: Function) -> Function:
        def symlink(src: Any, dst: Any, target_is_directory: bool = False, *, dir_fd: int | None = None) -> None:  # noqa: FBT001, FBT002
            if not overlay.link(src, dst, text=src, fds=(None, dir_fd)):
                original(src, dst, target_is_directory, dir_fd=dir_fd)

        return symlink

    return make


def _reading_link(overlay: Overlay) -> Callable[[Function], Function]:
    def make(original: Function) -> Function:
        def readlink(path: Any, *, dir_fd: int | None = None) -> Any:
            text = overlay.text_of_link(path, dir_fd)
            if text is not None:
                return os.fsencode(text) if isinstance(path, bytes) else os.fsdecode(text)
            now = _now(overlay, path, dir_fd)
            return original(path, dir_fd=dir_fd) if now is None else original(now)

        return readlink

    return make


def _listing(overlay: Overlay) -> Callable[[Function], Function]:
    def make(original: Function) -> Function:
        def listdir(path: Any = None) -> Any:
            names = overlay.names("." if path is None else path)
            if names is None:
                return original(path)
            return [os.fsencode(name) for name in names] if isinstance(path, bytes) else names

        return listdir

    return make


def _scanning(overlay: Overlay) -> Callable[[Function], Function]:
    def make(original: Function) -> Function:
        def scandir(path: Any = None) -> Any:
            names = overlay.names("." if path is None else path)
            if names is None:
                return original(path)
            folder = os.fspath("." if path is None else path)
            return Scan(Entry(folder, name) for name in names)

        return scandir

    return make


def _saving(overlay: Overlay) -> Callable[[Function], Function]:
    def make(original: Function) -> Function:
        def save(thing: Any, f: Any, *args: Any, **options: Any) -> Any:
            with overlay.writing(f, keep=False) as place:
                return original(thing, f if place is None else place, *args, **options)

        return save

    return make


def _loading(overlay: Overlay) -> Callable[[Function], Function]:
    def make(original: Function) -> Function:
        def load(f: Any, *args: Any, **options: Any) -> Any:
            now = overlay.find(f)
            # Anything but our own copy is found by `open`, which says what is missing.
            return original(now if now is not None and overlay.owns(now) else f, *args, **options)

        return load

    return make


_IN_OS: Final[dict[str, Callable[[Overlay], Callable[[Function], Function]]]] = {
    "open": _opening_low,
    "access": _access,
    "truncate": _truncating,
    "remove": _removing,
    "unlink": _removing,
    "rmdir": _removing_folder,
    "mkdir": _making_folder,
    "rename": _renaming,
    "replace": _renaming,
    "link": _linking,
    "symlink": _linking_by_name,
    "readlink": _reading_link,
    "listdir": _listing,
    "scandir": _scanning,
}
