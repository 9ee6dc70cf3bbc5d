"""Edits of hyper-parameters: the literal that a value comes from, wherever it is written."""

from __future__ import annotations

import ast
import math
import re
from typing import TYPE_CHECKING

from nndoctor.finding import Measure
from nndoctor.prescription.case import with_keyword
from nndoctor.prescription.change import Change
from nndoctor.prescription.edits.weights import smaller_gain
from nndoctor.prescription.source import Replacement
from nndoctor.prescription.syntax import argument, called, keyword, last_name, number_of, quoted, spread
from nndoctor.records import Optimizer

if TYPE_CHECKING:
    from nndoctor.prescription.case import Case

USUAL_RATES = {"SGD": 5e-2, "Adagrad": 1e-2, "RMSprop": 1e-3, "Adam": 1e-3, "AdamW": 1e-3, "NAdam": 1e-3, "RAdam": 1e-3}
WITH_MOMENTUM = 1e-2
"""The usual rate of SGD with momentum."""
FAR_ABOVE = 20
"""Times the usual rate from which on it is no choice any more."""
USUAL = {"momentum": 0.9, "eps": 1e-8, "label_smoothing": 0.1, "max_norm": 1.0}
DECOUPLED = ("AdamW",)
BATCH_SMALL, BATCH_LARGE = 32, 64


def lower_rate(case: Case) -> Change | None:
    """Write the learning rate that the finding names."""
    named = re.search(r"`lr=([0-9.e+-]+)`", case.finding.advice)
    return _optimizer_value(case, "lr", float(named.group(1))) if named else None


def raise_rate(case: Case) -> Change | None:
    """Write the usual learning rate of this optimizer, or ten times the one there is."""
    row = _optimizer(case)
    if row is None or not row.lr > 0:
        return None
    usual = _usual_rate(row)
    return _optimizer_value(case, "lr", usual if usual > row.lr else 10 * row.lr)


def calmer(case: Case) -> Change | None:
    """Take off a gain that multiplies the gradient, or a learning rate far above what is usual."""
    change, row = smaller_gain(case), _optimizer(case)
    usual = 0.0 if row is None else _usual_rate(row)
    if change is not None or row is None or not 0 < FAR_ABOVE * usual <= row.lr:
        return change
    return _optimizer_value(case, "lr", usual)


def _usual_rate(row: Optimizer) -> float:
    return WITH_MOMENTUM if row.type == "SGD" and row.momentum > 0 else USUAL_RATES.get(row.type, 0.0)


def nonzero_rate(case: Case) -> Change | None:
    """Write the usual learning rate where one of 0 was given."""
    row = _optimizer(case)
    zero = any(isinstance(e, Measure) and e.label == "learning rate" and e.value == 0 for e in case.finding.evidence)
    if row is None or not zero or row.type not in USUAL_RATES:
        return None
    groups = [d for c in case.calls(row.type) for d in ast.walk(c) if isinstance(d, ast.Dict)]
    given = [v for d in groups for k, v in zip(d.keys, d.values, strict=True) if number_of(k) is None
             and isinstance(k, ast.Constant) and k.value == "lr"]  # fmt: skip
    zeros = [v for v in given if number_of(case.origin(v)) == 0]
    if not groups:
        return _optimizer_value(case, "lr", USUAL_RATES[row.type])
    return _literal(case, zeros[0], 0.0, USUAL_RATES[row.type], "lr") if len(zeros) == 1 else None


def less_decay(case: Case) -> Change | None:
    """Write a usual weight decay."""
    row = _optimizer(case)
    if row is None:
        return None
    return _optimizer_value(case, "weight_decay", 1e-2 if row.type in DECOUPLED and row.weight_decay > 0.1 else 1e-4)


def usual_value(case: Case) -> Change | None:
    """Write the usual value of the hyper-parameter that the finding measured."""
    measured = [e for e in case.finding.evidence if isinstance(e, Measure)]
    if len(measured) != 1:
        return None
    name, value = measured[0].label, measured[0].value
    if name == "p":
        return _dropout(case, value)
    if name == "weight_decay":
        return less_decay(case)
    if name == "beta1":
        betas = [(c, b) for c in case.source.calls_at(case.line) if (b := keyword(c, "betas")) is not None]
        if len(betas) != 1 or not isinstance(betas[0][1], ast.Tuple):
            return None
        return Change.of(case.source, "Set `betas=(0.9, 0.999)`.", case.source.replaced(betas[0][1], "(0.9, 0.999)"))
    if name not in USUAL:
        return None
    if name in ("momentum", "eps"):
        return _optimizer_value(case, name, USUAL[name])
    calls = [c for c in case.source.calls_at(case.line) if _given(c, name) is not None]
    if name == "label_smoothing" and not calls:
        calls = [c for c in case.source.calls() if called(c) == "CrossEntropyLoss" and keyword(c, name) is not None]
    return _literal(case, _given(calls[0], name), value, USUAL[name], name) if len(calls) == 1 else None


