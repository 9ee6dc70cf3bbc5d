"""What is asked of the samples of training loaders: collation, pairs, coverage, repeated randomness."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset

from nndoctor.experiments.collation import collations
from nndoctor.experiments.pairing import Stream, pairings
from nndoctor.fingerprint import row_hashes
from nndoctor.records import Collation, Pairing

ROLES = {"0": "input", "1": "target"}
X = np.random.default_rng(0).normal(size=(40, 3, 4)).astype(np.float32)
Y = [i % 5 for i in range(40)]


class Listed(Dataset[Any]):
    def __init__(self, targets: list[Any] | None = None) -> None:
        self.x, self.y = X.copy(), targets or Y
        self.buffer = torch.zeros(3, 4)

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, i: int) -> Any:
        return self.x[i], self.y[i]


class Buffered(Listed):
    def __getitem__(self, i: int) -> Any:
        self.buffer.copy_(torch.from_numpy(self.x[i]))
        return self.buffer, self.y[i]


class Noisy(Listed):
    def __getitem__(self, i: int) -> Any:
        return self.x[i] + np.float32(torch.rand(())), self.y[i]


def soon() -> float:
    return time.monotonic() + 60


def collated(dataset: Any, collate: Any = None) -> dict[str, Collation]:
    loader = DataLoader(dataset, batch_size=8, collate_fn=collate)
    return {row.leaf: row for row in collations("loader", loader, ROLES, soon())}


def split(samples: list[Any]) -> tuple[list[torch.Tensor], torch.Tensor]:
    return [torch.as_tensor(s[0]) for s in samples], torch.tensor([s[1] for s in samples])


def test_the_samples_themselves() -> None:
    rows = collated(Listed())
    assert {(r.kept, r.moved, r.missing, r.mixed, r.mispaired) for r in rows.values()} == {(8, 0, 0, 0, 0)}
    assert rows["0"].role == "input"


def test_one_buffer() -> None:
    row = collated(Buffered())["0"]
    assert (row.kept, row.missing) == (1, 7)
    assert row.function == "__getitem__"


def test_what_is_random_is_not_compared() -> None:
    assert set(collated(Noisy())) == {"1"}


def test_exchanged_dimensions_are_no_mixture_and_a_wrong_view_is() -> None:
    def transposed(samples: list[Any]) -> Any:
        x, y = split(samples)
        return torch.stack(x, dim=1).transpose(1, 2), y

    def viewed(samples: list[Any]) -> Any:
        x, y = split(samples)
        return torch.stack(x, dim=1).reshape(8, 3, 4), y

    assert collated(Listed(), transposed)["0"].kept == 8
    assert collated(Listed(), transposed)["0"].mixed == 0
    assert collated(Listed(), viewed)["0"].mixed == 8


def test_padding_and_sorting() -> None:
    def padded(samples: list[Any]) -> Any:
        x, y = split(samples)
        return torch.stack([torch.cat([t, torch.zeros(2, 4)]) for t in x]).flip(0), y.flip(0)

    rows = collated(Listed(), padded)
    assert (rows["0"].moved, rows["1"].mispaired) == (8, 0)


def test_sorted_apart() -> None:
    def apart(samples: list[Any]) -> Any:
        x, y = split(samples)
        return torch.stack(x).flip(0), y

    assert collated(Listed([float(i) for i in range(40)]), apart)["1"].mispaired == 8


def test_truncated() -> None:
    def whole(samples: list[Any]) -> Any:
        x, y = split(samples)
        return torch.stack(x), y.long()

    assert collated(Listed([i / 3 for i in range(40)]), whole)["1"].truncated
    assert not collated(Listed(), whole)["1"].truncated


@pytest.mark.parametrize(("shift", "matched"), [(0, 40), (1, 0)])
def test_two_loaders(shift: int, matched: int) -> None:
    x, y = torch.from_numpy(X), torch.tensor(Y)
    inputs = Stream("a", TensorDataset(x), "0", "input", ("", 0, ""), row_hashes(x))
    targets = Stream("b", TensorDataset(y), "0", "target", ("", 0, ""), row_hashes(y.roll(shift)))
    [row] = pairings([inputs, targets], soon())
    assert (row.compared, row.matched) == (40, matched)
    assert row == Pairing(inputs="a", targets="b", compared=40, matched=matched, by_chance=row.by_chance)


def test_a_loop_with_two_loaders(record: Any) -> None:
    run = record(
        """
        model = nn.Linear(6, 2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        a = DataLoader(TensorDataset(X), batch_size=12, shuffle=True)
        b = DataLoader(TensorDataset(Y), batch_size=12, shuffle=True)
        for epoch in range(2):
            for (x,), (y,) in zip(a, b):
                optimizer.zero_grad()
                F.cross_entropy(model(x), y).backward()
                optimizer.step()
        """,
        budget=2.0,
    )
    [row] = run.rows(Pairing)
    assert 20 < row.matched < 0.9 * row.compared
    assert 0.4 < row.by_chance < 0.6
