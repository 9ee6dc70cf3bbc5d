"""Sources, edits put together, and patches that git takes as they are."""

from __future__ import annotations

import ast
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nndoctor.prescription.change import Change, patch, patchable, together
from nndoctor.prescription.source import Replacement, Source, parsed

if TYPE_CHECKING:
    from pathlib import Path


def inserted(source: Source, at: str, line: str) -> Change:
    """Return the insertion of a line before the statement that holds a text."""
    statement = next(n for n in ast.walk(source.tree) if isinstance(n, ast.stmt) and source.code(n).startswith(at))
    return Change.of(source, f"Insert {line}.", source.before(statement, line))


def applied(folder: Path, *changes: Change) -> None:
    """Apply changes as a user does."""
    (folder / "edits.patch").write_bytes(patch(changes).encode())
    subprocess.run(["git", "apply", "edits.patch"], cwd=folder, check=True)


TEXTS = {
    "plain": "a = 1\nb = 2\nc = 3\n",
    "windows": "a = 1\r\nb = 2\r\nc = 3\r\n",
    "no line end": "a = 1\nb = 2\nc = 3",
    "tabs": "if 1:\n\ta = 1\n\tb = 2\n\tc = 3\n",
    "not ascii": "a = '\u00e4\u00f6'; d = 4\nb = 2  # \u20ac\nc = 3\n",
    "form feed": "a = 1\n\x0c\nb = 2\nc = 3\n",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("at", ["b", "c"])
def test_git_applies_an_insertion(text: str, at: str, tmp_path: Path) -> None:
    source = Source(text, file="t.py")
    change = inserted(source, at, "new()")
    (tmp_path / "t.py").write_bytes(text.encode())
    applied(tmp_path, change)
    assert (tmp_path / "t.py").read_bytes().decode() == source.with_changes(list(change.replacements))


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_git_applies_at_the_end_of_a_file(text: str, tmp_path: Path) -> None:
    source = Source(text, file="t.py")
    last = next(n for n in ast.walk(source.tree) if isinstance(n, ast.stmt) and source.code(n) == "c = 3")
    change = Change.of(source, "Insert.", source.after(last, "new()"), source.replaced(last.value, "33"))  # type: ignore[attr-defined]
    (tmp_path / "t.py").write_bytes(text.encode())
    applied(tmp_path, change)
    parsed((tmp_path / "t.py").read_text())


def test_one_patch_of_several_edits_and_files(tmp_path: Path) -> None:
    (tmp_path / "src dir").mkdir()
    names = ["train.py", "src dir/model.py"]
    sources = [Source("".join(f"v{i} = {i}\n" for i in range(30)), file=n) for n in names]
    for source in sources:
        (tmp_path / source.path).write_text(source.text)
    changes = [inserted(s, f"v{i} ", f"new{i}()") for i in (25, 2) for s in sources]
    applied(tmp_path, *together(changes))
    for source in sources:
        rows = (tmp_path / source.path).read_text().splitlines()
        assert (rows[2], rows[3], rows[26], rows[27]) == ("new2()", "v2 = 2", "new25()", "v25 = 25")


def test_git_applies_inside_a_repository_from_a_folder_in_it(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / "deep").mkdir()
    source = Source("a = 1\nb = 2\n", file="t.py")
    (tmp_path / "deep" / "t.py").write_text(source.text)
    applied(tmp_path / "deep", inserted(source, "b", "new()"))
    assert (tmp_path / "deep" / "t.py").read_text() == "a = 1\nnew()\nb = 2\n"


def test_of_two_edits_that_collide_the_first_is_made() -> None:
    source = Source("loss.backward()\nstep()\n", file="t.py")
    first, second = (inserted(source, "step", line) for line in ("a()", "b()"))
    other = inserted(source, "loss", "c()")
    assert together([first, second, other]) == [first, other]


def test_an_edit_that_would_not_parse_is_dropped() -> None:
    source = Source("a = 1\n", file="t.py")
    assert together([Change.of(source, "Break.", Replacement(0, 1, "("))]) == []
    assert together([Change.of(source, "Do nothing.", Replacement(0, 1, "a"))]) == []


def test_a_block_is_never_empty() -> None:
    source = Source("if x:\n    a()\n", file="t.py")
    assert source.with_changes([source.deleted(source.tree.body[0].body[0])]) == "if x:\n    pass\n"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("path", "expected"), [("a/b c.py", True), ('a"b.py', False), ("a\\b.py", False), ("a\n.py", False)]
)
def test_paths_that_a_patch_can_name(*, path: str, expected: bool) -> None:
    assert patchable(path) is expected


@pytest.mark.parametrize("text", ["def f(:\n", "a = 1\x00\n", "(" * 500 + ")" * 500])
def test_what_does_not_parse_is_a_syntax_error(text: str) -> None:
    with pytest.raises(SyntaxError):
        Source(text, file="t.py")


WORDS = st.sampled_from(["a = 1", "b('\u00e9')", "c()  # \u20ac", "if x: y()", "'''t\n  u'''", "d(\n  1,\n)"])


@given(st.lists(WORDS, min_size=1, max_size=6), st.sampled_from(["\n", "\r\n"]), st.data())
@settings(derandomize=True, max_examples=60, deadline=None)
def test_positions_are_those_of_the_text(words: list[str], end: str, data: st.DataObject) -> None:
    text = "\n".join(words).replace("\n", end) + end
    source = Source(text, file="t.py")
    assert [ast.dump(ast.parse(source.code(s))) for s in source.tree.body] == [
        ast.dump(ast.Module([s], [])) for s in source.tree.body
    ]
    chosen = data.draw(st.sampled_from(source.tree.body))
    if source.alone(chosen):
        rest = parsed(source.with_changes([source.deleted(chosen)]))
        assert len(rest.body) == max(1, len(source.tree.body) - 1)
