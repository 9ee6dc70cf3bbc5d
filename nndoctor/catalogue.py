"""The checks that are installed, found by their entry points, and the choice among them.

Our own checks come in by the same door as those of third parties: the entry point group `nndoctor.checks` names a
package, and every `Check` defined in one of its modules counts.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import re
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from nndoctor.check import Check
from nndoctor.errors import NndoctorError, UsageError
from nndoctor.reasons import REASONS, position

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import ModuleType

GROUP = "nndoctor.checks"
SHORTEST = 3
"""Letters of a part of a slug from which on it is worth a suggestion."""


def load_catalogue(group: str = GROUP, *, own: Iterable[Check] = ()) -> dict[str, Check]:
    """Return all installed checks by name, and the user's `own` ones, in the order of their reasons.

    Raises `NndoctorError`, in one line, where a package of checks cannot be imported or two checks share a name.
    """
    found: dict[str, Check] = {}
    installed = (
        each
        for point in sorted(entry_points(group=group), key=lambda p: (p.name, p.value))
        for each in checks_of(point.value, source=point.dist.name if point.dist else point.value)
    )
    for each in (*installed, *own):
        other = found.setdefault(each.name, each)
        if other is not each:
            raise NndoctorError(f"two checks are named {each.name}: {_module(other)} and {_module(each)}")
    return dict(sorted(found.items(), key=lambda item: (position(item[1].reason), item[0])))


def checks_of(package: str, *, source: str = "") -> Iterator[Check]:
    """Import a package with all its modules and yield the checks that are defined in them."""
    for module in _modules(package, source or package):
        yield from checks_in(module)


def checks_in(module: ModuleType) -> Iterator[Check]:
    """Yield the checks that are defined in a module."""
    for value in list(vars(module).values()):
        # A check imported from elsewhere belongs to where it was defined.
        if isinstance(value, Check) and _module(value) == module.__name__:
            yield value


def choose(checks: Iterable[Check], *, select: Sequence[str] = (), ignore: Sequence[str] = ()) -> list[Check]:
    """Return the checks that are selected and not ignored, by slug or by reason (`R23`, `T`).

    Entries may hold several, separated by commas. Raises `UsageError` for one that does not exist.
    """
    everything = list(checks)
    wanted = _resolve(select, everything, "--select")
    unwanted = _resolve(ignore, everything, "--ignore")
    chosen = [c for c in everything if (not select or c.name in wanted) and c.name not in unwanted]
    if not chosen and everything:
        raise UsageError("no check is left to run: see --select and --ignore, and `nndoctor checks`")
    return chosen


def find(term: str, checks: Iterable[Check]) -> list[Check]:
    """Return the check of a slug, or all of a reason (possibly none yet). Raises `UsageError` for what is neither."""
    everything = list(checks)
    slug, code = term.strip().lower(), reason_code(term)
    if named := [c for c in everything if c.name == slug]:
        return named
    if code in REASONS or any(c.reason == code for c in everything):
        return [c for c in everything if c.reason == code]
    raise UsageError(f"no check or reason is named {term.strip()!r}{_nearest(slug, code, everything)}")


def reason_code(term: str) -> str:
    """Return the canonical form of a reason as users write it: `r7`, `R07` and `7` are `R07`."""
    digits = re.fullmatch(r"[rR]?(\d{1,2})", term.strip())
    return f"R{int(digits[1]):02d}" if digits else term.strip().upper()


def _resolve(terms: Sequence[str], checks: list[Check], option: str) -> set[str]:
    names: set[str] = set()
    for term in (part for entry in terms for part in entry.split(",") if part.strip()):
        try:
            names.update(check.name for check in find(term, checks))
        except UsageError as error:
            raise UsageError(f"{option}: {error}") from None
    return names


def _nearest(slug: str, code: str, checks: list[Check]) -> str:
    near = difflib.get_close_matches(slug, [c.name for c in checks], n=1, cutoff=0.5)
    near = near or [c.name for c in checks if len(slug) >= SHORTEST and slug in c.name][:1]
    if not near and re.fullmatch(r"R\d+", code):
        return "; reasons go from R01 to R37"
    return f"; did you mean {near[0]}?" if near else "; `nndoctor checks` lists them"


def _modules(package: str, source: str) -> Iterator[ModuleType]:
    root = _import(package, source)
    yield root
    for info in pkgutil.walk_packages(getattr(root, "__path__", []), prefix=f"{package}.", onerror=_import_again):
        yield _import(info.name, source)


def _import_again(name: str) -> None:
    """Let a subpackage that cannot be imported be reported by `_import`, with its own words."""


def _import(name: str, source: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:
        text = " ".join(str(error).split())
        raise NndoctorError(
            f"the checks of {source} cannot be loaded: {type(error).__name__} in {name}: {text}"
            f" (update or uninstall {source})"
        ) from error


def _module(check: Check) -> str:
    return getattr(check.function, "__module__", "")