def _given(call: ast.Call, name: str) -> ast.expr | None:
    return argument(call, name, 1) if name == "max_norm" and called(call) == "clip_grad_norm_" else keyword(call, name)


def larger_batch(case: Case) -> Change | None:
    """Write a batch size for which BatchNorm's averages mean something."""
    return _batch_size(case, BATCH_SMALL)


def smaller_batch(case: Case) -> Change | None:
    """Write a batch size that gives an epoch a useful number of steps."""
    return _batch_size(case, BATCH_LARGE)


def _batch_size(case: Case, size: int) -> Change | None:
    from nndoctor.prescription.edits.loaders import loader_at

    built = loader_at(case)
    measured = [e.value for e in case.finding.evidence if isinstance(e, Measure) and e.label == "samples per batch"]
    if built is None or len(measured) != 1:
        return None
    return _literal(case, argument(built, "batch_size", 1), measured[0], size, "batch_size")


# ---- the literal


def _optimizer(case: Case) -> Optimizer | None:
    rows = [o for o in case.run.rows(Optimizer) if (o.file, o.line) == (case.source.file, case.line)]
    kinds = {(o.type, o.lr) for o in rows}  # the same one may be built for each fold
    return rows[0] if len(kinds) == 1 else None


def _optimizer_value(case: Case, name: str, value: float) -> Change | None:
    """Set a hyper-parameter of the optimizer that is built at the finding's line."""
    row = _optimizer(case)
    if row is None or row.groups != 1:
        return None
    calls = [
        c for c in case.source.calls_at(case.line) if last_name(c.func) == row.type or keyword(c, name) is not None
    ]
    if len(calls) != 1:
        return None
    given = argument(calls[0], name, 1) if name == "lr" else keyword(calls[0], name)
    if given is not None:
        return _literal(case, given, getattr(row, name), value, name)
    if spread(calls[0]):
        return None
    text = f"Set `{name}={shown(value)}` in {quoted(case.source, calls[0])}."
    return Change.of(case.source, text, Replacement(*with_keyword(case.source, calls[0], name, shown(value))))


def _literal(case: Case, given: ast.expr | None, old: float, new: float, name: str) -> Change | None:
    """Replace the number that a value comes from, if it is the one that was measured."""
    made = case.origin(given)
    found = number_of(made)
    if made is None or found is None or not math.isclose(found, old, rel_tol=1e-6):
        return None
    text = f"Set `{name}={shown(new)}` (it is {shown(found)})."
    return Change.of(case.source, text, case.source.replaced(made, shown(new)))


def _dropout(case: Case, rate: float) -> Change | None:
    """Turn the share to keep into the share to drop."""
    source = case.source
    layers = [c for c in source.calls() if "dropout" in called(c).lower()]
    given = [(c, argument(c, "p", 0 if called(c)[0].isupper() else 1)) for c in layers]
    same = [(c, g) for c, g in given if g is not None and _is(number_of(case.origin(g)), rate)]
    if len(same) != 1:
        return None
    call, value = same[0]
    written = number_of(value)
    assert value is not None
    new = shown(round(1 - rate, 6)) if written is not None else f"1 - {source.code(value)}"
    if written is None and not re.fullmatch(r"[\w.]+", source.code(value)):
        return None
    changed = source.code(call).replace(source.code(value), new)
    return Change.of(source, f"Write `{changed}`: it is the share that is dropped.", source.replaced(value, new))


def _is(found: float | None, value: float) -> bool:
    return found is not None and math.isclose(found, value, rel_tol=1e-6)


def shown(value: float) -> str:
    """Return a number as one writes it in a program: 0.1, 1e-3, 32."""
    if float(value).is_integer() and abs(value) >= 2:
        return str(int(value))
    text = f"{value:.6g}"
    if 0 < abs(value) < 0.01:
        mantissa, _, exponent = f"{value:.6e}".partition("e")
        text = f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    return text if any(c in text for c in ".e") else f"{text}.0"
