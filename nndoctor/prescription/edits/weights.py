"""Edits of how weights start, and of which of them are trained."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from nndoctor.prescription.change import Change
from nndoctor.prescription.source import Replacement
from nndoctor.prescription.syntax import (
    argument,
    assigned,
    called,
    calls_method,
    classes,
    dotted,
    functions,
    instead,
    number_of,
    quoted,
    receiver,
)
from nndoctor.records import Parameter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nndoctor.prescription.case import Case
    from nndoctor.prescription.source import Source

CONSTANT = ("constant_", "zeros_", "ones_", "fill_", "zero_")
RANDOM = ("normal_", "uniform_", "trunc_normal_")
LAYER_LISTS = {ast.List: "ModuleList", ast.ListComp: "ModuleList", ast.Dict: "ModuleDict"}
FAR = 0.5
"""A constant bias this far from 0 outweighs what standardised inputs add."""


def random_start(case: Case) -> Change | None:
    """Leave the weights as PyTorch starts them: remove what fills them with a constant."""
    return _left_out(case.source, _meant(case, CONSTANT))


def standard_start(case: Case) -> Change | None:
    """Leave the weights as PyTorch starts them: remove what draws them on another scale."""
    found = _meant(case, RANDOM)
    return _left_out(case.source, found) if len(found) == 1 else None


def _meant(case: Case, names: tuple[str, ...]) -> list[ast.Expr]:
    """Return the statements that fill the weights of the finding: those of `self.fc1` only if it is among them."""
    found = []
    for statement, call, kind in _fills(case.source, names):
        paths = [dotted(n).removesuffix(".data") for n in (*call.args[:1], receiver(call))]
        own = next((p.removeprefix("self.") for p in paths if p.startswith("self.") and p.endswith(".weight")), "")
        other = own and case.finding.names and not any(f".{name}".endswith(f".{own}") for name in case.finding.names)
        if kind == "weight" and not other and not _for_norms(case.source, statement):
            found.append(statement)
    return found


def zero_bias(case: Case) -> Change | None:
    """Start the one bias at zero that is filled with a constant far from it."""
    source = case.source
    found = []
    for _, call, kind in _fills(source, ("constant_", "fill_")):
        value = call.args[-1] if call.args else None
        if kind == "bias" and abs(number_of(case.origin(value)) or 0.0) >= FAR:
            found.append((call, value))
    if len(found) != 1 or found[0][1] is None:
        return None
    return Change.of(
        source, f"Set the bias to 0.0 in {quoted(source, found[0][0])}.", source.replaced(found[0][1], "0.0")
    )


def smaller_gain(case: Case) -> Change | None:
    """Take the one gain above what keeps the signal's size off an initialisation."""
    source = case.source
    given = [(c, g) for c in source.calls() if called(c) in ("orthogonal_", "xavier_uniform_", "xavier_normal_")
             and (g := argument(c, "gain", 1)) is not None and (number_of(case.origin(g)) or 0.0) > 2]  # fmt: skip
    if len(given) != 1:
        return None
    call, gain = given[0]
    return Change.of(source, f"Set `gain=1.0` in {quoted(source, call)}.", source.replaced(gain, "1.0"))


def _fills(source: Source, names: tuple[str, ...]) -> Iterator[tuple[ast.Expr, ast.Call, str]]:
    """Yield the statements that fill a weight or bias in place, with the call and which of the two it is."""
    for node in ast.walk(source.tree):
        if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and called(node.value) in names):
            continue
        call = node.value
        place = dotted(call.args[0]) if call.args else ""
        method = dotted(receiver(call))
        for name in (place, method.removesuffix(".data")):
            last = name.rpartition(".")[2]
            if last in ("weight", "bias"):
                yield node, call, last
                break


