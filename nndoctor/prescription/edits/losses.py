"""Edits of what goes into the loss, and of which loss it is."""

from __future__ import annotations

import ast
from itertools import pairwise
from typing import TYPE_CHECKING

from nndoctor.prescription.change import Change
from nndoctor.prescription.origins import own_nodes
from nndoctor.prescription.source import Replacement
from nndoctor.prescription.syntax import (
    argument,
    assigned,
    atom,
    called,
    dotted,
    functions,
    instead,
    number_of,
    only,
    quoted,
    receiver,
)
from nndoctor.records import LossCall

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nndoctor.prescription.case import Case
    from nndoctor.prescription.source import Source

TARGETS = ("y", "target", "label", "tgt", "next")
"""Beginnings of the names that targets are given."""


def same_shape(case: Case) -> Change | None:
    """Take the last dimension of size one off the side that has it, in every call with that fault."""
    source = case.source
    wrong = {c.line: c for c in case.run.rows(LossCall) if c.file == source.file and _one_too_many(c)}
    replacements = []
    for line, row in sorted(wrong.items()):
        found = [c for c in source.calls_at(line) if len(c.args) + len(c.keywords) >= 2 and is_loss(case, c, row)]
        if len(found) != 1:
            continue
        first = len(row.input_shape) > len(row.target_shape)
        given = argument(found[0], "input" if first else "target", 0 if first else 1)
        if given is not None:
            replacements.append(source.replaced(given, f"{atom(source, given)}.squeeze(-1)"))
    if case.line not in wrong or not replacements:
        return None
    side = "prediction" if len(wrong[case.line].input_shape) > len(wrong[case.line].target_shape) else "target"
    return Change.of(source, f"Give the loss `{side}.squeeze(-1)`: both sides then have one shape.", *replacements)


def _one_too_many(call: LossCall) -> bool:
    """Whether one side has a dimension of size one more than the other, at its end."""
    short, long = sorted((call.input_shape, call.target_shape), key=len)
    return len(long) == len(short) + 1 and long[-1] == 1 and long[:-1] == short


def is_loss(case: Case, call: ast.Call, row: LossCall) -> bool:
    """Whether a call is that of the recorded loss: by its name, or by what made the object that is called."""
    if called(call) == row.function:
        return True
    made = called(case.origin(call.func))
    name = made.removesuffix("Loss").replace("BCE", "BinaryCrossEntropy").lower()
    return bool(made) and name == row.function.removesuffix("_loss").replace("_", "")


def fitting_loss(case: Case) -> Change | None:
    """Exchange arguments that changed places, or the loss by the one that fits."""
    rows = [c for c in case.run.rows(LossCall) if c.file == case.source.file and c.line == case.line]
    if rows and all(c.target_requires_grad and not c.requires_grad for c in rows):
        return _exchanged_arguments(case, rows[0])
    return _binary_loss(case, rows)


def _exchanged_arguments(case: Case, row: LossCall) -> Change | None:
    """Write the first two arguments of the loss the other way round."""
    source = case.source
    found = [c for c in source.calls_at(case.line) if len(c.args) == 2 and is_loss(case, c, row)]
    if len(found) != 1:
        return None
    first, second = found[0].args
    if isinstance(first, ast.Starred) or isinstance(second, ast.Starred):
        return None
    text = f"Give the loss the prediction {quoted(source, second)} first, the target {quoted(source, first)} second."
    a, b = source.code(first), source.code(second)
    return Change.of(source, text, source.replaced(first, b), source.replaced(second, a))


def _binary_loss(case: Case, rows: Sequence[LossCall]) -> Change | None:
    """Use the binary cross-entropy on a single output column with targets of the same shape, 0 or 1."""
    fits = [
        c for c in rows
        if c.function == "cross_entropy" and c.input_shape == c.target_shape and c.input_shape[1:] == (1,)
        and "float" in c.target_dtype and c.target_integral and c.target_min >= 0 and c.target_max <= 1
    ]  # fmt: skip
    if rows and len(fits) == len(rows):
        names = {"CrossEntropyLoss": "BCEWithLogitsLoss", "cross_entropy": "binary_cross_entropy_with_logits"}
        return exchanged(case, names, bare=True)
    kl = [c for c in case.calls("kl_div") if called(argument(c, "input", 0)) == "softmax"]
    if len(kl) == 1 and (given := argument(kl[0], "input", 0)) is not None and isinstance(given, ast.Call):
        end = case.source.end(given.func)
        text = f"Write `log_softmax` for `softmax` in {quoted(case.source, given)}."
        return Change.of(case.source, text, Replacement(end - len("softmax"), end, "log_softmax"))
    return None


def attach_loss(case: Case) -> Change | None:
    """Remove the one `.item()`, `.detach()`, `.data` or `torch.tensor(...)` between the loss and backward."""
    source = case.source
    backward = case.method_call("backward")
    loss = dotted(receiver(backward)) if backward is not None else ""
    scope = source.function_of(backward) if backward is not None else None
    if backward is None or not loss:
        return None
    found = list(_cuts(source, scope or source.tree, loss, source.start(backward)))
    if len(found) != 1:
        return None
    cut, inner = found[0]
    statement = source.statement_of(cut)
    if isinstance(statement, ast.Assign) and statement.value is cut and assigned(statement) == source.code(inner):
        if not source.alone(statement):
            return None
        return Change.of(source, f"Remove {quoted(source, statement)}: it cuts the graph.", source.deleted(statement))
    text = f"Write `{source.code(inner)}` for {quoted(source, cut)}: it cuts the graph."
    return Change.of(source, text, source.replaced(cut, instead(source, cut, inner)))


