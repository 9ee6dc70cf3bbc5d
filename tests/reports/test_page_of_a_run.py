"""Where report.html comes from and goes to: every diagnosis writes it, it is opened if wanted, never in the way."""

from __future__ import annotations

import webbrowser
from typing import TYPE_CHECKING

import pytest
from typed_runs import records_of

from nndoctor import cli
from nndoctor.recording import Recorder
from nndoctor.reports import html

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    recorder = Recorder(tmp_path / "recording.sqlite")
    for record in records_of("train.py"):
        recorder.add(record)
    recorder.close()
    return tmp_path


def test_a_page_is_written_and_opened_if_wanted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    cli.run(["report", "-q", str(folder)])
    assert (folder / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert opened == []
    cli.run(["report", "-q", "--open", str(folder)])
    assert opened == [(folder / "report.html").as_uri()]


def test_a_fault_in_the_drawing_costs_the_page_only(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = cli.run(["report", "-q", str(folder)])
    verdict = capsys.readouterr().out

    def broken(*_: object) -> str:
        raise ValueError("no\nink")

    monkeypatch.setattr(html, "render", broken)
    assert cli.run(["report", "-q", str(folder)]) == code
    out, err = capsys.readouterr()
    assert (out, err) == (verdict, "report.html could not be written: ValueError: no ink\n")
