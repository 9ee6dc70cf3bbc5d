"""`nndoctor validate`, the static part: on configurations, baselines and comments, sound and wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nndoctor import cli

BASELINE = '{"schema": 1, "accepted": [{"check": "%s", "file": "a.py", "function": "", "names": [], "target": "a.py"}]}'


@pytest.fixture
def ran(script: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    (script.parent / ".git").mkdir()

    def run(*arguments: str) -> tuple[int, str, str]:
        code = cli.run(["validate", *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def test_a_sound_project(ran: Any) -> None:
    Path("train.py").write_text("loader = 1  # nndoctor: ignore[unshuffled-data, R7, house-rule]  a window\n")
    Path("known.json").write_text(BASELINE % "dead-relu")
    Path("own.py").write_text(
        "from nndoctor import Severity, check\nfrom nndoctor.records import Step\n\n"
        '@check("house-rule", reason="T", severity=Severity.NOTE, needs=[Step])\n'
        "def house_rule(run):\n"
        '    """Ours."""\n'
        "    return []\n"
    )
    Path("nndoctor.toml").write_text(
        'baseline = "known.json"\nchecks = "own.py"\n[thresholds]\nclass-imbalance = 50\n'
        '[[target]]\nscript = "train.py"'
    )
    code, out, err = ran("train.py", "known.json")
    assert (code, err) == (0, "")
    assert out.splitlines()[0].endswith("nndoctor.toml, 1 target")
    assert out.splitlines()[1] == "valid: comments of 1 Python file"


def test_without_any_configuration_comments_are_judged(ran: Any) -> None:
    assert ran() == (0, "valid: comments of 0 Python files\n", "")
    assert ran("train.py") == (0, "valid: comments of 1 Python file\n", "")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[thresholds", "is not valid TOML"),
        ("fail_on = 'error'", "did you mean fail-on?"),
        ("ignore = ['dead-rellu']", "did you mean dead-relu?"),
        ("[thresholds]\nnothing-known = 3", "thresholds: no check is named 'nothing-known'"),
        ("baseline = 'known.json'", "did you mean dead-relu?"),
        ("baseline = 'none.json'", "no such baseline"),
        ("format = 'sariff:a'", "sariff"),
        ("checks = 'none.py'", "no such file or folder"),
        ("[[target]]\nscript = 'gone.py'", "no such script: gone.py"),
        ("[[target]]\nscript = 'broken.py'", "is not valid Python"),
        ("[[target]]\nscript = 'train.py'\nignore = 'R99'", "reasons go from R01 to R37"),
    ],
)
def test_what_is_wrong_is_one_line(text: str, told: str, ran: Any) -> None:
    Path("broken.py").write_text("def f(:\n")
    Path("known.json").write_text(BASELINE % "dead-rellu")
    Path("nndoctor.toml").write_text(text)
    code, out, err = ran()
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert told in err


def test_every_wrong_comment_has_its_line(ran: Any) -> None:
    Path("sub/.hidden").mkdir(parents=True)
    Path("sub/.hidden/a.py").write_text("# nndoctor: ignore\n")
    Path("sub/a.py").write_text(
        "x = 1  # nndoctor: ignore[unshufled-data, dead-relu]\n"
        "# nndoctor: ignore\n"
        'text = "# nndoctor: ignore[no comment]"\n'
        "y = 2  # nndoctor: ignore[]\n"
    )
    code, out, err = ran("sub")
    assert (code, out) == (2, "")
    first, second, third = err.splitlines()
    assert "sub/a.py:1: no check or reason is named 'unshufled-data'; did you mean unshuffled-data?" in first
    assert "sub/a.py:2: the comment accepts nothing; write nndoctor: ignore[CHECK]" in second
    assert "sub/a.py:4:" in third


def test_configurations_among_the_files_are_judged(ran: Any) -> None:
    Path("sub").mkdir()
    Path("sub/pyproject.toml").write_text("[tool.nndoctor]\nbudgit = 3\n")
    Path("pyproject.toml").write_text("[project]\nname = 'a'\n")
    assert ran("pyproject.toml")[0] == 0
    code, _, err = ran("pyproject.toml", "sub/pyproject.toml")
    assert code == 2
    assert "did you mean budget?" in err


@pytest.mark.parametrize("content", [b"def f(:\n    '''", b"\xff\xfe\x00", b"# coding: nonsense\n"])
def test_a_file_that_is_no_python_is_one_line(content: bytes, ran: Any) -> None:
    Path("broken.py").write_bytes(content)
    code, _, err = ran("broken.py")
    assert (code, err.count("\n")) == (2, 1)
    assert "broken.py cannot be read as Python" in err
    assert ran("nowhere.py")[2].endswith("no such file or folder: nowhere.py\n")


def test_torch_is_not_imported() -> None:
    program = (
        "import sys; from nndoctor import cli; code = cli.run(['validate']); sys.exit(code or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=False).returncode == 0
