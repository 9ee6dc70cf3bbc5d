"""A fault is brought into every healthy program, and the edit must take it out again: over all their styles.

Only sources are read here, nothing is run. An edit may pass; it must never write something else than what was there.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nndoctor.records import Backward, Loader, LossCall, Optimizer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nndoctor.records import Record

    Treated = Callable[..., str | None]
    Fault = Callable[[str], Iterator[tuple[str, str, list[Record], str]]]

ROOT = Path(__file__).parent.parent.parent
PROGRAMS = sorted([
    *(ROOT / "tests" / "programs").rglob("*.py"),
    *(ROOT / "sample_projects").glob("*/*.py"),
    *(ROOT / "sample_projects" / "zoo").glob("*/look_alike*.py"),
])  # fmt: skip
MARK = "  # the finding points here"
BACKWARD = r"[ \t]*\S.*\.backward\(.*"


def lines(text: str, pattern: str) -> list[int]:
    """Return the places of the lines that match a pattern as a whole, but for a comment."""
    return [i for i, row in enumerate(text.splitlines()) if re.fullmatch(rf"{pattern}\s*(#.*)?", row)]


def marked(text: str, number: int) -> str:
    rows = text.splitlines()
    rows[number] = f"{rows[number]}{MARK}"
    return "\n".join(rows) + "\n"


def without(text: str, number: int) -> str:
    rows = text.splitlines()
    return "\n".join(rows[:number] + rows[number + 1 :]) + "\n"


def no_zero_grad(text: str) -> Iterator[tuple[str, str, list[Record], str]]:
    """Remove the only `zero_grad`."""
    found = lines(text, r"[ \t]*[\w.]+\.zero_grad\(.*\)")
    steps = lines(without(text, found[0]), r"[ \t]*[\w.]+\.step\(.*\)") if len(found) == 1 else []
    if len(steps) == 1:
        yield "missing-zero-grad", marked(without(text, found[0]), steps[0]), [], call_in(text, found[0])


def no_step(text: str) -> Iterator[tuple[str, str, list[Record], str]]:
    """Remove the only step."""
    found, backward = lines(text, r"[ \t]*[\w.]+\.step\(\)"), lines(text, BACKWARD)
    if len(found) == len(backward) == 1:
        rest = without(text, found[0])
        built = [i for i, row in enumerate(rest.splitlines(), 1) if re.search(r"\b(Adam|AdamW|SGD)\(", row)]
        rows: list[Record] = [Optimizer(name="O", file="train.py", line=i) for i in built[:1]]
        yield "optimizer-never-steps", marked(rest, lines(rest, BACKWARD)[0]), rows, call_in(text, found[0])


def no_backward(text: str) -> Iterator[tuple[str, str, list[Record], str]]:
    """Remove the only backward."""
    found, steps = lines(text, r"[ \t]*\w+\.backward\(\)"), lines(text, r"[ \t]*[\w.]+\.step\(\)")
    if len(found) == len(steps) == len(lines(text, BACKWARD)) == 1:
        rest, call = without(text, found[0]), call_in(text, found[0])
        name = call.partition(".")[0]
        made = [i for i, row in enumerate(rest.splitlines(), 1) if re.match(rf"\s*{name} = ", row)]
        rows: list[Record] = [LossCall(file="train.py", line=i) for i in made]
        yield "backward-never-called", marked(rest, lines(rest, r"[ \t]*[\w.]+\.step\(\)")[0]), rows, call


def no_train(text: str) -> Iterator[tuple[str, str, list[Record], str]]:
    """Remove the only `train()`."""
    found, backward = lines(text, r"[ \t]*[\w.]+\.train\(\)"), lines(text, BACKWARD)
    if len(found) == len(backward) == 1:
        rest, call = without(text, found[0]), call_in(text, found[0])
        at = lines(rest, BACKWARD)[0]
        model = re.escape(call.removesuffix(".train()"))
        called = [i for i, row in enumerate(rest.splitlines()[:at]) if re.search(rf"(?<![\w.]){model}\(", row)]
        if called:
            yield "eval-mode-in-training", marked(rest, called[-1]), [Backward(file="train.py", line=at + 1)], call


def no_shuffle(text: str) -> Iterator[tuple[str, str, list[Record], str]]:
    """Remove the only `shuffle=True`."""
    rest = re.sub(r",\s*shuffle=True", "", text)
    if text.count("shuffle=True") == 1 and rest != text:
        loops = [n for n in ast.walk(ast.parse(rest)) if isinstance(n, ast.For) and ".backward(" in ast.unparse(n)]
        inner = [n for n in loops if not any(m is not n and m in loops for m in ast.walk(n))]
        rows: list[Record] = [Loader(name="a", split="train"), Loader(name="b", split="validation")]
        if len(inner) == 1 and inner[0].iter.lineno == inner[0].lineno:
            yield "unshuffled-data", marked(rest, inner[0].lineno - 1), rows, "shuffle=True"


def call_in(text: str, number: int) -> str:
    return text.splitlines()[number].partition("#")[0].strip()


def same(text: str) -> Counter[str]:
    """Return what a program is made of: its statements without their bodies, keyword arguments in any order."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            node.keywords.sort(key=lambda k: k.arg or "")
            if isinstance(node.func, ast.Attribute) and node.func.attr == "zero_grad":
                node.keywords = []
    return Counter(ast.unparse(n).splitlines()[0] for n in ast.walk(tree) if isinstance(n, ast.stmt))


@pytest.mark.parametrize("fault", [no_zero_grad, no_step, no_backward, no_train, no_shuffle])
def test_the_edit_undoes_the_fault(fault: Fault, treated: Treated) -> None:
    tried = undone = 0
    for program in PROGRAMS:
        text = program.read_text()
        for check, sick, rows, gone in fault(text):
            tried += 1
            new = treated(check, sick, MARK, *rows, names=("O",))
            if new is None:
                continue
            undone += 1
            extra = same(new.replace(MARK, "")) - same(text)
            assert not extra, f"{program.name}: {extra} where {gone} was"
    assert tried > 80
    assert undone > 0.85 * tried
