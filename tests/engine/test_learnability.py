"""What simple learners find in samples, and how much augmentation changes them."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset

from nndoctor.experiments.features import features
from nndoctor.experiments.learnability import learners, learnt, pattern, table
from nndoctor.experiments.redraw import redraws
from nndoctor.records import Learner, Redraw

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 6)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] > 0).astype(np.int64)


def found(x: Any, y: Any) -> Learner:
    known = table(x, y)
    assert known is not None
    return learnt(known, time.monotonic() + 60)


def test_what_can_be_learnt() -> None:
    row = found(X, Y)
    assert (row.samples, row.features, row.classes) == (400, 6, 2)
    assert row.score > 0.85
    assert row.p_value <= 0.02
    assert row.sure_wrong <= 0.05 * row.sure
    assert found(X, X[:, 0] * 2 + X[:, 1]).score > 0.8


def test_what_cannot() -> None:
    row = found(X, np.random.default_rng(5).permutation(Y))
    assert row.score < 0.6
    assert row.p_value > 0.02


def test_wrong_labels_among_the_easy_ones() -> None:
    wrong = np.random.default_rng(2).random(len(Y)) < 0.25
    row = found(X, np.where(wrong, 1 - Y, Y))
    assert 0.15 < row.sure_wrong / row.sure < 0.35
    assert row.pattern_p > 0.05


def test_what_learners_are_sure_and_wrong_of_has_apattern() -> None:
    """A rare feature turns the class round, as "not" does: too rare to be learnt, and no accident of the labels."""
    turned = np.random.default_rng(3).random(len(Y)) < 0.15
    x = np.column_stack([X, np.random.default_rng(4).random((400, 40)), turned])
    row = found(x, np.where(turned, 1 - Y, Y))
    assert row.sure_wrong > 0.05 * row.sure
    assert row.pattern_p < 0.05


def test_the_p_value_of_a_pattern_is_uniform_where_there_is_none() -> None:
    rng = np.random.default_rng(6)
    label = np.repeat([0, 1, 2], 40)
    features = label[:, None] + rng.normal(size=(120, 20))  # they tell the class, and how often a class is wrong
    values = [pattern(features, rng.random(120) < 0.1 + 0.2 * label, label) for _ in range(60)]
    assert sum(value < 0.05 for value in values) <= 8  # binomial: 3 of 60 expected, more than 8 in 1 of 600
    assert sum(value < 0.5 for value in values) in range(18, 43)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        pytest.param(X[:50], Y[:50], id="too few"),
        pytest.param(np.repeat(X[:40], 10, axis=0), np.repeat(Y[:40], 10), id="the same ones again"),
        pytest.param(X, np.zeros(400), id="one target"),
        pytest.param(X, np.arange(400), id="a class for each"),
        pytest.param(X, RNG.random((400, 3)), id="several numbers"),
        pytest.param(X * np.nan, Y, id="not finite"),
        pytest.param(np.ones((400, 2)), Y, id="constant"),
    ],
)
def test_what_is_left_alone(x: Any, y: Any) -> None:
    assert table(x, y) is None


def test_one_hot_and_columns_are_classes() -> None:
    for y in (np.eye(2)[Y], Y[:, None], Y.astype(np.float32)):
        known = table(X, y)
        assert known is not None
        assert known.classes == 2


def test_parts_of_different_size_are_left_alone() -> None:
    assert list(learners([(X, Y[:, None]), (X[:, :3], Y[:, None])], ("", 0, ""), 0.0)) == []


def test_features() -> None:
    assert features(torch.zeros(5)).shape == (5, 1)
    assert features(torch.zeros(5, 3, 8, 8)).shape == (5, 192)
    assert features(torch.zeros(5, 3, 64, 64)).shape[1] <= 512
    assert features(torch.zeros(5, 100_000)).shape == (5, 256)
    words = features(torch.tensor([[1, 1, 300], [2, 5, 5]]))
    assert words[0, 1] == 2
    assert words[0, 300 % 256] == 1


class Drawn(Dataset[Any]):
    def __init__(self, noise: float, shape: tuple[int, ...] = (8, 8)) -> None:
        self.x = torch.from_numpy(np.random.default_rng(1).normal(size=(30, *shape)))
        self.noise = noise

    def __len__(self) -> int:
        return 30

    def __getitem__(self, i: int) -> Any:
        x = self.x[i].roll(int(torch.randint(0, 8, ())), -1) if self.noise < 0 else self.x[i]
        return x + max(self.noise, 0.0) * torch.randn_like(x), i % 3


def redrawn(dataset: Any) -> list[Redraw]:
    return list(redraws("a", dataset, {"0": "input", "1": "target"}, time.monotonic() + 60))


def test_redraws() -> None:
    assert redrawn(Drawn(0.0)) == []
    [light] = redrawn(Drawn(0.1))
    [heavy] = redrawn(Drawn(2.0))
    [moved] = redrawn(Drawn(-1.0))
    assert light.values < 0.1
    assert heavy.values > 1
    assert light.label
    assert light.function == "__getitem__"
    assert moved.values > 1
    assert moved.shades < 1e-6
    [row] = redrawn(Drawn(0.1, (8,)))
    assert np.isnan(row.shades)


def test_a_loop_without_a_loader(record: Any) -> None:
    run = record(
        """
        X = torch.randn(320, 6)
        Y = (X[:, 0] > 0).long()
        model = nn.Linear(6, 2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for step in range(40):
            rows = torch.arange(320)[step % 10 * 32 :][:32]
            optimizer.zero_grad()
            F.cross_entropy(model(X[rows]), Y[rows]).backward()
            optimizer.step()
        """,
        steps=10,
        budget=3.0,
    )
    [row] = run.rows(Learner)
    assert (row.samples, row.classes) == (320, 2)
    assert row.score > 0.8


@pytest.mark.parametrize(("kinds", "rows"), [(40, 0), (4, 1)])
def test_many_ids_are_no_features(record: Any, kinds: int, rows: int) -> None:
    run = record(
        f"""
        ids = torch.arange(400) % {kinds}
        known = TensorDataset(ids, torch.randn(400) + ids % 2)
        model = nn.Sequential(nn.Embedding({kinds}, 4), nn.Linear(4, 1))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for epoch in range(2):
            for x, y in DataLoader(known, batch_size=20, shuffle=True):
                optimizer.zero_grad()
                F.mse_loss(model(x).squeeze(1), y).backward()
                optimizer.step()
        """,
        steps=10,
        budget=4.0,
    )
    assert len(run.rows(Learner)) == rows
