"""Formats for CI services, read back by programs that are not ours."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from junitparser import JUnitXml
from sarif_schema import checked, validator

from nndoctor import Check, Curve, Finding, Measure, Quote, Recording, Severity, Skip, SourceLine, Table, check
from nndoctor.catalogue import load_catalogue
from nndoctor.diagnose import Accepted, diagnose
from nndoctor.locating import Locator
from nndoctor.prescription import Prescription
from nndoctor.records import Environment, Event, Step
from nndoctor.reports import findings_json, github, junit, sarif
from nndoctor.reports.examined import Examined

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NASTY = "net\x1b[31m]]>&<0>%,:\n\ud800\ufffe"


@check("cause-of-it", reason="R19", severity=Severity.ERROR, needs=[], explains=["symptom-of-it"])
def cause_of_it(_run: Recording) -> Iterator[Finding]:
    """Softmax goes into the cross-entropy.

    ## Why
    Because.
    """
    yield Finding(
        message=f"100% of the rows sum to one ({NASTY}).",
        advice="Return the logits.",
        where=SourceLine("src/train me.py", 12, "train"),
        names=(NASTY,),
        evidence=(
            Measure("sum of a row", 1.0, "anything"),
            Curve("loss", (0, 1, 2), (2.3, 2.2, 2.1)),
            Curve("nothing", (), ()),
            Table("layers", ("name", "zeros"), ((NASTY, "1"),) * 9),
            Quote("code", "loss = criterion(softmax(x), y)\nloss.backward()"),
        ),
        certain=False,
    )


@check("symptom-of-it", reason="R27", severity=Severity.WARNING, needs=[])
def symptom_of_it(_run: Recording) -> Iterator[Finding]:
    """One small batch is not fitted."""
    yield Finding(message="After 150 steps the accuracy is 40 %.", advice="Fix the cause.")


@check("cannot-look", reason="R33", severity=Severity.NOTE, needs=[])
def cannot_look(_run: Recording) -> Iterator[Finding]:
    """Something cannot be seen."""
    raise Skip("nothing to look at")
    yield Finding("", "")


@check("fails-itself", reason="R34", severity=Severity.NOTE, needs=[])
def fails_itself(_run: Recording) -> Iterator[Finding]:
    """The check is broken."""
    raise ZeroDivisionError
    yield Finding("", "")


@check("all-well", reason="R35", severity=Severity.ERROR, needs=[])
def all_well(_run: Recording) -> Iterator[Finding]:
    """All is well."""
    yield from ()


CHECKS = (cause_of_it, symptom_of_it, cannot_look, fails_itself, all_well)


def examined(root: Path, *records: Any, checks: tuple[Check, ...] = CHECKS, name: str = "train.py") -> Examined:
    facts = {"cwd": str(root / "project"), "script": "src/train me.py", "target": f"src/train me.py {NASTY}"}
    steps = [Step(step=step, parameters_changed=True) for step in range(9)]
    run = Recording.of([*steps, *(Environment(name=k, value=v) for k, v in facts.items()), *records])
    (root / ".git").mkdir(exist_ok=True)
    diagnosis = diagnose(run, checks)
    return Examined(name, run, diagnosis, root / "run", checks, Severity.ERROR, Locator.of(run), Prescription())


CRASH = Event(kind="exception", text="ValueError: \x1bno", detail="Traceback\x00", file="src/train me.py", line=3)


# ---- JUnit


def parsed(text: str) -> dict[str, Any]:
    [suite] = JUnitXml.fromstring(text.encode())
    return {case.name: case for case in suite}


def test_junit_has_a_case_for_every_check(tmp_path: Path) -> None:
    cases = parsed(junit.render([examined(tmp_path)]))
    kinds = {name: [type(result).__name__ for result in case.result] for name, case in cases.items()}
    assert kinds == {
        "run": [],
        "cause-of-it": ["Failure"],
        "symptom-of-it": [],
        "cannot-look": ["Skipped"],
        "fails-itself": ["Error"],
        "all-well": [],
    }
    [failure] = cases["cause-of-it"].result
    for told in ("project/src/train me.py:12", "sum of a row: 1", "do: Return the logits.", "loss.backward()"):
        assert told in failure.text
    assert "\x1b" not in failure.text
    assert cases["cannot-look"].result[0].message == "nothing to look at"
    assert "40 %" in cases["symptom-of-it"].system_out


def test_junit_counts_and_reports_a_script_that_failed(tmp_path: Path) -> None:
    xml = JUnitXml.fromstring(
        junit.render([examined(tmp_path), examined(tmp_path, CRASH, checks=(all_well,), name="b")]).encode()
    )
    assert [suite.name for suite in xml] == ["train.py", "b"]
    assert (xml.tests, xml.failures, xml.errors, xml.skipped) == (8, 1, 2, 1)
    [run] = [case for suite in xml for case in suite if case.name == "run" and case.result]
    assert "crashed: ValueError" in run.result[0].message


def test_junit_fails_only_what_makes_the_exit_code_1(tmp_path: Path) -> None:
    cases = parsed(junit.render([replace(examined(tmp_path), fail_on=None)]))
    assert not cases["cause-of-it"].result
    assert "sum of a row" in cases["cause-of-it"].system_out


# ---- SARIF


def test_sarif_places_rules_and_levels(tmp_path: Path) -> None:
    document = checked(sarif.render([examined(tmp_path)]))
    assert (document["version"], len(document["runs"])) == ("2.1.0", 1)
    [run] = document["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [each.name for each in CHECKS]
    assert rules[0]["help"]["markdown"].startswith("Softmax goes into the cross-entropy.")
    assert [result["level"] for result in run["results"]] == ["error", "warning"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "project/src/train%20me.py", "uriBaseId": "%SRCROOT%"}
    assert place["region"] == {"startLine": 12}
    # Without a line of its own, a finding belongs to the script: services refuse results without a place.
    assert run["results"][1]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].endswith("train%20me.py")


def test_sarif_tells_what_was_skipped_and_how_the_script_failed(tmp_path: Path) -> None:
    [run] = checked(sarif.render([examined(tmp_path), examined(tmp_path, CRASH, checks=(all_well,))]))["runs"]
    first, second = run["invocations"]
    assert (first["exitCode"], first["executionSuccessful"]) == (1, True)
    assert [n["level"] for n in first["toolExecutionNotifications"]] == ["note", "warning"]
    assert (second["exitCode"], second["executionSuccessful"]) == (3, False)
    assert second["toolExecutionNotifications"][0]["locations"][0]["physicalLocation"]["region"] == {"startLine": 3}


def fingerprints(each: Examined) -> list[str]:
    [run] = json.loads(sarif.render([each]))["runs"]
    return [result["partialFingerprints"]["nndoctorFinding/v1"] for result in run["results"]]


def moved(name: str, line: int, message: str = "m") -> Check:
    @check("moves", reason="R19", severity=Severity.ERROR, needs=[])
    def moves(_run: Recording) -> Iterator[Finding]:
        """Move."""
        yield Finding(message=message, advice="a", where=SourceLine("train.py", line, "train"), names=(name,))
        again = f"{message} again"  # to the letter the same would be one finding
        yield Finding(message=again, advice="a", where=SourceLine("train.py", line, "train"), names=(name,))

    return moves


def test_fingerprints_survive_moved_lines_and_other_numbers_and_differ_else(tmp_path: Path) -> None:
    before, after, other = (
        fingerprints(examined(tmp_path, checks=(each,)))
        for each in (moved("fc1", 3), moved("fc1", 30, "other"), moved("fc2", 3))
    )
    assert before == after
    assert len({*before, *other}) == 4


def test_sarif_marks_what_was_accepted_as_suppressed(tmp_path: Path) -> None:
    each = examined(tmp_path)
    diagnosis = diagnose(each.run, (all_well,))
    accepted = tuple(
        Accepted(entry, by)
        for entry, by in zip(each.diagnosis.entries, ("the baseline", "a comment at x:1"), strict=True)
    )
    with_accepted = replace(each, diagnosis=replace(diagnosis, accepted=accepted))
    [run] = checked(sarif.render([with_accepted]))["runs"]
    assert [result["suppressions"][0]["kind"] for result in run["results"]] == ["external", "inSource"]
    text = github.render([with_accepted])
    assert not [line for line in text.splitlines() if line.startswith("::")]
    assert "cause-of-it at project/src/train me.py:12 is accepted by the baseline" in text
    document = json.loads(findings_json.render_all([with_accepted]))
    assert [row["accepted_by"] for row in document["accepted"]] == ["the baseline", "a comment at x:1"]
    assert document["diagnosis"] == []


# ---- GitHub


def test_github_annotations_are_escaped_and_one_line_each(tmp_path: Path) -> None:
    text = github.render([examined(tmp_path)])
    first, second = text.splitlines()
    assert first.startswith("::error file=project/src/train me.py,line=12,title=cause-of-it (R19)::Softmax goes")
    assert "100%25 of the rows" in first
    assert "%0A" in first
    assert second.startswith("::warning file=project/src/train me.py,title=symptom-of-it (R27)::One small batch")
    assert "\x1b" not in text


def test_github_escapes_properties(tmp_path: Path) -> None:
    assert github._command("error", "a,b:c%.py", 3, "t", "x\r\ny").partition("::error ")[2] == (
        "file=a%2Cb%3Ac%25.py,line=3,title=t::x\N{REPLACEMENT CHARACTER}%0Ay"
    )


def test_github_reports_a_script_that_failed(tmp_path: Path) -> None:
    text = github.render([examined(tmp_path, CRASH, checks=(all_well,))])
    assert text.startswith("::error file=project/src/train me.py,line=3,title=nndoctor::train.py: crashed: ValueError")


# ---- JSON of several


def test_json_of_several_targets(tmp_path: Path) -> None:
    document = json.loads(findings_json.render_all([examined(tmp_path), examined(tmp_path, name="b")]))
    assert document["exit_code"] == 1
    assert [target["name"] for target in document["targets"]] == ["train.py", "b"]


@pytest.mark.parametrize("module", [junit, sarif, github])
def test_every_format_can_be_written_as_utf8(module: Any, tmp_path: Path) -> None:
    module.render([examined(tmp_path)]).encode("utf-8")


def test_what_is_no_sarif_is_noticed(tmp_path: Path) -> None:
    def spoilt(run: dict[str, Any], result: dict[str, Any]) -> Iterator[None]:
        run["colour"] = "red"
        yield
        del run["colour"], result["message"]
        yield
        result |= {"message": {"text": "m"}, "level": "fatal"}
        yield
        result["level"] = "error"
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] = "train me.py"
        yield

    document = json.loads(sarif.render([examined(tmp_path)]))
    [run] = document["runs"]
    for _ in spoilt(run, run["results"][0]):
        assert not validator().is_valid(document)


def placed(where: SourceLine | None, *names: str) -> Check:
    @check("is-somewhere", reason="R19", severity=Severity.ERROR, needs=[])
    def is_somewhere(_run: Recording) -> Iterator[Finding]:
        """Be somewhere."""
        yield Finding(message=f"Here: {where} {names}", advice=NASTY, where=where, names=names)

    return is_somewhere


FILES = [
    "train.py",
    "a b/#1?&%41 [x]/\N{GREEK SMALL LETTER ALPHA}:\N{PILE OF POO}.py",
    "C:\\project\\train.py",
    "/elsewhere/a b.py",
    "//host/share/train.py",
    "../outside.py",
    "latin-\udce9.py",
    "new\nline\x1b\x00.py",
    "<stdin>",
    "<ipython-input-1-abc>",
    "",
]


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("line", [0, 1, 10**9])
def test_sarif_is_valid_wherever_a_finding_lies(file: str, line: int, tmp_path: Path) -> None:
    each = examined(tmp_path, checks=(placed(SourceLine(file, line, NASTY), NASTY, ""),))
    [run] = checked(sarif.render([each]))["runs"]
    assert len(run["results"]) == 1


def test_sarif_is_valid_of_every_kind_of_run(tmp_path: Path) -> None:
    none_found = examined(tmp_path, checks=(all_well,))
    no_script = Recording.of([Environment(name="target", value=NASTY)])
    checks = (placed(None),)
    judged, nowhere = diagnose(no_script, checks), Locator.of(no_script)
    nothing_known = replace(none_found, run=no_script, checks=checks, diagnosis=judged, locator=nowhere)
    crashed = examined(tmp_path, CRASH, replace(CRASH, file="", line=0), checks=(cannot_look,))
    runs = [none_found, nothing_known, crashed, examined(tmp_path), examined(tmp_path, name="")]
    for each in runs:
        checked(sarif.render([each]))
    [run] = checked(sarif.render(runs))["runs"]
    assert len(run["invocations"]) == len(runs)
    checked(sarif.render([]))


def test_sarif_is_valid_with_the_whole_catalogue(tmp_path: Path) -> None:
    catalogue = tuple(load_catalogue().values())
    [run] = checked(sarif.render([examined(tmp_path, checks=catalogue)]))["runs"]
    assert len(run["tool"]["driver"]["rules"]) == len(catalogue)
