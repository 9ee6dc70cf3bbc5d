"""From a recording to outcomes, status and exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from nndoctor import Check, Finding, Recording, Severity, Skip, Status, check
from nndoctor.diagnose import NOT_CHECKED, Diagnosis, diagnose, examine
from nndoctor.reasons import NUMBERED
from nndoctor.records import Environment, Event, Labels, Record, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE


def finder(severity: Severity = ERROR, name: str = "finds-it", needs: tuple[type[Record], ...] = ()) -> Check:
    @check(name, reason="R18", severity=severity, needs=needs)
    def finds_it(_run: Recording) -> Iterator[Finding]:
        """Find it always."""
        yield Finding(message="There it is.", advice="Take it away.")

    return finds_it


@check("raises", reason="R19", severity=ERROR, needs=[])
def raises(_run: Recording) -> Iterator[Finding]:
    """Fail."""
    raise ZeroDivisionError("by\nnought")
    yield Finding("", "")


@check("cannot-look", reason="R19", severity=ERROR, needs=[])
def cannot_look(_run: Recording) -> Iterator[Finding]:
    """Skip."""
    raise Skip("no validation loop was seen")
    yield Finding("", "")


def steps(count: int, **values: Any) -> list[Step]:
    return [Step(**{"step": n, "parameters_changed": True, **values}) for n in range(count)]


def concluded(records: list[Record], *checks: Check, fail_on: Severity | None = ERROR) -> tuple[str, int]:
    verdict = diagnose(Recording.of(records), checks, fail_on=fail_on).verdict
    return verdict.status, int(verdict.exit_code)


def outcome_of(each: Check, *records: Record) -> tuple[Status, str]:
    outcome, _ = examine(each, Recording.of(records))
    return outcome.status, outcome.why


def test_outcomes_say_why() -> None:
    assert outcome_of(finder()) == (Status.FINDING, "There it is.")
    assert outcome_of(finder(NOTE)) == (Status.NOTE, "There it is.")
    assert outcome_of(cannot_look) == (Status.SKIPPED, "no validation loop was seen")
    assert outcome_of(raises) == (Status.CRASHED, "ZeroDivisionError: by nought")
    assert outcome_of(finder(needs=(Step, Labels)), Step()) == (
        Status.SKIPPED,
        "no class label was seen",
    )


def test_every_reason_has_a_row() -> None:
    diagnosis = diagnose(Recording.of([]), [finder()], deselected=[raises])
    rows = {outcome.reason: (outcome.check, outcome.status, outcome.why) for outcome in diagnosis.outcomes}
    assert rows.keys() == {reason.code for reason in NUMBERED}
    assert rows["R01"] == ("", Status.SKIPPED, NOT_CHECKED)
    assert rows["R19"] == ("raises", Status.SKIPPED, "not selected")


def test_a_check_that_crashes_does_not_spoil_the_others() -> None:
    diagnosis = diagnose(Recording.of(steps(9)), [raises, finder()])
    assert [entry.check.name for entry in diagnosis.entries] == ["finds-it"]


EXCEPTION = Event(kind="exception", text="ValueError: no")


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        pytest.param(steps(9), ("healthy", 0), id="trained"),
        pytest.param([], ("inconclusive", 3), id="never trained"),
        pytest.param([Event(kind="exit", text="0")], ("inconclusive", 3), id="never trained, sys.exit(0)"),
        pytest.param(steps(9, parameters_changed=False), ("inconclusive", 3), id="nothing changed"),
        pytest.param([EXCEPTION], ("crashed", 3), id="raised at once"),
        pytest.param([*steps(1), EXCEPTION], ("crashed", 3), id="raised after one step"),
        pytest.param([*steps(9), EXCEPTION], ("crashed", 3), id="raised after enough steps"),
        pytest.param([Event(kind="exit", text="2")], ("crashed", 3), id="argparse refused"),
        pytest.param([Event(kind="killed", text="killed by SIGSEGV")], ("crashed", 3), id="segfault"),
        pytest.param([Event(kind="timeout", text="hung")], ("inconclusive", 3), id="hung"),
        pytest.param([*steps(9), Event(kind="exception", experiment="overfit")], ("healthy", 0), id="ours broke"),
        pytest.param([*steps(9), Environment(name="interrupted", value="yes")], ("inconclusive", 130), id="Ctrl-C"),
    ],
)
def test_the_verdict_without_findings(records: list[Record], expected: tuple[str, int]) -> None:
    assert concluded(records) == expected


def test_a_finding_wins_over_the_crash_that_it_explains() -> None:
    assert concluded([EXCEPTION], finder()) == ("sick", 1)
    assert concluded([], finder()) == ("sick", 1)


@pytest.mark.parametrize(
    ("severity", "fail_on", "expected"),
    [
        (ERROR, ERROR, ("sick", 1)),
        (WARNING, ERROR, ("healthy", 0)),
        (WARNING, WARNING, ("sick", 1)),
        (ERROR, None, ("sick", 0)),
        (NOTE, WARNING, ("healthy", 0)),
    ],
)
def test_fail_on(severity: Severity, fail_on: Severity | None, expected: tuple[str, int]) -> None:
    assert concluded([*steps(9)], finder(severity), fail_on=fail_on) == expected


def test_a_milder_finding_of_a_severe_check_counts_as_what_it_is() -> None:
    @check("mild", reason="R18", severity=ERROR, needs=[])
    def mild(_run: Recording) -> Iterator[Finding]:
        """Say it softly."""
        yield Finding("m", "a", severity=NOTE)
        yield Finding("worse", "a", severity=WARNING)

    diagnosis: Diagnosis = diagnose(Recording.of(steps(9)), [mild])
    assert [entry.finding.message for entry in diagnosis.entries] == ["worse", "m"]
    assert diagnosis.verdict.exit_code == 0
