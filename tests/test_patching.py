"""What was replaced is put back, exactly."""

from __future__ import annotations

from typing import Any

import pytest

from nndoctor.patching import Patches


class Base:
    """Owner of an inherited function."""

    def speak(self) -> str:
        return "base"


class Child(Base):
    """Inherits it."""


def louder(original: Any) -> Any:
    def speak(self: Any) -> str:
        return str(original(self)).upper()

    return speak


def test_a_wrapped_function_keeps_its_name() -> None:
    with Patches() as patches:
        patches.wrap(Base, "speak", louder)
        assert Base().speak() == "BASE"
        assert Base.speak.__qualname__ == "Base.speak"


def test_the_original_is_put_back_even_after_several_replacements() -> None:
    original = vars(Base)["speak"]
    patches = Patches()
    patches.wrap(Base, "speak", louder)
    patches.replace(Base, "speak", lambda _self: "other")
    patches.undo()
    assert vars(Base)["speak"] is original


def test_what_was_inherited_is_inherited_again() -> None:
    patches = Patches()
    patches.wrap(Child, "speak", louder)
    assert Child().speak() == "BASE"
    patches.undo()
    assert "speak" not in vars(Child)
    assert Child().speak() == "base"


def test_an_exception_puts_everything_back() -> None:
    original = vars(Base)["speak"]
    with pytest.raises(RuntimeError), Patches() as patches:  # noqa: PT012 - the two lines are the case
        patches.wrap(Base, "speak", louder)
        raise RuntimeError
    assert vars(Base)["speak"] is original


def test_undo_twice_does_nothing_the_second_time() -> None:
    patches = Patches()
    patches.wrap(Base, "speak", louder)
    patches.undo()
    patches.wrap(Base, "speak", louder)
    Patches().undo()
    assert Base().speak() == "BASE"
    patches.undo()
    patches.undo()
    assert Base().speak() == "base"
