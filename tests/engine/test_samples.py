"""What is asked of the samples of training loaders: collation, pairs, coverage, repeated randomness."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    RandomSampler,
    Sampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from nndoctor.experiments.collation import collations
from nndoctor.experiments.coverage import coverage
from nndoctor.experiments.pairing import Stream, pairings
from nndoctor.experiments.worker_randomness import worker_randomness
from nndoctor.fingerprint import row_hashes
from nndoctor.records import Collation, Coverage, Pairing

if TYPE_CHECKING:
    from collections.abc import Iterator

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


def test_a_loader_without_labels_beside_one_with_them() -> None:
    x, y = torch.from_numpy(X), torch.tensor(Y)
    labelled = TensorDataset(x, y)
    streams = [
        Stream("a", labelled, "0", "input", ("", 0, ""), row_hashes(x)),
        Stream("a", labelled, "1", "target", ("", 0, ""), row_hashes(y)),
        Stream("b", TensorDataset(x.roll(1, 0)), "0", "input", ("", 0, ""), row_hashes(x.roll(1, 0))),
    ]
    assert list(pairings(streams, soon())) == []


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


# ---- which samples a loader asks for


class Fixed(Sampler[int]):
    def __init__(self, indices: list[int]) -> None:
        self.indices = indices

    def __iter__(self) -> Iterator[int]:
        return iter(self.indices)


def covered(left: list[int] | None = None, **options: Any) -> list[Coverage]:
    return list(coverage("a", DataLoader(Listed(), **options), left or [], soon()))


def test_coverage() -> None:
    [row] = covered(batch_size=16, drop_last=True)
    assert (row.total, row.drawn, row.ever, row.dropped, row.passes) == (40, 40, 40, 8, 1)
    assert (row.ordered, row.batches, row.broken_off) == (True, 2, 0)
    [row] = covered(batch_size=4, sampler=Fixed(list(range(20))))
    assert (row.drawn, row.ever, row.sampler) == (20, 20, "Fixed")
    [row] = covered(batch_size=4, sampler=RandomSampler(Listed(), num_samples=10))
    assert row.drawn == 10 < row.ever
    [row] = covered([3, 5, 3], batch_size=4)
    assert (row.left_after, row.broken_off) == (3, 2)


def test_weights_are_meant() -> None:
    assert covered(batch_size=4, sampler=WeightedRandomSampler([1.0] * 40, 40)) == []


def test_a_subset_was_given() -> None:
    [row] = covered(batch_size=4, sampler=SubsetRandomSampler(range(9)))
    assert (row.given, row.drawn, row.ever, row.passes) == (True, 9, 9, 3)


def test_what_is_dropped_of_each_pass_is_no_other_choice() -> None:
    """Which samples of a part fall into the incomplete batch is drawn anew: they are asked for all the same."""
    [row] = covered(batch_size=8, drop_last=True, sampler=SubsetRandomSampler(range(15)))
    assert (row.drawn, row.ever, row.passes, row.sampler) == (15, 15, 3, "SubsetRandomSampler")
    [row] = covered(batch_sampler=BatchSampler(Fixed(list(range(20))), 8, drop_last=True))
    assert (row.drawn, row.ever, row.passes) == (20, 20, 3)  # not those of the loader's `sampler`, which nobody asks


def test_passes_that_the_loop_leaves(record: Any) -> None:
    run = record(
        """
        model = nn.Linear(6, 2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        loader = DataLoader(data, batch_size=12)
        for epoch in range(9):
            for i, (x, y) in enumerate(loader):
                if i == 3:
                    break
                optimizer.zero_grad()
                F.cross_entropy(model(x), y).backward()
                optimizer.step()
        """,
        steps=12,
        budget=2.0,
    )
    [row] = run.rows(Coverage)
    assert row.broken_off >= 2
    assert row.left_after in (3, 4)


# ---- generators that are copied to workers


class Jittered(Listed):
    def __init__(self, generator: Any) -> None:
        super().__init__()
        self.parts = {"noise": [generator]}

    def __getitem__(self, i: int) -> Any:
        generator = self.parts["noise"][0]
        draw = torch.rand((), generator=generator).item() if isinstance(generator, torch.Generator) else None
        return self.x[i] + np.float32(generator.random() if draw is None else draw), self.y[i]


class Unused(Listed):
    def __init__(self) -> None:
        super().__init__()
        self.rng = np.random.default_rng(0)


def reseeded(_: int) -> None:
    info: Any = torch.utils.data.get_worker_info()
    info.dataset.parts["noise"][0] = np.random.default_rng(info.seed)


@pytest.mark.parametrize("generator", [np.random.default_rng(3), random.Random(3), torch.Generator().manual_seed(3)])
def test_a_generator_of_the_data_set(generator: Any) -> None:
    loader = DataLoader(Jittered(generator), batch_size=4, num_workers=2)
    [row] = worker_randomness("a", loader)
    assert row.owner == "dataset.parts['noise'][0]"
    assert (row.compared, row.same_workers, row.same_epochs) == (4, 4, 4)


def test_workers_that_seed_it_anew() -> None:
    loader = DataLoader(Jittered(np.random.default_rng(3)), batch_size=4, num_workers=2, worker_init_fn=reseeded)
    [row] = worker_randomness("a", loader)
    assert (row.same_workers, row.same_epochs) == (0, 0)


@pytest.mark.parametrize(("dataset", "workers"), [(Unused(), 2), (Noisy(), 2), (Jittered(np.random.default_rng(3)), 0)])
def test_what_is_no_copied_generator(dataset: Any, workers: int) -> None:
    assert list(worker_randomness("a", DataLoader(dataset, num_workers=workers))) == []
