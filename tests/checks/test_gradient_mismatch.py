"""gradient-mismatch, on recordings typed by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest

from nndoctor import Recording, Severity, Skip
from nndoctor.records import GradientCheck
from nndoctor_checks.implementation.gradient_mismatch import gradient_mismatch


def recording(**facts: Any) -> Recording:
    usual = {"name": "Swish", "file": "t.py", "line": 3, "directions": 6, "backward": 1.0, "numeric": 1.0}
    return Recording.of([GradientCheck(**{**usual, "error": 0.5, "unsteady": 1e-7, **facts})])


def test_names_the_function_and_how_far_it_is_off() -> None:
    [finding] = gradient_mismatch(recording())
    assert "Swish" in finding.message
    assert "50%" in finding.message
    assert finding.severity is None
    assert finding.where is not None


@pytest.mark.parametrize("facts", [{"error": 0.05}, {"error": 1.0, "backward": 0.0}])
def test_an_approximation_and_a_missing_gradient_are_warnings(facts: dict[str, Any]) -> None:
    [finding] = gradient_mismatch(recording(**facts))
    assert finding.severity is Severity.WARNING


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({"error": 1.0, "numeric": 0.0}, id="straight through a step function"),
        pytest.param({"error": 2.0, "unchanged": 1.0}, id="gradient reversal"),
        pytest.param({"error": 0.5, "unchanged": 0.6}, id="straight through a clamp"),
        pytest.param({"error": 0.5, "unsteady": 0.3}, id="kinks"),
        pytest.param({"error": 0.5, "unsteady": math.nan}, id="unknown steadiness"),
    ],
)
def test_a_deliberate_one_is_a_note(facts: dict[str, Any]) -> None:
    [finding] = gradient_mismatch(recording(**facts))
    assert finding.severity is Severity.NOTE
    assert finding.explains == frozenset()


@pytest.mark.parametrize("facts", [{"error": 1e-8}, {"error": 0.0, "numeric": 0.0, "backward": 0.0}])
def test_is_silent(facts: dict[str, Any]) -> None:
    assert gradient_mismatch(recording(**facts)) == []


@pytest.mark.parametrize("facts", [{"why": "it does not compute in float64"}, {"error": math.nan}])
def test_says_why_it_could_not_look(facts: dict[str, Any]) -> None:
    with pytest.raises(Skip, match="Swish could not be compared"):
        gradient_mismatch(recording(**facts))


# ---- the whole loss


def whole(**facts: Any) -> GradientCheck:
    usual = {"whole": True, "file": "t.py", "line": 9, "directions": 4, "backward": 3.0, "numeric": 3.0}
    return GradientCheck(**{**usual, "error": 1e-8, "unsteady": 1e-7, **facts})


def test_the_gradient_of_the_loss_is_a_note() -> None:
    [finding] = gradient_mismatch(Recording.of([whole(error=0.4)]))
    assert finding.severity is Severity.NOTE
    assert finding.explains == frozenset()
    assert "differs by 40% from finite differences of the loss" in finding.message
    assert finding.where is not None
    assert finding.where.line == 9


def test_a_wrong_function_accounts_for_it() -> None:
    run = Recording.of([whole(error=0.4), *recording().rows(GradientCheck)])
    [finding] = gradient_mismatch(run)
    assert "Swish" in finding.message


@pytest.mark.parametrize("facts", [{}, {"error": 0.05}, {"error": 0.0, "backward": 0.0, "numeric": 0.0}])
def test_the_gradient_of_the_loss_is_right(facts: dict[str, Any]) -> None:
    assert gradient_mismatch(Recording.of([whole(**facts)])) == []


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"why": "it does not compute in float64"}, "the loss could not be compared: it does not compute"),
        ({"error": 0.5, "unsteady": 0.3}, "steps or kinks"),
        ({"error": math.nan}, "not finite"),
    ],
)
def test_says_why_the_loss_was_not_compared(facts: dict[str, Any], told: str) -> None:
    with pytest.raises(Skip, match=told):
        gradient_mismatch(Recording.of([whole(**facts)]))
