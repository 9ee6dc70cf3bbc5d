"""The list as a whole: causes in order, a sentence each, edits only of files that are still what ran."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from nndoctor import Check, Finding, Recording, Severity, SourceLine, check, cli
from nndoctor.diagnose import diagnose
from nndoctor.prescription import Prescription, prescribe
from nndoctor.prescription.files import digest, fingerprints
from nndoctor.prescription.prescribe import sentence
from nndoctor.recording import Recorder
from nndoctor.records import Backward, Environment, OptimizerStep, SourceFile, Step

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nndoctor.records import Record

TRAIN = """\
for x, y in loader:
    loss = f(model(x), y)
    loss.backward()
    opt.step()
"""


@dataclass
class Case:
    """Checks that fire where they are told to."""

    folder: Path
    text: str = TRAIN
    rows: list[Record] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.folder / "train.py").write_text(self.text)
        self.rows += [
            Environment(name="cwd", value=str(self.folder)),
            SourceFile(file="train.py", digest=digest(self.text.encode())),
        ]

    def prescribed(self, *checks: Check) -> Prescription:
        run = Recording.of(self.rows)
        return prescribe(run, diagnose(run, checks))


def firing(name: str, line: int, *, severity: Severity = Severity.ERROR, explains: tuple[str, ...] = ()) -> Check:
    """Return a check that finds something at a line of train.py."""

    @check(name, reason="T", severity=severity, needs=[], explains=list(explains))
    def found(_run: Recording) -> Iterator[Finding]:
        """It fires."""
        yield Finding("It is so.", f"Look after {name}. Then rest.", where=SourceLine("train.py", line))

    return found


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.chdir(tmp_path)
    return Case(tmp_path)


def test_causes_have_edits_and_symptoms_and_notes_are_left_out(case: Case) -> None:
    found = case.prescribed(
        firing("loss-flat", 2),
        firing("missing-zero-grad", 4, explains=("loss-flat",)),
        firing("worth-knowing", 1, severity=Severity.NOTE),
        firing("other-fault", 1, severity=Severity.WARNING),
    )
    assert [i.check for i in found.items] == ["missing-zero-grad", "other-fault"]
    assert found.items[0].change == "Insert `opt.zero_grad()` before `loss.backward()`."
    assert str(found.items[0].where) == "train.py:3"
    assert found.items[1].change == "Look after other-fault."
    assert not found.items[1].diff
    assert found.patch == found.items[0].diff
    assert found.patch.startswith("--- a/train.py\n+++ b/train.py\n@@ ")


def test_of_two_edits_of_one_place_the_first_cause_has_its_way(case: Case) -> None:
    case.rows.append(Backward(file="train.py", line=3))
    case.text = TRAIN
    found = case.prescribed(firing("missing-zero-grad", 4), firing("eval-mode-in-training", 2))
    assert all(item.diff for item in found.items)  # one goes before the loop, one into it
    subprocess.run(["git", "apply", "-"], input=found.patch.encode(), cwd=case.folder, check=True)
    text = (case.folder / "train.py").read_text()
    assert text.startswith("model.train()\nfor x, y in loader:")
    assert "    opt.zero_grad()\n    loss.backward()" in text

    @check("gradients-cleared-before-step", reason="T", severity=Severity.WARNING, needs=[])
    def again(_run: Recording) -> Iterator[Finding]:
        """It fires."""
        yield Finding("It is so.", "Look.", where=SourceLine("train.py", 4))

    case.text = TRAIN.replace("    opt.step()", "    opt.zero_grad()\n    opt.step()")
    Case.__post_init__(case)
    found = case.prescribed(firing("missing-zero-grad", 5), again)
    assert [bool(item.diff) for item in found.items] == [True, False]


def test_a_file_that_has_changed_since_is_left_alone(case: Case) -> None:
    (case.folder / "train.py").write_text("# edited\n" + TRAIN)
    [item] = case.prescribed(firing("missing-zero-grad", 4)).items
    assert (item.diff, item.change) == ("", "Look after missing-zero-grad.")


def test_without_a_fingerprint_nothing_is_edited(case: Case) -> None:
    case.rows.pop()
    assert not case.prescribed(firing("missing-zero-grad", 4)).patch


def test_files_outside_of_the_working_directory_are_left_alone(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    (case.folder / "below").mkdir()
    monkeypatch.chdir(case.folder / "below")
    assert not case.prescribed(firing("missing-zero-grad", 4)).patch
    monkeypatch.chdir(case.folder.parent)
    assert case.prescribed(firing("missing-zero-grad", 4)).patch.startswith(f"--- a/{case.folder.name}/train.py")


def test_a_link_is_left_alone(case: Case) -> None:
    (case.folder / "train.py").rename(case.folder / "real.py")
    (case.folder / "train.py").symlink_to("real.py")
    assert not case.prescribed(firing("missing-zero-grad", 4)).patch


def test_fingerprints_are_of_files_that_were_there_before(case: Case) -> None:
    run = Recording.of(OptimizerStep(file=name, line=1) for name in ("train.py", "gone.py", "<string>", ""))
    now = time.time()
    assert list(fingerprints(run, home=case.folder, since=now + 9)) == [case.rows[1]]
    assert list(fingerprints(run, home=case.folder, since=now - 99)) == []


@pytest.mark.parametrize(
    ("advice", "expected"),
    [
        ("Call it. Then rest.", "Call it."),
        ("Lower it to `lr=0.01; x. y` or less; a warm-up helps.", "Lower it to `lr=0.01; x. y` or less."),
        ("Use 0.9 to 0.95", "Use 0.9 to 0.95."),
        ("Mix them: `DataLoader(d. e)`. A batch", "Mix them."),
    ],
)
def test_one_sentence_of_the_advice(advice: str, expected: str) -> None:
    assert sentence(advice) == expected


# ---- the command line


@pytest.fixture
def run(case: Case) -> Path:
    """Return the folder of a run whose gradients pile up, as the real check sees it."""
    folder = case.folder / "runs" / "one"
    folder.mkdir(parents=True)
    recorder = Recorder(folder / "recording.sqlite")
    for row in case.rows:
        recorder.add(row)
    for step in range(40):
        recorder.add(Step(step=step, parameters_changed=True, backwards=1, optimizer_steps=1, loss=1.0))
        recorder.add(Backward(step=step, file="train.py", line=3))
        recorder.add(
            OptimizerStep(step=step, optimizer="SGD#0", parameters=4, with_gradient=4, stale=4 if step else 0,
                          backwards=1, changed=4, gradient_norm=1.0 + step, file="train.py", line=4)
        )  # fmt: skip
    recorder.close()
    return folder


def test_diff_prints_the_patch_alone(run: Path, case: Case, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert cli.run(["report", str(run), "--diff"]) == 1
    out, err = capfdbinary.readouterr()
    assert b"prescription: change these" in err
    subprocess.run(["git", "apply", "-"], input=out, cwd=case.folder, check=True)
    assert "    opt.zero_grad()\n    loss.backward()\n" in (case.folder / "train.py").read_text()
    items = json.loads((run / "findings.json").read_text())["prescription"]
    assert items[0]["check"] == "missing-zero-grad"
    assert items[0]["where"] == {"file": "train.py", "line": 3, "function": ""}
    assert items[0]["diff"].encode() == out


def test_diff_to_writes_a_file_and_touches_nothing_else(
    run: Path, case: Case, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["report", str(run), "--diff-to", "fix.patch"]) == 1
    text = capsys.readouterr().out
    assert "1. Insert `opt.zero_grad()` before `loss.backward()`.  train.py:3" in text
    assert "     +    opt.zero_grad()" in text
    assert max(map(len, text.splitlines())) <= 80
    assert (case.folder / "fix.patch").read_text().startswith("--- a/train.py")
    assert (case.folder / "train.py").read_text() == TRAIN
    assert cli.run(["report", str(run), "-q", "--diff-to", "fix.patch"]) == 1  # its own may be replaced


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--diff-to", "train.py"], "is no patch"),
        (["--diff-to", "."], "not a file"),
        (["--diff-to", "nowhere/fix.patch"], "not a file"),
        (["--diff", "--format", "json"], "both want stdout"),
    ],
)
def test_what_cannot_be_written_is_said_in_one_line(
    options: list[str], said: str, run: Path, case: Case, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["report", str(run), *options]) == 2
    assert said in capsys.readouterr().err
    assert (case.folder / "train.py").read_text() == TRAIN


def test_no_edit_no_patch(run: Path, case: Case, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    (case.folder / "train.py").write_text("changed()\n")
    assert cli.run(["report", str(run), "-q", "--diff-to", "fix.patch", "--diff"]) == 1
    out, err = capfdbinary.readouterr()
    assert out == b""
    assert b"no edit is certain enough" in err
    assert not (case.folder / "fix.patch").exists()
