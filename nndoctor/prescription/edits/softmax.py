"""Edits of a softmax or sigmoid that stands before a loss that applies one itself, or is missing there."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from nndoctor.prescription.case import elements, without
from nndoctor.prescription.change import Change
from nndoctor.prescription.edits.losses import exchanged, is_loss
from nndoctor.prescription.source import Replacement
from nndoctor.prescription.syntax import (
    argument,
    assigned,
    called,
    classes,
    dotted,
    instead,
    last_name,
    number_of,
    only,
    quoted,
    receiver,
)
from nndoctor.records import LossCall, Module, SoftmaxCall

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nndoctor.prescription.case import Case
    from nndoctor.prescription.source import Source

SOFTMAX = ("softmax", "Softmax")
SIGMOID = ("sigmoid", "Sigmoid")
NAMESPACES = ("F", "functional", "nn.functional", "self", "special", "torch", "torch.nn.functional", "torch.special")
"""What functions are called through; anything else before the dot is a tensor."""
LOGARITHMIC = {"softmax": "log_softmax", "Softmax": "LogSoftmax"}


def drop_softmax(case: Case) -> Change | None:
    """Give the loss the logits: remove the one softmax that ends the network or stands before the loss."""
    found = _feeding(case, SOFTMAX)
    if found is None or _thresholds(found[0]):
        return None
    return _removed(*found, "the loss applies a softmax itself")


def drop_sigmoid(case: Case) -> Change | None:
    """Give the loss the logits; where the rest of the script relies on probabilities, exchange the loss instead."""
    found = _feeding(case, SIGMOID)
    if found is None:
        return None
    source, node = found
    if _thresholds(source) and source.function_of(node) is not case.source.function_of(_at(case)):
        return exchanged(case, {"BCEWithLogitsLoss": "BCELoss", "binary_cross_entropy_with_logits":
                                 "binary_cross_entropy"}, bare=True)  # fmt: skip
    return _removed(source, node, "the loss applies a sigmoid itself")


def logits_for_nll(case: Case) -> Change | None:
    """Take the logarithm of the softmax, or use the cross-entropy where there is none."""
    rows = [c for c in case.run.rows(LossCall) if c.file == case.source.file and c.line == case.line]
    if rows and rows[-1].probabilities:
        found = _feeding(case, SOFTMAX)
        if found is None:
            return None
        source, node = found
        name = node.func
        old = last_name(name)
        end = source.end(name)
        change = Replacement(end - len(old), end, LOGARITHMIC[old])
        return Change.of(source, f"Write `{LOGARITHMIC[old]}` for `{old}` in {quoted(source, node)}.", change)
    return exchanged(case, {"NLLLoss": "CrossEntropyLoss", "nll_loss": "cross_entropy"})


# ---- where a softmax or sigmoid feeds the loss


def _at(case: Case) -> ast.AST:
    found = case.source.calls_at(case.line)
    return found[0] if found else case.source.tree


def _feeding(case: Case, names: tuple[str, ...]) -> tuple[Source, ast.Call] | None:
    """Return the one call that feeds the loss: in the loss call, in a variable given to it, or ending the network."""
    near = list(_near(case, names))
    if near:
        return near[0] if len(near) == 1 else None
    rows = [r for r in case.run.rows(SoftmaxCall) if r.function in names]
    found = [pair for source in case.files.all() for pair in _ending(case, source, names)]
    if len(found) > 1 and rows:
        lines = {(r.file, r.line) for r in rows}
        found = [(s, c) for s, c in found if (s.file, c.lineno) in lines]
    return found[0] if len(found) == 1 else None


def _near(case: Case, names: tuple[str, ...]) -> Iterator[tuple[Source, ast.Call]]:
    source = case.source
    rows = [c for c in case.run.rows(LossCall) if c.file == source.file and c.line == case.line]
    loss = [c for c in source.calls_at(case.line) if rows and is_loss(case, c, rows[-1])]
    if len(loss) != 1:
        return
    given = argument(loss[0], "input", 0)
    while isinstance(given, ast.Call) and called(given) in ("squeeze", "flatten", "view", "reshape", "float"):
        given = receiver(given)
    if isinstance(given, ast.Call) and called(given) in names:
        yield source, given
        return
    scope = source.function_of(loss[0]) or source.tree
    block = [s for s in ast.walk(scope) if isinstance(s, ast.Assign) and assigned(s) == dotted(given) != ""]
    earlier = [s for s in block if source.end(s) <= source.start(loss[0])]
    if earlier:
        value = max(earlier, key=source.start).value
        if isinstance(value, ast.Call) and called(value) in names:
            yield source, value


def _ending(case: Case, source: Source, names: tuple[str, ...]) -> Iterator[tuple[Source, ast.Call]]:
    """Yield the calls that end a network of a file."""
    roots = {m.root for m in case.run.rows(Module)} | {m.type for m in case.run.rows(Module) if m.name == m.root}
    for owner in classes(source):
        if owner.name in roots:
            yield from ((source, call) for call in _returned(source, owner, names))
    for call in source.calls():
        last = elements(call)[-1] if called(call) == "Sequential" and len(elements(call)) > 1 else None
        if isinstance(last, ast.Call) and called(last) in names:
            yield source, last
        if called(call) == "append" and len(call.args) == 1 and called(call.args[0]) in names:
            yield source, call.args[0]  # type: ignore[misc]


def _returned(source: Source, owner: ast.ClassDef, names: tuple[str, ...]) -> Iterator[ast.Call]:
    """Yield the calls whose result `forward` returns, also by a variable or a layer made in `__init__`."""
    forward = only(f for f in owner.body if isinstance(f, ast.FunctionDef) and f.name == "forward")
    if not isinstance(forward, ast.FunctionDef):
        return
    for node in ast.walk(forward):
        if not isinstance(node, ast.Return) or node.value is None:
            continue
        value: ast.expr | None = node.value
        while isinstance(value, ast.Call) and called(value) in ("squeeze", "flatten", "view", "reshape"):
            value = receiver(value)
        if isinstance(value, ast.Name):
            written = [s for s in ast.walk(forward) if isinstance(s, ast.Assign) and assigned(s) == value.id]
            value = max(written, key=source.start).value if written else None
        if isinstance(value, ast.Call) and (called(value) in names or _is_layer(owner, value, names)):
            yield value


def _is_layer(owner: ast.ClassDef, call: ast.Call, names: tuple[str, ...]) -> bool:
    """Whether a call is that of a layer `self.softmax` that the class made."""
    name = dotted(call.func)
    made = [s.value for s in ast.walk(owner) if isinstance(s, ast.Assign) and assigned(s) == name]
    return name.startswith("self.") and len(made) == 1 and called(made[0]) in names


def _removed(source: Source, node: ast.Call, why: str) -> Change | None:
    """Return the change that leaves a softmax or sigmoid out, wherever it stands."""
    text = f"Remove {quoted(source, node)}: {why}."
    above = source.parents[node]
    if isinstance(above, ast.Call) and called(above) == "Sequential" and node in above.args:
        begin, end = without(source, above.args, node)
        return Change.of(source, text, Replacement(begin, end, ""))
    if isinstance(above, ast.Call) and called(above) == "append":
        statement = source.statement_of(above)
        alone = isinstance(statement, ast.Expr) and statement.value is above and source.alone(statement)
        return Change.of(source, text, source.deleted(statement)) if alone else None
    owner = receiver(node)
    method = owner is not None and dotted(owner) not in NAMESPACES
    inner = owner if method and called(node).islower() else (node.args[0] if node.args else None)
    if inner is None or isinstance(inner, ast.Starred):
        return None
    statement = source.statement_of(node)
    if isinstance(statement, ast.Assign) and statement.value is node and assigned(statement) == source.code(inner):
        return Change.of(source, text, source.deleted(statement)) if source.alone(statement) else None
    return Change.of(source, text, source.replaced(node, instead(source, node, inner)))


def _thresholds(source: Source) -> bool:
    """Whether a file compares something with a number between 0 and 1, rounds or samples: it may want probabilities."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Compare) and any(0 < (number_of(n) or 0.0) < 1 for n in node.comparators):
            return True
        if (
            called(node) in ("round", "multinomial", "Categorical", "Bernoulli")
            and isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
        ):
            return True
    return False
