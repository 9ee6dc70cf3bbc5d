"""Steps within steps: by the same optimizer, by others, and of some that never ended."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from nndoctor.nesting import Nesting

if TYPE_CHECKING:
    from collections.abc import Callable


class Steps:
    """Makes steps as torch does, and remembers of which it was told that they are the loop's own."""

    def __init__(self) -> None:
        self.nesting = Nesting()
        self.told: list[tuple[str, str, bool]] = []

    def make(self, optimizer: str, body: Callable[[], object] = lambda: None) -> None:
        self.told.append(("enters", optimizer, self.nesting.enters(optimizer, sys._getframe())))
        body()
        self.told.append(("leaves", optimizer, self.nesting.leaves(optimizer)))


def test_a_step_of_the_same_optimizer_within_its_step_is_not_the_loops() -> None:
    steps = Steps()
    for _ in range(2):
        steps.make("a", lambda: steps.make("a", lambda: steps.make("a")))
    once = [("enters", "a", True), ("enters", "a", False), ("enters", "a", False)]
    once += [("leaves", "a", False), ("leaves", "a", False), ("leaves", "a", True)]
    assert steps.told == once * 2


def test_a_step_of_another_optimizer_within_a_step_is() -> None:
    steps = Steps()

    def both() -> None:
        steps.make("b")
        steps.make("a")

    steps.make("a", both)
    assert steps.told == [
        ("enters", "a", True),
        ("enters", "b", True),
        ("leaves", "b", True),
        ("enters", "a", False),
        ("leaves", "a", False),
        ("leaves", "a", True),
    ]


def test_a_step_that_raised_is_over() -> None:
    steps = Steps()
    with suppress(ZeroDivisionError):
        steps.make("a", lambda: steps.make("b", lambda: 1 // 0))
    steps.make("a")
    assert steps.told[2:] == [("enters", "a", True), ("leaves", "a", True)]


def test_the_end_of_a_step_whose_beginning_was_not_told_is_the_loops() -> None:
    assert Nesting().leaves("a")
