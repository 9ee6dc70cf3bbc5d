"""report.html as text: what is in it, that all of the user's is text, how large it is, from how little it is made."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
import math
import re
import sqlite3
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from typed_runs import CHECKS, HOSTILE, huge_records, records_of

from nndoctor import Recording, Severity, SourceLine
from nndoctor.acceptance import Acceptance, accept
from nndoctor.diagnose import diagnose
from nndoctor.locating import Locator
from nndoctor.prescription import Item, Prescription
from nndoctor.recording import Recorder
from nndoctor.records import (
    Environment,
    Evaluation,
    Event,
    LossCall,
    Parameter,
    Record,
    Sample,
    Source,
    Step,
    TensorStats,
    Trial,
)
from nndoctor.reports.html import curves, data, distributions, layers, render, surroundings, tree, trials
from nndoctor.reports.html.charts import Heat, Lines, Series, quantised, thinned
from nndoctor.reports.html.code import Code
from nndoctor.reports.html.prescribed import diff_lines
from nndoctor.reports.html.wording import as_json, inline, visible

if TYPE_CHECKING:
    from pathlib import Path

    from nndoctor import Check
    from nndoctor.diagnose import Entry

SECTIONS = ["verdict", "findings", "checklist", "curves", "layers", "model", "data", "run"]


class Reader(HTMLParser):
    """Collects what a browser would take from the page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text: list[str] = []
        self._in: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        while self._in and self._in.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._in and self._in[-1] == "script":
            self.scripts[-1] += data
        elif not (self._in and self._in[-1] == "style"):
            self.text.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    return reader


def drawn(run: Recording, checks: tuple[Check, ...], folder: Path) -> str:
    return render(run, diagnose(run, checks), folder)


@pytest.fixture(scope="module")
def ordinary() -> Recording:
    return Recording.of(records_of("train.py"))


@pytest.fixture(scope="module")
def page(ordinary: Recording, tmp_path_factory: pytest.TempPathFactory) -> str:
    return drawn(ordinary, CHECKS, tmp_path_factory.mktemp("run"))


def test_every_section_is_there_in_order(page: str) -> None:
    assert [section["id"] for section in read(page).of("section")] == SECTIONS


@pytest.mark.parametrize(
    "text",
    [
        "Something is wrong at the root of it",
        "Root cause",
        "Mend train.py.",
        "symptom of cause-of-it",
        "inferred, not measured directly",
        "About this check",
        "x = 'train.py'",
        "Loss by experiment",
        "Update / weight of each step",
        "Samples per class",
        "What the first layer gets",
        "Where the time of a step goes (median)",
        "--epochs 3",
        "and 20 more rows",
    ],
)
def test_what_is_told(text: str, page: str) -> None:
    assert text in " ".join("".join(read(page).text).split())


def test_all_37_reasons_are_listed(page: str) -> None:
    text = "".join(read(page).text)
    assert all(f"R{number:02d}" in text for number in range(1, 38))


def test_every_link_leads_somewhere(page: str) -> None:
    reader = read(page)
    ids = {attributes["id"] for _, attributes in reader.tags if attributes.get("id")}
    inner = {str(a["href"]).removeprefix("#") for a in reader.of("a") if str(a["href"]).startswith("#")}
    assert inner <= ids
    assert len(ids) == sum(bool(attributes.get("id")) for _, attributes in reader.tags)


def test_every_chart_has_data_and_words(page: str) -> None:
    reader = read(page)
    charts = json.loads(next(s for s in reader.scripts if s.startswith('{"chart-')))
    figures = [str(f["id"]) for f in reader.of("figure")]
    assert sorted(figures) == sorted(charts)
    assert all(label.get("aria-label") for label in reader.of("div") if label.get("role") == "img")
    assert all(image.get("alt") for image in reader.of("img"))


