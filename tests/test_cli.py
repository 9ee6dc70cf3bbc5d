"""The command line as a user meets it: its surface, bad input, what it imports."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nndoctor import cli, doctor
from nndoctor.catalogue import load_catalogue
from nndoctor.reasons import NUMBERED
from nndoctor.recording import Recorder
from nndoctor.records import Event, Step


def ran(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.run(arguments)
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture
def with_patient(monkeypatch: pytest.MonkeyPatch, patient: Any) -> Any:
    """Return what puts a program in the patient's place."""

    def put(program: str) -> None:
        defaults = {**(doctor.examine.__kwdefaults__ or {}), "command": patient(program)}
        monkeypatch.setattr(doctor.examine, "__kwdefaults__", defaults)

    return put


# ---- surface


def test_the_commands() -> None:
    text = subprocess.run(
        [sys.executable, "-m", "nndoctor", "--help"], capture_output=True, text=True, check=True
    ).stdout
    for word in ("check", "report", "checks", "explain", "init", "validate", "--version", "130 interrupted"):
        assert word in text


@pytest.mark.parametrize(
    ("command", "options"),
    [
        (
            "check",
            (
                "-m --all --config --quick --baseline --update-baseline --checks --select --ignore --fail-on "
                "--out --budget --steps --scan --seed --patience --format --diff --diff-to -q --quiet -v --verbose"
            ),
        ),
        (
            "report",
            (
                "--config --baseline --update-baseline --checks --select --ignore --fail-on --format --diff --diff-to "
                "--open -q -v"
            ),
        ),
        ("checks", "--format"),
        ("curves", "--train --val --metric --x --picture --fail-on --format"),
        ("explain", ""),
        ("validate", "--config"),
    ],
)
def test_the_options_of_a_command(command: str, options: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ran(capsys, command, "--help")
    assert code == 0
    assert [option for option in options.split() if option not in out] == []


def test_version_and_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert ran(capsys, "--version")[:2] == (0, "nndoctor 0.1.0\n")
    code, out, _ = ran(capsys)
    assert code == 2
    assert "Commands" in out


HEAVY = ("torch", "pandas", "sklearn", "scipy", "numpy")


@pytest.mark.parametrize(
    "arguments", [["--help"], ["checks"], ["explain", "R18"], ["check", "--help"], ["curves", "--help"]]
)
def test_nothing_heavy_is_imported(arguments: list[str]) -> None:
    code = f"import sys; from nndoctor import cli; cli.run({arguments!r}); print(sorted(sys.modules), file=sys.stderr)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr
    assert [name for name in HEAVY if f"'{name}'" in loaded] == []


def test_checks_as_a_table_and_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = ran(capsys, "checks", "--format", "json")
    rows = json.loads(out)
    assert {"check": "loss-detached", "reason": "R18", "severity": "error"}.items() <= {
        row["check"]: row for row in rows
    }["loss-detached"].items()
    _, out, _ = ran(capsys, "checks")
    assert all(row["check"] in out for row in rows)
    assert max(map(len, out.splitlines())) <= 80


def test_explain(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ran(capsys, "explain", "loss-detached")
    assert code == 0
    assert "Why is this bad?" in out
    assert "loss-detached" in ran(capsys, "explain", "r18")[1]
    assert "the gradients cleared after each step" in ran(capsys, "explain", "missing-zero-grad")[1]
    looked_at = {check.reason for check in load_catalogue().values()}
    for reason in [reason.code for reason in NUMBERED if reason.code not in looked_at][:1]:
        assert "no check looks at this reason yet" in ran(capsys, "explain", reason)[1]


# ---- check


def test_what_follows_the_script_belongs_to_it(
    script: Path, with_patient: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with_patient("print(json.dumps(config['arguments'])); train(); end()")
    code, _, _ = ran(capsys, "check", "--out", "run", "train.py", "--help", "-q", "--steps", "3", "--", "x")
    assert code == 0
    assert json.loads(Path("run/script.log").read_text()) == ["--help", "-q", "--steps", "3", "--", "x"]


def test_a_module_is_run_with_m(script: Path, with_patient: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with_patient("print(config['target'], config['is_module']); train(); end()")
    assert ran(capsys, "check", "--out", "run", "-m", "train", "--epochs", "3")[0] == 0
    assert Path("run/script.log").read_text() == "train True\n"


def test_json_goes_to_stdout_alone(script: Path, with_patient: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with_patient("print('noise'); train(); end()")
    code, out, err = ran(capsys, "check", "--format", "json", "--format", "terminal", "-v", "train.py")
    document = json.loads(out)
    assert (code, document["status"], document["exit_code"]) == (0, "healthy", 0)
    assert "| noise" in err
    assert "HEALTHY" in err
    assert json.loads(next(Path("nndoctor-runs").glob("*/findings.json")).read_text()) == document
    assert document.keys() >= {"schema", "nndoctor", "target", "diagnosis", "outcomes", "experiments", "seconds", "run"}
    assert {row["reason"] for row in document["outcomes"]} >= {f"R{number:02d}" for number in range(1, 38)}


def test_quiet_is_one_line(script: Path, with_patient: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with_patient("train(); end()")
    assert ran(capsys, "check", "-q", "train.py") == (0, "HEALTHY  train.py: no fault was found.\n", "")


def test_a_crash_shows_the_scripts_own_traceback(
    script: Path, with_patient: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = 'Traceback (most recent call last):\n  File "/x/nndoctor/launcher.py", line 9, in run\n    exec(code)\n'
    trace += '  File "train.py", line 3, in <module>\n    raise ValueError("no")\nValueError: no\n'
    event = Event(kind="exception", text="ValueError: no", detail=trace, file="train.py", line=3)
    with_patient(f"recorder.add({event!r}); end(); sys.exit(1)")
    code, out, _ = ran(capsys, "check", "train.py")
    assert code == 3
    assert "failed by itself before it could be judged: ValueError: no" in " ".join(out.split())
    assert 'File "train.py", line 3' in out
    assert "launcher" not in out


def test_a_script_that_refuses_its_arguments_is_quoted(
    script: Path, with_patient: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with_patient("print('train.py: error: unrecognized arguments: --foo', flush=True); os._exit(2)")
    code, out, _ = ran(capsys, "check", "train.py", "--foo")
    assert code == 3
    assert "unrecognized arguments: --foo" in out


def test_a_hang_before_the_first_step(script: Path, with_patient: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with_patient("time.sleep(600)")
    code, out, _ = ran(capsys, "check", "--patience", "1", "train.py")
    assert code == 3
    assert "hung: no progress for 1 s" in out


# ---- bad input: one line, the right exit code, nothing started


def bad_files(folder: Path) -> None:
    (folder / "binary.py").write_bytes(b"\x7fELF\0\0\0")
    (folder / "syntax.py").write_text("x = 1\nfor in range(3):\n")
    (folder / "latin.py").write_bytes(b"name = '\xe9'\n")
    (folder / "book.ipynb").write_text("{}")
    (folder / "folder").mkdir()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["check", "missing.py"], "no such script: missing.py"),
        (["check", "folder"], "folder is a folder"),
        (["check", "binary.py"], "not a Python script"),
        (["check", "syntax.py"], "invalid syntax at syntax.py:2: for in range(3):"),
        (["check", "latin.py"], "latin.py is not valid Python"),
        (["check", "book.ipynb"], "jupyter nbconvert"),
        (["check", "-m", "no_such_module"], "no module named no_such_module"),
        (["check", "-m", "a/b"], "-m takes"),
        (["check", "--select", "loss-detachd", "train.py"], "did you mean loss-detached?"),
        (["check", "--ignore", "R99", "train.py"], "R01 to R37"),
        (["check", "--fail-on", "sometimes", "train.py"], "sometimes"),
        (["check", "--budget", "soon", "train.py"], "Invalid value for '--budget'"),
        (["check", "--budget", "nan", "train.py"], "--budget must be"),
        (["check", "--steps", "0", "train.py"], "--steps must be"),
        (["check", "--scan", "-1", "train.py"], "--scan must be"),
        (["check", "--seed", "-1", "train.py"], "--seed must"),
        (["check", "--out", "train.py", "train.py"], "cannot write to"),
        (["check", "--format", "xml", "train.py"], "xml"),
        (["check", "--stepz", "3", "train.py"], "--stepz"),
        (["check"], "SCRIPT"),
        (["chekc", "train.py"], "chekc"),
        (["report", "nowhere"], "no recording"),
        (["report", "train.py"], "no recording"),
        (["explain", "lossdetached"], "did you mean loss-detached?"),
        (["explain"], "CHECK|REASON"),
    ],
)
def test_bad_input(arguments: list[str], told: str, script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad_files(script.parent)
    code, out, err = ran(capsys, *arguments)
    assert code == 2
    assert err.startswith("nndoctor: error: ")
    assert err.count("\n") == 1
    assert told in err
    assert out == ""
    assert not Path("nndoctor-runs").exists()


def test_our_own_failure_is_one_line_with_the_details_in_a_file(
    script: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_arguments: object, **_options: Any) -> None:
        raise RuntimeError("first\nsecond")

    monkeypatch.setattr(doctor, "examine", fail)
    code, _, err = ran(capsys, "check", "train.py")
    assert code == 4
    assert err.count("\n") == 1
    details = Path(err.rpartition("details in ")[2].strip().rstrip(")"))
    assert "RuntimeError: first" in details.read_text()
    details.unlink()


# ---- report


def test_report_diagnoses_a_recording_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recorder = Recorder(tmp_path / "recording.sqlite")
    for step in range(9):
        recorder.add(Step(step=step, parameters_changed=True))
    recorder.close()
    for name in (tmp_path, tmp_path / "recording.sqlite"):
        assert ran(capsys, "report", str(name))[0] == 0
    assert json.loads((tmp_path / "findings.json").read_text())["status"] == "healthy"
    code, out, _ = ran(capsys, "report", "--select", "R18", "-v", str(tmp_path))
    assert code == 0
    assert "not selected" in out
