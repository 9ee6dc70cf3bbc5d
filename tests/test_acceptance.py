"""What a user accepts, in comments and in a baseline, counts no more and stays visible."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nndoctor import Check, Finding, Recording, Severity, SourceLine, Status, check
from nndoctor.acceptance import Acceptance, accept
from nndoctor.baseline import Identity, Known, counted, known, read, updated, write
from nndoctor.diagnose import Diagnosis, diagnose
from nndoctor.errors import UsageError
from nndoctor.locating import Locator, repository_root
from nndoctor.pragmas import accepted_by_line
from nndoctor.records import Environment, Step, Trial

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LOCATOR = Locator(Path("/repo/work"), Path("/repo"), "train.py")


# ---- comments


def lines(source: str) -> dict[int, list[str]]:
    return {line: sorted(names) for line, names in accepted_by_line(source).items()}


def test_a_comment_concerns_its_line() -> None:
    assert lines("a = 1\nb = 2  # nndoctor: ignore[unshuffled-data]\nc = 3\n") == {2: ["unshuffled-data"]}
    assert lines("b = 2  #nndoctor:ignore[ R07 , Dead-ReLU ]  # why: sorted on purpose") == {1: ["dead-relu", "r07"]}


def test_a_comment_alone_concerns_the_next_statement() -> None:
    assert lines("# nndoctor: ignore[a]\n# because\nb = f(\n  1,\n)\nc = 3\n") == {
        1: ["a"],
        2: ["a"],
        3: ["a"],
        4: ["a"],
        5: ["a"],
    }
    assert 3 not in lines("# nndoctor: ignore[a]\n\nb = 2\n")


def test_a_comment_within_a_statement_concerns_all_of_it() -> None:
    source = (
        "for x in y:\n    loader = f(\n        data,\n        shuffle=False,  # nndoctor: ignore[a]\n    )\n    z()\n"
    )
    assert lines(source) == {line: ["a"] for line in (2, 3, 4, 5)}


@pytest.mark.parametrize(
    "source",
    [
        's = "# nndoctor: ignore[a]"\n',
        "x = 1  # nndoctor: ignore\n",
        "x = 1  # nndoctor: ignore[]\n",
        "x = (1  # nndoctor: ignore[a]\n",
        "   x\n y # nndoctor: ignore[a]\n",
        "",
        "\x00",
    ],
)
def test_no_comment(source: str) -> None:
    assert lines(source) == {}


# ---- accepting


def finder(name: str, *findings: Finding, explains: tuple[str, ...] = (), severity: Severity = Severity.ERROR) -> Check:
    @check(name, reason="R07", severity=severity, needs=[], explains=explains)
    def found(_run: Recording) -> Iterator[Finding]:
        """Find it."""
        yield from findings

    return found


def at(line: int, *names: str, file: str = "train.py", severity: Severity | None = None) -> Finding:
    return Finding("m", "a", where=SourceLine(file, line, "main"), names=names, severity=severity)


RUN = Recording.of(
    [*(Step(step=s, parameters_changed=True) for s in range(9)), Environment(name="cwd", value="/repo/work")]
)


def judged(checks: Iterable[Check], source: str = "", known: Iterable[Known] = ()) -> Diagnosis:
    acceptance = Acceptance(LOCATOR, lambda _file: source, counted(known))
    return accept(diagnose(RUN, list(checks)), RUN, acceptance, fail_on=Severity.ERROR)


IN_CODE = "a = 1\nb = 2  # nndoctor: ignore[finds-it]\n"


def test_what_is_accepted_does_not_count_and_is_not_gone() -> None:
    before = judged([finder("finds-it", at(2))])
    assert (before.verdict.status, int(before.verdict.exit_code), before.accepted) == ("sick", 1, ())
    after = judged([finder("finds-it", at(2))], IN_CODE)
    assert (after.verdict.status, int(after.verdict.exit_code), after.entries) == ("healthy", 0, [])
    [accepted] = after.accepted
    assert accepted.by == "a comment at train.py:2"
    [outcome] = [o for o in after.outcomes if o.check]
    assert (outcome.status, outcome.severity) == (Status.ACCEPTED, None)
    assert "a comment at train.py:2" in outcome.why


def test_a_reason_may_be_named_as_well_and_other_checks_are_not_meant() -> None:
    assert not judged([finder("finds-it", at(2))], IN_CODE.replace("finds-it", "r7")).entries
    assert judged([finder("finds-more", at(2))], IN_CODE).entries
    assert judged([finder("finds-it", at(1))], IN_CODE).entries
    assert judged([finder("finds-it", Finding("m", "a"))], IN_CODE).entries
    assert judged([finder("finds-it", at(2, file="<string>"))], IN_CODE).entries


def test_of_several_findings_only_the_accepted_one_goes() -> None:
    after = judged([finder("finds-it", at(2), at(1, severity=Severity.WARNING))], IN_CODE)
    assert [entry.severity for entry in after.entries] == [Severity.WARNING]
    [outcome] = [o for o in after.outcomes if o.check]
    assert (outcome.status, outcome.severity) == (Status.FINDING, Severity.WARNING)
    assert after.verdict.status == "healthy"


def test_what_trials_have_shown_of_the_others_stays_known() -> None:
    shown = Trial(treatment="t", checks=("finds-more",), controls=(2.0,) * 3, treated=(0.1,) * 3, start=2.0, steps=50)
    run = Recording.of([*RUN.rows(Step), *RUN.rows(Environment), shown])
    diagnosis = diagnose(run, [finder("finds-it", at(2)), finder("finds-more", at(1))])
    after = accept(diagnosis, run, Acceptance(LOCATOR, lambda _: IN_CODE, counted(())), fail_on=Severity.ERROR)
    assert [(entry.check.name, entry.confirmed) for entry in after.entries] == [("finds-more", True)]
    assert [cause.root.confirmed for cause in after.causes] == [True]


def test_the_symptoms_of_an_accepted_cause_stand_by_themselves() -> None:
    cause, symptom = finder("finds-it", at(2), explains=("finds-more",)), finder("finds-more", at(1))
    assert [e.explained_by for e in judged([cause, symptom]).entries] == ["", "finds-it"]
    after = judged([cause, symptom], IN_CODE)
    assert [(e.check.name, e.explained_by) for e in after.entries] == [("finds-more", "")]
    assert after.verdict.status == "sick"


# ---- baseline


def baseline_of(*checks: Check, target: str = "work/train.py") -> list[Known]:
    return [known(entry, target, LOCATOR) for entry in diagnose(RUN, checks).entries]


def test_known_findings_are_accepted_wherever_their_line_moved() -> None:
    before = baseline_of(finder("finds-it", at(2, "fc1")))
    assert not judged([finder("finds-it", at(77, "fc1"))], known=before).entries
    for new in (at(2, "fc2"), at(2, "fc1", file="other.py"), Finding("m", "a", names=("fc1",))):
        assert judged([finder("finds-it", new)], known=before).entries
    assert judged([finder("finds-more", at(2, "fc1"))], known=before).entries


def test_one_more_of_the_same_is_new() -> None:
    before = baseline_of(finder("finds-it", at(2)))
    after = judged([finder("finds-it", at(2), at(3))], known=before)
    assert (len(after.entries), len(after.accepted)) == (1, 1)


def test_what_two_targets_share_counts_once() -> None:
    shared = [each for target in "ab" for each in baseline_of(finder("finds-it", at(2)), target=target)]
    assert sum(counted(shared).values()) == 1


def test_update_replaces_only_what_was_judged() -> None:
    before = [
        Known(Identity(check, "f", "", ()), target)
        for target, check in (("a.py", "gone"), ("b.py", "stays"), ("a.py", "not-run"))
    ]
    now = [Known(Identity("new", "f", "", ()), "a.py")]
    after = updated(before, "a.py", {"gone", "new", "stays"}, now)
    assert [(each.target, each.identity.check) for each in after] == [
        ("a.py", "new"),
        ("a.py", "not-run"),
        ("b.py", "stays"),
    ]


def test_written_and_read_again(tmp_path: Path) -> None:
    entries = baseline_of(finder("finds-it", at(2, "fc1"), Finding("m", "a")))
    path = tmp_path / "new" / "baseline.json"
    write(path, entries)
    assert read(path, {"finds-it"}) == entries
    assert read(path, set(), lenient=True) == []
    assert str(tmp_path) not in path.read_text()


ENTRY = {"check": "dead-relu", "file": "f", "function": "", "names": [], "target": "t"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a baseline of schema 1"),
        ('{"schema": 2, "accepted": []}', "is not a baseline of schema 1"),
        ('{"schema": 1, "accepted": [{}]}', "entry 1 lacks one of check, file"),
        ('{"schema": 1, "accepted": ["x"]}', "entry 1 lacks one of"),
        (json.dumps({"schema": 1, "accepted": [{**ENTRY, "names": 3}]}), "entry 1 lacks one of"),
        (json.dumps({"schema": 1, "accepted": [{**ENTRY, "check": "dead-rellu"}]}), "did you mean dead-relu?"),
    ],
)
def test_a_wrong_baseline_is_one_line(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(text)
    with pytest.raises(UsageError) as info:
        read(path, {"dead-relu"})
    assert told in str(info.value)
    assert "\n" not in str(info.value)


def test_baselines_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--update-baseline writes it"):
        read(tmp_path / "none.json", set())
    with pytest.raises(UsageError, match="cannot be read"):
        read(tmp_path, set())
    with pytest.raises(UsageError, match="cannot write"):
        write(tmp_path, [])
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="UTF-8"):
        read(tmp_path / "binary", set())


# ---- places


def test_places_are_relative_to_the_repository(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "work" / "pkg").mkdir(parents=True)
    (tmp_path / "work" / "pkg" / "train.py").touch()
    assert repository_root(tmp_path / "work") == tmp_path
    facts = {"cwd": str(tmp_path / "work"), "script": "pkg.train", "target": "-m pkg.train"}
    locator = Locator.of(Recording.of([Environment(name=k, value=v) for k, v in facts.items()]))
    assert locator.in_repository(locator.script) == "work/pkg/train.py"
    assert locator.in_repository("/elsewhere/x.py") == "/elsewhere/x.py"
    assert locator.in_repository(str(tmp_path / "data.py")) == "data.py"
