"""Edits of the network itself: activations, dimensions, formulas."""

from __future__ import annotations

import ast
import re
from collections import Counter
from typing import TYPE_CHECKING

from nndoctor.prescription.case import Case, elements, with_keyword
from nndoctor.prescription.change import Change
from nndoctor.prescription.source import Replacement
from nndoctor.prescription.syntax import argument, atom, called, classes, dotted, last_name, number_of, quoted, receiver
from nndoctor.records import NonFinite, SoftmaxCall

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nndoctor.prescription.source import Source

ACTIVATIONS = ("relu", "gelu", "silu", "leaky_relu", "elu", "tanh", "selu", "mish")
RECURRENT = ("RNN", "LSTM", "GRU")
SQUASHING = ("Sigmoid", "Tanh")
NEGATIVE = re.compile(r"min -[\d.]")
TINY = "1e-7"
"""Added below a root or a logarithm: the least that float32 can tell from 0 beside numbers about 1."""


def activate(case: Case) -> Change | None:
    """Put an activation between two layers, the one that the network uses elsewhere."""
    first, second = _pair(case)
    return _in_forward(case.source, first) or _in_sequential(case.source, first, second)


def _pair(case: Case) -> tuple[str, str]:
    names = [n for n in case.finding.names if n]
    return (names[0], names[1]) if len(names) >= 2 else ("", "")


def _in_forward(source: Source, first: str) -> Change | None:
    calls = [c for c in source.calls() if dotted(c.func) in (f"self.{first}", f"self.{first.rpartition('.')[2]}")]
    if len(calls) != 1:
        return None
    function = source.function_of(calls[0])
    if function is None:
        return None
    name = _activation(source, source.within(function, ast.ClassDef) or source.tree)
    code = source.code(calls[0])
    return Change.of(source, f"Write `{name}({code})` for `{code}`.", source.replaced(calls[0], f"{name}({code})"))


def _activation(source: Source, scope: ast.AST) -> str:
    """Return how the class calls its activation, `torch.relu` where it has none."""
    used = [dotted(c.func) for c in source.calls(scope) if called(c) in ACTIVATIONS and dotted(c.func).count(".")
            and len(c.args) == 1 and not c.keywords]  # fmt: skip
    known = [n for n in used if n.partition(".")[0] in ("torch", "F", "nn", "self", "functional")]
    return Counter(known).most_common(1)[0][0] if known else "torch.relu"


def _in_sequential(source: Source, first: str, second: str) -> Change | None:
    """Insert a layer into the one `nn.Sequential` that has two linear layers in a row at these places."""
    places = [name.rpartition(".")[2] for name in (first, second)]
    if not all(p.isdigit() for p in places) or int(places[1]) != int(places[0]) + 1:
        return None
    found = []
    for call in source.calls():
        items = elements(call) if called(call) == "Sequential" else []
        if len(items) > int(places[1]) and not any(isinstance(i, ast.Starred) for i in items):
            pair = items[int(places[0])], items[int(places[1])]
            if all(called(i).startswith(("Linear", "Conv")) for i in pair):
                found.append((call, items, pair))
    if len(found) != 1:
        return None
    call, items, (one, two) = found[0]
    names = [dotted(i.func) for i in items if isinstance(i, ast.Call) and called(i).lower() in ACTIVATIONS]
    before = dotted(one.func).rpartition(".")[0] if isinstance(one, ast.Call) else ""
    if not names and not before:
        return None
    layer = (Counter(names).most_common(1)[0][0] if names else f"{before}.ReLU") + "()"
    gap = source.text[source.end(one) : source.start(two)]
    if "#" in gap:
        return None
    at = source.start(two)
    text = f"Insert `{layer}` before {quoted(source, two)}."
    return Change.of(source, text, Replacement(at, at, f"{layer},{gap.partition(',')[2]}"))


def softmax_dim(case: Case) -> Change | None:
    """Normalise over the dimension that the finding names."""
    named = re.search(r"`dim=(-?\d+)`", case.finding.advice)
    rows = [r for r in case.run.rows(SoftmaxCall) if (r.file, r.line) == (case.source.file, case.line)]
    if named is None or not rows:
        return None
    names = ("softmax", "log_softmax", "Softmax", "LogSoftmax")
    found = case.calls(*names) or [c for c in case.source.calls() if called(c) in ("Softmax", "LogSoftmax")]
    if len(found) != 1:
        return None
    place = (
        0 if called(found[0])[0].isupper() or dotted(receiver(found[0])) not in ("F", "torch", "nn.functional") else 1
    )
    given = argument(found[0], "dim", place)
    value = number_of(given)
    if given is None or value is None or value not in (rows[-1].dim, rows[-1].dim - len(rows[-1].shape)):
        return None
    text = f"Write `dim={named.group(1)}` in {quoted(case.source, found[0])}."
    return Change.of(case.source, text, case.source.replaced(given, named.group(1)))


def batch_first(case: Case) -> Change | None:
    """Tell the one recurrent layer that the batch comes first, where its output is read that way."""
    source = case.source
    own = {c.name for c in classes(source)}
    recurrent = set(RECURRENT) - own
    found = [c for c in source.calls() if called(c) in recurrent and argument(c, "batch_first", 99) is None]
    turned = [c for c in source.calls() if called(c) in ("permute", "transpose", "swapaxes")]
    if len(found) != 1 or turned:
        return None
    if not any(_last_step(n) for n in ast.walk(source.tree)):
        return None
    change = Replacement(*with_keyword(source, found[0], "batch_first", "True"))
    return Change.of(source, f"Set `batch_first=True` in {quoted(source, found[0])}.", change)


