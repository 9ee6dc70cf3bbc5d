"""What an edit is given: one finding, the file that it points into, and the recording."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nndoctor.prescription.change import Change
from nndoctor.prescription.origins import origin
from nndoctor.prescription.syntax import called, keyword

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nndoctor.finding import Finding
    from nndoctor.prescription.files import Files
    from nndoctor.prescription.source import Source
    from nndoctor.recording import Recording


@dataclass(frozen=True, slots=True)
class Case:
    """One finding at one line of a file that can be changed."""

    run: Recording
    finding: Finding
    source: Source
    line: int
    files: Files

    def calls(self, *names: str) -> list[ast.Call]:
        """Return the calls of functions of these names at the finding's line, innermost first."""
        return [c for c in self.source.calls_at(self.line) if called(c) in names]

    def method_call(self, *names: str) -> ast.Call | None:
        """Return the call `x.name(...)` at the finding's line, None where there are several."""
        found = [c for c in self.calls(*names) if isinstance(c.func, ast.Attribute)]
        return found[0] if len(found) == 1 else None

    def origin(self, node: ast.expr | None) -> ast.expr | None:
        """Return where a value of the file comes from."""
        return origin(self.source, node, arguments=self.run.environment("arguments"))


Edit = Callable[[Case], Change | None]
"""Proposes the change that treats a finding, or None where the file does not say for certain how."""


def elements(container: ast.expr) -> Sequence[ast.expr]:
    """Return what stands in a list, a tuple or a call of `nn.Sequential`, separated by commas."""
    if isinstance(container, (ast.List, ast.Tuple)):
        return container.elts
    return container.args if isinstance(container, ast.Call) else []


def without(source: Source, items: Sequence[ast.expr], item: ast.expr) -> tuple[int, int]:
    """Return the span that removes an item from a list of several, together with one comma and its line."""
    first, last = source.line_start(item.lineno), source.line_start((item.end_lineno or item.lineno) + 1)
    before, after = source.text[first : source.start(item)], source.text[source.end(item) : last]
    if not before.strip() and re.fullmatch(r"\s*,\s*(#.*)?\s*", after):
        return first, last  # its lines are its own, the comment included
    place = list(items).index(item)
    if place > 0:
        return source.end(items[place - 1]), source.end(item)
    return source.start(item), source.start(items[1])


def with_keyword(source: Source, call: ast.Call, name: str, value: str) -> tuple[int, int, str]:
    """Return the replacement that gives a call a keyword argument, in the place of the one it has."""
    given = keyword(call, name)
    if given is not None:
        return source.start(given), source.end(given), value
    last = last_argument(call)
    if last is None:
        at = source.end(call) - 1
        return at, at, f"{name}={value}"
    at = source.end(last)
    # A generator that is the only argument has the call's own parentheses.
    if isinstance(last, ast.GeneratorExp) and len(call.args) == 1 and not call.keywords:
        return source.start(last), at, f"({source.code(last)}, {name}={value})"
    return at, at, f", {name}={value}"


def last_argument(call: ast.Call) -> ast.expr | None:
    """Return the value of the last argument as it is written."""
    values: Iterable[ast.expr] = [*call.args, *(k.value for k in call.keywords)]
    return max(values, key=lambda v: (v.end_lineno or 0, v.end_col_offset or 0), default=None)