def _for_norms(source: Source, statement: ast.stmt) -> bool:
    """Whether a statement treats a normalisation, whose weights are meant to start at one."""
    for above in source.ancestors(statement):
        if isinstance(above, ast.If) and statement not in ast.walk(above.test) and "Norm" in source.code(above.test):
            return statement in [n for each in above.body for n in ast.walk(each)]
    call = statement.value if isinstance(statement, ast.Expr) else None
    names = [dotted(n) for n in (*call.args[:1], receiver(call))] if isinstance(call, ast.Call) else []
    parts = [part.lower() for name in names for part in name.split(".")]
    return any("norm" in part or part.startswith(("bn", "ln")) for part in parts)


def _left_out(source: Source, found: list[ast.Expr]) -> Change | None:
    if not found or not all(source.alone(s) for s in found):
        return None
    blocks = [source.block_of(s) for s in found]
    if any(len(block) == sum(b is block for b in blocks) > 1 for block in blocks):
        return None  # nothing would be left of the block
    what = quoted(source, found[0]) + (f" and {len(found) - 1} more" if len(found) > 1 else "")
    text = f"Remove {what}: PyTorch's own initialisation is random and fits the width."
    return Change.of(source, text, *(source.deleted(s) for s in found))


# ---- which weights are trained


def unfreeze(case: Case) -> Change | None:
    """Remove the one place that freezes weights, and give all of them to the optimizer."""
    source = case.source
    frozen = list(_freezes(source))
    if len(frozen) != 1 or not source.alone(frozen[0][0]):
        return None
    statement, owner = frozen[0]
    replacements = [source.deleted(statement)]
    text = f"Remove {quoted(source, statement)}"
    root = owner.rpartition(".")[0]
    if part := _part_given(source, root):
        replacements.append(source.replaced(part, root))
        text += f" and give the optimizer `{root}.parameters()`"
    return Change.of(source, text + ".", *replacements)


def _freezes(source: Source) -> Iterator[tuple[ast.stmt, str]]:
    """Yield what sets requires_grad to False, with the module that it is done to."""
    for node in ast.walk(source.tree):
        match node:
            case ast.For(
                iter=ast.Call(func=ast.Attribute(value=owner, attr="parameters")), body=[ast.Assign() as only]
            ):
                target = only.targets[0]
                off = isinstance(only.value, ast.Constant) and only.value.value is False
                if off and isinstance(target, ast.Attribute) and target.attr == "requires_grad":
                    yield node, dotted(owner)
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=owner, attr="requires_grad_"), args=[flag])):
                if isinstance(flag, ast.Constant) and flag.value is False and dotted(owner):
                    yield node, dotted(owner)


def _part_given(source: Source, root: str) -> ast.expr | None:
    """Return `model.head` where an optimizer is built from `model.head.parameters()`, and `model` is the root."""
    found = []
    for call in source.calls():
        inner = call.args[0] if call.args and called(call)[:1].isupper() else None
        if isinstance(inner, ast.Call) and called(inner) == "parameters":
            owner = receiver(inner)
            if root and dotted(owner).startswith(root + "."):
                found.append(owner)
    return found[0] if len(found) == 1 else None


def all_parameters(case: Case) -> Change | None:
    """Give the optimizer the parameters of the whole model instead of those of one part, or build it later."""
    source = case.source
    asked = [c for c in source.calls_at(case.line) if called(c) == "parameters"]
    given = [owner for c in asked if (owner := receiver(c)) is not None]
    if len(given) != 1:
        return None
    rows = [p for p in case.run.rows(Parameter) if p.registered and p.optimizer]
    for owner, path in _parents(given[0]):
        held = [p.name for p in rows]
        missing = [n for n in case.finding.names if n.startswith(path + ".")]
        if held and not missing and all(n.startswith(path + ".") or f".{path}." in n for n in held):
            text = f"Give the optimizer `{source.code(owner)}.parameters()`."
            return Change.of(source, text, source.replaced(given[0], source.code(owner)))
    return _built_later(case, given[0])


