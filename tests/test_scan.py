"""What is asked of training data sets when the script is over: copies, constants, classes, drift."""

from __future__ import annotations

import math
import random
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, IterableDataset, Subset, TensorDataset

from nndoctor.experiments.scan import drifts, scan, scans
from nndoctor.records import Scan

ROLES = {"0": "input", "1": "target"}


def looked_at(dataset: Any, roles: dict[str, str] | None = None) -> Scan:
    row = scan(dataset, ROLES if roles is None else roles, time.monotonic() + 60)
    return replace(row, **drifts({"a": dataset}).get(id(dataset), {}))


class Listed(Dataset[Any]):
    def __init__(self, x: np.ndarray[Any, Any], y: list[int]) -> None:
        self.x, self.y = x, y
        self.own = np.random.default_rng(0)
        self.buffer = np.zeros_like(x[0])

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, i: int) -> Any:
        return self.x[i], self.y[i]


class InPlace(Listed):
    def __getitem__(self, i: int) -> Any:
        x = self.x[i]
        x -= 0.3
        return torch.from_numpy(x), self.y[i]


class Augmented(Listed):
    def __getitem__(self, i: int) -> Any:
        noise = random.random() + float(torch.rand(()))
        return self.x[i] + noise + self.own.normal(), self.y[i]


class Cached(Listed):
    def __getitem__(self, i: int) -> Any:
        self.buffer[...] = self.x[i]
        return self.buffer + self.own.normal(), self.y[i]


def table(rows: int = 40) -> np.ndarray[Any, Any]:
    return np.random.default_rng(1).normal(size=(rows, 6)).astype(np.float32)


def test_copies_and_conflicts() -> None:
    x = torch.from_numpy(table())
    x[1], x[2] = x[0], x[3]
    y = torch.arange(40) % 4
    y[1] = y[0]
    row = looked_at(TensorDataset(x, y))
    assert (row.total, row.keyed, row.duplicates, row.conflicts) == (40, 40, 1, 2)
    assert row.labels == (0, 1, 2, 3)
    assert sum(row.counts) == 40
    assert sum(row.distinct) == 39
    assert row.bits > 40


def test_no_more_than_wanted() -> None:
    stacked = TensorDataset(torch.from_numpy(table(90)), torch.arange(90) % 3)
    listed = Listed(table(90), [0] * 90)
    rows = scans({"a": stacked, "b": listed}, {"a": ROLES, "b": ROLES}, most=6)
    assert [row.samples for row in rows] == [60, 6]


def test_the_same_by_index() -> None:
    x, y = table(), [i % 4 for i in range(40)]
    asked, stacked = looked_at(Listed(x, y)), looked_at(TensorDataset(torch.from_numpy(x), torch.tensor(y)))
    assert (asked.counts, asked.columns, asked.keyed) == (stacked.counts, stacked.columns, stacked.keyed)


def test_a_subset_is_looked_at_alone() -> None:
    whole = TensorDataset(torch.from_numpy(table()), torch.arange(40) // 20)
    assert looked_at(Subset(Subset(whole, range(30)), range(25))).counts == (20, 5)


def test_constant_columns_and_categories() -> None:
    x = table()
    x[:, 2] = 7
    assert looked_at(Listed(x, [0] * 40)).constant_columns == (2,)
    assert looked_at(Listed((x > 0).astype(np.float32), [0] * 40)).bits < 10


def test_unknown_leaves_are_not_judged() -> None:
    row = looked_at(Listed(table(), [0] * 40), {"image": "input"})
    assert (row.total, row.keyed) == (40, 0)


def test_in_place_is_drift_and_is_undone() -> None:
    x = table()
    before = x.copy()
    row = looked_at(InPlace(x, [0] * 40))
    assert (row.refetched, row.drifting) == (3, 3)
    assert row.function == "__getitem__"
    assert row.drift_to != row.drift_from
    assert np.abs(x - before).max() < 0.4  # fetched once by the scan, as by any loop


@pytest.mark.parametrize("kind", [Listed, Augmented, Cached])
def test_augmentation_and_buffers_are_no_drift(kind: type[Listed]) -> None:
    row = looked_at(kind(table(), [0] * 40))
    assert (row.refetched, row.drifting) == (3, 0)


def test_what_cannot_be_asked_is_left_out() -> None:
    class Stream(IterableDataset[Any]):
        def __iter__(self) -> Any:
            return iter([])

    class Closed(Listed):
        def __getitem__(self, i: int) -> Any:
            raise OSError("closed")

    assert list(scans({"a": Stream(), "b": Closed(table(), [0] * 9), "c": None}, {})) == []
    assert math.isnan(Scan().bits)
