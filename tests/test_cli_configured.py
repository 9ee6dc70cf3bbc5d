"""The command line with formats, a configuration, a baseline and several targets; the patient is a stand-in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from junitparser import JUnitXml
from sarif_schema import checked

from nndoctor import cli, doctor

SICK = """
if config.get("trials"):  # nothing is tried here: the second run adds nothing
    sys.exit()
recorder.add(Environment(name="cwd", value=os.getcwd()))
for step in range(9):
    recorder.add(OptimizerStep(step=step, optimizer="SGD#0", parameters=4, with_gradient=4, stale=4 * (step > 0),
                               gradient_norm=1.0, backwards=1, changed=4, file="train.py", line=3, function="main"))
train(); end()
"""
HEALTHY = "train(); end()"


@pytest.fixture
def with_patient(monkeypatch: pytest.MonkeyPatch, patient: Any) -> Any:
    def put(program: str) -> None:
        defaults = {**(doctor.examine.__kwdefaults__ or {}), "command": patient(program)}
        monkeypatch.setattr(doctor.examine, "__kwdefaults__", defaults)

    return put


@pytest.fixture
def ran(script: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    (script.parent / ".git").mkdir()

    def run(*arguments: str) -> tuple[int, str, str]:
        code = cli.run(arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return run


def document(*parts: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(*parts).read_text())
    return found


# ---- formats


def test_several_formats_at_once(ran: Any, with_patient: Any) -> None:
    with_patient(SICK)
    formats = ("github", "sarif:new/out.sarif", "junit:new/out.xml", "json:new/out.json", "terminal:new/out.txt")
    code, out, err = ran("check", *(f"--format={text}" for text in formats), "train.py")
    assert (code, err) == (1, "")
    assert out.startswith("::error file=train.py,line=3,title=missing-zero-grad (T)::")
    assert checked(Path("new/out.sarif").read_text())["runs"][0]["results"][0]["ruleId"] == "missing-zero-grad"
    assert JUnitXml.fromfile("new/out.xml").failures == 1
    assert document("new/out.json")["exit_code"] == 1
    assert Path("new/out.txt").read_text().startswith("SICK  train.py")


def test_a_file_leaves_stdout_to_the_terminal(ran: Any, with_patient: Any) -> None:
    with_patient(HEALTHY)
    code, out, _ = ran("check", "-q", "--format", "sarif:out.sarif", "train.py")
    assert (code, out) == (0, "HEALTHY  train.py: no fault was found.\n")


def test_report_writes_the_same_formats(ran: Any, with_patient: Any) -> None:
    with_patient(SICK)
    ran("check", "-q", "--out", "run", "train.py")
    code, out, _ = ran("report", "--format", "sarif", "run")
    assert code == 1
    assert json.loads(out)["runs"][0]["results"][0]["level"] == "error"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--format", "sarif", "--format", "json"], "would both go to stdout"),
        (["--format", "sarof"], "did you mean sarif?"),
        (["--format", "sarif:"], "the file is missing"),
        (["--format", "sarif:folder"], "it is a folder"),
        (["--format", "sarif:train.py"], "not written to a .py file"),
        (["--format", "sarif:file/out.sarif"], "file is not a folder"),
        (["--baseline", "none.json"], "no such baseline"),
        (["--update-baseline"], "--update-baseline needs --baseline"),
        (["--config", "none.toml"], "cannot be read"),
        (["--config", "pyproject.toml"], "holds no [tool.nndoctor]"),
        (["--checks", "none"], "no such file or folder"),
        (["--all"], "leave train.py out"),
    ],
)
def test_bad_options_are_told_before_anything_starts(options: list[str], told: str, ran: Any) -> None:
    Path("folder").mkdir()
    Path("file").touch()
    Path("pyproject.toml").write_text("[project]\nname = 'x'\n")
    code, out, err = ran("check", *options, "train.py")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert told in err
    assert not Path("nndoctor-runs").exists()


def test_a_report_that_can_no_longer_be_written(ran: Any, with_patient: Any) -> None:
    with_patient(f"pathlib.Path('gone').write_text('')\n{HEALTHY}")
    code, _, err = ran("check", "-q", "--format", "sarif:gone/out.sarif", "train.py")
    assert code == 2
    assert "gone/out.sarif cannot be written" in err
    assert err.count("\n") == 1


# ---- configuration


def test_the_configuration_is_used_and_the_command_line_wins(ran: Any, with_patient: Any) -> None:
    Path("nndoctor.toml").write_text("steps = 5\nseed = 7\nquick = true\nformat = 'json:out.json'\nquiet = true\n")
    with_patient(f"print(config['steps'], config['seed'], config['quick'], config['budget'])\n{HEALTHY}")
    code, out, _ = ran("check", "--steps", "6", "--out", "run", "train.py")
    assert (code, out.count("\n")) == (0, 1)
    assert Path("run/script.log").read_text() == "6 7 True 8.0\n"
    assert document("out.json")["status"] == "healthy"


def test_a_section_about_the_script_counts_for_it_alone(ran: Any, with_patient: Any) -> None:
    Path("other.py").touch()
    section = "[[target]]\nscript = 'train.py'\nargs = ['--epochs', '1']\nsteps = 4\n"
    Path("nndoctor.toml").write_text("steps = 5\n" + section)
    with_patient(f"print(config['steps'], config['arguments'])\n{HEALTHY}")
    for number, arguments in enumerate((["train.py"], ["train.py", "-x"], ["other.py"])):
        assert ran("check", "-q", "--out", f"run{number}", *arguments)[0] == 0
    logs = [Path(f"run{number}/script.log").read_text().strip() for number in range(3)]
    assert logs == ["4 ['--epochs', '1']", "4 ['-x']", "5 []"]


def test_thresholds_select_and_fail_on(ran: Any, with_patient: Any) -> None:
    with_patient(SICK)
    Path("nndoctor.toml").write_text("[thresholds.missing-zero-grad]\nmost = 1.5\npart = 1.5\n")
    assert ran("check", "-q", "train.py")[0] == 0
    Path("nndoctor.toml").write_text("ignore = ['T']\n")
    assert ran("check", "-q", "train.py")[0] == 0
    Path("nndoctor.toml").write_text("fail-on = 'never'\n")
    assert ran("check", "-q", "train.py")[0] == 0
    assert ran("check", "-q", "--fail-on", "error", "train.py")[0] == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("stepz = 3", "did you mean steps?"),
        ("steps = ", "not valid TOML"),
        ("steps = 0", "--steps must be at least 1"),
        ("select = ['xyzzy']", "no check or reason is named"),
        ("format = 'xml'", "unknown format"),
        ("checks = 'none'", "no such file or folder"),
        ("[thresholds]\ndead-rellu = 3", "did you mean dead-relu?"),
    ],
)
def test_a_wrong_configuration_is_one_line(text: str, told: str, ran: Any) -> None:
    Path("nndoctor.toml").write_text(text)
    code, out, err = ran("check", "train.py")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert told in err
    assert not Path("nndoctor-runs").exists()


def test_init_writes_a_start_and_never_overwrites(ran: Any, with_patient: Any) -> None:
    assert ran("init")[0] == 0
    text = Path("nndoctor.toml").read_text()
    assert ran("init")[0] == 2
    assert Path("nndoctor.toml").read_text() == text
    with_patient(HEALTHY)
    assert ran("check", "-q", "train.py")[0] == 0
    Path("nndoctor.toml").unlink()
    Path("pyproject.toml").write_text("[tool.nndoctor]\n")
    code, _, err = ran("init")
    assert (code, Path("nndoctor.toml").exists()) == (2, False)
    assert "holds a [tool.nndoctor] already" in err


# ---- acceptance


def test_a_baseline_from_writing_to_a_new_finding(ran: Any, with_patient: Any) -> None:
    with_patient(SICK)
    known = ("--baseline", "known.json")
    code, out, _ = ran("check", *known, "--update-baseline", "train.py")
    assert code == 0
    assert "accepted missing-zero-grad at train.py:3" in " ".join(out.split())
    [entry] = [e for e in document("known.json")["accepted"] if e["check"] == "missing-zero-grad"]
    assert (entry["file"], entry["function"], entry["target"]) == ("train.py", "main", "train.py")
    with_patient(SICK.replace("line=3", "line=30"))
    code, out, _ = ran("check", "-q", "--out", "moved", *known, "train.py")
    assert code == 0
    assert "accepted" in out
    assert "missing-zero-grad" in {row["check"] for row in document("moved/findings.json")["accepted"]}
    with_patient(SICK.replace("SGD#0", "SGD#1"))
    assert ran("check", "-q", *known, "train.py")[0] == 1


def test_a_run_that_could_not_be_judged_leaves_the_baseline_alone(ran: Any, with_patient: Any) -> None:
    with_patient(SICK)
    ran("check", "-q", "--baseline", "known.json", "--update-baseline", "train.py")
    before = Path("known.json").read_text()
    with_patient("end(); sys.exit(1)")
    code, _, err = ran("check", "-q", "--baseline", "known.json", "--update-baseline", "train.py")
    assert code == 3
    assert "stays as it was" in err
    assert Path("known.json").read_text() == before


def test_an_unknown_check_in_the_baseline(ran: Any, with_patient: Any) -> None:
    entry = {"check": "missing-zerograd", "file": "", "function": "", "names": [], "target": "train.py"}
    Path("known.json").write_text(json.dumps({"schema": 1, "accepted": [entry]}))
    code, _, err = ran("check", "--baseline", "known.json", "train.py")
    assert code == 2
    assert "names an unknown check: 'missing-zerograd'; did you mean missing-zero-grad?" in err


def test_a_comment_in_the_code(ran: Any, with_patient: Any, script: Path) -> None:
    with_patient(SICK)
    script.write_text("a = 1\n# nndoctor: ignore[missing-zero-grad]\nstep()\n")
    code, out, _ = ran("check", "--select", "missing-zero-grad", "train.py")
    assert code == 0
    assert "(accepted by a comment at train.py:3)" in " ".join(out.split())


# ---- several targets

TARGETS = """
[[target]]
script = "train.py"
[[target]]
name = "second"
script = "train.py"
args = ["--sick"]
folder = "sub"
"""
BOTH = "if config['arguments']:\n" + "".join(f"    {line}\n" for line in SICK.strip().splitlines()) + "else:\n"


@pytest.fixture
def two(ran: Any, with_patient: Any) -> None:
    with_patient(BOTH + "    train(); end()\n")
    Path("sub").mkdir()
    Path("sub/train.py").touch()
    Path("nndoctor.toml").write_text(TARGETS)


@pytest.mark.usefixtures("two")
def test_all_targets_are_run_and_summed_up(ran: Any) -> None:
    code, out, err = ran("check", "--all", "--out", "runs", "--format=json:all.json", "--format=sarif:all.sarif")
    assert code == 1
    rows = [line.split() for line in out.splitlines()]
    assert ["HEALTHY", "train.py"] in rows
    assert next(row for row in rows if row[:2] == ["SICK", "second"])[-1] == "missing-zero-grad"
    assert [target["name"] for target in document("all.json")["targets"]] == ["train.py", "second"]
    [run] = checked(Path("all.sarif").read_text())["runs"]
    assert len(run["invocations"]) == 2
    assert {r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in run["results"]} == {
        "sub/train.py"
    }
    assert (document("runs/second/findings.json")["status"], err) == (
        "sick",
        "nndoctor: train.py\nnndoctor: second\n",
    )


@pytest.mark.usefixtures("two")
def test_all_targets_share_a_baseline(ran: Any) -> None:
    known = ("--baseline", "known.json")
    assert ran("check", "--all", "-q", *known, "--update-baseline")[0] == 0
    assert {entry["target"] for entry in document("known.json")["accepted"]} == {"sub/train.py"}
    assert ran("check", "--all", "-q", *known)[0] == 0


@pytest.mark.usefixtures("two")
def test_nothing_starts_where_one_target_cannot(ran: Any) -> None:
    Path("sub/train.py").unlink()
    code, _, err = ran("check", "--all")
    assert code == 2
    assert "no such script: train.py" in err
    assert not Path("nndoctor-runs").exists()


def test_all_without_targets(ran: Any) -> None:
    code, _, err = ran("check", "--all")
    assert (code, err.count("\n")) == (2, 1)
    assert "`nndoctor init` writes an example" in err