def _parents(node: ast.expr) -> Iterator[tuple[ast.expr, str]]:
    """Yield `model` with `head` for `model.head`."""
    path = ""
    while isinstance(node, ast.Attribute):
        path = f"{node.attr}.{path}" if path else node.attr
        node = node.value
        yield node, path


def _built_later(case: Case, model: ast.expr) -> Change | None:
    """Move the construction of the optimizer behind the statement that exchanges a layer."""
    source = case.source
    built = next((s for s in ast.walk(source.tree) if isinstance(s, ast.Assign)
                  and s.lineno <= case.line <= (s.end_lineno or 0)), None)  # fmt: skip
    if built is None or not source.alone(built):
        return None
    block = source.block_of(built)
    later = block[block.index(built) + 1 :]
    exchanged = [s for s in later if isinstance(s, ast.Assign) and isinstance(s.targets[0], ast.Attribute)
                 and dotted(s.targets[0].value) == dotted(model)]  # fmt: skip
    if not exchanged or not source.alone(exchanged[-1]):
        return None
    between = later[: later.index(exchanged[-1])]
    name = assigned(built)
    if not name or any(dotted(n) == name for s in between for n in ast.walk(s)):
        return None
    rows = source.lines_of(built)
    end = source.line_start((exchanged[-1].end_lineno or 0) + 1)
    if not source.text[:end].endswith(("\n", "\r")):
        return None
    text = f"Build the optimizer after {quoted(source, exchanged[-1])}."
    return Change.of(source, text, source.deleted(built), Replacement(end, end, rows))


# ---- weights that the model does not know of


def register(case: Case) -> Change | None:
    """Keep layers in a `ModuleList`, and a tensor as a `Parameter`."""
    source = case.source
    found = [pair for owner in classes(source) for pair in _unregistered(source, owner)]
    named = [pair for pair in found if any(_named(pair[1], name) for name in case.finding.names)]
    found = named or found
    if len(found) != 1:
        return None
    value, attr, prefix, kind = found[0]
    code = source.code(value)
    inner = "" if code == "[]" else code
    if kind == "Parameter":
        cut = [k for k in value.keywords if k.arg == "requires_grad"] if isinstance(value, ast.Call) else []
        inner = _without_flag(source, value, cut[0].value) if cut else code
    text = f"Make `{attr}` an `{prefix}{kind}`."
    return Change.of(source, text, source.replaced(value, f"{prefix}{kind}({inner})"))


def _named(attr: str, name: str) -> bool:
    return attr.removeprefix("self.") in name.split(".")


def _unregistered(source: Source, owner: ast.ClassDef) -> Iterator[tuple[ast.expr, str, str, str]]:
    """Yield the value, name, prefix (`nn.`) and new kind of attributes that hide weights from the model."""
    made = [f for f in owner.body if isinstance(f, ast.FunctionDef) and f.name == "__init__"]
    for statement in [s for f in made for s in ast.walk(f) if isinstance(s, ast.Assign)]:
        attr = assigned(statement)
        if not attr.startswith("self."):
            continue
        value = statement.value
        prefixes = {_prefix(source, layer) for layer in _members(source, value, attr)}
        if len(prefixes) == 1 and (prefix := prefixes.pop()):
            yield value, attr, prefix, LAYER_LISTS[type(value)]
        flag = [k for k in getattr(value, "keywords", []) if k.arg == "requires_grad"]
        if isinstance(value, ast.Call) and dotted(value.func).startswith("torch.") and flag:
            yield value, attr, "nn." if _has_name(source, "nn") else "torch.nn.", "Parameter"


def _members(source: Source, value: ast.expr, attr: str) -> list[ast.expr]:
    """Return what a list or dictionary of layers is made of; nothing where it could not be a `ModuleList` as it is."""
    match value:
        case ast.List(elts=[]):
            return [
                c.args[0] for c in source.calls() if called(c) == "append" and c.args and dotted(receiver(c)) == attr
            ]
        case ast.List(elts=items):
            return items
        case ast.ListComp(elt=item):
            return [item]
        case ast.Dict(keys=keys, values=items) if all(
            isinstance(k, ast.Constant) and isinstance(k.value, str) for k in keys
        ):
            return items
    return []


