"""Two runs side by side: what was changed is told from what came of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nndoctor import Finding, Recording, Severity, SourceLine, cli
from nndoctor.check import Check, check
from nndoctor.comparing import ONE_AT_A_TIME, Compared, Comparison, compare
from nndoctor.comparing.code import code_changes
from nndoctor.comparing.facts import data, environment
from nndoctor.diagnose import diagnose
from nndoctor.recording import FILE_NAME, Recorder
from nndoctor.records import (
    Batch,
    Environment,
    Loader,
    LossCall,
    Optimizer,
    Parameter,
    Record,
    Source,
    SourceFile,
    Step,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

CODE = "import torch\nnet = build()\noptimizer = SGD(net.parameters(), lr=0.1)\nfor x, y in loader:\n    step(x, y)\n"


def recording(
    *more: Record, code: str = CODE, arguments: str = "", losses: tuple[float, ...] = (2.0, 1.0)
) -> Recording:
    steps = [Step(step=i, loss=loss, parameters_changed=True) for i, loss in enumerate(losses)]
    texts = [Source(file="train.py", text=code)] if code else []
    facts = {"script": "train.py", "target": f"train.py {arguments}", "arguments": arguments}
    return Recording.of([*steps, *texts, *(Environment(name=n, value=v) for n, v in facts.items()), *more])


def compared(before: Recording, after: Recording, *checks: Check) -> Comparison:
    return compare(*(Compared(n, run, diagnose(run, checks)) for n, run in (("a", before), ("b", after))))


def test_the_same_run_twice():
    found = compared(recording(), recording(losses=(2.1, 0.9)))
    assert found.verdict == "Nothing that was recorded differs between the runs."
    assert found.changes == []


def test_one_line_of_code_is_one_change_whatever_it_does():
    before = recording(Optimizer(name="SGD#0", type="SGD", lr=0.1))
    after = recording(Optimizer(name="SGD#0", type="SGD", lr=0.01), code=CODE.replace("0.1", "0.01"))
    found = compared(before, after)
    assert [(d.what, d.before, d.after) for d in found.hyper_parameters] == [("lr", "0.1", "0.01")]
    assert found.verdict == (
        "One thing differs: train.py:3: `optimizer = SGD(net.parameters(), lr=0.1)` is now "
        "`optimizer = SGD(net.parameters(), lr=0.01)`."
    )


def test_two_changes_are_one_too_many():
    code = CODE.replace("lr=0.1", "lr=0.01")
    found = compared(recording(arguments="--epochs 3"), recording(code=code, arguments="--epochs 9"))
    assert [(d.what, d.before, d.after) for d in found.arguments] == [("--epochs", "3", "9")]
    assert found.verdict == f"2 things differ: {ONE_AT_A_TIME}."


def test_what_no_code_explains_counts_itself():
    before = recording(Optimizer(name="SGD#0", type="SGD", lr=0.1))
    after = recording(Optimizer(name="SGD#0", type="SGD", lr=0.01))
    assert compared(before, after).verdict == "One thing differs: lr: 0.1 is now 0.01."


def test_comments_and_blank_lines_are_no_change():
    code = f"# tuned by hand\n\n{CODE}"
    assert compared(recording(), recording(code=code)).changes == []


def test_code_that_is_not_known_is_said_to_be():
    found = compared(recording(), recording(code=""))
    assert not found.code_is_known
    assert "the code of one of them was not recorded" in found.verdict


def test_hashes_tell_that_a_file_changed():
    before = recording(SourceFile(file="train.py", digest="a"), SourceFile(file="net.py", digest="b"), code="")
    after = recording(SourceFile(file="train.py", digest="x"), SourceFile(file="net.py", digest="b"), code="")
    changes, known = code_changes(before, after)
    assert known
    assert [change.told for change in changes] == ["train.py has changed"]


def test_scripts_are_matched_whatever_their_names():
    before = Recording.of([Environment(name="script", value="a.py"), Source(file="a.py", text=CODE)])
    after = Recording.of(
        [Environment(name="script", value="exp/b.py"), Source(file="exp/b.py", text=CODE.replace("step(x", "move(x"))]
    )
    [change], _ = code_changes(before, after)
    assert change.told == "exp/b.py:5: `step(x, y)` is now `move(x, y)`"


def test_another_program_is_not_listed_line_by_line():
    other = "\n".join(f"print({i})" for i in range(9))
    [change], _ = code_changes(recording(), recording(code=other))
    assert change.told == "train.py is another program"


def test_arguments_of_all_shapes():
    before = recording(arguments="data.csv --lr=0.1 --momentum -0.5 --amp 'unclosed")
    after = recording(arguments="other.csv --lr 0.2 --momentum -0.5")
    assert [(d.what, d.before, d.after) for d in compared(before, after).arguments] == [
        ("argument 1", "data.csv", "other.csv"),
        ("--lr", "0.1", "0.2"),
        ("--amp", "'unclosed", "-"),
    ]


def test_data_and_model():
    shared = {"split": "train", "dataset_type": "TensorDataset", "batch_size": 32}
    before = recording(
        Loader(name="l", order="shuffled", **shared),
        Batch(role="input", shape=(32, 4), dtype="float32", mean=0.0, std=1.0),
        Parameter(name="w", numel=10),
    )
    after = recording(
        Loader(name="l", order="sequential", **shared),
        Batch(role="input", shape=(32, 4), dtype="float32", mean=120.0, std=70.0),
        Parameter(name="w", numel=20),
    )
    found = compared(before, after)
    assert [d.what for d in found.data] == ["train order", "batch, input: mean", "batch, input: standard deviation"]
    assert [(d.before, d.after) for d in found.model] == [("10", "20")]


def test_batches_drawn_anew_do_not_differ():
    runs = [recording(Batch(role="input", shape=(32, 4), mean=mean, std=std)) for mean, std in ((0.0, 1.0), (0.1, 1.1))]
    assert list(data(*runs)) == []


def test_curves_at_the_same_steps():
    before = recording(*(LossCall(step=i, metric="accuracy", score=0.1 * i) for i in range(4)), losses=(3.0, 2.0, 1.0))
    after = recording(
        *(LossCall(step=i, metric="accuracy", score=0.2 * i) for i in range(4)), losses=(3.0, float("nan"))
    )
    loss, accuracy = compared(before, after).curves
    assert (loss.what, loss.steps, loss.before, loss.after) == ("loss", (0,), (3.0,), (3.0,))
    assert accuracy.end == pytest.approx((0.3, 0.6))


def test_environment():
    runs = [Recording.of([Environment(name="torch", value=v), Environment(name="cwd", value=v)]) for v in "12"]
    assert [d.told for d in environment(*runs)] == ["torch: 1 is now 2"]


@check("loss-odd", reason="R19", severity=Severity.ERROR, needs=[])
def loss_odd(run: Recording) -> Iterator[Finding]:
    """The loss is odd."""
    if run.rows(Step)[-1].loss > 1:
        yield Finding(message="odd", advice="mend it", where=SourceLine("train.py", len(run.rows(Step)), "main"))


def test_findings_gained_lost_and_kept_wherever_the_line_moved():
    well, sick, longer = recording(losses=(2.0, 1.0)), recording(losses=(2.0, 2.0)), recording(losses=(2.0,) * 9)
    assert [e.check.name for e in compared(well, sick, loss_odd).gained] == ["loss-odd"]
    assert [e.check.name for e in compared(sick, well, loss_odd).lost] == ["loss-odd"]
    found = compared(sick, longer, loss_odd)
    assert ([e.check.name for e in found.kept], found.gained, found.lost) == (["loss-odd"], (), ())


# ---- the command


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    for name, lr in (("a", 0.1), ("b", 0.01)):
        Path(name).mkdir()
        recorder = Recorder(Path(name, FILE_NAME))
        for row in recording(
            losses=(2.0, 1.5, 1.0), code=CODE.replace("0.1", str(lr)) + "# \x1b[31m[bold]"
        )._rows.values():
            for each in row:
                recorder.add(each)
        recorder.close()


def test_terminal(runs: None, capsys: pytest.CaptureFixture[str]):
    assert cli.run(["compare", "a", "b"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("One thing differs: train.py:3:")
    for part in ("before a", "after  b", "- optimizer = SGD", "2 to 1", "Findings"):
        assert part in out
    assert max(map(len, out.splitlines())) <= 80
    assert "\x1b" not in out


def test_json_and_html(runs: None, capsys: pytest.CaptureFixture[str]):
    assert cli.run(["compare", "a", "b", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert len(document["changes"]) == 1
    assert document["curves"][0]["end"] == [1.0, 1.0]
    assert cli.run(["compare", "a", "b/recording.sqlite", "--format", "html"]) == 0
    page = capsys.readouterr().out
    assert page.startswith("<!DOCTYPE html>")
    assert "One thing differs" in page


@pytest.mark.parametrize("second", ["nothing-here", ".", "other.txt"])
def test_what_is_no_run_is_refused_in_one_line(runs: None, capsys: pytest.CaptureFixture[str], second: str):
    Path("other.txt").write_text("no run")
    assert cli.run(["compare", "a", second]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("nndoctor: error: no recording:")
