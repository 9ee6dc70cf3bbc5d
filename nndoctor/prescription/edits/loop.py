"""Edits of the training loop: what is called in an iteration, and in which order."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from nndoctor.prescription.change import Change
from nndoctor.prescription.origins import own_nodes
from nndoctor.prescription.syntax import (
    called,
    calls_method,
    dotted,
    functions,
    keyword,
    last_name,
    loop_around,
    method_calls,
    only,
    quoted,
    receiver,
    targets,
)
from nndoctor.records import Backward, LossCall, Optimizer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from nndoctor.prescription.case import Case
    from nndoctor.prescription.source import Source

CLIPPING = ("clip_grad_norm_", "clip_grad_value_")


def insert_zero_grad(case: Case) -> Change | None:
    """Clear the gradients before the backward pass, or after the step where that is elsewhere."""
    source, step = case.source, _step_at(case)
    if step is None or not (name := optimizer_of(step)):
        return None
    if closure := _closure(source, step):
        return _before_backward(source, closure.body, f"{name}.zero_grad()")
    statement = source.statement_of(step)
    block = source.block_of(statement)
    earlier = block[: block.index(statement)]
    since = max((i for i, each in enumerate(earlier) if calls_method(each, "step")), default=-1) + 1
    found = _before_backward(source, earlier[since:], f"{name}.zero_grad()")
    if found is not None:
        return found
    if not source.alone(statement):
        return None
    text = f"Insert `{name}.zero_grad()` after {quoted(source, statement)}."
    return Change.of(source, text, source.after(statement, f"{name}.zero_grad()"))


def _before_backward(source: Source, block: Sequence[ast.stmt], line: str) -> Change | None:
    backward = _first(block, lambda s: calls_method(s, "backward"))
    if backward is None or not source.alone(backward):
        return None
    text = f"Insert `{line}` before {quoted(source, backward)}."
    return Change.of(source, text, source.before(backward, line))


def move_zero_grad(case: Case) -> Change | None:
    """Move `zero_grad` from between backward and step to before backward, or to after the step."""
    source, step = case.source, _step_at(case)
    if step is None:
        return None
    statement = source.statement_of(step)
    block = source.block_of(statement)
    earlier = block[: block.index(statement)]
    backward = max((i for i, each in enumerate(earlier) if calls_method(each, "backward")), default=-1)
    clears = [s for s in earlier[backward + 1 :] if isinstance(s, ast.Expr) and called(s.value) == "zero_grad"]
    if len(clears) != 1 or not source.alone(clears[0]):
        return None
    place = earlier[backward] if backward >= 0 else None
    return _moved(source, clears[0], before=place, after=None if place else statement)


def insert_step(case: Case) -> Change | None:
    """Step the optimizer after the backward pass."""
    source = case.source
    backward = case.method_call("backward")
    if backward is None or _scaled(backward):
        return None
    function = source.function_of(backward)
    scope = function or source.tree
    name = _optimizer_visible(case, scope)
    if not name or any(optimizer_of(c) == name for c in method_calls(source, None, "step")):
        return None  # it is there, and never reached
    statement = source.statement_of(backward)
    block = source.block_of(statement)
    following = block[block.index(statement) + 1 :]
    place = statement
    for each in following:
        if not any(called(n) in CLIPPING for n in ast.walk(each)):
            break
        place = each
    if not source.alone(place):
        return None
    text = f"Insert `{name}.step()` after {quoted(source, place)}."
    return Change.of(source, text, source.after(place, f"{name}.step()"))


def insert_backward(case: Case) -> Change | None:
    """Call backward on the one loss that is computed in the block of the step."""
    source, step = case.source, _step_at(case)
    if step is None or _is_scaler(step):
        return None
    statement = source.statement_of(step)
    block = source.block_of(statement)
    earlier = block[: block.index(statement)]
    lines = {c.line for c in case.run.rows(LossCall) if c.file == source.file and c.reduction != "none"}
    names = {
        dotted(s.targets[0])
        for s in earlier
        if isinstance(s, ast.Assign)
        and len(s.targets) == 1
        and any(s.lineno <= n <= (s.end_lineno or 0) for n in lines)
    }
    if len(names) != 1 or not (loss := names.pop()):
        return None
    after = max(i for i, s in enumerate(earlier) if loss in [dotted(t) for t in targets(s)])
    place = _first(earlier[after + 1 :], lambda s: any(called(n) in CLIPPING for n in ast.walk(s))) or statement
    if not source.alone(place):
        return None
    text = f"Insert `{loss}.backward()` before {quoted(source, place)}."
    return Change.of(source, text, source.before(place, f"{loss}.backward()"))


def move_clipping(case: Case) -> Change | None:
    """Clip between backward and step; under a GradScaler, unscale first."""
    source = case.source
    clip = only(case.calls(*CLIPPING))
    if not isinstance(clip, ast.Call):
        return None
    statement = source.statement_of(clip)
    block = source.block_of(statement)
    place = block.index(statement)
    found = [(s, s.value) for s in block if isinstance(s, ast.Expr) and isinstance(s.value, ast.Call)]
    steps = [(s, c) for s, c in found if called(c) == "step" and "sched" not in dotted(receiver(c)).lower()]
    if not source.alone(statement) or len(steps) != 1:
        return None
    stepping, step = steps[0]
    if _is_scaler(step):
        name, scaler = optimizer_of(step), dotted(receiver(step))
        unscaled = calls_method(source.function_of(clip) or source.tree, "unscale_")
        if unscaled or not name or not scaler or block.index(stepping) < place:
            return None
        line = f"{scaler}.unscale_({name})"
        text = f"Insert `{line}` before {quoted(source, statement)}."
        return Change.of(source, text, source.before(statement, line))
    if block.index(stepping) > place:
        return None
    return _moved(source, statement, before=stepping)


def move_scheduler(case: Case) -> Change | None:
    """Step the schedule after the optimizer, and one of epochs after the loop over the batches."""
    source = case.source
    call = case.method_call("step")
    if call is None or not dotted(receiver(call)):
        return None
    statement = source.statement_of(call)
    if not isinstance(statement, ast.Expr) or not source.alone(statement):
        return None
    block = source.block_of(statement)
    later = block[block.index(statement) + 1 :]
    behind = [s for s in later if _steps_optimizer(s, dotted(receiver(call)))]
    if "after `optimizer.step()`" in case.finding.advice:
        return _moved(source, statement, after=behind[-1]) if behind else None
    loop = loop_around(source, statement)
    outer = loop_around(source, loop) if loop is not None else None
    if loop is None or outer is None or loop.orelse or source.block_of(loop) is not outer.body:
        return None
    return _moved(source, statement, after=loop)


def keep_number(case: Case) -> Change | None:
    """Detach the loss where it is stored."""
    source = case.source
    backward = case.method_call("backward")
    loss = dotted(receiver(backward)) if backward is not None else ""
    if backward is None or not loss:
        return None
    scope = source.function_of(backward) or source.tree
    found = list(_kept(source, scope, loss))
    if not found:
        found = [n for call in _told(scope, loss) for n in _kept_by(source, call, loss)]
    if not found:
        return None
    lines = ", ".join(quoted(source, source.statement_of(n)) for n in found)
    return Change.of(
        source, f"Store the loss without its graph in {lines}.",
        *(source.replaced(n, f"{source.code(n)}.detach()") for n in found),
    )  # fmt: skip


def _kept(source: Source, scope: ast.AST, name: str) -> Iterator[ast.expr]:
    """Yield the uses of a tensor that put it into a list, or add it to a sum."""
    for node in own_nodes(scope):
        match node:
            case ast.Call(func=ast.Attribute(attr="append"), args=[value]) if dotted(value) == name:
                yield value
            case ast.AugAssign(op=ast.Add(), value=value, target=target) if dotted(value) == name:
                if not _summed_for_backward(source, scope, dotted(target)):
                    yield value


def _summed_for_backward(source: Source, scope: ast.AST, name: str) -> bool:
    """Whether the sum itself is what backward is called on."""
    return not name or any(dotted(receiver(c)) == name for c in method_calls(source, scope, "backward"))


def _told(scope: ast.AST, loss: str) -> list[ast.Call]:
    """Return the calls that are statements and are given the loss: `history.log(loss)`."""
    found = [n.value for n in own_nodes(scope) if isinstance(n, ast.Expr) and isinstance(n.value, ast.Call)]
    return [c for c in found if any(dotted(a) == loss for a in c.args)]


def _kept_by(source: Source, call: ast.Call, loss: str) -> Iterator[ast.expr]:
    places = [i for i, a in enumerate(call.args) if dotted(a) == loss]
    named = [f for f in functions(source) if f.name == last_name(call.func)]
    if len(named) != 1 or len(places) != 1:
        return
    parameters = [a.arg for a in named[0].args.args]
    place = places[0] + (parameters[:1] == ["self"])
    if place < len(parameters):
        yield from _kept(source, named[0], parameters[place])


# ---- what stands where


def optimizer_of(step: ast.expr) -> str:
    """Return the optimizer of `optimizer.step()` or `scaler.step(optimizer)`."""
    if not isinstance(step, ast.Call):
        return ""
    return dotted(step.args[0]) if _is_scaler(step) else dotted(receiver(step))


def _is_scaler(step: ast.expr) -> bool:
    if not isinstance(step, ast.Call) or len(step.args) != 1:
        return False
    return "scaler" in dotted(receiver(step)).lower()


def _scaled(backward: ast.Call) -> bool:
    return called(receiver(backward)) == "scale"


def _step_at(case: Case) -> ast.Call | None:
    return case.method_call("step")


def _closure(source: Source, step: ast.Call) -> ast.FunctionDef | None:
    given = step.args[0] if step.args and not _is_scaler(step) else keyword(step, "closure")
    if not isinstance(given, ast.Name):
        return None
    found = only(f for f in functions(source) if f.name == given.id)
    return found if isinstance(found, ast.FunctionDef) else None


def _steps_optimizer(statement: ast.stmt, scheduler: str) -> bool:
    return any(
        isinstance(n, ast.Call) and last_name(n.func) == "step" and dotted(receiver(n)) not in ("", scheduler)
        for n in ast.walk(statement)
    )


def _optimizer_visible(case: Case, scope: ast.AST) -> str:
    """Return what the optimizer is called in a function: as it clears its gradients there, or as it was built."""
    source = case.source
    cleared = {dotted(receiver(c)) for c in method_calls(source, scope, "zero_grad")} - {""}
    named = {name for name in cleared if "opt" in name.rpartition(".")[2].lower()}
    built = _built_as(case)
    if len(cleared) == 1 and (cleared == named or cleared == {built[0]}):
        return cleared.pop()
    name, where = built
    if not name or cleared:
        return ""
    reachable = where is scope or where is source.tree or name.startswith("self.")
    if name.startswith("self."):
        owners = [next((a for a in source.ancestors(n) if isinstance(a, ast.ClassDef)), None) for n in (scope, where)]
        reachable = owners[0] is not None and owners[0] is owners[1]
    return name if reachable else ""


def _built_as(case: Case) -> tuple[str, ast.AST]:
    """Return the name that the one optimizer was given where it was built, and the function."""
    source = case.source
    rows = [o for o in case.run.rows(Optimizer) if o.name in case.finding.names and o.file == source.file]
    if len(rows) != 1:
        return "", source.tree
    found = [
        s
        for s in ast.walk(source.tree)
        if isinstance(s, ast.Assign) and s.lineno <= rows[0].line <= (s.end_lineno or 0)
    ]
    if len(found) != 1 or len(found[0].targets) != 1 or not isinstance(found[0].value, ast.Call):
        return "", source.tree
    return dotted(found[0].targets[0]), source.function_of(found[0]) or source.tree


def _first(block: Sequence[ast.stmt], wanted: Callable[[ast.stmt], bool]) -> ast.stmt | None:
    return next((each for each in block if wanted(each)), None)


def _moved(
    source: Source, statement: ast.stmt, *, before: ast.stmt | None = None, after: ast.stmt | None = None
) -> Change | None:
    """Move a statement before or after another one, which may stand less deep."""
    place = before or after
    if place is None or not source.alone(place) or "\n" in source.code(statement):
        return None
    line = source.lines_of(statement).strip()
    there = source.before(place, line) if before else source.after(place, line)
    side = "before" if before else "after"
    text = f"Move {quoted(source, statement)} {side} {quoted(source, place)}."
    return Change.of(source, text, source.deleted(statement), there)


def backward_in(source: Source, case: Case, scope: ast.AST) -> bool:
    """Whether a part of the file runs a backward pass: by what is written there, or by what was seen."""
    if calls_method(scope, "backward"):
        return True
    first, last = getattr(scope, "lineno", 1), getattr(scope, "end_lineno", None) or len(source.text)
    return any(b.file == source.file and first <= b.line <= last for b in case.run.rows(Backward))
