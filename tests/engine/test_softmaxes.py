"""Over which dimension a softmax normalises, and over which one a product then sums its result."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from nndoctor.records import OBSERVE, SoftmaxCall

if TYPE_CHECKING:
    from collections.abc import Callable

    from nndoctor.recording import Recording

    Record = Callable[..., Recording]


@pytest.fixture
def record(record: Record) -> Record:
    """A softmax is seen while the loop is observed: the experiments need not be made."""
    return partial(record, only=(OBSERVE,))


ATTENTION = """
class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.qkv, self.out = nn.Linear(1, 4), nn.Linear(4, 12), nn.Linear(4, 2)
    def forward(self, x):
        q, k, v = self.qkv(self.embed(x.unsqueeze(-1))).chunk(3, dim=-1)
        scores = q @ k.transpose(1, 2)
        return self.out({context}).mean(1)
model = Attention()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for x, y in DataLoader(TensorDataset(X, Y), batch_size=12):
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()
"""


@pytest.mark.parametrize(
    ("context", "dims"),
    [
        pytest.param("scores.softmax(-1) @ v", (2, 2), id="over the keys"),
        pytest.param("torch.softmax(scores, dim=-2) @ v", (1, 2), id="over the queries"),
        pytest.param("torch.bmm(F.dropout(F.softmax(scores, dim=1), 0.1), v)", (1, 2), id="through a dropout"),
        pytest.param("(v.transpose(1, 2) @ scores.softmax(1)).transpose(1, 2)", (1, 1), id="as the right factor"),
        pytest.param("(lambda a: (a / a.sum(-1, keepdim=True)) @ v)(scores.softmax(1))", (1, -1), id="slots"),
        pytest.param("q.softmax(-1) @ (k.softmax(1).transpose(1, 2) @ v)", (1, -1), id="linear attention"),
        pytest.param("scores.softmax(1).mean(2, keepdim=True) * v", (1, -1), id="no product"),
    ],
)
def test_what_is_normalised_and_what_is_summed(record: Record, context: str, dims: tuple[int, int]) -> None:
    rows = record(ATTENTION.format(context=context)).rows(SoftmaxCall)
    assert dims in {(row.dim, row.summed_dim) for row in rows}
    assert all(row.count == 8 for row in rows)


@pytest.mark.parametrize(
    ("context", "scores"),
    [
        ("scores.mul(0.5).masked_fill(scores < -9, -9).softmax(-1) @ v", True),
        ("(q * k).softmax(-1) * v", False),
    ],
)
def test_scores_are_what_a_product_of_queries_and_keys_gives(record: Record, context: str, *, scores: bool) -> None:
    assert {row.scores for row in record(ATTENTION.format(context=context)).rows(SoftmaxCall)} == {scores}
