"""Edits of train and eval mode, and of where gradients are on."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from nndoctor.finding import Severity
from nndoctor.prescription.case import with_keyword
from nndoctor.prescription.change import Change
from nndoctor.prescription.edits.loop import backward_in
from nndoctor.prescription.source import Replacement
from nndoctor.prescription.syntax import dotted, imported, keyword, loop_around, method_calls, quoted
from nndoctor.records import VALIDATION, Forwards, LossCall

if TYPE_CHECKING:
    from nndoctor.prescription.case import Case
    from nndoctor.prescription.source import Source

DROPOUTS = ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout")


def train_mode(case: Case) -> Change | None:
    """Switch to train mode before each pass over the training data."""
    source = case.source
    model, call = _model_called(case)
    if call is None or case.finding.severity not in (None, Severity.ERROR):
        return None
    if any((r.file, r.line) == (source.file, case.line) for r in case.run.rows(Forwards) if r.split == VALIDATION):
        return None  # the same lines evaluate: the mode is for their caller to set
    loop = loop_around(source, call)
    line = f"{model}.train()"
    if loop is not None and backward_in(source, case, loop):
        if not source.alone(loop):
            return None
        if _evaluates_again(source, case):
            return Change.of(source, f"Insert `{line}` before {quoted(source, loop)}.", source.before(loop, line))
        # Eval mode was set once and for all: what comes after training may rely on it.
        text = f"Insert `{line}` before {quoted(source, loop)} and `{model}.eval()` after it."
        return Change.of(source, text, source.before(loop, line), source.after(loop, f"{model}.eval()"))
    function = source.function_of(call)
    if function is None or not backward_in(source, case, function):
        return None
    first = function.body[1] if ast.get_docstring(function) is not None and len(function.body) > 1 else function.body[0]
    if not source.alone(first):
        return None
    text = f"Insert `{line}` at the start of `{function.name}`."
    return Change.of(source, text, source.before(first, line))


def eval_mode(case: Case) -> Change | None:
    """Switch to eval mode before validation, and back where training would not do so by itself."""
    source = case.source
    model, call = _model_called(case)
    if call is None:
        return None
    whole = _evaluation(source, case, call)
    if whole is None or not source.alone(whole) or _lent(source, case, whole):
        return None
    changes = [source.before(whole, f"{model}.eval()")]
    text = f"Insert `{model}.eval()` before {quoted(source, whole)}"
    if not _trains_again(source, case):
        function = source.function_of(whole)
        if function is not None and any(isinstance(n, ast.Return) for n in ast.walk(whole)):
            return None
        changes.append(source.after(whole, f"{model}.train()"))
        text += f" and `{model}.train()` after it"
    return Change.of(source, text + ".", *changes)


def no_gradients(case: Case) -> Change | None:
    """Run validation under `torch.no_grad()`."""
    source = case.source
    _, call = _model_called(case)
    if call is None or not imported(source, "torch"):
        return None
    function = source.function_of(call)
    if function is not None and not backward_in(source, case, function) and not _lent(source, case, function):
        indent = source.text[source.line_start(function.lineno) : source.start(function)]
        at = source.start(function)
        row = f"@torch.no_grad(){source.newline}{indent}"
        text = f"Decorate `{function.name}` with `@torch.no_grad()`."
        return None if indent.strip() else Change.of(source, text, Replacement(at, at, row))
    whole = _evaluation(source, case, call)
    if whole is None or not source.alone(whole) or _has_long_text(source, whole) or _lent(source, case, whole):
        return None
    rows = source.lines_of(whole)
    indent, begin = source.indent_of(whole), source.line_start(whole.lineno)
    step = _step_of(source)
    deeper = "".join(step + row if row.strip() else row for row in rows.splitlines(keepends=True))
    text = f"Put {quoted(source, whole)} into `with torch.no_grad():`."
    new = f"{indent}with torch.no_grad():{source.newline}{deeper}"
    return Change.of(source, text, Replacement(begin, begin + len(rows), new))


def dropout_by_mode(case: Case) -> Change | None:
    """Let a functional dropout follow the mode of the module that calls it."""
    source = case.source
    found = case.calls(*DROPOUTS)
    if len(found) != 1:
        return None
    function = source.function_of(found[0])
    if function is None or not isinstance(source.parents[function], ast.ClassDef):
        return None
    if [a.arg for a in function.args.args[:1]] != ["self"] or len(found[0].args) > 2:
        return None
    given = keyword(found[0], "training")
    if given is not None and not isinstance(given, ast.Constant):
        return None
    new = Replacement(*with_keyword(source, found[0], "training", "self.training"))
    return Change.of(source, f"Give {quoted(source, found[0])} `training=self.training`.", new)


# ---- which lines are the evaluation


def _model_called(case: Case) -> tuple[str, ast.Call | None]:
    """Return the model and its call at the finding's line: the one callee that also is a model elsewhere."""
    found = {}
    for call in case.source.calls_at(case.line):
        name = dotted(call.func)
        if name and _is_model(case.source, name):
            found[name] = call
    return next(iter(found.items())) if len(found) == 1 else ("", None)


