"""A layer over the user's files: what the script wrote, replaced or removed, without any of it having happened to them.

A file that was written lies in the scratch tree; one that was removed is only said to be gone. Paths are compared as
absolute text. A path that is reached over a symbolic link is known by the name that was used and by its real name.
"""

# ruff: noqa: PTH103, PTH118, PTH119, PTH120 - text: objects cost more than the operations themselves

from __future__ import annotations

import errno
import os
from contextlib import contextmanager, suppress
from stat import S_ISDIR, S_ISREG
from typing import TYPE_CHECKING, Any, Final

from nndoctor import real_files
from nndoctor.real_files import absolute, as_text, missing, natural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GONE: Final = ""
"""Where a removed file lies."""


class Overlay:
    """Knows where the content of every path lies now."""

    def __init__(
        self, root: str, start: str, *, is_free: Callable[[str], bool], said: Callable[[str, str], None]
    ) -> None:
        """Keep files under `root`; those below `start` by their relative path. Free paths are none of our business."""
        self._root = os.path.join(root, "")
        self._start = os.path.join(start, "")
        self._is_free = is_free
        self._said = said
        self._told: set[str] = set()
        self._now: dict[str, str] = {}
        """By path: where its content lies, `GONE` where it was removed. A folder that was made anew lies at itself."""
        self._hidden: set[str] = set()
        """Folders that were removed: what really is in them is not to be seen, also if the folder is made again."""
        self._texts: dict[str, Any] = {}
        """By path of a symbolic link of ours: the text that it was made with."""
        self.made: Callable[[str], None] = lambda _folder: None
        """Called with every folder that is really created."""
        self.shared = False
        """Whether other processes may write to the scratch tree: it is then asked about unknown paths too."""

    # Looking

    def find(self, path: Any, dir_fd: int | None = None) -> str | None:
        """Return where a path's content lies now, `GONE`, or None for where it always lay."""
        if not self._now and not self.shared:
            return None
        full = absolute(path, dir_fd)
        return None if full is None else self._find(full)

    def text_of_link(self, path: Any, dir_fd: int | None = None) -> Any:
        """Return what a symbolic link of ours was made with, None for any other path."""
        full = absolute(path, dir_fd) if self._texts else None
        return None if full is None else self._texts.get(full)

    def names(self, path: Any) -> list[str] | None:
        """Return the names in a folder, None where they are what they always were."""
        full = absolute(path) if self._now else None
        if full is None or not self._touches(full):
            return None
        now = self._find(full)
        if now == GONE:
            raise missing(path)
        inside = os.path.join(full, "")
        names = [name for name in real_files.listdir(now or full) if self._find(inside + name) != GONE]
        ours = (key[len(inside) :] for key, value in self._now.items() if value and key.startswith(inside))
        return list(dict.fromkeys([*names, *(name for name in ours if "/" not in name)]))

    def owns(self, path: str | None) -> bool:
        """Whether a place is in the scratch tree."""
        return path is not None and path.startswith(self._root)

    def guards(self, path: Any, dir_fd: int | None = None) -> bool:
        """Whether a path is one of the user's that has not been written yet."""
        entry = self._entry(path, dir_fd)
        return entry is not None and not self.owns(self._find(entry))

    # Changing

    @contextmanager
    def writing(
        self, path: Any, *, keep: bool, create: bool = True, new: bool = False, dir_fd: int | None = None
    ) -> Iterator[str | None]:
        """Give the place to write to instead of a path, None for the path itself; remember it if it then exists.

        `keep` what is in the file, `create` it if it is not there, insist on a `new` one.
        """
        real = self._real(path, dir_fd)
        place = None if real is None else self._place_to_write(path, real, keep=keep, create=create, new=new)
        if real is None or place is None:
            yield None
            return
        try:
            yield place
        except OSError as error:
            if error.filename == place:
                error.filename = path
            raise
        finally:
            if real_files.is_there(place):
                self._now[real] = place
                full = absolute(path, dir_fd)
                if full is not None and os.path.realpath(full) == real:
                    self._now[full] = place
                self._tell(real, place)

    @natural
    def remove(self, path: Any, dir_fd: int | None = None) -> bool:
        """Remove a file. Returns False where the original function is to be called: it fails, or the path is free."""
        entry = self._entry(path, dir_fd)
        if entry is None:
            return False
        now, mode = self._look(entry)
        if mode is None:
            if now == GONE:
                raise missing(path)
            return False
        if S_ISDIR(mode):
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        self._need_access(os.path.dirname(entry), path)
        if now is not None and self.owns(now):
            real_files.unlink(now)
        self._forget(entry, absolute(path, dir_fd))
        return True

    @natural
    def remove_folder(self, path: Any, dir_fd: int | None = None, *, contents: bool = False) -> bool:
        """Remove a folder, also a full one if `contents`. Returns False where the original function is to be called."""
        entry = self._entry(path, dir_fd)
        if entry is None:
            return False
        now, mode = self._look(entry)
        if mode is None or not S_ISDIR(mode):
            if mode is None and now == GONE and not contents:
                raise missing(path)
            return False
        if not contents and self._visible(entry):
            raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), path)
        for key in [key for key in self._now if key.startswith(os.path.join(entry, ""))]:
            del self._now[key]
            self._texts.pop(key, None)
        real_files.rmtree(self._place(entry), ignore_errors=True)
        self._forget(entry, absolute(path, dir_fd))
        self._hidden.add(entry)
        return True

    @natural
    def make_folder(self, path: Any, mode: int = 0o777, dir_fd: int | None = None) -> bool:
        """Create a folder, really. Returns False where the original function is to be called."""
        entry = self._entry(path, dir_fd)
        if entry is None:
            return False
        now, present = self._look(entry)
        if present is not None:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
        if self._find(os.path.dirname(entry)) == GONE:
            raise missing(path)
        place = entry
        if now != GONE or not real_files.is_there(entry):
            real_files.mkdir(entry, mode)
            self.made(entry)
        elif not S_ISDIR(real_files.lstat(entry).st_mode):
            # A file of the user's that was "removed" stands where the folder is to be.
            place = self._place(entry)
            os.makedirs(place, exist_ok=True)
        if self._now or place != entry:
            self._now[entry] = place
        return True

    @natural
    def rename(self, source: Any, target: Any, fds: tuple[int | None, int | None] = (None, None)) -> bool:
        """Rename or replace. Returns False where the original function is to be called."""
        here, there = self._entry(source, fds[0], free=True), self._entry(target, fds[1], free=True)
        if here is None or there is None or (self._is_free(here) and self._is_free(there)):
            return False
        now, mode = self._look(here)
        if mode is None:
            if now == GONE:
                raise missing(source, target)
            return False  # there is nothing, and the original will say so
        if here != there:
            if not self.owns(now) and not self._is_free(here):
                self._need_access(os.path.dirname(here), source)
            self._check_target(there, target, is_folder=S_ISDIR(mode))
            if S_ISDIR(mode):
                self._rename_folder(here, there)
            else:
                self._rename_file(here, there, now)
        return True

    @natural
    def link(
        self, source: Any, target: Any, text: Any = None, fds: tuple[int | None, int | None] = (None, None)
    ) -> bool:
        """Make a hard link, or a symbolic one with this text. Returns False where the original is to be called."""
        there = self._entry(target, fds[1])
        if there is None:
            return False
        if self._look(there)[1] is not None:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), source, None, target)
        self._check_target(there, target, is_folder=False)
        here = absolute(
            os.path.join(os.path.dirname(there), os.fsdecode(source)) if text is not None else source, fds[0]
        )
        if here is None:
            return False
        now, mode = self._look(here)
        if text is None and mode is None:
            raise missing(source, target)
        place = self._fresh_place(there)
        if text is not None:
            real_files.symlink(now or here, place)
            self._texts[there] = text
        elif self.owns(now):
            real_files.link(now or here, place)
        else:
            place = now or here  # a second name for a file of the user's; writing to it makes a copy
        self._now[there] = place
        return True

    # The parts of these

    def _find(self, full: str) -> str | None:
        now = self._now.get(full)
        if now is None and self._hidden and self._is_hidden(full):
            now = GONE
        if now is None and self.shared:
            place = self._place(full)
            with suppress(OSError):
                if S_ISREG(real_files.lstat(place).st_mode):
                    now = self._now[full] = place
        return None if now == full else now

    def _is_hidden(self, full: str) -> bool:
        while (parent := os.path.dirname(full)) != full:
            if parent in self._hidden:
                return True
            full = parent
        return False

    def _touches(self, folder: str) -> bool:
        inside = os.path.join(folder, "")
        return folder in self._now or self._is_hidden(inside) or any(key.startswith(inside) for key in self._now)

    def _look(self, full: str) -> tuple[str | None, int | None]:
        """Return where a path lies and what it is (links are not followed); None for its mode if it is not there."""
        now = self._find(full)
        if now == GONE:
            return now, None
        try:
            return now, real_files.lstat(now or full).st_mode
        except OSError:
            return now, None

    def _real(self, path: Any, dir_fd: int | None) -> str | None:
        """Return the path that would be written to, None where it is free."""
        text = as_text(path, dir_fd)
        # Our own replacements serve this search, so links that only exist here are followed too.
        real = None if text is None else os.path.realpath(text)
        return None if real is None or self._is_free(real) else real

    def _entry(self, path: Any, dir_fd: int | None, *, free: bool = False) -> str | None:
        """Return the real path of an entry in a folder, be it a link; None where it is free, unless `free`."""
        full = absolute(path, dir_fd)
        if full is None:
            return None
        entry = os.path.join(os.path.realpath(os.path.dirname(full)), os.path.basename(full))
        return None if not free and self._is_free(entry) else entry

    def _place(self, real: str) -> str:
        if real.startswith(self._start):
            return self._root + real[len(self._start) :]
        return f"{self._root}__elsewhere__{real}"

    def _fresh_place(self, real: str) -> str:
        place = self._place(real)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with suppress(OSError):
            real_files.unlink(place)
        return place

    @natural
    def _place_to_write(self, path: Any, real: str, *, keep: bool, create: bool, new: bool) -> str | None:
        now, mode = self._look(real)
        if mode is None:
            if now == GONE and not create:
                raise missing(path)
            folder, kind = self._look(os.path.dirname(real))
            if folder == GONE:
                raise missing(path)
            if not create or kind is None or not S_ISDIR(kind):
                return None  # the original will say what is missing
            self._need_access(folder or os.path.dirname(real), path)
            return self._fresh_place(real)
        if new:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
        if not S_ISREG(mode):
            return None  # a folder: the original refuses it; a pipe or a device: nothing to protect
        if now is not None and self.owns(now):
            return now
        self._need_access(now or real, path)
        place = self._fresh_place(real)
        if keep:
            real_files.copy(now or real, place)
        return place

    def _need_access(self, place: str, path: Any) -> None:
        if not real_files.access(place, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    def _visible(self, folder: str) -> bool:
        names = self.names(folder)
        return bool(real_files.listdir(folder) if names is None else names)

    def _check_target(self, there: str, target: Any, *, is_folder: bool) -> None:
        """Raise what the system would, were the target of this kind renamed to or linked."""
        if self._is_free(there):
            return
        folder, kind = self._look(os.path.dirname(there))
        if kind is None:
            raise missing(target)
        self._need_access(folder or os.path.dirname(there), target)
        mode = self._look(there)[1]
        if mode is None:
            return
        if S_ISDIR(mode) != is_folder:
            code = errno.ENOTDIR if is_folder else errno.EISDIR
            raise OSError(code, os.strerror(code), target)
        if is_folder and self._visible(there):
            raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), target)

    def _rename_file(self, here: str, there: str, now: str | None) -> None:
        ours = self.owns(now)
        if self._is_free(there):
            if ours:
                real_files.replace(now or here, there)
            else:
                real_files.copy(now or here, there)
        else:
            place = self._fresh_place(there)
            if ours or self._is_free(here):
                real_files.replace(now or here, place)
            else:
                place = now or here  # the user's file stays where it is and is known by another name
            self._now[there] = place
            self._tell(there, place)
        if not self._is_free(here):
            text = self._texts.get(here)
            self._forget(here)
            if text is not None:
                self._texts[there] = text

    def _rename_folder(self, here: str, there: str) -> None:
        if self._is_free(here) or self._is_free(there):
            # As between two devices: callers such as shutil.move then copy file by file, through us.
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), here, None, there)
        if self._look(there)[1] is None:
            self.make_folder(there)
        names = self.names(here)
        for name in real_files.listdir(here) if names is None else names:
            self.rename(os.path.join(here, name), os.path.join(there, name))
        real_files.rmtree(self._place(here), ignore_errors=True)
        self._forget(here)
        self._hidden.add(here)

    def _forget(self, *paths: str | None) -> None:
        for path in paths:
            if path is not None:
                self._now[path] = GONE
                self._texts.pop(path, None)

    def _tell(self, real: str, place: str) -> None:
        if real not in self._told and self.owns(place):
            self._told.add(real)
            self._said(real, place)
