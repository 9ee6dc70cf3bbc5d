"""`[tool.nndoctor]` in pyproject.toml, or nndoctor.toml: found from the script upwards, read, checked key by key.

What is wrong in it is told in one line that names the file and the nearest right key. Paths in it are relative to it.
"""

from __future__ import annotations

import difflib
import math
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nndoctor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

FILE_NAME = "nndoctor.toml"
PYPROJECT = "pyproject.toml"


@dataclass(frozen=True, slots=True)
class TargetSection:
    """One `[[target]]`: a script (or module) with its arguments, and options that differ for it."""

    name: str
    program: str
    is_module: bool
    arguments: tuple[str, ...]
    folder: Path
    """Where it is started."""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Configuration:
    """What one file says; all empty where there is no file. `options` go by the names of the command's parameters."""

    file: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    targets: tuple[TargetSection, ...] = ()

    def of_script(self, script: Path) -> TargetSection | None:
        """Return the section of a script that is checked by itself, if exactly one is about it."""
        full = script.resolve()
        found = [t for t in self.targets if not t.is_module and (t.folder / t.program).resolve() == full]
        return found[0] if len(found) == 1 else None


@dataclass(frozen=True, slots=True)
class _Where:
    """The place of a value, for messages, and what its paths are relative to."""

    file: Path
    section: str

    def refuse(self, key: str, expected: str, value: Any) -> UsageError:
        """Return the error for a value of the wrong type."""
        return UsageError(f"{self.file}: {key}{self.section} must be {expected}, not {value!r}")


def found_from(start: Path) -> Configuration:
    """Return the configuration that is nearest upwards from a folder, up to the root of its repository."""
    for folder in (start, *start.parents):
        if (folder / FILE_NAME).is_file():
            return read(folder / FILE_NAME)
        if (folder / PYPROJECT).is_file():
            configuration = read(folder / PYPROJECT)
            if configuration.file is not None:
                return configuration
        if (folder / ".git").exists():
            break
    return Configuration()


def read(file: Path) -> Configuration:
    """Read one file. A pyproject.toml without `[tool.nndoctor]` is as good as none.

    Raises `UsageError` where it cannot be read, is no TOML, or holds a key or a value that does not exist.
    """
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"the configuration {file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file} is not valid TOML: it is not text in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{file} is not valid TOML: {error}") from None
    if file.name == PYPROJECT:
        tools = content.get("tool", {})
        if not isinstance(tools, dict) or "nndoctor" not in tools:
            return Configuration()
        content = tools["nndoctor"]
        if not isinstance(content, dict):
            raise UsageError(f"{file}: tool.nndoctor must be a table")
    return _configuration(content, file.absolute())


def _configuration(content: Mapping[str, Any], file: Path) -> Configuration:
    where = _Where(file, "")
    rows = content.get("target", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise where.refuse("target", "a list of tables ([[target]], in pyproject.toml [[tool.nndoctor.target]])", rows)
    options = _options({k: v for k, v in content.items() if k != "target"}, where, known=[*KEYS, "target"])
    targets = tuple(_target(row, number, file) for number, row in enumerate(rows, 1))
    names = [each.name for each in targets]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{file}: two targets are called {name!r}; give them a name = '...' each")
    return Configuration(file, options, targets)


def _target(row: Mapping[str, Any], number: int, file: Path) -> TargetSection:
    where = _Where(file, f" of target {number}")
    own = {key: row[key] for key in OWN_KEYS if key in row}
    for key in ("script", "module", "name", "folder"):
        if key in own and not (isinstance(own[key], str) and own[key]):
            raise where.refuse(key, "a text", own[key])
    options = _options({k: v for k, v in row.items() if k not in own}, where, known=[*KEYS, *OWN_KEYS])
    if ("script" in own) == ("module" in own):
        raise UsageError(f"{file}: target {number} must have either script = '...' or module = '...'")
    arguments = _strings("args", own.get("args", []), where)
    program = own.get("script") or own["module"]
    folder = file.parent / own.get("folder", ".")
    if not folder.is_dir():
        raise UsageError(f"{file}: the folder of target {number} does not exist: {folder}")
    name = own.get("name") or " ".join((program, *arguments))
    return TargetSection(name, program, "module" in own, tuple(arguments), folder, options)


def _options(table: Mapping[str, Any], where: _Where, known: list[str]) -> dict[str, Any]:
    found = {}
    for key, value in table.items():
        if key not in KEYS:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"known keys: {', '.join(known)}"
            raise UsageError(f"{where.file}: unknown key {key!r}{where.section}; {hint}")
        parameter, convert = KEYS[key]
        found[parameter] = convert(key, value, where)
    return found


def _strings(key: str, value: Any, where: _Where) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise where.refuse(key, "a list of texts", value)
    return value


def _names(key: str, value: Any, where: _Where) -> list[str]:
    return [value] if isinstance(value, str) else _strings(key, value, where)


def _outputs(key: str, value: Any, where: _Where) -> list[str]:
    """Formats with files: the paths become absolute."""
    outputs = []
    for text in _names(key, value, where):
        form, colon, path = text.partition(":")
        outputs.append(f"{form}:{where.file.parent / path}" if colon and path else text)
    return outputs


def _choice(*choices: str) -> Callable[[str, Any, _Where], str]:
    def convert(key: str, value: Any, where: _Where) -> str:
        if value not in choices:
            raise where.refuse(key, f"one of {', '.join(choices)}", value)
        return str(value)

    return convert


def _path(key: str, value: Any, where: _Where) -> Path:
    if not isinstance(value, str) or not value:
        raise where.refuse(key, "a path", value)
    return where.file.parent / value


def _paths(key: str, value: Any, where: _Where) -> list[Path]:
    return [where.file.parent / path for path in _names(key, value, where)]


def _number(key: str, value: Any, where: _Where) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise where.refuse(key, "a number", value)
    return float(value)


def _integer(key: str, value: Any, where: _Where) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise where.refuse(key, "a whole number", value)
    return value


def _switch(key: str, value: Any, where: _Where) -> bool:
    if not isinstance(value, bool):
        raise where.refuse(key, "true or false", value)
    return value


def _table(key: str, value: Any, where: _Where) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise where.refuse(key, "a table: thresholds by check", value)
    return value


OWN_KEYS = ("script", "module", "name", "args", "folder")
"""Keys of a target besides those that everything has."""

KEYS: dict[str, tuple[str, Callable[[str, Any, _Where], Any]]] = {
    "select": ("select", _names),
    "ignore": ("ignore", _names),
    "fail-on": ("fail_on", _choice("error", "warning", "never")),
    "format": ("formats", _outputs),
    "out": ("out", _path),
    "budget": ("budget", _number),
    "steps": ("steps", _integer),
    "scan": ("scan", _integer),
    "seed": ("seed", _integer),
    "patience": ("patience", _number),
    "quick": ("quick", _switch),
    "baseline": ("baseline", _path),
    "checks": ("own_checks", _paths),
    "quiet": ("quiet", _switch),
    "verbose": ("verbose", _switch),
    "thresholds": ("thresholds", _table),
}
"""By key: the parameter of the command that it stands for, and what reads its value."""
