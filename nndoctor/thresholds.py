"""Thresholds of single checks, from the configuration: each option of a check can be set."""

from __future__ import annotations

import difflib
import math
from typing import TYPE_CHECKING, Any

from nndoctor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nndoctor.check import Check


def with_thresholds(checks: Iterable[Check], table: Mapping[str, Any]) -> list[Check]:
    """Return the checks with the thresholds of `[thresholds]`.

    A check's value is a table of its options, or one value, which then is that of its first option. Raises
    `UsageError` for checks and options that do not exist and for values of another type.
    """
    by_name = {check.name: check for check in checks}
    for name, value in table.items():
        if name not in by_name:
            raise UsageError(f"thresholds: no check is named {name!r}{_nearest(name, by_name)}")
        by_name[name] = _set(by_name[name], value)
    return list(by_name.values())


def _set(check: Check, value: Any) -> Check:
    options = check.options
    if not options:
        raise UsageError(f"thresholds: {check.name} has no threshold to set")
    given = value if isinstance(value, dict) else {next(iter(options)): value}
    for option in given:
        if option.replace("-", "_") not in options:
            raise UsageError(f"thresholds: {check.name} has no option {option!r}{_nearest(option, options)}")
    names = {option: option.replace("-", "_") for option in given}
    return check.with_options(
        {name: _converted(given[option], options[name], f"{check.name}.{option}") for option, name in names.items()}
    )


def _converted(value: Any, default: Any, name: str) -> Any:
    match default:
        case bool():
            fits, expected = isinstance(value, bool), "true or false"
        case int():
            fits, expected = isinstance(value, int) and not isinstance(value, bool), "a whole number"
        case float():
            fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            expected = "a number"
        case tuple():
            kinds = {type(each) for each in default}
            fits = isinstance(value, list) and {type(each) for each in value} <= kinds
            expected = f"a list like {list(default)!r}"
        case _:
            fits, expected = isinstance(value, type(default)), f"of the type of {default!r}"
    if not fits:
        raise UsageError(f"thresholds: {name} must be {expected}, not {value!r}")
    if isinstance(default, float):
        return float(value)
    return tuple(value) if isinstance(default, tuple) else value


def _nearest(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; it has {', '.join(names)}" if len(names) <= 12 else "; `nndoctor checks` lists them"
