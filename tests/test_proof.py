"""From the numbers of trials to confirmed and refuted, on rows typed by hand; and what that does to the diagnosis."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nndoctor import Check, Finding, Recording, Severity, check
from nndoctor.choice import chosen, left_over
from nndoctor.diagnose import diagnose
from nndoctor.effects import AGAINST, FOR, MOST, SUFFICES, Effect, settled, summary
from nndoctor.proof import TIME_OVER, proof
from nndoctor.records import Event, Experiment, Record, Step, Trial

if TYPE_CHECKING:
    from collections.abc import Iterator

ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE
WELL, STUCK, WILD = (0.2, 0.25, 0.22), (2.3, 2.29, 2.31), (27.0, math.inf, 33.0)


def trial(
    controls: tuple[float, ...],
    treated: tuple[float, ...],
    *,
    treatment: str = "clear-gradients",
    checks: tuple[str, ...] = ("a-check",),
    metric: str = "loss",
    start: float = 2.3,
    skipped: str = "",
) -> Trial:
    return Trial(
        treatment=treatment,
        checks=checks,
        metric=metric,
        start=start,
        steps=30,
        measured=5,
        controls=controls,
        treated=treated,
        skipped=skipped,
    )


def fires(
    name: str,
    *,
    severity: Severity = ERROR,
    certain: bool = True,
    explains: tuple[str, ...] = (),
    treatments: tuple[str, ...] = ("clear-gradients",),
    segment: int | None = None,
) -> Check:
    @check(name, reason="T", severity=severity, needs=[], explains=explains, treatments=treatments)
    def function(run: Recording) -> Iterator[Finding]:
        """Fire."""
        if segment is None or any(row.segment == segment for row in run.rows(Step)):
            yield Finding("m", "a", certain=certain, names=(f"{name}.weight",))

    return function


@pytest.mark.parametrize(
    ("row", "effect"),
    [
        pytest.param(trial(STUCK, WELL), Effect.HELPED, id="stuck, then learns"),
        pytest.param(trial(WILD, WELL), Effect.HELPED, id="diverges, then learns"),
        pytest.param(trial(STUCK, STUCK), Effect.NOTHING, id="no difference"),
        pytest.param(trial(WELL, STUCK), Effect.NOTHING, id="it does harm"),
        pytest.param(trial(WILD, STUCK), Effect.HELPED, id="no longer diverges, though it does not learn yet"),
        pytest.param(trial((2.4, 2.5), STUCK[:2]), Effect.NOTHING, id="no longer a little above its start"),
        pytest.param(trial(WILD, (3.0, 3.0, 3.0)), Effect.UNCLEAR, id="far less, and still above its start"),
        pytest.param(trial((9e5, 8e5), (9e3, 7e3)), Effect.UNCLEAR, id="still diverges, but far less"),
        pytest.param(trial(STUCK, (0.2, 2.4, 2.5)), Effect.UNCLEAR, id="better once in three"),
        pytest.param(trial((*STUCK, 2.3), (0.2, 2.4, 2.5, 2.4)), Effect.NOTHING, id="better once in four"),
        pytest.param(trial((2.3,) * 5, (0.2, 0.2, 2.5, 0.2, 0.2)), Effect.HELPED, id="better four times in five"),
        pytest.param(trial(STUCK, (0.2, 0.2, 2.5)), Effect.UNCLEAR, id="better twice in three"),
        pytest.param(trial(STUCK[:2], WELL[:2]), Effect.HELPED, id="two repetitions, where time was over"),
        pytest.param(trial(STUCK[:1], WELL[:1]), Effect.UNCLEAR, id="too few repetitions to confirm"),
        pytest.param(trial((1.0, 1.0, 1.0), (0.7, 0.7, 0.7)), Effect.UNCLEAR, id="a little better"),
        pytest.param(trial((1.0,) * 6, (0.7,) * 6), Effect.SLIGHT, id="a little better, six times"),
        pytest.param(trial((0.34,) * 6, (0.18,) * 6), Effect.SLIGHT, id="half of what is left, six times"),
        pytest.param(trial((1.0,) * 7, (*(0.7,) * 6, 1.1)), Effect.UNCLEAR, id="a little better, but once not"),
        pytest.param(trial((0.30, 0.30, 0.30), (0.02, 0.02, 0.02)), Effect.HELPED, id="far less, near the end"),
        pytest.param(trial((0.08,) * 3, (0.004,) * 3), Effect.HELPED, id="both near the end, one much nearer"),
        pytest.param(trial((), ()), Effect.UNCLEAR, id="nothing measured"),
        pytest.param(trial((0.1,) * 3, (0.9,) * 3, metric="accuracy", start=0.1), Effect.HELPED, id="accuracy rises"),
        pytest.param(trial((-9.0,) * 3, (0.0,) * 3, metric="r2", start=-9.0), Effect.NOTHING, id="R2 rises to nothing"),
        pytest.param(trial((-5.0,) * 3, (-50.0,) * 3, start=2.0), Effect.HELPED, id="a loss below zero"),
    ],
)
def test_what_a_treatment_did(row: Trial, effect: Effect) -> None:
    assert summary(row).effect is effect


def test_repetitions_go_on_until_the_outcome_is_clear() -> None:
    assert settled(trial(STUCK[:2], STUCK[:2]))
    assert settled(trial(STUCK, WELL))
    assert not settled(trial(STUCK[:2], WELL[:2]))
    assert not settled(trial((), ()))
    assert not settled(trial(STUCK[:1], STUCK[:1]))
    assert not settled(trial(STUCK[:2], (2.3, 0.2)))
    assert not settled(trial((2.3,) * 4, (0.2, 2.3, 0.2, 2.3)))
    assert settled(trial((2.3,) * MOST, (0.2, 2.3, 0.2, 2.3, 0.2, 2.3, 0.2)))


def reached(upper: int, lower: int, chance: float) -> float:
    """Probability that a walk with this chance of a step up comes to `upper` before `-lower`, step by step."""
    places, arrived = {0: 1.0}, 0.0
    for _ in range(400):
        following: dict[int, float] = {}
        for place, p in places.items():
            for step, q in ((1, chance), (-1, 1 - chance)):
                if place + step == upper:
                    arrived += p * q
                elif place + step > -lower:
                    following[place + step] = following.get(place + step, 0.0) + p * q
        places = following
    return arrived


def test_the_error_rates_are_those_of_the_documentation() -> None:
    assert reached(FOR, AGAINST, 0.1) == pytest.approx(0.0014, abs=1e-4)
    assert reached(SUFFICES, AGAINST, 0.1) == pytest.approx(0.012, abs=1e-3)
    assert 1 - reached(FOR, AGAINST, 0.9) == pytest.approx(0.012, abs=1e-3)


NUMBERS = st.lists(st.floats() | st.sampled_from([0.0, 1.0]), max_size=4).map(tuple)


@given(NUMBERS, NUMBERS, st.floats(), st.sampled_from(["loss", "accuracy", "r2"]))
def test_any_numbers_give_a_summary(
    controls: tuple[float, ...], treated: tuple[float, ...], start: float, m: str
) -> None:
    row = trial(controls, treated, start=start, metric=m)
    found = proof(Recording.of([row]), "a-check", certain=True)
    assert found is not None
    assert found.sentence
    assert 0 <= found.found.won <= found.found.of


def test_the_sentence_says_what_was_done_how_much_it_helped_and_how_sure_it_is() -> None:
    found = proof(Recording.of([trial(STUCK, WELL)]), "a-check", certain=True)
    assert found is not None
    assert found.sentence == (
        "confirmed: with the gradients cleared after each step, loss after 30 steps 2.3 -> 0.22, better in 3 of 3 runs"
    )


def test_a_measured_fact_is_not_refuted_by_a_loop_that_learns_anyhow() -> None:
    run = Recording.of([trial(WELL, WELL)])
    assert [proof(run, "a-check", certain=c).confirmed for c in (True, False)] == [None, False]
    assert [proof(run, "a-check", certain=c).outcome for c in (True, False)] == ["harmless", "refuted"]
    assert (
        "no harm seen by a trial, the loop learns well as it is: with" in proof(run, "a-check", certain=True).sentence
    )
    assert proof(Recording.of([trial(STUCK, STUCK)]), "a-check", certain=True).confirmed is False


def test_a_loss_whose_floor_is_not_known_does_not_refute_what_was_measured() -> None:
    vae = trial((28.7, 28.3), (28.9, 28.5), start=45.1)
    assert [proof(Recording.of([vae]), "a-check", certain=c).outcome for c in (True, False)] == ["harmless", "refuted"]
    sentence = proof(Recording.of([vae]), "a-check", certain=True).sentence
    assert sentence.startswith("no harm seen by a trial, the loop learns as it is: with")


def test_what_only_relieves_can_confirm_but_not_refute() -> None:
    relief = ("clear-gradients",)
    assert proof(Recording.of([trial(STUCK, STUCK)]), "a-check", certain=True, relief=relief).confirmed is None
    assert proof(Recording.of([trial(STUCK, WELL)]), "a-check", certain=True, relief=relief).confirmed is True


def outcomes(rows: list[Record], *checks: Check) -> dict[str, str]:
    proofs = diagnose(Recording.of(rows), checks).proofs
    return {name: found.outcome for name, found in proofs.items()}


def test_a_symptom_is_settled_by_what_makes_the_run_well() -> None:
    pair = fires("a", explains=("b",)), fires("b")
    skipped = trial((), (), treatment="adamw", checks=("b",), skipped="another treatment has made the run well")
    assert outcomes([trial(STUCK, WELL, checks=("a",)), skipped], *pair) == {"a": "confirmed", "b": "explained"}
    assert outcomes([trial(STUCK, STUCK, checks=("a",)), skipped], *pair) == {"a": "refuted", "b": "skipped"}
    alone = fires("a"), fires("b")
    assert outcomes([trial(STUCK, WELL, checks=("a",)), skipped], *alone)["b"] == "skipped"


def test_what_its_own_remedy_does_nothing_for_is_settled_by_the_confirmed_cause() -> None:
    better = (1.5, 1.6, 1.4)
    rows: list[Record] = [
        trial(STUCK, better, checks=("a",)),
        replace(trial(STUCK, STUCK, treatment="adamw", checks=("b",)), steps=20),
    ]
    assert outcomes(rows, fires("a", explains=("b",)), fires("b"))["b"] == "explained"
    assert outcomes(rows, fires("a"), fires("b"))["b"] == "inconclusive"
    sentence = diagnose(Recording.of(rows), [fires("a", explains=("b",)), fires("b")]).proofs["b"].sentence
    assert sentence.startswith("explained by a trial: nothing gained with AdamW in place of the optimizer, but with")


def test_a_loop_whose_loss_is_never_finite_does_not_learn_well() -> None:
    never = (math.inf, math.inf)
    found = proof(Recording.of([trial(never, never, start=math.inf)]), "a-check", certain=True)
    assert found is not None
    assert found.outcome == "refuted"
    assert not found.found.control_learns


def test_a_slight_gain_is_told_and_confirms_nothing() -> None:
    found = proof(Recording.of([trial((0.34,) * 6, (0.18,) * 6)]), "a-check", certain=True)
    assert found is not None
    assert (found.confirmed, found.outcome) == (None, "slight")
    assert found.sentence.startswith("helps a little: with")
    assert found.sentence.endswith("better in 6 of 6 runs")


def test_nothing_is_refuted_while_one_of_its_treatments_has_not_been_tried() -> None:
    waits = trial((), (), treatment="adamw", skipped=TIME_OVER)
    unfit = trial((), (), treatment="adamw", skipped="no torch optimizer steps in this loop")
    for other, refuted in ((waits, None), (unfit, False)):
        assert proof(Recording.of([trial(STUCK, STUCK), other]), "a-check", certain=True).confirmed is refuted


def test_a_symptom_that_nothing_relieves_is_told_and_not_refuted() -> None:
    rows = [trial(STUCK, STUCK), trial(STUCK, STUCK, treatment="adamw")]
    relief = tuple(row.treatment for row in rows)
    found = proof(Recording.of(rows), "a-check", certain=True, relief=relief)
    assert found is not None
    assert (found.confirmed, found.outcome) == (None, "unrelieved")
    assert found.sentence.startswith("no relief by a trial: with the gradients cleared")
    assert found.sentence.endswith("better in 0 of 3 runs, nor with AdamW in place of the optimizer")
    waiting = replace(rows[1], controls=(), treated=(), skipped=TIME_OVER)
    for other in (waiting, replace(rows[1], steps=20)):
        assert proof(Recording.of([rows[0], other]), "a-check", certain=True, relief=relief).outcome == "inconclusive"


def test_what_was_lowered_along_with_a_treatment_is_told() -> None:
    row = replace(trial(STUCK, WELL), with_others=("learning-rate-x0.1",), alone=math.inf)
    found = proof(Recording.of([row]), "a-check", certain=True)
    assert found is not None
    assert found.sentence.startswith("confirmed: on top of a tenth of the learning rate (without it not finite), with")


def test_what_is_open_is_not_hidden_behind_what_does_no_harm() -> None:
    rows = [trial(WELL, WELL), trial((1.0,) * 3, (0.7,) * 3, treatment="adamw")]
    found = proof(Recording.of(rows), "a-check", certain=True)
    assert found is not None
    assert (found.outcome, found.trial.treatment) == ("inconclusive", "adamw")


def test_few_steps_refute_nothing() -> None:
    few = replace(trial(STUCK, STUCK), steps=14)
    assert proof(Recording.of([few]), "a-check", certain=True).confirmed is None


def test_one_treatment_that_helps_confirms_whatever_the_others_do() -> None:
    rows = [
        trial(STUCK, STUCK),
        trial(STUCK, WELL, treatment="adamw"),
        trial((), (), treatment="unfreeze", skipped="x"),
    ]
    found = proof(Recording.of(rows), "a-check", certain=True)
    assert found is not None
    assert (found.confirmed, found.trial.treatment) == (True, "adamw")
    assert proof(Recording.of(rows), "another", certain=True) is None


def test_a_trial_that_was_skipped_decides_nothing_and_says_why() -> None:
    found = proof(Recording.of([trial((), (), skipped="no optimizer decays weights")]), "a-check", certain=False)
    assert found is not None
    assert (found.confirmed, found.outcome) == (None, "skipped")
    assert found.sentence.endswith(": no optimizer decays weights")


def diagnosed(rows: list[Record], *checks: Check) -> list[tuple[str, str, bool | None, str]]:
    entries = diagnose(Recording.of(rows), checks).entries
    return [(e.check.name, e.severity.label, e.confirmed, e.explained_by) for e in entries]


def test_without_trials_nothing_is_confirmed() -> None:
    assert diagnosed([], fires("a")) == [("a", "error", None, "")]


def test_a_confirmed_cause_comes_before_one_that_is_not() -> None:
    rows: list[Record] = [trial(STUCK, WELL, checks=("z",)), trial(STUCK, STUCK, treatment="adamw", checks=("a",))]
    assert diagnosed(rows, fires("a"), fires("m"), fires("z")) == [
        ("z", "error", True, ""),
        ("m", "error", None, ""),
        ("a", "error", False, ""),
    ]


def test_of_two_confirmed_causes_the_one_whose_treated_run_is_well_comes_first() -> None:
    better = (1.5, 1.6, 1.4)
    rows: list[Record] = [trial(STUCK, WELL, checks=("z",)), trial(STUCK, better, treatment="adamw", checks=("a",))]
    assert [name for name, _, _, _ in diagnosed(rows, fires("a"), fires("z"))] == ["z", "a"]


def test_a_confirmed_warning_comes_before_an_inferred_error() -> None:
    rows: list[Record] = [trial(STUCK, WELL, checks=("z",))]
    found = diagnosed(rows, fires("a", certain=False), fires("z", severity=WARNING))
    assert found == [("z", "warning", True, ""), ("a", "error", None, "")]
    assert diagnosed(rows, fires("a"), fires("z", severity=WARNING))[0][0] == "a"


def test_an_inferred_cause_that_is_refuted_weighs_less() -> None:
    run = Recording.of([trial(STUCK, STUCK)])
    diagnosis = diagnose(run, [fires("a-check", certain=False)])
    assert [e.severity for e in diagnosis.entries] == [WARNING]
    [outcome] = [o for o in diagnosis.outcomes if o.check]
    assert outcome.severity is WARNING
    assert diagnosed([trial(STUCK, STUCK)], fires("a-check")) == [("a-check", "error", False, "")]


def test_what_is_refuted_explains_nothing_that_is_confirmed() -> None:
    rows: list[Record] = [trial(STUCK, STUCK, checks=("a",)), trial(STUCK, WELL, treatment="adamw", checks=("b",))]
    pair = fires("a", explains=("b",)), fires("b")
    assert [name for name, _, _, by in diagnosed(rows, *pair) if not by] == ["b", "a"]
    assert [name for name, _, _, by in diagnosed([], *pair) if not by] == ["a"]


# ---- what is tried


def test_causes_are_treated_before_symptoms_and_each_treatment_is_tried_once() -> None:
    asked = chosen(
        Recording.of([]),
        [
            fires("symptom", treatments=("adamw", "shuffle")),
            fires("cause", explains=("symptom",), treatments=("clear-gradients", "adamw")),
            fires("harmless", severity=NOTE, treatments=("unfreeze",)),
        ],
    )
    assert [(a["treatment"], a["checks"]) for a in asked] == [
        ("clear-gradients", ["cause"]),
        ("adamw", ["cause", "symptom"]),
        ("shuffle", ["symptom"]),
        ("sgd-momentum", ["optimizer-choice"]),
    ]
    assert asked[1]["names"] == ["cause.weight", "symptom.weight"]


def test_nothing_is_tried_where_nothing_is_wrong_or_nothing_is_wanted() -> None:
    assert chosen(Recording.of([]), []) == []
    assert chosen(Recording.of([]), [fires("a", severity=NOTE)]) == []
    assert chosen(Recording.of([]), [fires("a")], "none") == []
    assert [a["treatment"] for a in chosen(Recording.of([]), [], "all")] == ["adamw", "sgd-momentum"]


def test_nothing_is_tried_where_the_script_failed_by_itself() -> None:
    assert chosen(Recording.of([Event(kind="exception", text="ValueError: no")]), [fires("a")]) == []


def test_a_trial_belongs_to_the_phase_of_its_finding() -> None:
    run = Recording.of([Step(segment=0), Step(segment=1), Experiment(name="observe", segment=1)])
    assert [a["segment"] for a in chosen(run, [fires("late", segment=1)])] == [1, 0, 0]
    assert [a["segment"] for a in chosen(run, [fires("always")])] == [0, 0, 0]


def test_what_was_tried_is_not_tried_again() -> None:
    asked = chosen(Recording.of([]), [fires("a", treatments=("clear-gradients", "adamw"))])
    rest = left_over(asked, Recording.of([trial((), (), skipped="time")]))
    assert [a["treatment"] for a in rest] == ["adamw", "sgd-momentum"]
