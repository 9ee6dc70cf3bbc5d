"""The report as text: what is in it, how wide it is, and that nothing of the user's steers the terminal."""

from __future__ import annotations

import io
import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from nndoctor import Check, Curve, Finding, Measure, Quote, Recording, Severity, SourceLine, Table, check
from nndoctor.diagnose import Diagnosis, diagnose
from nndoctor.records import Environment, Event, Experiment, Record, Step
from nndoctor.reports import evidence, findings_json, live, remarks, terminal
from nndoctor.reports.words import clean, number, seconds, soften

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NASTY = "[bold]net\x1b[31m.0"


@check("cause-of-it", reason="R19", severity=Severity.ERROR, needs=[], explains=["symptom-of-it"])
def cause_of_it(_run: Recording) -> Iterator[Finding]:
    """Softmax goes into the cross-entropy."""
    yield Finding(
        message=f"The rows of the input of `cross_entropy` sum to one ({NASTY}).",
        advice="Return the logits: delete the softmax at the end of the model's forward, and let the loss do it.",
        where=SourceLine("train.py", 2, "train"),
        names=(NASTY,),
        evidence=(
            Measure("sum of a row", 1.0, "anything"),
            Curve("loss", (0, 1, 2), (2.3, 2.2, 2.1)),
            Table("layers", ("name", "zeros"), ((NASTY, "1"),) * 9),
            Quote("code", "loss = criterion(softmax(x), y)"),
        ),
        certain=False,
    )


@check("symptom-of-it", reason="R27", severity=Severity.ERROR, needs=[])
def symptom_of_it(_run: Recording) -> Iterator[Finding]:
    """One small batch is not fitted."""
    yield Finding(message="After 150 steps the accuracy is 40 %. " + "Long " * 40, advice="Fix the cause.")


@check("worth-knowing", reason="R33", severity=Severity.NOTE, needs=[])
def worth_knowing(_run: Recording) -> Iterator[Finding]:
    """Something is worth knowing."""
    yield Finding(message="Updates are small.", advice="Nothing.")


RECORDS: list[Record] = [
    *(Step(step=step, parameters_changed=True) for step in range(9)),
    Environment(name="script", value="train.py"),
    Environment(name="target", value="train.py --epochs 3"),
    Experiment(name="overfit", outcome="cut", why="time", steps=40, wanted=150, batch_size=16, seconds=2.0),
    Event(kind="instrument", text="gradients: switched off"),
    Event(kind="save", text="model.pt"),
]


def diagnosed(*checks: Check, records: list[Record] = RECORDS) -> tuple[Recording, Diagnosis]:
    run = Recording.of(records)
    return run, diagnose(run, checks)


def drawn(folder: Path, *checks: Check, records: list[Record] = RECORDS, width: int = 80, **how: Any) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False, markup=False, emoji=False)
    terminal.show(*diagnosed(*checks, records=records), folder, console, **how)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.fixture
def text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text("import torch\n  loss = criterion(model(x).softmax(-1), y)\n")
    return drawn(tmp_path, symptom_of_it, worth_knowing, cause_of_it)


def test_the_verdict_comes_first(text: str) -> None:
    first = " ".join(text.split("\n\n", maxsplit=1)[0].split())
    assert first == "SICK train.py: Softmax goes into the cross-entropy (cause-of-it, train.py:2)."


@pytest.mark.parametrize(
    "part",
    [
        "error R19 cause-of-it",
        "train.py:2 in train",
        "loss = criterion(model(x).softmax(-1), y)",
        "sum of a row: 1 (expected anything)",
        "loss: 2.3 \u2588\u2585\u2581 2.1 (steps 0-2)",
        "do: Return the logits",
        "nndoctor explain cause-of-it",
        "(inferred, not measured directly)",
        "... 4 more rows",
        "explains these symptoms:",
        "note worth-knowing: Updates are small.",
        "experiment overfit: cut at 40 of 150 steps, on a batch cut to 16 samples (time)",
        "instrument: gradients: switched off",
        "1 write(s) of the script went to the run's scratch folder",
        "R19\N{NO-BREAK SPACE}x",
        "R33\N{NO-BREAK SPACE}i",
        "R01\N{NO-BREAK SPACE}.",
        "34 not checked yet",
    ],
)
def test_what_is_told(part: str, text: str) -> None:
    assert part in text


def test_a_symptom_is_one_line_under_its_cause(text: str) -> None:
    [line] = [line for line in text.splitlines() if "symptom-of-it" in line]
    assert line.startswith("    error   R27 symptom-of-it: After 150 steps")
    assert "Fix the cause." not in text


def test_it_ends_with_the_folder_in_one_piece(tmp_path: Path) -> None:
    deep = tmp_path / ("long" * 30)
    assert drawn(deep).splitlines()[-1] == f"run: {deep}"


@pytest.mark.parametrize("width", [80, 40])
def test_no_line_is_wider_than_the_terminal(width: int, tmp_path: Path) -> None:
    for verbose in (False, True):
        lines = drawn(tmp_path, symptom_of_it, worth_knowing, cause_of_it, width=width, verbose=verbose).splitlines()
        assert max(map(len, lines[:-1])) <= width