def test_the_policy_names_each_script_by_its_hash_and_allows_no_network(page: str) -> None:
    reader = read(page)
    [policy] = [m["content"] for m in reader.of("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in policy
    assert "http" not in policy
    kinds = [s.get("type") for s in reader.of("script")]
    for kind, script in zip(kinds, reader.scripts, strict=True):
        if kind is None:
            assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in policy
    assert not [
        a for _, a in reader.tags if a.get("src", "data:") and not str(a.get("src", "data:")).startswith("data:")
    ]
    assert not reader.of("link")


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_strings_that_mean_harm_are_text(name: str, tmp_path: Path) -> None:
    reader = read(drawn(Recording.of(records_of(name)), CHECKS, tmp_path))
    assert [section["id"] for section in reader.of("section")] == SECTIONS
    assert len(reader.scripts) == 5
    assert not [key for _, attributes in reader.tags for key in attributes if key.startswith("on")]
    assert not [a for a in reader.of("a") if not str(a["href"]).startswith(("#", "https://"))]
    text = "".join(reader.text)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", text)
    shown = visible(name) if len(name) > 1200 else visible(name).strip()
    assert shown in text


def test_an_ordinary_page_is_small(page: str) -> None:
    assert len(page.encode()) < 3_000_000


@pytest.mark.slow
def test_a_huge_run_stays_within_bounds_and_keeps_its_extremes(
    tmp_path: Path,
) -> None:
    page = drawn(Recording.of(huge_records()), CHECKS, tmp_path)
    assert len(page.encode()) < 6_000_000
    assert "highest 50.29" in html.unescape(page)


def test_an_empty_recording_makes_a_page(tmp_path: Path) -> None:
    reader = read(drawn(Recording.of([]), CHECKS[2:], tmp_path))
    assert [section["id"] for section in reader.of("section")] == SECTIONS
    assert "No training step was seen." in "".join(reader.text)


def test_an_older_recording_without_tables_and_columns_makes_a_page(tmp_path: Path) -> None:
    path = tmp_path / "recording.sqlite"
    recorder = Recorder(path)
    for record in records_of("train.py"):
        recorder.add(record)
    recorder.close()
    with sqlite3.connect(path) as database:
        for table in ("histogram", "sample", "source"):
            database.execute(f"DROP TABLE {table}")
        database.execute("ALTER TABLE module DROP COLUMN output_shape")
        database.execute("ALTER TABLE step DROP COLUMN data_seconds")
    reader = read(drawn(Recording.open(path), CHECKS, tmp_path))
    assert [section["id"] for section in reader.of("section")] == SECTIONS


def test_a_crash_is_told_with_its_end(tmp_path: Path) -> None:
    trace = 'Traceback (most recent call last):\n  File "train.py", line 2, in <module>\nValueError: <b>no</b>\n'
    records: list[Record] = [
        Event(kind="exception", text="ValueError: <b>no</b>", detail=trace, file="train.py", line=2),
        Source(file="train.py", text="import torch\nraise ValueError\n"),
    ]
    text = "".join(read(drawn(Recording.of(records), (), tmp_path)).text)
    assert "How the script ended" in text
    assert "raise ValueError" in text
    assert "ValueError: <b>no</b>" in text


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("plain \u00e9\u4e2d\n", "plain \u00e9\u4e2d\n"),
        ("\x1b[0m", "[U+001B][0m"),
        ("a\u202eb", "a[U+202E]b"),
        ("\ud800", "[U+D800]"),
    ],
)
def test_what_would_hide_is_shown_by_its_number(given: str, shown: str) -> None:
    assert visible(given) == shown


def test_a_long_string_loses_its_middle() -> None:
    assert visible("ab" * 5000, 10) == "ababa [... 9,990 characters ...] babab"


def test_code_in_a_sentence() -> None:
    assert inline("call `a<b>()` now & `c`") == "call <code>a&lt;b&gt;()</code> now &amp; <code>c</code>"


def test_json_cannot_end_its_element() -> None:
    text = as_json({"</script>": ["<!--", math.nan, math.inf, 1.0, 0.123456789, b"\x00\xff", None, True]})
    assert "<" not in text
    assert json.loads(text) == {"</script>": ["<!--", None, None, 1, 0.12346, "AP8=", None, True]}


