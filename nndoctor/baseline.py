"""The baseline: a file of findings that are known and accepted, so that only new ones fail."""

from __future__ import annotations

import difflib
import json
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from nndoctor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from nndoctor.diagnose import Entry
    from nndoctor.locating import Locator

SCHEMA = 1


@dataclass(frozen=True, slots=True, order=True)
class Identity:
    """By what a finding is known again: no line numbers and no measured values, which change with every edit."""

    check: str
    file: str
    function: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, order=True)
class Known:
    """One accepted finding. `target` is the script it was seen in; `message` is there for the reader."""

    identity: Identity
    target: str
    message: str = ""


def identity(entry: Entry, locator: Locator) -> Identity:
    """Return by what a finding is known again."""
    file, line = locator.place(entry)
    function = entry.where.function if entry.where is not None and line else ""
    return Identity(entry.check.name, file, function, tuple(sorted(entry.finding.names)))


def counted(entries: Iterable[Known]) -> Counter[Identity]:
    """Return how many findings of each identity are accepted; what several targets share counts once."""
    by_target: dict[str, Counter[Identity]] = {}
    for each in entries:
        by_target.setdefault(each.target, Counter())[each.identity] += 1
    merged: Counter[Identity] = Counter()
    for counts in by_target.values():
        merged |= counts
    return merged


def known(entry: Entry, target: str, locator: Locator) -> Known:
    """Return a finding as an entry of the baseline."""
    return Known(identity(entry, locator), target, entry.finding.message)


def updated(before: Iterable[Known], target: str, judged: Collection[str], now: Iterable[Known]) -> list[Known]:
    """Return the baseline with what one target shows now in the place of what it showed before.

    What belongs to other targets, or to checks that did not run this time, stays.
    """
    others = [each for each in before if each.target != target or each.identity.check not in judged]
    return sorted([*others, *now])


def read(path: Path, checks: Collection[str], *, lenient: bool = False) -> list[Known]:
    """Read a baseline. `lenient` (for one that is about to be written anew): without unknown checks or a file.

    Raises `UsageError`, in one line, where it cannot be read, is no baseline or names a check that does not exist.
    """
    if lenient and not path.exists():
        return []
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"no such baseline: {path} (--update-baseline writes it)") from None
    except OSError as error:
        raise UsageError(f"the baseline {path} cannot be read: {error.strerror}") from None
    except json.JSONDecodeError as error:
        raise UsageError(f"the baseline {path} is not JSON: {error.msg} at {path}:{error.lineno}") from None
    except ValueError:
        raise UsageError(f"the baseline {path} is not a text file in UTF-8") from None
    rows = content.get("accepted") if isinstance(content, dict) and content.get("schema") == SCHEMA else None
    if not isinstance(rows, list):
        raise UsageError(f"{path} is not a baseline of schema {SCHEMA}; --update-baseline writes one (to a new file)")
    found = [_known(row, number, path) for number, row in enumerate(rows, 1)]
    unknown = [each.identity.check for each in found if each.identity.check not in checks]
    if unknown and not lenient:
        raise UsageError(f"the baseline {path} names an unknown check: {unknown[0]!r}{_nearest(unknown[0], checks)}")
    return [each for each in found if each.identity.check in checks]


def write(path: Path, entries: Iterable[Known]) -> None:
    """Write a baseline: sorted, one finding after the other, so that its changes can be reviewed."""
    rows = [{**asdict(each.identity), "target": each.target, "message": each.message} for each in entries]
    text = json.dumps({"schema": SCHEMA, "accepted": rows}, indent=2) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write the baseline {path}: {error.strerror}") from None


def _known(row: Any, number: int, path: Path) -> Known:
    try:
        names = tuple(map(str, row["names"]))
        texts = {name: row[name] for name in ("check", "file", "function", "target")}
    except (TypeError, KeyError):
        texts, names = {}, ()
    if not texts or not all(isinstance(text, str) for text in texts.values()):
        raise UsageError(f"the baseline {path}: entry {number} lacks one of check, file, function, names, target")
    found = Identity(texts["check"], texts["file"], texts["function"], names)
    return Known(found, texts["target"], str(row.get("message", "")))


def _nearest(name: str, checks: Collection[str]) -> str:
    near = difflib.get_close_matches(name, checks, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"{hint} (correct it, or write the file anew with --update-baseline)"
