"""Where findings lie in the repository: paths that are the same on every machine, for CI services and baselines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nndoctor.diagnose import Entry
    from nndoctor.recording import Recording


@dataclass(frozen=True, slots=True)
class Locator:
    """Turns the places of one run, which are relative to where it was started, into paths in the repository."""

    folder: Path
    """Where the script was started."""
    root: Path
    script: str = ""
    """The script's path as the user gave it; empty where it was a module that is not found here."""

    @classmethod
    def of(cls, run: Recording) -> Locator:
        """Return the locator of a run, whose folder may be gone by now."""
        folder = Path(run.environment("cwd") or Path.cwd())
        name = run.environment("script")
        if run.environment("target").startswith("-m "):
            name = _module_file(name, folder)
        return cls(folder, repository_root(folder), name)

    def in_repository(self, file: str) -> str:
        """Return a file as a path from the repository's root, with slashes; as it is where it lies outside."""
        full = self.absolute(file)
        return full.relative_to(self.root).as_posix() if full.is_relative_to(self.root) else Path(file).as_posix()

    def absolute(self, file: str) -> Path:
        """Return the full path of a recorded file."""
        return Path(self.folder, file)

    def place(self, entry: Entry) -> tuple[str, int]:
        """Return file and line of a finding: the script, line 0, where it concerns no line of a file."""
        if entry.where is None or entry.where.file.startswith("<"):
            return (self.in_repository(self.script) if self.script else "", 0)
        return self.in_repository(entry.where.file), entry.where.line


def repository_root(folder: Path) -> Path:
    """Return the nearest folder upwards that holds `.git`, else the folder itself."""
    return next((each for each in (folder, *folder.parents) if (each / ".git").exists()), folder)


def _module_file(name: str, folder: Path) -> str:
    """Return where `-m name` most likely lies, without importing anything; empty if not below the folder."""
    parts = name.split(".")
    candidates = (Path(*parts).with_suffix(".py"), Path(*parts, "__main__.py"))
    return next((str(path) for path in candidates if (folder / path).is_file()), "")
