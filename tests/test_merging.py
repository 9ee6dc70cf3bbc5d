"""What is found in every fold is told once; what only looks alike is not thrown together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nndoctor import Finding, Severity, SourceLine, Table
from nndoctor.merging import merged

LINE = SourceLine("train.py", 31, "main")
FOUND = Finding(
    message="In 39 of 39 steps of Adam#0: 1.5e-3, 100%.", advice="Clear them.", where=LINE, names=("Adam#0",)
)


def test_folds_are_told_once_with_what_each_measured():
    others = [replace(FOUND, message=f"In 20 of 39 steps of Adam#{n}: 0.2, 51%.", names=(f"Adam#{n}",)) for n in (1, 2)]
    [one] = merged([FOUND, *others])
    assert one.message.startswith(FOUND.message)
    assert "found 3 times" in one.message
    assert one.names == ("Adam#0", "Adam#1", "Adam#2")
    [table] = [item for item in one.evidence if isinstance(item, Table)]
    assert [row[0] for row in table.rows] == [each.message for each in others]


@pytest.mark.parametrize(
    "other",
    [
        replace(FOUND, where=SourceLine("train.py", 32, "main")),
        replace(FOUND, where=None),
        replace(FOUND, names=("SGD#0",)),
        replace(FOUND, advice="Lower the learning rate."),
        replace(FOUND, severity=Severity.NOTE),
        replace(FOUND, certain=False),
        replace(FOUND, message="In 39 of 39 steps of SGD#0: 1.5e-3, 100%."),
    ],
)
def test_what_differs_in_more_than_numbers_stays(other: Finding):
    assert merged([FOUND, other]) == [FOUND, other]


def test_layers_are_not_counts():
    layers = [Finding(message=f"All outputs of net.{n} are zero.", advice="-", where=LINE) for n in (1, 3)]
    assert merged(layers) == layers


def test_without_a_line_only_the_same_words_are_the_same():
    loaders = [Finding(message=f"DataLoader#{n} holds 5 copies.", advice="-") for n in (0, 1)]
    assert merged(loaders) == loaders
    assert len(merged([loaders[0], loaders[0]])) == 1
