"""What TensorBoard shows as text: the diagnosis, the samples that are no pictures, the run's surroundings."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from nndoctor.finding import Curve, Evidence, Measure, Quote, Table
from nndoctor.records import Environment, Sample
from nndoctor.records.exhibits import INPUT, TARGET
from nndoctor.reports.places import shown
from nndoctor.reports.tensorboard.curves import phase
from nndoctor.reports.words import clean, number, plural

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nndoctor.diagnose import Diagnosis, Entry
    from nndoctor.recording import Recording

LONGEST = 200
"""Characters of a user's text in a cell."""
SAMPLES = 16
VALUES = 12


def texts(run: Recording, diagnosis: Diagnosis) -> dict[str, str]:
    """Return all texts by tag, as Markdown."""
    found = {"diagnosis": _diagnosis(run, diagnosis), "environment": _environment(run)}
    for segment in dict.fromkeys(row.segment for row in run.rows(Sample)):
        found[f"samples{phase(segment)}"] = _samples([s for s in run.rows(Sample) if s.segment == segment])
    return found


def escaped(text: str, longest: int = LONGEST) -> str:
    """Return a user's text so that Markdown shows it as it is, on one line. Code between backticks stays code."""
    line = " ".join(clean(text).split())
    line = line if len(line) <= longest else f"{line[: longest - 3]}..."
    parts = re.split(r"(`[^`]+`)", line)
    return "".join(part if index % 2 else _plain(part) for index, part in enumerate(parts))


def _plain(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]()#+!|~])", r"\\\1", html.escape(text, quote=False))


def _diagnosis(run: Recording, diagnosis: Diagnosis) -> str:
    verdict = diagnosis.verdict
    lines = [f"# {verdict.status}: {escaped(run.environment('script') or 'the run')}", escaped(verdict.why)]
    if not diagnosis.entries:
        lines.append("No fault was found.")
    for entry in diagnosis.entries:
        lines += _finding(entry)
    return "\n\n".join(line for line in lines if line)


def _finding(entry: Entry) -> Iterator[str]:
    finding = entry.finding
    yield f"## {entry.severity.label} {entry.check.reason} {entry.check.name}: {escaped(entry.title)}"
    yield escaped(finding.message, 2000)
    if entry.where is not None:
        yield f"at **{escaped(shown(entry.where))}**" + (
            f" in {escaped(entry.where.function)}" if entry.where.function else ""
        )
    if entry.explained_by:
        yield f"a symptom of {entry.explained_by}"
    if entry.proof is not None:
        yield f"trial: {escaped(entry.proof.sentence, 2000)}"
    if told := [line for item in finding.evidence if (line := _evidence(item))]:
        yield "\n".join(f"- {line}" for line in told)
    yield f"**Do:** {escaped(finding.advice, 2000)}"


def _evidence(item: Evidence) -> str:
    match item:
        case Measure(label, value, expected):
            return f"{escaped(label)}: {number(value)}" + (f" (expected {escaped(expected)})" if expected else "")
        case Curve(label, steps, values) if values:
            return f"{escaped(label)}: {number(values[0])} to {number(values[-1])} (steps {steps[0]} to {steps[-1]})"
        case Table(label, _, rows):
            return f"{escaped(label)}: {plural(len(rows), 'row')}"
        case Quote(label, text):
            return f"{escaped(label)}: {escaped(text)}"
        case _:
            return ""


def _environment(run: Recording) -> str:
    rows = [f"| {escaped(row.name)} | {escaped(row.value)} |" for row in run.rows(Environment)]
    return "\n".join(["| what | value |", "|---|---|", *rows])


def _samples(samples: list[Sample]) -> str:
    inputs = {s.index: s for s in samples if s.role == INPUT}
    targets = {s.index: s for s in samples if s.role == TARGET}
    rows = [
        f"| {index} | {_shown(inputs.get(index))} | {_shown(targets.get(index))} |"
        for index in sorted(inputs.keys() | targets.keys())[:SAMPLES]
    ]
    return "\n".join(["| sample | input of the first layer | target |", "|---|---|---|", *rows])


def _shown(sample: Sample | None) -> str:
    if sample is None:
        return ""
    if sample.form == "image":
        return f"picture of shape {'x'.join(map(str, sample.shape))}, {number(sample.low)} to {number(sample.high)}"
    values = [escaped(word) for word in sample.words] or [number(value) for value in sample.values]
    return " ".join(values[:VALUES]) + (" ..." if len(values) > VALUES or sample.cut else "")
