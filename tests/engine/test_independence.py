"""Whether the output depends on the input: asked at the end, and where it does not, of the state at the start."""

from __future__ import annotations

import math
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


LISTS = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(6, 16), nn.Linear(16, 2)

    def forward(self, x):
        return self.last(F.relu(self.first(ENTERS)))

def collate(batch):
    return torch.stack([x for x, _ in batch]), [{"label": y[None], "scale": torch.ones(1)} for _, y in batch]

model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for x, targets in DataLoader(data, batch_size=12, collate_fn=collate):
    optimizer.zero_grad()
    F.cross_entropy(model(x), torch.cat([t["label"] for t in targets])).backward()
    optimizer.step()
"""


@pytest.mark.parametrize(("enters", "depends"), [("x", True), ("x * 0", False)])
def test_targets_in_a_list_of_samples(record: Any, enters: str, depends: bool) -> None:  # noqa: FBT001
    run = record(LISTS.replace("ENTERS", enters), steps=6, budget=2.0)
    [row] = run.rows(Independence)
    assert (row.depends, row.depended) == (depends, False)
    assert not row.why
    assert math.isnan(row.mixed)
    assert not row.from_loader


SORTS = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(6, 16), nn.Linear(16, 2)

    def forward(self, x):
        order = x[:, 0].argsort()
        out = self.last(F.relu(self.first(x[order])))
        return RETURNED

model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for x, y in DataLoader(data, batch_size=12):
    out = model(x)
    optimizer.zero_grad()
    (out if isinstance(out, torch.Tensor) else out[0]).pow(2).mean().backward()
    optimizer.step()
"""


@pytest.mark.parametrize(
    ("returned", "mixes"),
    [
        ("out, order", False),
        ("out, order.argsort()", False),
        ("out", True),
        ("out + out.roll(1, 0), order", True),
        ("out, x[:, 1].argsort()", True),
    ],
)
def test_rows_that_come_out_in_an_order_of_the_model(record: Any, returned: str, *, mixes: bool) -> None:
    [row] = record(SORTS.replace("RETURNED", returned), steps=6, budget=2.0).rows(Independence)
    assert (row.mixed > 0) is mixes


LABELS = SORTS.replace("forward(self, x)", "forward(self, x, y)").replace("model(x)", "model(x, y)")


@pytest.mark.parametrize(
    ("returned", "mixes"),
    [("out, y[order]", False), ("out, y", True), ("out + out.roll(1, 0), y[order]", True)],
)
def test_rows_that_come_out_beside_their_labels(record: Any, returned: str, *, mixes: bool) -> None:
    rows = record(LABELS.replace("RETURNED", returned), steps=6, budget=2.0).rows(Independence)
    assert (next(row for row in rows if row.leaf == "0.0").mixed > 0) is mixes


OWN_LOSS = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(6, 16), nn.Linear(16, 2)

    def forward(self, x, y):
        logits = self.last(F.relu(self.first(ENTERS)))
        loss = F.cross_entropy(logits, y)
        return RETURNED

model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for x, y in DataLoader(data, batch_size=12):
    optimizer.zero_grad()
    returned = model(x, y)
    (returned[-1] if isinstance(returned, tuple) else returned).backward()
    optimizer.step()
"""


@pytest.mark.parametrize(
    ("enters", "returned", "expected"),
    [
        ("x", "logits, loss", [(True, False), (True, True)]),
        ("x * 0 + torch.arange(12.0)[:, None]", "logits, loss", [(False, False), (True, True)]),
        ("x", "loss", [(True, False), (True, False)]),
        ("x * 1e-6 + 1", "(logits > -99).float(), loss", [(True, False), (True, False)]),
    ],
    ids=["connected", "disconnected", "nothing but the loss", "decisions, which need not change"],
)
def test_the_target_of_a_model_that_works_out_the_loss(
    record: Any, enters: str, returned: str, expected: list[tuple[bool, bool]]
) -> None:
    run = record(OWN_LOSS.replace("ENTERS", enters).replace("RETURNED", returned), steps=6, budget=2.0)
    assert [(row.depends, row.loss_only) for row in run.rows(Independence)] == expected


SQUARE = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.image, self.text = nn.Linear(6, 16), nn.Linear(6, 16)

    def forward(self, images, texts):
        images, texts = self.image(images), self.text(texts)
        return MIXED @ texts.T

model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for x, y in DataLoader(data, batch_size=12, drop_last=True):
    optimizer.zero_grad()
    F.cross_entropy(model(x, x.flip(1)), torch.arange(len(x))).backward()
    optimizer.step()
"""


@pytest.mark.parametrize(("mixed", "share"), [("images", 0.0), ("(images - images.mean(0))", 1.0)])
def test_a_square_of_similarities_has_a_row_and_a_column_for_each_sample(record: Any, mixed: str, share: float) -> None:
    run = record(SQUARE.replace("MIXED", mixed), steps=6, budget=2.0)
    images, texts = run.rows(Independence)
    assert (images.mixed, texts.mixed) == (share, 0.0)
    assert images.moved > 0 < texts.moved
