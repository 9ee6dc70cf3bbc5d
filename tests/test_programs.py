"""nndoctor on whole scripts: the zoo, the samples, one program per kind of training loop.

Each script's first line says what is expected of it; `benchmarks/accuracy.py`, which prints the same as a table, says
how to read it. These tests take most of the time of the whole suite; `-m "not slow"` leaves them out.
"""

from __future__ import annotations

from typing import Any

import pytest
from accuracy import Case, cases, examine
from mutants import FRESH, LATER, UNSEEN

CASES = cases()


def marked(case: Case) -> Any:
    """Further variants of a fault or of a look-alike are left to `make accuracy` and a plain `pytest`.

    So are the programs that were written to have faults put into them: of each kind of loop there is another.
    """
    stem = case.script.stem
    further = stem not in ("sick", "look_alike") if case.check else stem in LATER | FRESH | UNSEEN
    return pytest.param(case, id=case.name, marks=[pytest.mark.extra] if further else [])


@pytest.mark.slow
@pytest.mark.parametrize("case", [marked(case) for case in CASES])
def test_the_diagnosis_is_as_the_script_expects(case: Case) -> None:
    if case.missing:
        pytest.skip(f"not installed: {', '.join(case.missing)} (pip install nndoctor[frameworks])")
    # What is found in a sick script is found early; a healthy one gets the time in which it could be accused.
    verdict = examine(case, budget=25.0 if case.healthy else 12.0)
    if verdict.problem:  # on a busy machine experiments may have been cut short: what counts is the full budget
        verdict = examine(case, budget=90.0)
    assert not verdict.problem, f"{verdict.problem}; found {verdict.found}"


ELSEWHERE = {
    "accelerator-unused": "needs an accelerator; by hand-typed recordings",
    "not-converged": "a whole training: tests/watching",
}
BY_REASON = {"C": "whole trainings: tests/watching", "D": "several processes: tests/distributed"}


def test_every_check_has_a_sick_script() -> None:
    from nndoctor.catalogue import load_catalogue

    shown = {case.shown for case in CASES}
    checks = {name for name, check in load_catalogue().items() if check.reason not in BY_REASON}
    assert not checks - shown - ELSEWHERE.keys()
