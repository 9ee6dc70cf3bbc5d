"""Which layer gets what another put out, straight or through what leaves it linear, or through a sigmoid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nndoctor.records import Chained, Overlap

if TYPE_CHECKING:
    from collections.abc import Callable

    from nndoctor.recording import Recording

    Record = Callable[..., Recording]

LOOP = """
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
train = DataLoader(data, batch_size=12, shuffle=True)
for epoch in range(2):
    for x, y in train:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
"""
GATE = """
class Gate(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(6, 8), nn.Linear(6, 8), nn.Linear(8, 2)
    def forward(self, x):
        return self.c(self.a(x) * torch.sigmoid(self.b(x)))
model = Gate()
"""
POOLED = """
class Pooled(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.norm, self.b = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Linear(4 * 3, 2)
    def forward(self, x):
        x = torch.sigmoid(self.norm(self.a(x.view(-1, 1, 2, 3))))
        return self.b(F.max_pool2d(x, (2, 1)).flatten(1))
model = Pooled()
"""


def links(run: Recording) -> set[tuple[str, str, str]]:
    return {(row.first, row.second, row.through) for row in run.rows(Chained) if row.takers == 1 or row.through}


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        pytest.param("nn.Linear(6, 8), nn.Linear(8, 2)", {("0", "1", "")}, id="nothing"),
        pytest.param("nn.Linear(6, 8), nn.Identity(), nn.Linear(8, 2)", {("0", "2", "")}, id="identity"),
        pytest.param(
            "nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Linear(8, 2)", {("0", "3", "")}, id="affine"
        ),
        pytest.param("nn.Linear(6, 8), nn.LayerNorm(8), nn.Linear(8, 2)", set(), id="divided by its own size"),
        pytest.param("nn.Linear(6, 8), nn.Dropout(0.2), nn.ReLU(), nn.Linear(8, 2)", set(), id="a rectifier"),
        pytest.param(
            "nn.Linear(6, 8), nn.Sigmoid(), nn.Dropout(0.2), nn.Linear(8, 2)", {("0", "3", "sigmoid")}, id="a sigmoid"
        ),
    ],
)
def test_layers_in_a_row(record: Record, model: str, expected: set[tuple[str, str, str]]) -> None:
    assert links(record(f"model = nn.Sequential({model})\n{LOOP}", steps=12, only=("observe",))) == expected


def test_a_sigmoid_is_followed_through_pooling(record: Record) -> None:
    assert links(record(POOLED + LOOP, steps=12, only=("observe",))) == {("a", "b", "sigmoid")}


def test_a_gate_feeds_nothing(record: Record) -> None:
    assert links(record(GATE + LOOP, steps=12, only=("observe",))) == set()


def test_a_second_loader_over_the_same_data_is_compared(record: Record) -> None:
    again = """
    with torch.no_grad():
        for x, y in scored:
            F.cross_entropy(model(x), y)
"""
    made = "model = nn.Sequential(nn.Linear(6, 2))\nscored = DataLoader(data, batch_size=48)\n"
    run = record(f"{made}{LOOP}{again}", only=("observe",), scan=100)
    [row] = run.rows(Overlap)
    assert (row.shared, row.compared, row.by) == (96, 96, "index")
    assert row.train != row.validation