def _is_model(source: Source, name: str) -> bool:
    """Whether a name is treated as a model in the file: asked for its parameters, or switched between modes."""
    own = {"parameters", "train", "eval", "state_dict", "requires_grad_", "apply", "named_parameters"}
    last = name.rpartition(".")[2]
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr in own and dotted(node.value).rpartition(".")[2] == last:
            return True
    return last in ("model", "net", "network")


def _evaluation(source: Source, case: Case, call: ast.Call) -> ast.stmt | None:
    """Return the outermost statement around the call that only evaluates."""
    found: ast.stmt = source.statement_of(call)
    if backward_in(source, case, found):
        return None
    for above in source.ancestors(found):
        if not isinstance(above, (ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith)):
            break
        if backward_in(source, case, above):
            break
        found = above
    return found


def _trains_again(source: Source, case: Case) -> bool:
    """Whether the model is put into train mode in each epoch anyway: inside a loop, or where a pass is trained."""
    for call in method_calls(source, None, "train"):
        if call.args and not (isinstance(call.args[0], ast.Constant) and call.args[0].value is True):
            return True
        if loop_around(source, call) is not None:
            return True
        function = source.function_of(call)
        if function is not None and backward_in(source, case, function):
            return True
    return False


def _evaluates_again(source: Source, case: Case) -> bool:
    """Whether evaluation sets its mode by itself: inside a loop, or in a function that does not train."""
    for call in method_calls(source, None, "eval"):
        function = source.function_of(call)
        if loop_around(source, call) is not None or (function and not backward_in(source, case, function)):
            return True
    return False


def _lent(source: Source, case: Case, part: ast.stmt) -> bool:
    """Whether training runs through a part of the file as well: then it must keep its mode and its gradients."""
    first, last = part.lineno, part.end_lineno or part.lineno
    trained = [r for r in case.run.rows(Forwards) if r.split != VALIDATION and r.graphs > 0]
    losses = [r for r in case.run.rows(LossCall) if r.split != VALIDATION and r.requires_grad]
    return any(r.file == source.file and first <= r.line <= last for r in (*trained, *losses))


def _has_long_text(source: Source, statement: ast.stmt) -> bool:
    """Whether a string goes over several lines: indenting them would change it."""
    return any(
        isinstance(n, (ast.Constant, ast.JoinedStr)) and (n.end_lineno or n.lineno) > n.lineno
        and (isinstance(n, ast.JoinedStr) or isinstance(n.value, (str, bytes))) and ('"""' in source.code(n)
                                                                                    or "'''" in source.code(n)
                                                                                    or "\\\n" in source.code(n))
        for n in ast.walk(statement)
    )  # fmt: skip


def _step_of(source: Source) -> str:
    """Return one level of the file's indentation."""
    for node in ast.walk(source.tree):
        body = getattr(node, "body", None)
        if isinstance(node, ast.stmt) and isinstance(body, list) and body and body[0].lineno > node.lineno:
            outer, inner = source.indent_of(node), source.indent_of(body[0])
            if not outer.strip() and not inner.strip() and inner.startswith(outer) and inner != outer:
                return inner[len(outer) :]
    return "    "
