"""The page of all checks: complete, and the one in docs/ is what the command prints today."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from nndoctor.catalogue import load_catalogue
from nndoctor.cli import app
from nndoctor.reports.catalogue_page import render

PAGE = Path(__file__).resolve().parents[2] / "docs" / "checks.md"


def test_the_page_in_docs_is_current() -> None:
    assert PAGE.read_text() == render(load_catalogue().values()), "stale: run `make docs`"


@pytest.mark.parametrize("name", load_catalogue())
def test_each_check_has_its_section(name: str) -> None:
    page = render(load_catalogue().values())
    assert f"\n### {name}\n" in page
    assert f"(#{name})" in page


def test_the_command_prints_it() -> None:
    done = CliRunner().invoke(app, ["checks", "--format", "markdown"])
    assert done.exit_code == 0
    assert done.output == render(load_catalogue().values())