def test_what_the_user_wrote_is_neither_markup_nor_an_escape(text: str) -> None:
    assert "\x1b" not in text
    assert "[bold]net" in text


def test_quiet_is_the_verdict_alone(tmp_path: Path) -> None:
    assert drawn(tmp_path, quiet=True) == "HEALTHY  train.py: no fault was found.\n"


def test_verbose_tells_every_reason_and_symptoms_in_full(tmp_path: Path) -> None:
    text = " ".join(drawn(tmp_path, symptom_of_it, cause_of_it, verbose=True).split())
    assert "Fix the cause." in text
    assert "Are the samples shuffled?" in text


def test_colour_only_on_a_terminal(tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, color_system="standard", width=80)
    terminal.show(*diagnosed(cause_of_it), tmp_path, console)
    assert isinstance(console.file, io.StringIO)
    assert "\x1b[1;31mSICK" in console.file.getvalue()


def test_json_holds_all_of_it_and_is_strict(tmp_path: Path) -> None:
    @check("not-a-number", reason="R37", severity=Severity.ERROR, needs=[])
    def not_a_number(_run: Recording) -> Iterator[Finding]:
        """A NaN."""
        yield Finding("m", "a", evidence=(Measure("x", math.nan), Measure("x", math.inf), Curve("c", (0,), (1.0,))))

    run, diagnosis = diagnosed(cause_of_it, symptom_of_it, not_a_number)
    document = json.loads(findings_json.render(run, diagnosis, tmp_path), parse_constant=pytest.fail)
    nan, first, second = document["diagnosis"]
    assert (first["check"], first["where"]["line"], first["confirmed"], first["trial"]) == (
        "cause-of-it",
        2,
        None,
        None,
    )
    assert first["evidence"]["sum of a row"] == {"kind": "measure", "value": 1.0, "expected": "anything"}
    assert first["explains"] == ["symptom-of-it"]
    assert (second["check"], second["explained_by"]) == ("symptom-of-it", "cause-of-it")
    assert nan["evidence"]["x"]["value"] is nan["evidence"]["x (2)"]["value"] is None
    assert document["seconds"] == {"total": None, "overfit": 2.0}
    assert document["target"] == "train.py --epochs 3"


def test_progress_leaves_out_what_is_missing() -> None:
    assert live.described({"phase": "observe", "step": 12, "of": 40, "loss": 1.2, "left": 43.1}) == (
        "observe  step 12 of 40  loss 1.2  43.1 s left"
    )
    assert live.described({"phase": "import"}) == "import"
    assert live.described({"phase": None, "step": "x", "loss": math.nan}) == "None  loss nan"


def test_words() -> None:
    assert [number(value) for value in (3.0, 0.12345, 1e12, math.nan, math.inf)] == [
        "3",
        "0.1235",
        "1e+12",
        "nan",
        "inf",
    ]
    assert (seconds(4.25), seconds(190), seconds(math.nan)) == ("4.25 s", "3 min 10 s", "nan s")
    assert clean("a\x1b[0m\tb\nc\x07") == "a\N{REPLACEMENT CHARACTER}[0m b\nc\N{REPLACEMENT CHARACTER}"
    assert evidence.sparkline([]) == ""
    assert evidence.sparkline([1.0, 1.0]) == "\u2581\u2581"


def test_places_are_links_on_terminals_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text("1\n2\n")
    link = f"\x1b]8;id={{}};{(tmp_path / 'train.py').as_uri()}#2"
    for terminal_like in (True, False):
        environment = {"TERM": "xterm"}
        console = Console(file=io.StringIO(), force_terminal=terminal_like, width=80, _environ=environment)
        terminal.show(*diagnosed(cause_of_it), tmp_path, console)
        assert isinstance(console.file, io.StringIO)
        assert (link.partition("{}")[2] in console.file.getvalue()) is terminal_like


def test_quiet_is_one_line_however_narrow(tmp_path: Path) -> None:
    assert len(drawn(tmp_path, cause_of_it, width=30, quiet=True).splitlines()) == 1


def test_streams_without_unicode_get_what_looks_alike() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    soften(stream, object())
    stream.write("\u2581\u2588 \u2500\u2026\N{NO-BREAK SPACE}\u00e9")
    stream.flush()
    assert stream.buffer.getvalue() == b"_# -~ ?"


@pytest.mark.parametrize(
    ("own", "place"), [(1e-5, "below"), (3e-4, "at the lower end"), (5e-4, "within"), (0.5, "above")]
)
def test_the_range_test_is_told_with_the_scripts_own_rate(own: float, place: str) -> None:
    rates = [10.0 ** (-6 + i / 8) for i in range(40)]
    rows = [
        Step(experiment="lr-sweep", step=i, lr=rate, loss=2.0 - 1.5 * (i > 20) + 3.0 * (i > 30), optimizer_steps=1)
        for i, rate in enumerate(rates)
    ]
    told = str(remarks.rates(Recording.of([*rows, Step(lr=own)]))[0])
    assert told.startswith("learning rates at which the loss falls: 0.0004")
    assert "diverging from" in told
    assert told.endswith(f"the script's own is {own:.2g}, {place}")
    assert remarks.rates(Recording.of([Step(lr=own)])) == []
