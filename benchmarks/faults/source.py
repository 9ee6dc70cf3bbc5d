"""One file of a program: found by its syntax tree, changed in its text, so that all other lines stay as they are."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

OPTIMIZERS = frozenset({"SGD", "Adam", "AdamW", "RMSprop"})

Node = TypeVar("Node", bound=ast.AST)


def name_of(node: ast.AST) -> str:
    """Return the last part of a name (`step` of `optimizer.step`); empty for what has none."""
    if isinstance(node, ast.Call):
        return name_of(node.func)
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


@dataclass(frozen=True, slots=True)
class Step:
    """One training step: the statements around a `.backward()`."""

    loop: ast.For
    backward: ast.Expr
    loss: str
    """The variable that backward is called on."""
    assigned: ast.Assign | None
    """Where that variable gets its value."""

    @property
    def batch(self) -> tuple[str, str] | None:
        """The names of inputs and targets, where the loop's target is two of them."""
        target = self.loop.target
        if isinstance(target, ast.Tuple) and isinstance(target.elts[-1], ast.Tuple):
            target = target.elts[-1]
        if not isinstance(target, ast.Tuple):
            return None
        names = [e.id for e in target.elts if isinstance(e, ast.Name)]
        return (names[0], names[1]) if len(names) == len(target.elts) == 2 else None

    @property
    def call(self) -> ast.Call | None:
        """The call of the loss function, `criterion(model(x), y)`."""
        value = self.assigned.value if self.assigned else None
        if isinstance(value, ast.BinOp):
            value = value.left
        if isinstance(value, ast.Call) and len(value.args) == 2 and isinstance(value.args[0], ast.Call):
            return value
        return None