def test_thinning_keeps_the_extremes_and_the_gaps() -> None:
    values = [0.0] * 10_000
    values[1234], values[5678], values[7777] = 9.0, -9.0, math.nan
    steps, kept = thinned(range(10_000), values, most=100)
    assert len(steps) <= 110
    assert (1234 in steps, 5678 in steps, 7777 in steps) == (True, True, True)
    assert max(v for v in kept if not math.isnan(v)) == 9.0


def test_levels_of_a_heat_map() -> None:
    cells = np.array([[1.0, 100.0, 10.0], [0.0, np.nan, np.nan]])
    broken = np.array([[False, False, False], [False, False, True]])
    levels, low, high = quantised(cells, broken, log=True)
    assert (low, high) == (1.0, 100.0)
    assert levels.tolist() == [[1, 254, 128], [1, 0, 255]]
    assert quantised(np.full((1, 1), 3.0), np.zeros((1, 1), dtype=bool), log=False)[1:] == (3.0, 3.0)


def test_a_wide_heat_map_keeps_the_cell_that_stands_out() -> None:
    rows = [TensorStats(name="a", step=step, std=50.0 if step == 777 else 1.0) for step in range(1000)]
    rows.append(TensorStats(name="a", step=1000, std=1.0, non_finite=3))
    chart = next(layers.heat_maps(Recording.of(rows)))
    assert isinstance(chart, Heat)
    assert chart.cells.shape[1] == layers.MOST_COLUMNS
    assert np.nanmax(chart.cells) == 50.0
    assert chart.broken.sum() == 1
    assert "Not finite: 1 cell, first in a." in chart.summary


def test_update_ratio_is_of_the_sizes_not_of_the_numbers_of_values() -> None:
    rows = [
        TensorStats(kind="weight", name="w", numel=10_000, norm=100.0),
        TensorStats(kind="update", name="w", numel=100, norm=0.01),
    ]
    assert layers.update_ratios(rows[1:], rows[:1]) == {"w": {(0, 0): pytest.approx(1e-3)}}


def test_a_sweep_of_rates_is_shaded_where_it_is_usable_and_the_own_rate_is_marked() -> None:
    rates = [10.0 ** (-6 + i / 8) for i in range(40)]
    rows = [
        Step(experiment="lr-sweep", step=i, lr=rate, loss=2.0 - 1.5 * (i > 20) + 3.0 * (i > 30), optimizer_steps=1)
        for i, rate in enumerate(rates)
    ]
    [chart] = curves.sweeps(Recording.of([*rows, Step(lr=1e-3)]))
    usable, own = chart.bands
    assert rates[18] < usable.low <= usable.high < rates[32]
    assert own.low == own.high == 1e-3
    assert "shaded: the loss falls" in chart.summary
    assert "dotted line: the script's own rate, 0.001" in chart.summary
    flat = [replace(row, loss=2.0) for row in rows]
    [chart] = curves.sweeps(Recording.of(flat))
    assert chart.bands == ()