def _prefix(source: Source, layer: ast.expr) -> str:
    """Return `nn.` of `nn.Linear(...)`, or of a module of the file; empty for what is no layer."""
    if not isinstance(layer, ast.Call):
        return ""
    before, _, name = dotted(layer.func).rpartition(".")
    if before in ("nn", "torch.nn"):
        return f"{before}." if name[:1].isupper() and name != "Parameter" else ""
    own = [c for c in classes(source) if not before and c.name == name]
    if len(own) == 1 and any(dotted(b).endswith("Module") for b in own[0].bases):
        return "nn." if _has_name(source, "nn") else "torch.nn." if _has_name(source, "torch") else ""
    return ""


def _has_name(source: Source, name: str) -> bool:
    return any(
        (a.asname or a.name) == name
        for s in source.tree.body if isinstance(s, (ast.Import, ast.ImportFrom)) for a in s.names
    )  # fmt: skip


def _without_flag(source: Source, call: ast.expr, flag: ast.expr) -> str:
    """Return `torch.zeros(4)` of `torch.zeros(4, requires_grad=True)`."""
    code, begin = source.code(call), source.start(call)
    before = code[: source.start(flag) - begin].removesuffix("requires_grad=").rstrip().removesuffix(",")
    return before + code[source.end(flag) - begin :]


def attach_output(case: Case) -> Change | None:
    """Remove the one `.detach()` of the model's forward, or the one `no_grad` in it."""
    source = case.source
    forwards = [f for f in functions(source) if f.name == "forward"]
    cuts = [c for f in forwards for c in source.calls(f) if called(c) == "detach" and not c.args]
    own = {part for name in case.finding.names for part in name.split(".")}
    blocks = [
        w for f in forwards for w in ast.walk(f)
        if isinstance(w, ast.With) and [called(i.context_expr) for i in w.items] == ["no_grad"]
    ]  # fmt: skip
    if len(cuts) + len(blocks) != 1 or calls_method(source.tree, "detach_"):
        return None
    part = cuts[0] if cuts else blocks[0]
    behind = [part, *(s.value for s in ast.walk(source.function_of(part) or part) if isinstance(s, ast.Assign)
                      and assigned(s) == dotted(receiver(cuts[0]) if cuts else None) != "")]  # fmt: skip
    if not any(dotted(n).removeprefix("self.") in own for each in behind for n in ast.walk(each)):
        return None  # what it cuts off is not what gets no gradient
    if cuts and isinstance(cuts[0].func, ast.Attribute):
        inner = cuts[0].func.value
        text = f"Write `{source.code(inner)}` for {quoted(source, cuts[0])}: nothing behind it is trained."
        return Change.of(source, text, source.replaced(cuts[0], instead(source, cuts[0], inner)))
    return _unwrapped(source, blocks[0]) if blocks else None


def _unwrapped(source: Source, block: ast.With) -> Change | None:
    """Return the change that takes the body out of a `with`."""
    first, last = block.body[0], block.body[-1]
    inner, outer = source.indent_of(first), source.indent_of(block)
    begin, end = source.line_start(block.lineno), source.line_start((last.end_lineno or last.lineno) + 1)
    head = max(item.context_expr.end_lineno or block.lineno for item in block.items)
    rows = source.text[source.line_start(head + 1) : end]
    if first.lineno == block.lineno or inner.strip() or outer.strip() or '"""' in rows or "'''" in rows:
        return None
    out = [outer + row[len(inner) :] if row.startswith(inner) else row for row in rows.splitlines(keepends=True)]
    text = f"Take what is in {quoted(source, block)} out of it: it is never trained."
    return Change.of(source, text, Replacement(begin, end, "".join(out)))
