"""Names of what the script holds: the same thing has the same name for as long as it lives."""

from __future__ import annotations

from typing import Any

from torch.utils.data import DataLoader

from nndoctor.names import Names


def loader_of(data: Any) -> DataLoader[Any]:
    return DataLoader(data)


class Plain:
    """Hashable, and weak references are possible."""


class Slotted:
    """Hashable, and no weak references are possible."""

    __slots__ = ()


def test_numbers_go_by_type() -> None:
    names, one, other = Names(), Plain(), Plain()
    assert [names.numbered(each) for each in (one, other, one)] == ["Plain#0", "Plain#1", "Plain#0"]


def test_lists_are_told_apart_by_who_holds_them() -> None:
    """A data set may be a plain list, of which training and validation have one each."""
    names = Names()
    train, other = [1, 2], [1, 2]
    loaders = [loader_of(train), loader_of(other), loader_of(train)]
    found = [names.numbered(loader.dataset, holder=loader) for loader in (*loaders, *loaders)]
    assert found == ["list#0", "list#1", "list#0", "list#0", "list#1", "list#0"]
    slotted = loader_of(Slotted())
    assert names.numbered(slotted.dataset, holder=slotted) == "Slotted#0"
    assert names.numbered(slotted.dataset, holder=slotted) == "Slotted#0"


def test_what_nobody_holds_any_more_is_forgotten() -> None:
    names, data = Names(), [1]
    assert names.numbered(data, holder=loader_of(data)) == "list#0"
    assert names.numbered(data, holder=loader_of(data)) == "list#1"
    assert names.numbered(data) == names.numbered([2]) == "list"