def watched(steps: int) -> Recording:
    rows: list[Record] = [Environment(name="command", value="watch")]
    rows += [Step(step=i, loss=1.0 + (i % 2), score=0.5 if i % 5 == 0 else math.nan, lr=0.1) for i in range(steps)]
    rows += [Evaluation(step=s, loss=2.0, metric="accuracy", score=0.25) for s in (steps // 2, steps)]
    return Recording.of(rows)


def test_a_watched_training_is_drawn_against_its_evaluations() -> None:
    loss, score = curves.all_curves(watched(2000))
    assert loss.title == "Loss of training and validation"
    assert score.title == "Accuracy of training and validation"
    assert [(s.name, len(s.values), s.dashed, s.faint) for s in loss.series] == [
        ("train, mean of 33 steps", 60, False, False),
        ("validation", 2, True, False),
        ("each training batch", 2000, False, True),
    ]
    assert all(1.45 < value < 1.55 for value in loss.series[0].values)
    assert (list(loss.series[1].steps), list(loss.series[1].values)) == ([1000, 2000], [2.0, 2.0])
    assert min(score.series[0].steps) < 40
    assert {v for s in (score.series[0], score.series[-1]) for v in s.values} == {0.5}


def test_a_rate_that_stands_still_takes_a_sentence_and_no_chart() -> None:
    rows = [Step(experiment=name, step=i, lr=lr) for name, lr in (("observe", 0.1), ("tenth", 0.01)) for i in range(3)]
    sweep = Step(experiment="lr-sweep", lr=1e-6)
    assert curves.rate_sentence(Recording.of(rows[:3])) == "The learning rate was 0.1 throughout."
    told = curves.rate_sentence(Recording.of([*rows, sweep]))
    assert told == "The learning rate stood still: 0.1 (observe), 0.01 (tenth)."
    assert curves.rates(Recording.of(rows)) is None
    changed = Recording.of([*rows, Step(step=3, lr=0.05)])
    assert curves.rate_sentence(changed) == ""
    assert curves.rates(changed) is not None


def test_a_short_watched_training_is_not_smoothed() -> None:
    loss, *_ = curves.all_curves(watched(20))
    assert [s.name for s in loss.series] == ["train", "validation"]


def test_the_page_of_a_watched_training(tmp_path: Path) -> None:
    reader = read(drawn(watched(500), CHECKS, tmp_path))
    text = "".join(reader.text)
    assert "Of a watched training no samples are kept" in text
    assert "No module was called." in text
    assert not [p for p in reader.of("pre") if p.get("id") == "command"]  # watched in the user's own process


def test_training_and_validation_share_the_scripts_own_steps() -> None:
    rows: list[Record] = [Step(step=i) for i in range(3)]
    rows += [Step(experiment="coast", step=0)]
    rows += [LossCall(step=i, value=3.0 - i) for i in range(3)]
    rows += [LossCall(experiment="coast", step=0, split="validation", value=v) for v in (1.0, 2.0)]
    [chart] = curves.splits(Recording.of(rows))
    assert [(s.name, list(s.steps), list(s.values)) for s in chart.series] == [
        ("train", [0, 1, 2], [3.0, 2.0, 1.0]),
        ("validation", [3], [1.5]),
    ]


def test_summaries_say_how_a_curve_runs() -> None:
    chart = Lines("t", (Series("a", (0, 1, 2), (2.0, math.nan, 1.0)), Series("b", (0, 1), (3.0, 3.0))))
    assert chart.summary == "a: from 2 to 1 (lowest 1, highest 2, 1 not finite); b: 3 throughout."


def test_the_code_comes_from_the_recording_before_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.py").write_text("changed\n")
    (tmp_path / "b.py").write_text("    on disk\n    here\n")
    code = Code(Recording.of([Source(file="a.py", text="as it ran\n")]))

    def lines(file: str, line: int) -> list[str]:
        snippet = code.around(SourceLine(file, line))
        assert snippet is not None
        return [each.text for each in snippet.lines]

    assert lines("a.py", 1) == ["as it ran"]
    assert lines("b.py", 2) == ["on disk", "here"]
    assert lines("gone.py", 1) == lines("a.py", 9) == []
    assert code.around(None) is None


def test_the_tree_counts_parameters_of_children(ordinary: Recording) -> None:
    [root], left_out = tree.trees(ordinary, [])
    assert (root.total, [child.name for child in root.children], left_out) == (144, ["1"], 0)
    assert root.optimizer == "SGD#0"


def test_a_frozen_parameter_is_marked() -> None:
    rows = [*records_of("net", steps=2), Parameter(name="net.weight", module="net", requires_grad=False)]
    [root], _ = tree.trees(Recording.of(rows), [])
    assert root.trained == "frozen"


def test_distributions_go_by_layer(ordinary: Recording) -> None:
    rows, left_out = distributions.of_all(ordinary)
    assert [row.layer for row in rows] == ["train.py", "train.py.1"]
    assert (all(all(row.cells) for row in rows), left_out) == (True, 0)
    assert [d.kind for d in distributions.of_layers(ordinary, ["train.py.1"], most=2)] == ["activation", "gradient"]


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        (Sample(form="tokens", values=(1.0, 2.0), words=("a", "b")), ("tokens", ("1", "2"), "ab")),
        (Sample(form="tokens", values=(1.0,), words=("word",)), ("tokens", ("1",), "word ")),
        (Sample(form="table", values=(0.5, math.nan)), ("table", ("0.5", "nan"), "")),
        (Sample(form="image", size=(2, 2, 1), pixels="AA=="), ("image", (), "")),
    ],
)
def test_samples_as_they_are_shown(sample: Sample, expected: tuple[Any, ...]) -> None:
    [gallery] = data.galleries(Recording.of([sample]))
    shown = gallery.pairs[0].input
    assert (shown.form, shown.numbers, shown.words) == expected
    assert shown.image is None


