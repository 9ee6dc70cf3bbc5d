"""Causes before symptoms, on checks made by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from nndoctor import Check, Finding, Recording, Severity, check
from nndoctor.causes import Fired, acyclic, closure, ordered

if TYPE_CHECKING:
    from collections.abc import Iterator

ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE


def declared(name: str, explains: tuple[str, ...] = (), severity: Severity = ERROR, reason: str = "R27") -> Check:
    @check(name, reason=reason, severity=severity, needs=[], explains=explains)
    def function(_run: Recording) -> Iterator[Finding]:
        """Say nothing."""
        yield from ()

    return function


def fired(
    name: str,
    *explains: str,
    severity: Severity = ERROR,
    reason: str = "R27",
    certain: bool = True,
    since: tuple[int, int] = (0, 0),
) -> Fired:
    return Fired(declared(name, explains, severity, reason), (Finding("m", "a", certain=certain, since=since),))


def shape(*found: Fired) -> list[tuple[str, list[str]]]:
    return [(c.root.check.name, [s.check.name for s in c.symptoms]) for c in ordered(found)]


def test_a_cause_comes_before_its_symptoms_whatever_the_order_of_the_checks() -> None:
    a, b, c = fired("a", "b"), fired("b", "c"), fired("c")
    assert shape(c, b, a) == shape(a, b, c) == [("a", ["b", "c"])]


def test_explanations_do_not_carry_on_through_a_check_that_saw_nothing() -> None:
    assert shape(fired("a", "b"), fired("c")) == [("a", []), ("c", [])]


def test_roots_are_ordered_by_severity_then_certainty_then_what_they_explain() -> None:
    found = [
        fired("warns", severity=WARNING),
        fired("inferred", certain=False),
        fired("lonely"),
        fired("busy", "symptom"),
        fired("symptom"),
    ]
    assert [name for name, _ in shape(*found)] == ["busy", "lonely", "inferred", "warns"]


def test_among_equals_the_data_comes_first() -> None:
    found = [fired("c", reason="R36"), fired("b", reason="R19"), fired("a", reason="R07"), fired("d", reason="T")]
    assert [name for name, _ in shape(*found)] == ["a", "d", "b", "c"]


def test_what_went_wrong_first_comes_first() -> None:
    found = [
        fired("in phase two", since=(1, 3), reason="R01"),
        fired("late", "symptom", since=(0, 30), reason="R01"),
        fired("symptom", since=(0, 31)),
        fired("early", since=(0, 4), reason="R36"),
        fired("from the start", reason="R37"),
    ]
    names = ["from the start", "early", "late", "in phase two"]
    assert [name for name, _ in shape(*found)] == [name for name, _ in shape(*reversed(found))] == names


def test_order_in_time_is_less_than_severity_and_proof() -> None:
    found = [fired("guess", certain=False), fired("mild", severity=WARNING), fired("late", since=(0, 30))]
    assert [name for name, _ in shape(*found)] == ["late", "guess", "mild"]


def test_among_equals_what_a_trial_has_shown_counts_before_time() -> None:
    found = [
        replace(fired("refuted", reason="R01"), confirmed=False),
        replace(fired("no harm seen", reason="R01"), harmless=True),
        fired("not tried", since=(0, 5)),
        replace(fired("confirmed", since=(0, 9)), confirmed=True),
        replace(fired("cured", since=(0, 20)), confirmed=True, cured=True),
        replace(fired("mild but cured", severity=WARNING), confirmed=True, cured=True),
    ]
    names = ["cured", "confirmed", "not tried", "no harm seen", "refuted", "mild but cured"]
    assert [name for name, _ in shape(*found)] == [name for name, _ in shape(*reversed(found))] == names


def test_a_check_went_wrong_with_the_first_of_its_worst_findings() -> None:
    each = declared("a")
    findings = (Finding("m", "a", since=(0, 9)), Finding("m", "a", since=(0, 5)), Finding("m", "a", severity=NOTE))
    assert Fired(each, findings).since == (0, 5)


def test_a_mild_cause_that_alone_explains_an_error_stands_with_the_errors() -> None:
    found = [fired("slow", "stuck", severity=WARNING), fired("stuck"), fired("idle", severity=WARNING, reason="R01")]
    assert shape(*found) == [("slow", ["stuck"]), ("idle", [])]


def test_a_mild_cause_does_not_pass_the_error_that_explains_the_same() -> None:
    found = [fired("slow", "stuck", severity=WARNING, reason="R01"), fired("broken", "stuck"), fired("stuck")]
    assert shape(*found) == [("broken", ["stuck"]), ("slow", [])]


def test_a_note_explains_nothing_worse_than_itself() -> None:
    assert shape(fired("hint", "bad", severity=NOTE), fired("bad")) == [("bad", []), ("hint", [])]
    assert shape(fired("a", "b", severity=NOTE), fired("b", severity=NOTE)) == [("a", ["b"])]


def test_a_circle_is_broken_at_its_more_important_check() -> None:
    a, b = fired("a", "b", reason="R35"), fired("b", "a", reason="R01")
    assert shape(a, b) == shape(b, a) == [("b", ["a"])]


def test_nothing_found_is_no_cause() -> None:
    assert ordered([]) == []


GRAPHS = st.dictionaries(st.sampled_from("abcdef"), st.sets(st.sampled_from("abcdef")))


@given(GRAPHS)
def test_the_graph_has_no_circle_and_loses_no_other_arrow(graph: dict[str, set[str]]) -> None:
    graph = {name: (others & graph.keys()) - {name} for name, others in graph.items()}
    broken = acyclic(graph, rank=dict.fromkeys(graph, (0,)))
    assert not any(name in reached for name, reached in closure(broken).items())
    reach = closure(graph)
    for name, others in graph.items():
        assert {o for o in others if name not in reach[o]} <= broken[name] <= others


@given(GRAPHS)
def test_every_finding_appears_exactly_once(graph: dict[str, set[str]]) -> None:
    found = [fired(name, *others) for name, others in graph.items()]
    names = [name for root, symptoms in shape(*found) for name in (root, *symptoms)]
    assert sorted(names) == sorted(graph)
