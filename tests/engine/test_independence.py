"""Whether the output depends on the input: asked at the end, and where it does not, of the state at the start."""

from __future__ import annotations

from typing import Any

import pytest

from nndoctor.records import Independence

PROGRAM = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(6, 16), nn.Linear(16, 2)

    def forward(self, x):
        return self.last(F.relu(self.first(ENTERS)))

model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for i, (x, y) in enumerate(DataLoader(data, batch_size=12)):
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()
    if DIES:
        model.first.bias.data.fill_(-100.0)
"""


@pytest.mark.parametrize(
    ("enters", "dies", "expected"),
    [("x", "False", (True, False)), ("x", "True", (False, True)), ("x * 0", "False", (False, False))],
)
def test_at_the_end_and_at_the_start(record: Any, enters: str, dies: str, expected: tuple[bool, bool]) -> None:
    run = record(PROGRAM.replace("ENTERS", enters).replace("DIES", dies), steps=6, budget=2.0)
    [row] = run.rows(Independence)
    assert (row.depends, row.depended) == expected
    assert not row.why
