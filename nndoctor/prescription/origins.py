"""Where a value comes from: from `lr=args.lr` to the `1e-3` of `add_argument("--lr", default=1e-3)`.

Follows names through assignments, parameters to what the callers pass, attributes to `self.x = ...`, to fields of a
configuration and to command-line options, and keys into dictionaries; within one file, and only where there is one
answer.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from nndoctor.prescription.syntax import argument, called, classes, dotted, functions, keyword, spread, targets

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nndoctor.prescription.source import Function, Source

DEEPEST = 12
"""Steps from a use to the origin; more are a circle."""
TRANSPARENT = frozenset({"float", "int", "iter", "enumerate", "tqdm", "trange", "track"})
"""Functions whose first argument is still the value that is asked for."""


def origin(source: Source, node: ast.expr | None, *, arguments: str = "", depth: int = DEEPEST) -> ast.expr | None:
    """Return the expression that makes the value, None where it is not certain.

    `arguments` is the script's command line: an option that is given there is not the default of its declaration.
    """
    if node is None or depth == 0:
        return None
    found = _next(source, node, arguments)
    if found is node:
        return node
    return origin(source, found, arguments=arguments, depth=depth - 1)


def _next(source: Source, node: ast.expr, arguments: str) -> ast.expr | None:
    """Return where the value comes from, one step back; the node itself where it is the origin."""
    match node:
        case ast.Name(id=name):
            return _one(_bindings(source, node, name))
        case ast.Attribute(value=ast.Name(id="self"), attr=attr):
            return _one(_own_attributes(source, node, attr))
        case ast.Attribute(value=value, attr=attr):
            return _field(source, value, attr, arguments)
        case ast.Subscript(value=value, slice=ast.Constant(value=str() as key)):
            return _entry(origin(source, value, arguments=arguments), key)
        case ast.Call(args=[first, *_]) if called(node) in TRANSPARENT:
            return first
        case ast.Call(func=ast.Attribute(value=value, attr="get"), args=[ast.Constant(value=str() as key), *rest]):
            return _entry(origin(source, value, arguments=arguments), key) or (rest[0] if rest else None)
        case ast.Call(func=ast.Name(id=name)) if (function := _function(source, name)) is not None:
            return _one(_returned(function)) or node
    return node


def _one(found: Iterator[ast.expr | None]) -> ast.expr | None:
    """Return the one thing found, None where there are several, or one that cannot be followed."""
    items = list(dict.fromkeys(found))
    return items[0] if len(items) == 1 else None


# ---- names


def _bindings(source: Source, node: ast.Name, name: str) -> Iterator[ast.expr | None]:
    """Yield all that a name may stand for: what the innermost scope that binds it assigns to it."""
    for scope in _scopes(source, node):
        found = list(_assigned_in(source, scope, name))
        if isinstance(scope, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found += _passed(source, scope, name)
        if found:
            yield from found
            return
    yield None


def _scopes(source: Source, node: ast.AST) -> Iterator[ast.AST]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Module)
    yield from (above for above in source.ancestors(node) if isinstance(above, kinds))


def _assigned_in(source: Source, scope: ast.AST, name: str) -> Iterator[ast.expr | None]:
    for node in own_nodes(scope):
        match node:
            case ast.Assign(value=value):
                for target in node.targets:
                    yield from _unpacked(source, target, value, name)
            case ast.AnnAssign(target=ast.Name(id=found), value=value) if found == name and value is not None:
                yield value
            case ast.AugAssign(target=ast.Name(id=found)) if found == name:
                yield None
            case ast.NamedExpr(target=ast.Name(id=found), value=value) if found == name:
                yield value
            case ast.For(target=target) | ast.AsyncFor(target=target) if _binds(target, name):
                yield None
            case ast.With(items=items) | ast.AsyncWith(items=items):
                if any(i.optional_vars is not None and _binds(i.optional_vars, name) for i in items):
                    yield None


def own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a function or module, not those of the functions and classes in it."""
    waiting = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            waiting.extend(ast.iter_child_nodes(node))


def _binds(target: ast.expr, name: str) -> bool:
    return any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(target))


def _unpacked(source: Source, target: ast.expr, value: ast.expr, name: str) -> Iterator[ast.expr | None]:
    """Yield what an assignment gives to the name: the element at its place where a tuple is unpacked."""
    if isinstance(target, ast.Name) and target.id == name:
        yield value
    elif isinstance(target, (ast.Tuple, ast.List)) and _binds(target, name):
        place = next((i for i, t in enumerate(target.elts) if isinstance(t, ast.Name) and t.id == name), None)
        yield None if place is None else _element(source, value, place, len(target.elts))


def _element(source: Source, value: ast.expr, place: int, count: int) -> ast.expr | None:
    if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == count:
        return value.elts[place]
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        function = _function(source, value.func.id)
        returned = _one(_returned(function)) if function is not None else None
        if isinstance(returned, ast.Tuple) and len(returned.elts) == count:
            return returned.elts[place]
    return None


# ---- functions


