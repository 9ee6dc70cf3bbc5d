"""What the tests of edits share: a finding at a line of a small source, and the source after the edit."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

from nndoctor import Finding, Recording, SourceLine
from nndoctor.prescription.case import Case
from nndoctor.prescription.change import valid
from nndoctor.prescription.edits import EDITS
from nndoctor.prescription.files import Files, digest
from nndoctor.records import Environment, Placed, Record, SourceFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nndoctor.finding import Measure

FILE = "train.py"


@pytest.fixture
def treated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str | None]:
    """Return what edits a source for a finding: the new text, None where the edit does not dare."""
    monkeypatch.chdir(tmp_path)

    def treat(
        check: str,
        text: str,
        at: str,
        *records: Record,
        names: tuple[str, ...] = (),
        advice: str = "Do it.",
        evidence: tuple[Measure, ...] = (),
        arguments: str = "",
    ) -> str | None:
        source = textwrap.dedent(text).lstrip("\n")
        (tmp_path / FILE).write_text(source)
        line = next(i for i, row in enumerate(source.splitlines(), start=1) if at in row)
        rows = [
            SourceFile(file=FILE, digest=digest(source.encode())),
            Environment(name="cwd", value=str(tmp_path)),
            Environment(name="arguments", value=arguments),
            *(placed(row, source) for row in records),
        ]
        run = Recording.of(rows)
        files = Files(run)
        finding = Finding("It is so.", advice, where=SourceLine(FILE, line), names=names, evidence=evidence)
        found = files.of(FILE)
        assert found is not None
        change = EDITS[check](Case(run, finding, found, line, files))
        if change is None:
            return None
        assert valid(change.source, change.replacements)
        assert change.text[0].isupper()
        assert change.text.endswith(".")
        return change.source.with_changes(list(change.replacements))

    return treat


def placed(row: Record, source: str) -> Record:
    """Return a record whose place is given by a piece of the line (in `function`), at that line."""
    if not isinstance(row, Placed) or row.line or not row.function:
        return row
    from dataclasses import replace

    line = next(i for i, text in enumerate(source.splitlines(), start=1) if row.function in text)
    return replace(row, file=FILE, line=line, function="")