def _last_step(node: ast.AST) -> bool:
    """Whether this takes the last step of a sequence whose first dimension is the batch: `out[:, -1]`."""
    match node:
        case ast.Subscript(slice=ast.Tuple(elts=[ast.Slice(lower=None, upper=None), second, *_])):
            return number_of(second) == -1
    return False


def rectify(case: Case) -> Change | None:
    """Exchange sigmoid or tanh layers between others for ReLU; not one that ends a network."""
    source = case.source
    layers = [c for c in source.calls() if called(c) in SQUASHING and isinstance(c.func, ast.Attribute) and not c.args]
    inner = [c for c in layers if not _ends(source, c)]
    if not inner or len({called(c) for c in inner}) > 1:
        return None
    name = called(inner[0])
    text = f"Use `{dotted(inner[0].func).removesuffix(name)}ReLU()` in the place of `{source.code(inner[0])}`."
    spans = [Replacement(source.end(c.func) - len(name), source.end(c.func), "ReLU") for c in inner]
    return Change.of(source, text, *spans)


def _ends(source: Source, layer: ast.Call) -> bool:
    above = source.parents[layer]
    if isinstance(above, ast.Call):
        return called(above) in ("Sequential", "append") and bool(above.args) and above.args[-1] is layer
    return isinstance(above, ast.Assign)  # `self.act = nn.Sigmoid()`: where it is called is another question


def guard_formula(case: Case) -> Change | None:
    """Keep a logarithm or a root away from 0, where the trace led to it."""
    source = case.source
    rows = [r for r in case.run.rows(NonFinite) if (r.file, r.line) == (source.file, case.line)]
    if not rows or rows[0].phase not in ("forward", "backward"):
        return None
    name = re.sub(r"Backward\d*$", "", rows[0].operation).lower()
    if name == "div":
        return _guarded_division(case, rows[0])
    if name not in ("log", "sqrt") or NEGATIVE.search(rows[0].inputs):
        return None  # of a negative number it is another fault
    found = [c for c in source.calls_at(case.line) if called(c) == name]
    statement = source.statement_of(found[0]) if found else None
    if statement is None or any(source.statement_of(c) is not statement for c in found):
        return None
    spans = []
    for call in found:
        inner = _inside(call)
        if inner is None or "clamp" in source.code(inner) or _overflows(inner):
            return None
        if inner is receiver(call):  # its own parentheses, if any, are behind it
            dot = source.text.rindex(".", 0, source.end(call.func))
            spans.append(Replacement(dot, dot, f".clamp(min={TINY})"))
        else:
            spans.append(source.replaced(inner, f"{atom(source, inner)}.clamp(min={TINY})"))
    text = f"Write `.clamp(min={TINY})` inside `{name}`: at 0 it has no value or no slope."
    return Change.of(source, text, *spans)


def _guarded_division(case: Case, row: NonFinite) -> Change | None:
    """Keep the one denominator of a line away from 0, if it was never below."""
    source = case.source
    _, _, below = row.inputs.partition("; ")
    found = {
        n for c in ast.walk(source.tree) if isinstance(c, ast.stmt) and c.lineno <= case.line <= (c.end_lineno or 0)
        for n in ast.iter_child_nodes(c) if isinstance(n, ast.expr)
        for n in ast.walk(n) if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Div)
        and n.lineno <= case.line <= (n.end_lineno or 0)
    }  # fmt: skip
    if len(found) != 1 or not below.startswith("min 0,"):
        return None
    lower = found.pop().right
    new = f"{atom(source, lower)}.clamp(min={TINY})"
    return Change.of(source, f"Divide by `{new}`: it can be 0.", source.replaced(lower, new))


def _overflows(inner: ast.expr) -> bool:
    """Whether an exponential is what broke: a lower bound does not help then."""
    return any(called(n) in ("exp", "exp_") or last_name(n) == "exp" for n in ast.walk(inner))


def _inside(call: ast.Call) -> ast.expr | None:
    if dotted(receiver(call)) in ("torch", "math", "np"):
        return call.args[0] if dotted(receiver(call)) == "torch" and len(call.args) == 1 else None
    return receiver(call) if not call.args else None


def fetch_copy(case: Case) -> Change | None:
    """Let the data set work on a copy of the sample that it changes in place."""
    source = case.source
    fetches = [
        f for c in classes(source) for f in c.body
        if isinstance(f, ast.FunctionDef) and f.name == "__getitem__" and f.lineno <= case.line <= (f.end_lineno or 0)
    ]  # fmt: skip
    found = [pair for f in fetches for pair in _changed_in_place(f)]
    if len(found) != 1:
        return None
    value, name = found[0]
    owner = source.within(value, ast.ClassDef)
    made = source.code(owner) if owner is not None else ""
    numpy = any(word in made for word in ("astype", "from_numpy", "np."))
    method = "copy" if numpy else "clone" if "torch." in made else ""
    if not method:
        return None
    new = f"{source.code(value)}.{method}()"
    return Change.of(
        source, f"Write `{name} = {new}`: the data set's own array stays as it is.", source.replaced(value, new)
    )


def _changed_in_place(function: ast.FunctionDef) -> Iterator[tuple[ast.expr, str]]:
    changed = {dotted(s.target) for s in ast.walk(function) if isinstance(s, ast.AugAssign)}
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Subscript(value=ast.Attribute()) as value):
                if name in changed:
                    yield value, name