def _function(source: Source, name: str) -> Function | None:
    found = [f for f in functions(source) if f.name == name]
    return found[0] if len(found) == 1 else None


def _returned(function: Function) -> Iterator[ast.expr | None]:
    yield from (n.value for n in own_nodes(function) if isinstance(n, ast.Return))


def _passed(source: Source, function: Function, name: str) -> list[ast.expr | None]:
    """Return what the callers pass for a parameter, and its default where one of them passes nothing."""
    positional = [*function.args.posonlyargs, *function.args.args]
    names = [a.arg for a in positional]
    if name not in names and name not in [a.arg for a in function.args.kwonlyargs]:
        return []
    default = _default(function, name)
    method = isinstance(source.parents[function], ast.ClassDef) and names[:1] in (["self"], ["cls"])
    place = names.index(name) - method if name in names else len(source.text)
    found: list[ast.expr | None] = []
    for call in callers(source, function):
        given = argument(call, name, place)
        found.append(given if given is not None else None if spread(call) else default)
    return found or [default]


def _default(function: Function, name: str) -> ast.expr | None:
    positional = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
    if name in positional:
        place = positional.index(name) - len(positional) + len(function.args.defaults)
        return function.args.defaults[place] if place >= 0 else None
    keywords = [a.arg for a in function.args.kwonlyargs]
    return function.args.kw_defaults[keywords.index(name)]


def callers(source: Source, function: Function) -> list[ast.Call]:
    """Return the calls of a function in its file; those of the class where it is an `__init__`."""
    above = source.parents[function]
    if isinstance(above, ast.ClassDef):
        if function.name == "__init__":
            return [c for c in source.calls() if called(c) == above.name]
        return [c for c in source.calls() if isinstance(c.func, ast.Attribute) and c.func.attr == function.name]
    return [c for c in source.calls() if dotted(c.func) == function.name]


# ---- attributes and keys


def _own_attributes(source: Source, node: ast.expr, attr: str) -> Iterator[ast.expr | None]:
    owner = source.within(node, ast.ClassDef)
    if owner is None:
        yield None
        return
    wanted = f"self.{attr}"
    found = False
    for statement in ast.walk(owner):
        if isinstance(statement, (ast.Assign, ast.AnnAssign)) and any(dotted(t) == wanted for t in targets(statement)):
            found = True
            yield statement.value
        elif isinstance(statement, ast.stmt) and any(
            dotted(n) == wanted for t in _targets_of(statement) for n in ast.walk(t)
        ):
            found = True
            yield None  # part of an unpacking, or changed in place
    if not found:
        yield from _class_field(owner, attr)


def _targets_of(statement: ast.stmt) -> Sequence[ast.expr]:
    if isinstance(statement, (ast.For, ast.AsyncFor)):
        return [statement.target]
    return targets(statement)


def _class_field(owner: ast.ClassDef, attr: str) -> Iterator[ast.expr | None]:
    found = [s for s in owner.body if isinstance(s, (ast.Assign, ast.AnnAssign)) and dotted(targets(s)[0]) == attr]
    yield from (s.value for s in found)
    if not found:
        yield None


def _field(source: Source, value: ast.expr, attr: str, arguments: str) -> ast.expr | None:
    """Return the value of `args.lr` or `config.lr`: an option's default, or the field of a class."""
    made = origin(source, value)
    if isinstance(made, ast.Name) or made is None:
        made = value if isinstance(value, ast.Name) else None
    if isinstance(made, ast.Call) and called(made) in ("parse_args", "parse_known_args"):
        return _option(source, attr, arguments)
    name = called(made) or (made.id if isinstance(made, ast.Name) else "")
    if isinstance(made, ast.Call) and (given := keyword(made, attr)) is not None:
        return given
    owner = [c for c in classes(source) if c.name == name]
    written = [n for n in ast.walk(source.tree) if isinstance(n, ast.Attribute) and n.attr == attr
               and isinstance(n.ctx, ast.Store) and dotted(n.value) == dotted(value)]  # fmt: skip
    if len(owner) != 1 or written or (isinstance(made, ast.Call) and (made.args or spread(made))):
        return None
    return _one(_class_field(owner[0], attr))


def _option(source: Source, attr: str, arguments: str) -> ast.expr | None:
    found = []
    for call in source.calls():
        if called(call) != "add_argument":
            continue
        flags = [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        dest = keyword(call, "dest")
        long = [f for f in flags if f.startswith("--")] or flags
        name = dest.value if isinstance(dest, ast.Constant) else (long[0].lstrip("-").replace("-", "_") if long else "")
        if name == attr:
            given = any(word.partition("=")[0] in flags for word in arguments.split())
            found.append(None if given else keyword(call, "default"))
    return found[0] if len(found) == 1 else None


def _entry(made: ast.expr | None, key: str) -> ast.expr | None:
    match made:
        case ast.Dict(keys=keys, values=values):
            found = [v for k, v in zip(keys, values, strict=True) if isinstance(k, ast.Constant) and k.value == key]
            return found[0] if len(found) == 1 else None
        case ast.Call() if called(made) == "dict":
            return keyword(made, key)
    return None
