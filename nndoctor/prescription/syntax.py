"""Small questions about expressions and statements, as several edits ask them."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nndoctor.prescription.source import Loop, Source

LONGEST = 48
"""Characters of code in a sentence."""


def dotted(node: ast.AST | None) -> str:
    """Return `self.optimizer` for a name with attributes, empty for any other expression."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attr):
            before = dotted(value)
            return f"{before}.{attr}" if before else ""
    return ""


def last_name(node: ast.AST | None) -> str:
    """Return the last name of a name with attributes: `Adam` of `torch.optim.Adam`, `backward` of `f().backward`."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(attr=attr):
            return attr
    return ""


def called(node: ast.AST | None) -> str:
    """Return the last name of what a call calls; empty for what is no call."""
    return last_name(node.func) if isinstance(node, ast.Call) else ""


def method_calls(source: Source, scope: ast.AST | None, method: str) -> list[ast.Call]:
    """Return the calls `something.method(...)` in a part of the file."""
    return [c for c in source.calls(scope) if isinstance(c.func, ast.Attribute) and c.func.attr == method]


def calls_method(node: ast.AST, *methods: str) -> bool:
    """Whether something in the node calls one of the methods."""
    return any(isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and n.func.attr in methods
               for n in ast.walk(node))  # fmt: skip


def receiver(call: ast.Call) -> ast.expr | None:
    """Return `x` of `x.method(...)`."""
    return call.func.value if isinstance(call.func, ast.Attribute) else None


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """Return the value of a keyword argument."""
    return next((k.value for k in call.keywords if k.arg == name), None)


def argument(call: ast.Call, name: str, position: int) -> ast.expr | None:
    """Return an argument by its name or its position; None where it is not given, or not seen for `*` and `**`."""
    if (given := keyword(call, name)) is not None:
        return given
    before = call.args[: position + 1]
    if len(before) <= position or any(isinstance(each, ast.Starred) for each in before):
        return None
    return call.args[position]


def spread(call: ast.Call) -> bool:
    """Whether arguments are passed on by `*` or `**`, so that what is given cannot be read."""
    return any(isinstance(a, ast.Starred) for a in call.args) or any(k.arg is None for k in call.keywords)


def number_of(node: ast.AST | None) -> float | None:
    """Return the value of a number as it is written, with its sign; None for all else."""
    match node:
        case ast.Constant(value=bool()):
            return None
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            value_of = number_of(operand)
            return None if value_of is None else -value_of
    return None


def only(items: Iterable[ast.AST]) -> ast.AST | None:
    """Return the one item, None where there are none or several."""
    found = list(items)
    return found[0] if len(found) == 1 else None


def functions(source: Source) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield all functions and methods."""
    for node in ast.walk(source.tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def classes(source: Source) -> Iterator[ast.ClassDef]:
    """Yield all classes."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef):
            yield node


def loop_around(source: Source, node: ast.AST) -> Loop | None:
    """Return the innermost loop around a node that lies in the same function."""
    for above in source.ancestors(node):
        if isinstance(above, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            return None
        if isinstance(above, (ast.For, ast.AsyncFor, ast.While)):
            return above
    return None


def targets(statement: ast.stmt) -> list[ast.expr]:
    """Return what an assignment assigns to."""
    match statement:
        case ast.Assign(targets=found):
            return found
        case ast.AnnAssign(target=target) | ast.AugAssign(target=target):
            return [target]
    return []


def assigned(statement: ast.stmt) -> str:
    """Return `loss` or `self.loss` of `loss = ...`; empty where it is no plain assignment to one name."""
    found = targets(statement)
    return dotted(found[0]) if len(found) == 1 and not isinstance(statement, ast.AugAssign) else ""


def atom(source: Source, node: ast.expr) -> str:
    """Return an expression so that `.method()` may follow."""
    code = source.code(node)
    simple = isinstance(node, (ast.Name, ast.Attribute, ast.Call, ast.Subscript))
    return code if simple else f"({code})"


def instead(source: Source, node: ast.expr, inner: ast.expr) -> str:
    """Return a part of an expression as it is written in the place of the whole, in parentheses where they count."""
    whole = isinstance(source.parents[node], (ast.stmt, ast.keyword)) or (
        isinstance(above := source.parents[node], ast.Call) and node in above.args
    )
    return source.code(inner) if whole else atom(source, inner)


def imported(source: Source, module: str) -> bool:
    """Whether `import module` stands at the top level, under its own name."""
    return any(
        isinstance(s, ast.Import) and any(a.name.partition(".")[0] == module and a.asname in (None, module)
                                          for a in s.names)
        for s in source.tree.body
    )  # fmt: skip


def quoted(source: Source, node: ast.expr | ast.stmt) -> str:
    """Return how a sentence names a piece of code: its first line, cut where it is long."""
    first, *more = source.code(node).splitlines()
    if isinstance(node, (ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith)):
        first = re.sub(r":\s+#.*$", ":", first)
    cut = first if len(first) <= LONGEST else first[: LONGEST - 3] + "..."
    return f"`{cut} ...`" if more and len(first) <= LONGEST and not first.endswith(":") else f"`{cut}`"
