"""One of the user's source files as text and as a syntax tree, and how to change it without touching anything else.

Changes are replacements of spans of the text, found by the positions that the tree knows: comments, quotes, tabs and
line ends stay as they are. Nothing here reads or writes a file.
"""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

Node = TypeVar("Node", bound=ast.AST)
Function = ast.FunctionDef | ast.AsyncFunctionDef
Loop = ast.For | ast.AsyncFor | ast.While

_LINE_END = re.compile(r"\r\n|\r|\n")
_BLOCKS = ("body", "orelse", "finalbody")


@dataclass(frozen=True, slots=True, order=True)
class Replacement:
    """`text` in the place of the characters from `start` to `end`; an insertion where the two are the same."""

    start: int
    end: int
    text: str

    def collides(self, other: Replacement) -> bool:
        """Whether the two cannot both be made, or not in a certain order."""
        if self.start == other.start:
            return True
        first, second = sorted((self, other))
        return second.start < first.end


class Source:
    """A file that parses. `path` is how a patch names it, `file` how the recording does. Raises `SyntaxError`."""

    def __init__(self, text: str, *, file: str, path: str = "") -> None:
        self.text = text
        self.file = file
        self.path = path or file
        self.tree = parsed(text)
        ends = [match.end() for match in _LINE_END.finditer(text)]
        self._starts = [0, *ends]
        self.newline = match.group() if (match := _LINE_END.search(text)) else "\n"

    # ---- the tree

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """The parent of each node."""
        return {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield what the node is in, innermost first."""
        while (above := self.parents.get(node)) is not None:
            yield above
            node = above

    def within(self, node: ast.AST, kind: type[Node]) -> Node | None:
        """Return the innermost thing of a kind that the node is in."""
        return next((each for each in self.ancestors(node) if isinstance(each, kind)), None)

    def function_of(self, node: ast.AST) -> Function | None:
        """Return the function that runs the node."""
        return next((a for a in self.ancestors(node) if isinstance(a, (ast.FunctionDef, ast.AsyncFunctionDef))), None)

    def statement_of(self, node: ast.AST) -> ast.stmt:
        """Return the statement that the expression is in, or the statement itself."""
        if isinstance(node, ast.stmt):
            return node
        return next(a for a in self.ancestors(node) if isinstance(a, ast.stmt))

    def block_of(self, statement: ast.stmt) -> list[ast.stmt]:
        """Return the statements among which this one stands."""
        above = self.parents[statement]
        for name in _BLOCKS:
            block = getattr(above, name, None)
            if isinstance(block, list) and statement in block:
                return block
        return [statement]

    def calls(self, scope: ast.AST | None = None) -> list[ast.Call]:
        """Return all calls in a part of the file, in the order of the text."""
        found = [node for node in ast.walk(scope or self.tree) if isinstance(node, ast.Call)]
        return sorted(found, key=lambda call: (call.lineno, call.col_offset))

    def calls_at(self, line: int) -> list[ast.Call]:
        """Return the calls that reach over a line, the one that ends first (the innermost) first."""
        found = [call for call in self.calls() if call.lineno <= line <= (call.end_lineno or call.lineno)]
        return sorted(found, key=lambda call: self.end(call) - self.start(call))

    # ---- the text

    def start(self, node: ast.expr | ast.stmt) -> int:
        """Return where the node begins."""
        return self._offset(node.lineno, node.col_offset)

    def end(self, node: ast.expr | ast.stmt) -> int:
        """Return where the node ends."""
        return self._offset(node.end_lineno or node.lineno, node.end_col_offset or 0)

    def code(self, node: ast.expr | ast.stmt) -> str:
        """Return the node as it is written."""
        return self.text[self.start(node) : self.end(node)]

    def line_start(self, line: int) -> int:
        """Return where a line begins; the end of the text for the one after the last."""
        return self._starts[line - 1] if line <= len(self._starts) else len(self.text)

    def indent_of(self, statement: ast.stmt) -> str:
        """Return the white space before a statement."""
        return self.text[self.line_start(statement.lineno) : self.start(statement)]

    def alone(self, statement: ast.stmt) -> bool:
        """Whether the statement has its lines for itself, but for a comment."""
        before = self.indent_of(statement)
        after = self.text[self.end(statement) : self._below(statement)].strip()
        return not before.strip() and (not after or after.startswith("#"))

    def lines_of(self, statement: ast.stmt) -> str:
        """Return the whole lines of a statement, with its comment and line end."""
        return self.text[self.line_start(_first_line(statement)) : self._below(statement)]

    def _below(self, statement: ast.stmt) -> int:
        return self.line_start((statement.end_lineno or statement.lineno) + 1)

    def _offset(self, line: int, column: int) -> int:
        """Turn the tree's column, which counts bytes of UTF-8, into a position in the text."""
        begin = self.line_start(line)
        end = self.line_start(line + 1)
        row = self.text[begin:end]
        return begin + (column if row.isascii() else len(row.encode()[:column].decode()))

    # ---- changes

    def replaced(self, node: ast.expr | ast.stmt, text: str) -> Replacement:
        """Put text in the place of a node."""
        return Replacement(self.start(node), self.end(node), text)

    def before(self, statement: ast.stmt, *lines: str) -> Replacement:
        """Insert lines before a statement, indented as it is."""
        at = self.line_start(_first_line(statement))
        return Replacement(at, at, self._rows(statement, lines))

    def after(self, statement: ast.stmt, *lines: str) -> Replacement:
        """Insert lines after a statement, indented as it is."""
        at = self._below(statement)
        text = self._rows(statement, lines)
        if at and self.text[at - 1] not in "\r\n":  # the last line of a file that ends without a line end
            text = self.newline + text.removesuffix(self.newline)
        return Replacement(at, at, text)

    def deleted(self, statement: ast.stmt) -> Replacement:
        """Remove the lines of a statement; `pass` stays where a block would be empty."""
        whole = self.lines_of(statement)
        begin = self.line_start(_first_line(statement))
        text = "" if len(self.block_of(statement)) > 1 else f"{self.indent_of(statement)}pass{self.newline}"
        return Replacement(begin, begin + len(whole), text)

    def _rows(self, statement: ast.stmt, lines: tuple[str, ...]) -> str:
        indent = self.indent_of(statement)
        return "".join(f"{indent}{line}{self.newline}" for line in lines)

    def with_changes(self, replacements: list[Replacement]) -> str:
        """Return the text with replacements made that do not collide."""
        text = self.text
        for each in sorted(replacements, reverse=True):
            text = text[: each.start] + each.text + text[each.end :]
        return text


def parsed(text: str) -> ast.Module:
    """Return the tree. Raises `SyntaxError` (also for what Python gives other names: null bytes, too deep nesting)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the user's own, shown when the script ran
            return ast.parse(text)
    except (ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(str(error)) from None


def _first_line(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(d.lineno for d in decorators)])