def test_large_pictures_are_not_cut(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    image = Sample(form="image", size=noise.shape, pixels=base64.b64encode(noise.tobytes()).decode())
    wave = tuple(float(v) for v in np.sin(np.arange(384)))
    series = Sample(form="series", size=(3, 128), values=wave, segment=1)
    reader = read(drawn(Recording.of([image, series]), (), tmp_path))
    [source] = [str(a["src"]) for a in reader.of("img")]
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2])))), noise)
    assert [len(str(a["points"]).split()) for a in reader.of("polyline")] == [128] * 3


def test_the_command_can_be_pasted() -> None:
    facts = {
        "target": "train.py --lr 0.1",
        "script": "train.py",
        "arguments": "--lr 0.1",
        "steps": "40",
        "budget": "60",
        "seed": "",
        "cwd": "/tmp/my runs",
    }
    run = Recording.of(Environment(name=name, value=value) for name, value in facts.items())
    assert surroundings.command(run) == "cd '/tmp/my runs' && nndoctor check --steps 40 --budget 60 train.py --lr 0.1"
    assert surroundings.command(Recording.of([])) == ""


# ---- what to change, what trials showed, what is accepted

DIFF = (
    "--- a/train.py\n+++ b/train.py\n@@ -1,2 +1,3 @@\n"
    " import torch\n+<b>zero()</b>\n--- kept\n\\ No newline at end of file\n"
)


def test_a_diff_is_whole_and_each_line_has_its_kind() -> None:
    rows = list(diff_lines(DIFF))
    assert "".join(f"{row.text}\n" for row in rows) == DIFF
    assert [row.kind for row in rows] == [*["file-of"] * 2, "place-of", "same", "added", "removed", "same"]
    assert not list(diff_lines(""))


def test_what_to_change_is_listed_with_its_diffs(ordinary: Recording, tmp_path: Path) -> None:
    where = SourceLine("train.py", 2)
    items = (Item("cause-of-it", where, "Call `zero()`.", DIFF, DIFF), Item("not-on-the-page", None, "Think."))
    page = render(ordinary, diagnose(ordinary, CHECKS), tmp_path, Prescription(items, DIFF))
    reader = read(page)
    assert [section["id"] for section in reader.of("section")] == ["verdict", "prescription", *SECTIONS[1:]]
    text = "".join(reader.text)
    assert DIFF in text
    assert text.index("Call zero()") < text.index("Think.")
    assert f"nndoctor report {tmp_path} --diff-to fix.patch" in text
    assert {"#finding-1", "#prescription"} <= {str(a["href"]) for a in reader.of("a")}


def test_without_a_patch_no_command_for_it(ordinary: Recording, tmp_path: Path) -> None:
    page = render(ordinary, diagnose(ordinary, CHECKS), tmp_path, Prescription((Item("a-check", None, "Think."),)))
    assert "Think." in page
    assert "--diff-to" not in page


