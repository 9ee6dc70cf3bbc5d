"""`--checks PATH`: checks from files and folders, and the sample project that shows one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nndoctor.catalogue import load_catalogue
from nndoctor.errors import NndoctorError, UsageError
from nndoctor.own_checks import checks_at

SAMPLE = Path(__file__).parents[1] / "sample_projects" / "own_check"
RULE = '''
from nndoctor import Finding, Severity, check

@check("{name}", reason="X", severity=Severity.NOTE, needs=[])
def rule(run):
    """Follow the rule."""
    yield Finding("m", "a")
'''


@pytest.fixture(autouse=True)
def _nothing_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def names(path: Path) -> list[str]:
    return [check.name for check in checks_at(path)]


def test_a_file_also_one_with_the_name_of_another_module(tmp_path: Path) -> None:
    assert names(put(tmp_path / "one_rule.py", RULE.format(name="one"))) == ["one"]
    assert names(put(tmp_path / "json.py", RULE.format(name="other"))) == ["other"]
    assert sys.modules["json"] is json


def test_a_folder_whose_files_import_each_other(tmp_path: Path) -> None:
    put(tmp_path / "rule_a.py", RULE.format(name="a") + "from rule_b import rule as other\n")
    put(tmp_path / "rule_b.py", RULE.format(name="b"))
    put(tmp_path / "test_rules.py", "import does_not_exist\n")
    assert sorted(names(tmp_path)) == ["a", "b"]


def test_a_package_with_relative_imports(tmp_path: Path) -> None:
    package = tmp_path / "house_package"
    put(package / "__init__.py", "")
    put(package / "inner" / "__init__.py", "")
    put(package / "inner" / "rule.py", RULE.format(name="deep") + "from ..names import x\n")
    put(package / "names.py", "x = 1\n")
    assert names(package) == ["deep"]


def test_they_join_the_catalogue_and_must_not_share_a_name(tmp_path: Path) -> None:
    own = checks_at(put(tmp_path / "joins.py", RULE.format(name="joins")))
    assert load_catalogue(own=own).keys() - load_catalogue().keys() == {"joins"}
    with pytest.raises(NndoctorError, match="two checks are named dead-relu"):
        load_catalogue(own=checks_at(put(tmp_path / "shares.py", RULE.format(name="dead-relu"))))


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("none", None, "no such file or folder"),
        ("broken.txt", "x", "takes a Python file or a folder"),
        ("broken_a.py", "import does_not_exist", "ModuleNotFoundError: No module named 'does_not_exist'"),
        ("broken_b.py", "x = 1\nfor", "SyntaxError at line 2"),
        ("broken_c.py", "x = 1", "defines no check"),
        ("broken_d/__init__.py", "1/0", "ZeroDivisionError"),
        ("broken_e/inner.py", "raise ValueError('a\\nb')", "ValueError: a b"),
    ],
)
def test_what_is_broken_is_one_line(file: str, text: str | None, told: str, tmp_path: Path) -> None:
    if text is not None:
        put(tmp_path / file, text)
    with pytest.raises(UsageError) as info:
        checks_at(tmp_path / Path(file).parts[0])
    assert told in str(info.value)
    assert "\n" not in str(info.value)


@pytest.mark.slow
def test_the_sample_project(tmp_path: Path) -> None:
    own = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(SAMPLE)], check=False)
    assert own.returncode == 0
    command = [sys.executable, "-m", "nndoctor", "check", "--quick", "--fail-on", "warning", "--out", str(tmp_path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*command, "train.py"], cwd=SAMPLE, env=environment, check=False, capture_output=True)
    assert done.returncode == 1, done.stderr
    [finding] = json.loads((tmp_path / "findings.json").read_text())["diagnosis"]
    assert (finding["check"], finding["where"]["line"]) == ("house-optimizer", 13)
    assert finding["evidence"]["momentum"]["expected"] == ">= 0.8"
