"""JUnit XML: a test suite for each run, a test case for each check, and one for the run itself.

A test case fails exactly where its finding makes the exit code 1; milder findings are in its output.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from nndoctor.finding import Status
from nndoctor.records import Experiment
from nndoctor.reports.examined import in_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nndoctor.diagnose import Entry, Outcome
    from nndoctor.reports.examined import Examined

_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, not even escaped."""


def render(examined: Sequence[Examined]) -> str:
    """Return the whole document as text."""
    root = ET.Element("testsuites", name="nndoctor")
    for each in examined:
        _suite(root, each)
    for element in (root, *root):
        below = list(element.iter("testcase"))
        element.set("tests", str(len(below)))
        for tag, name in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            element.set(name, str(sum(case.find(tag) is not None for case in below)))
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(root: ET.Element, examined: Examined) -> None:
    seconds = sum(row.seconds for row in examined.run.rows(Experiment))
    suite = ET.SubElement(root, "testsuite", name=_clean(examined.name), time=f"{seconds:.3f}")
    _the_run(suite, examined)
    for outcome in examined.diagnosis.outcomes:
        if outcome.check:
            _case(suite, outcome, examined)


def _the_run(suite: ET.Element, examined: Examined) -> None:
    verdict = examined.diagnosis.verdict
    case = ET.SubElement(suite, "testcase", classname=_clean(examined.name), name="run", time="0")
    if int(verdict.exit_code) > 1:
        text = verdict.failure.detail if verdict.failure is not None else ""
        _child(case, "error", f"{verdict.status}: {verdict.why}", verdict.status, text)


def _case(suite: ET.Element, outcome: Outcome, examined: Examined) -> None:
    classname = _clean(f"{examined.name}.{outcome.reason}")
    case = ET.SubElement(suite, "testcase", classname=classname, name=_clean(outcome.check), time="0")
    entries = [e for e in examined.diagnosis.entries if e.check.name == outcome.check]
    failing = [e for e in entries if examined.fails(e)]
    if outcome.status in (Status.SKIPPED, Status.ACCEPTED):
        _child(case, "skipped", outcome.why, outcome.status.value, "")
    elif outcome.status is Status.CRASHED:
        _child(case, "error", f"the check failed itself: {outcome.why}", "crashed", "")
    elif failing:
        first = failing[0]
        file, line = examined.locator.place(first)
        case.set("file", _clean(file))
        if line:
            case.set("line", str(line))
        text = "\n\n".join(_described(e, examined) for e in failing)
        _child(case, "failure", first.finding.message, first.severity.label, text)
    milder = [_described(e, examined) for e in entries if e not in failing]
    accepted = [
        f"accepted by {a.by}: {_described(a.entry, examined)}"
        for a in examined.diagnosis.accepted
        if a.entry.check.name == outcome.check
    ]
    if milder or accepted:
        ET.SubElement(case, "system-out").text = _clean("\n\n".join([*milder, *accepted]))


def _described(entry: Entry, examined: Examined) -> str:
    file, line = examined.locator.place(entry)
    place = f"{file}:{line}" if line else file
    return f"{entry.severity.label} {entry.check.reason} {entry.check.name} {place}\n{in_words(entry)}"


def _child(case: ET.Element, tag: str, message: str, kind: str, text: str) -> None:
    child = ET.SubElement(case, tag, message=_clean(" ".join(message.split())), type=_clean(kind))
    child.text = _clean(text) or None


def _clean(text: str) -> str:
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)