def trial(check: str, treated: tuple[float, ...], **values: Any) -> Trial:
    controls = (2.3, math.inf, 2.31)[: len(treated)]
    given = {"start": 2.3, "steps": 30, **values}
    return Trial(treatment="clear-gradients", checks=(check,), controls=controls, treated=treated, **given)


@pytest.mark.parametrize(
    ("row", "outcome", "heading"),
    [
        (trial("cause-of-it", (0.4, 0.3, 0.5)), "confirmed", "Confirmed by a trial."),
        (trial("cause-of-it", (2.3, math.inf, 2.31)), "refuted", "Refuted by a trial."),
        (trial("cause-of-it", (0.4, 0.3, 2.4)), "inconclusive", "Not decided by a trial."),
        (trial("cause-of-it", (), skipped="<b>no</b> time"), "skipped", "Not tried."),
    ],
    ids=lambda value: value if isinstance(value, str) and "." not in value else "",
)
def test_what_a_trial_showed(row: Trial, outcome: str, heading: str, tmp_path: Path) -> None:
    reader = read(drawn(Recording.of([*records_of("train.py"), row]), CHECKS, tmp_path))
    told = [p["class"] for p in reader.of("p") if str(p.get("class")).startswith("trial ")]
    assert told == [f"trial {outcome}"] * 2  # at the root cause and on its card
    text = "".join(reader.text)
    assert heading in text
    assert ("<b>no</b> time" in text) == bool(row.skipped)
    drawings = [table for table in reader.of("table") if table.get("class") == "runs"]
    assert len(drawings) == (not row.skipped)


def test_runs_of_a_trial_share_an_axis() -> None:
    found = trials.tried(entry_of(trial("cause-of-it", (0.4, 0.3, 2.4))), any_trials=True)
    assert found is not None
    assert found.axis is not None
    assert [run.better for run in found.runs] == [True, True, False]
    first, diverged, worse = found.runs
    assert first.treated_at < first.control_at < worse.treated_at == 95.0
    assert (diverged.control, diverged.control_at) == ("not finite", 97.5)
    assert (found.axis.better, found.axis.start, found.axis.is_log) == ("lower", "2.3", False)
    wide = trials.tried(entry_of(trial("cause-of-it", (1e-4,) * 3)), any_trials=True)
    assert wide is not None
    assert wide.axis is not None
    assert wide.axis.is_log
    assert wide.runs[0].treated_at == 5.0


def test_a_cause_that_could_be_treated_and_was_not_says_so() -> None:
    treatable = replace(CHECKS[0], treatments=("clear-gradients",))
    entry = replace(entry_of(), check=treatable)
    found = trials.tried(entry, any_trials=True)
    assert found is not None
    assert (found.outcome, found.runs) == ("untried", ())
    assert trials.tried(entry, any_trials=False) is None
    assert trials.tried(entry_of(), any_trials=True) is None


def entry_of(*rows: Trial) -> Entry:
    run = Recording.of([*records_of("train.py"), *rows])
    return diagnose(run, CHECKS).entries[0]


def test_what_is_accepted_is_shown_folded_and_in_the_checklist(ordinary: Recording, tmp_path: Path) -> None:
    diagnosis = diagnose(ordinary, CHECKS)
    locator = Locator(tmp_path, tmp_path, "train.py")
    source = "import torch\nx = 1  # nndoctor: ignore[cause-of-it]\n"
    accepted = accept(diagnosis, ordinary, Acceptance(locator, lambda _file: source, Counter()), fail_on=Severity.ERROR)
    reader = read(render(ordinary, accepted, tmp_path))
    [fold] = [d for d in reader.of("details") if d.get("id") == "accepted"]
    assert "open" not in fold
    text = "".join(reader.text)
    assert "1 accepted finding" in text
    assert "accepted by a comment at train.py:2" in text
    assert "#accepted" in [a["href"] for a in reader.of("a")]
    assert "accepted" in [line.get("data-kind") for line in reader.of("li")]