@dataclass
class Source:
    """The text of a file, and the edits to be made."""

    text: str
    around: str = ""
    """The text of the whole project."""
    tree: ast.Module = field(init=False)
    _edits: list[tuple[int, int, str]] = field(default_factory=list)
    _parents: dict[ast.AST, ast.AST] = field(init=False)
    _nodes: list[ast.AST] = field(init=False)

    def __post_init__(self) -> None:
        self.tree, self._parents, self._nodes = _parsed(self.text)
        self._starts = [0]
        for line in self.text.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))

    # What there is

    def all(self, kind: type[Node]) -> list[Node]:
        """Return all nodes of one kind, in the order of the text."""
        return [node for node in self._nodes if isinstance(node, kind)]

    def calls(self, *names: str) -> list[ast.Call]:
        """Return the calls of functions or methods by their last name."""
        return [call for call in self.all(ast.Call) if name_of(call) in names]

    def called(self, method: str, owner: str = "") -> list[ast.Expr]:
        """Return the statements that are only `something.method(...)`; `owner`: a part of the something's name."""
        found = []
        for statement in self.all(ast.Expr):
            call = statement.value
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == method:
                text = self.of(call.func.value)
                if owner in text:
                    found.append(statement)
        return found

    def optimizer_steps(self) -> list[ast.Expr]:
        """Return the statements `optimizer.step()`."""
        return self.called("step", "opt")

    def parents(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield what a node stands in, innermost first."""
        while node in self._parents:
            node = self._parents[node]
            yield node

    def steps(self) -> list[Step]:
        """Return the training steps of the file."""
        found = []
        for statement in self.called("backward"):
            loops = [p for p in self.parents(statement) if isinstance(p, ast.For)]
            if loops:
                loss = self.of(statement.value.func.value)  # type: ignore[attr-defined]
                found.append(Step(loops[0], statement, loss, self._assignment(loops[0], loss)))
        return found

    def _assignment(self, loop: ast.For, name: str) -> ast.Assign | None:
        for node in ast.walk(loop):
            if isinstance(node, ast.Assign) and name in self.of(node.targets[0]).split(", "):
                return node
        return None

    def assigned(self, *makers: str) -> list[tuple[str, ast.Assign]]:
        """Return the variables that get the value of a call, with the assignment."""
        made = [n for n in self.all(ast.Assign) if isinstance(n.value, ast.Call) and name_of(n.value) in makers]
        return [
            (self.of(node.targets[0]), node) for node in made if isinstance(node.targets[0], ast.Name | ast.Attribute)
        ]

    def optimizers(self) -> list[tuple[str, ast.Assign]]:
        """Return the optimizers that are made, by name."""
        return self.assigned(*OPTIMIZERS)

    def model(self) -> str:
        """Return the name of what is trained: what the loss is computed with, else the usual ones; empty if unknown."""
        for _, made in self.optimizers():
            for node in ast.walk(made.value):
                if isinstance(node, ast.Attribute) and node.attr == "parameters":
                    parts = self.of(node.value).split(".")
                    return ".".join(parts[: 2 if parts[0] == "self" else 1])
        if self.optimizers() and "model = " in self.text:
            return "model"
        return ""

    @property
    def has_modes(self) -> bool:
        """Whether the project has layers that tell training from evaluation."""
        return "Dropout(" in self.around or "BatchNorm" in self.around

    def forwards(self) -> list[ast.FunctionDef]:
        """Return the `forward` methods."""
        return [f for f in self.all(ast.FunctionDef) if f.name == "forward"]

    def of(self, node: ast.AST) -> str:
        """Return the text of a node."""
        assert isinstance(node, ast.expr | ast.stmt)
        start, end = self._span(node)
        return self.text[start:end]

    # What is to change

    def _span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        start = self._starts[node.lineno - 1] + node.col_offset
        return start, self._starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)

    def replace(self, node: ast.expr | ast.stmt, text: str) -> None:
        """Put other text in the place of a node. Nothing inside of it can be changed as well."""
        self._edits.append((*self._span(node), text))

    def append(self, node: ast.expr, text: str) -> None:
        """Write text right behind an expression."""
        end = self._span(node)[1]
        self._edits.append((end, end, text))

    def wrap(self, node: ast.expr, before: str, after: str = ")") -> None:
        """Write text on both sides of an expression."""
        start, end = self._span(node)
        self._edits.append((start, start, before))
        self._edits.append((end, end, after))

    def remove(self, statement: ast.stmt) -> None:
        """Take a statement out."""
        self.replace(statement, "pass")

    def before(self, statement: ast.stmt, *lines: str) -> None:
        """Insert lines before a statement, indented like it."""
        start = self._starts[statement.lineno - 1]
        self._edits.append((start, start, _indented(lines, statement.col_offset)))

    def after(self, statement: ast.stmt, *lines: str) -> None:
        """Insert lines after a statement, indented like it."""
        end = self._starts[statement.end_lineno or statement.lineno]
        self._edits.append((end, end, _indented(lines, statement.col_offset)))

    def preamble(self, text: str) -> None:
        """Insert text after the last import of the file."""
        imports = [n for n in self.tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
        if imports:
            self.after(imports[-1], *text.strip("\n").splitlines())

    def keyword(self, call: ast.Call, name: str, value: str) -> None:
        """Set an argument of a call by its name."""
        for word in call.keywords:
            if word.arg == name:
                self.replace(word.value, value)
                return
        end = self._span(call)[1] - 1
        inside = self.text[self._span(call.func)[1] + 1 : end].strip()
        comma = ", " if inside and not inside.endswith(",") else ""
        self._edits.append((end, end, f"{comma}{name}={value}"))

    def render(self) -> str:
        """Return the text with all edits made."""
        text = self.text
        order = sorted(enumerate(self._edits), key=lambda e: (e[1][0], e[1][1], e[0]), reverse=True)
        for _, (start, end, new) in order:
            text = text[:start] + new + text[end:]
        return text


@cache
def _parsed(text: str) -> tuple[ast.Module, dict[ast.AST, ast.AST], list[ast.AST]]:
    """Return a file's tree, what each node stands in, and all nodes in the order of the text."""
    assert text.isascii(), "places in the tree count bytes"
    tree = ast.parse(text)
    nodes = sorted(ast.walk(tree), key=lambda n: (getattr(n, "lineno", 0), getattr(n, "col_offset", 0)))
    return tree, {child: node for node in nodes for child in ast.iter_child_nodes(node)}, nodes


def _indented(lines: tuple[str, ...], columns: int) -> str:
    return "".join(" " * columns + line + "\n" for line in lines)
