"""While a script is examined, no file of the user's is written, replaced or removed; the script believes it was.

What it writes lies under the run's scratch folder, and it reads it back from there. Covered is what goes through
Python: `open`, `os`, `shutil`, and with them numpy, pandas, json, pickle, logging, zipfile, TensorBoard; and of what
writes by a path alone `torch.save`, `torch.jit.save`, `torch.export.save` and safetensors. Forked workers are covered
too.

Not covered: other writers in C that take a path (h5py, sqlite3, pyarrow, cv2), readers in C for files that
the script has just written (as `dlopen`), `io.FileIO` called directly, other programs that the script starts, and
processes that it spawns. Folders are created for real and removed at the end if they are ours and empty.
"""

# ruff: noqa: PTH109, PTH111, PTH118 - paths are plain text here, as in the functions that are replaced

from __future__ import annotations

import os
import tempfile
import weakref
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Final

from nndoctor import real_files, redirect
from nndoctor.overlay import Overlay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from nndoctor.patching import Patches

_CACHES: Final = ("XDG_CACHE_HOME", "HF_HOME", "TORCH_HOME", "TRITON_CACHE_DIR")
"""Variables that name a folder that libraries keep their downloads and compiled code in."""
_PACKAGES: Final = frozenset({"site-packages", "dist-packages"})
_JOURNAL: Final = "made-folders.txt"


class Scratch:
    """Redirects what the script writes. Install it before the script starts and leave it there until the process ends.

    Exit handlers and writer threads (TensorBoard's) write as late as that.
    """

    def __init__(self, folder: Path, note: Callable[[str, str], None], *, shared: bool = False) -> None:
        """Write under `folder`, whose parent is the run's folder; `note("save", "<path> -> <place>")` once per path.

        `shared`: by several processes, each of which sees what the others have written.
        """
        self._folder = folder.absolute()
        self._note = note
        self._process = os.getpid()
        start = os.path.realpath(os.getcwd())
        self._run = os.path.join(os.path.realpath(self._folder.parent), "")
        self._free = tuple(os.path.join(os.path.realpath(path), "") for path in _free_folders())
        # A project may well lie in the folder for temporary files: what is below it is the user's all the same.
        is_temporary = start.startswith(os.path.join(os.path.realpath(tempfile.gettempdir()), ""))
        self._project = os.path.join(start, "") if is_temporary else "\0"
        places = (self._folder / str(number) for number in count(1))
        root = self._folder / "ranks" if shared else next(place for place in places if not place.exists())
        real_root = os.path.join(self._run, self._folder.name, root.name)
        self.overlay = Overlay(real_root, start, is_free=self._is_free, said=self._said)
        self.overlay.made = self._made
        self.overlay.shared = shared

    def install(self, patches: Patches) -> None:
        """Replace the functions that write, remove or look for files, Python's and torch's."""
        redirect.install(self.overlay, patches)
        this = weakref.ref(self.overlay)

        def share() -> None:
            if (overlay := this()) is not None:
                overlay.shared = True

        # From then on there are two processes, and each is to see what the other has written.
        os.register_at_fork(after_in_parent=share, after_in_child=share)

    def close(self) -> None:
        """Remove the empty folders that the script made. The redirection stays, as long as the patches do."""
        if os.getpid() == self._process:
            remove_made_folders(self._folder)

    def _is_free(self, real: str) -> bool:
        """Whether a path is none that we look after."""
        below = real + "/"
        if below.startswith(self._run):
            return True
        if below.startswith(self._project):
            return False
        return below.startswith(self._free) or not _PACKAGES.isdisjoint(real.split("/"))

    def _said(self, path: str, place: str) -> None:
        with suppress(Exception):
            self._note("save", f"{path} -> {place}")

    def _made(self, folder: str) -> None:
        # On disk, because workers make folders too, and because the process may die before it can tidy up.
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            with (self._folder / _JOURNAL).open("a", encoding="utf-8", errors="surrogateescape") as journal:
                journal.write(folder.replace("\n", "\0") + "\n")


def remove_made_folders(folder: Path) -> None:
    """Remove the folders that scripts made and left empty, by the journal in this scratch folder.

    For the doctor too, after a patient that could not do it itself.
    """
    try:
        lines = (folder / _JOURNAL).read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return
    made = {line.replace("\0", "\n") for line in lines}
    for path in sorted(made, key=lambda path: path.count("/"), reverse=True):  # deepest first
        with suppress(OSError):
            real_files.rmdir(path)


def _free_folders() -> Iterator[str]:
    yield tempfile.gettempdir()
    yield from ("/dev", "/proc", "/sys")
    yield from (os.path.expanduser(path) for path in ("~/.cache", "~/.triton"))
    yield from (path for name in _CACHES if (path := os.environ.get(name)))
