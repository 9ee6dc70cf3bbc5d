"""What to change, in which order: the prescription's items with the diffs of those that a patch can make."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nndoctor.reports.places import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from nndoctor.prescription import Item, Prescription
    from nndoctor.reports.html.cards import Card

MOST = 12
"""Changes that are listed; findings.json has them all."""
_KINDS = {"+": "added", "-": "removed", "@": "place-of"}


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of a diff; `kind` is added, removed, place-of, file-of or same."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Advised:
    """One change. `finding` is the id of the card that tells why, empty where there is none."""

    check: str
    finding: str
    place: str
    change: str
    diff: tuple[DiffLine, ...]


@dataclass(frozen=True, slots=True)
class Prescribed:
    """The list. `command` writes all its diffs as one patch; it is empty where there is none."""

    items: tuple[Advised, ...]
    left_out: int
    command: str


def prescribed(prescription: Prescription | None, cards: Sequence[Card], folder: Path) -> Prescribed | None:
    """Return the list as it is shown; None where there is nothing to change."""
    if prescription is None or not prescription.items:
        return None
    items = tuple(_advised(item, cards) for item in prescription.items[:MOST])
    command = f"nndoctor report {shlex.quote(str(folder.absolute()))} --diff-to fix.patch" if prescription.patch else ""
    return Prescribed(items, len(prescription.items) - len(items), command)


def _advised(item: Item, cards: Sequence[Card]) -> Advised:
    place = shown(item.where) if item.where is not None else ""
    own = [card for card in cards if card.check == item.check]
    there = [card for card in own if card.snippet is not None and card.snippet.place == place]
    finding = next((card.id for card in (*there, *own)), "")
    return Advised(item.check, finding, place, item.change, tuple(diff_lines(item.compact)))


def diff_lines(diff: str) -> Iterator[DiffLine]:
    """Yield the lines of a unified diff of one file; put together again they are that diff."""
    in_file = False
    for row in diff.split("\n")[: -1 if diff.endswith("\n") else None] if diff else ():
        in_file = in_file or row.startswith("@@")
        yield DiffLine(_KINDS.get(row[:1], "same") if in_file else "file-of", row)