def _cuts(
    source: Source, scope: ast.AST, name: str, before: int, depth: int = 4
) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield what cuts the graph on the way to a name, with what it is cut off from."""
    written = [s for s in ast.walk(scope) if isinstance(s, ast.Assign) and assigned(s) == name]
    earlier = [s for s in written if source.end(s) <= before]
    if not earlier or depth == 0:
        return
    latest = max(earlier, key=source.start)
    own = [pair for n in ast.walk(latest.value) if isinstance(n, ast.expr) and (pair := _cut(n)) is not None]
    # `torch.tensor(loss.item())` is one cut, not two.
    yield from (p for p in own if not any(p[0] is not q[0] and p[0] in ast.walk(q[0]) for q in own))
    for used in sorted({dotted(n) for n in ast.walk(latest.value) if isinstance(n, (ast.Name, ast.Attribute))} - {""}):
        yield from _cuts(source, scope, used, source.start(latest), depth - 1)


def _cut(node: ast.expr) -> tuple[ast.expr, ast.expr] | None:
    match node:
        case ast.Call(func=ast.Attribute(value=inner, attr="detach" | "item"), args=[]):
            return node, inner
        case ast.Attribute(value=inner, attr="data"):
            return node, inner
        case ast.Call(args=[first, *_]) if called(node) in ("tensor", "Variable", "as_tensor"):
            deeper = _cut(first)
            if deeper is not None:
                return node, deeper[1]
            return (node, first) if isinstance(first, (ast.Name, ast.Attribute)) else None
    return None


def shift_target(case: Case) -> Change | None:
    """Let the target begin one token after the input, where both are the same slice of one thing."""
    source = case.source
    found = [pair for scope in [*functions(source), source.tree] for pair in _same_slices(source, scope)]
    if len(found) != 1:
        return None
    second, new = found[0]
    begin, code = source.start(second), source.code(second)
    shifted = code[: new.start - begin] + new.text + code[new.end - begin :]
    return Change.of(source, f"Write `{shifted}` for {quoted(source, second)}.", new)


def _same_slices(source: Source, scope: ast.AST) -> Iterator[tuple[ast.expr, Replacement]]:
    """Yield the value of a target that is the same slice as the assignment before it, with the slice moved on."""
    statements = [n for n in own_nodes(scope) if isinstance(n, ast.Assign) and assigned(n)]
    statements.sort(key=source.start)
    for first, second in pairwise(statements):
        names = [assigned(s).rpartition(".")[2].lower() for s in (first, second)]
        ordered = names[1].startswith(TARGETS) and not names[0].startswith(TARGETS)
        same = source.code(first.value) == source.code(second.value) and second in source.block_of(first)
        piece = only(_slices(second.value)) if ordered and same else None
        if isinstance(piece, ast.Slice) and (new := _shifted(source, piece)) is not None:
            yield second.value, new


def _slices(value: ast.expr) -> list[ast.Slice]:
    found = [n for n in ast.walk(value) if isinstance(n, ast.Slice) and (n.lower is not None or n.upper is not None)]
    return [n for n in found if n.step is None]


def _shifted(source: Source, piece: ast.Slice) -> Replacement | None:
    """Return the slice moved on by one: `:-1` becomes `1:`, `i : i + n` becomes `i + 1 : i + n + 1`."""
    lower, upper = piece.lower, piece.upper
    if lower is None and upper is not None and number_of(upper) == -1:
        end = source.end(upper)
        return Replacement(source.text.rindex(":", 0, end), end, "1:")
    if lower is None or upper is None or not source.code(upper).startswith(source.code(lower)):
        return None
    return Replacement(source.start(lower), source.end(upper), f"{source.code(lower)} + 1 : {source.code(upper)} + 1")


def exchanged(case: Case, names: dict[str, str], *, bare: bool = False) -> Change | None:
    """Write another loss for the one that the files name; `bare`: only where it was given no options."""
    found = [(s, c) for s in case.files.all() for c in s.calls() if called(c) in names]
    if not found or any(not isinstance(c.func, ast.Attribute) for _, c in found):
        return None  # a bare name would have to be imported
    source = found[0][0]
    if any(s is not source for s, _ in found) or len({called(c) for _, c in found}) > 1:
        return None
    old = called(found[0][1])
    constructed = old[0].isupper()
    if (constructed and len(found) > 1) or (bare and any(_options(c, constructed) for _, c in found)):
        return None
    if bare and any(called(c) == "autocast" for c in source.calls()):
        return None  # in half precision the loss of probabilities is not allowed
    text = f"Use `{names[old]}` in the place of `{old}`."
    spans = [Replacement(source.end(c.func) - len(old), source.end(c.func), names[old]) for _, c in found]
    return Change.of(source, text, *spans)


def _options(call: ast.Call, constructed: bool) -> bool:  # noqa: FBT001 - of one caller
    given = len(call.args) + len([k for k in call.keywords if k.arg != "reduction"])
    return given > (0 if constructed else 2)
