"""Devices, and the calls of compiled models."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch._dynamo import eval_frame

from nndoctor.probes.speed import accelerator
from nndoctor.records import CompiledCalls, Devices

LOOP = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(6, 2)
    def forward(self, x, scale=1.0, flag="a"):
        return self.body(x) * scale

net = Net()
model = torch.compile(net, backend="eager"MORE)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(9):
    for i, (x, y) in enumerate(DataLoader(data, 16)):
        optimizer.zero_grad()
        F.cross_entropy(model(CALL), y[:8 + i]).backward()
        optimizer.step()
"""


def calls(record: Any, more: str, call: str) -> CompiledCalls:
    run = record(LOOP.replace("MORE", more).replace("CALL", call))
    assert [d.trained_on for d in run.rows(Devices)] == [("cpu",)]
    rows: list[CompiledCalls] = run.rows(CompiledCalls)
    return rows[0]


def test_shapes_of_a_compiled_model_are_counted(record: Any) -> None:
    row = calls(record, ", dynamic=False", "x[:8 + i], float(i)")
    assert (row.dynamic, row.calls, row.shapes, row.kinds) == ("False", 8, 8, 1)
    assert row.line > 0


def test_other_values_are_kinds(record: Any) -> None:
    row = calls(record, "", "x[:8 + i], flag=str(i % 3)")
    assert (row.dynamic, row.kinds) == ("None", 3)


def test_the_compiler_is_itself_again_afterwards(record: Any) -> None:
    before = eval_frame._stance
    calls(record, "", "x[:8 + i]")
    assert eval_frame._stance == before


@pytest.mark.parametrize(
    ("cuda", "mps", "name"), [(True, False, "cuda"), (False, True, "mps"), (True, True, "cuda"), (False, False, "")]
)
def test_the_accelerator_is_what_torch_sees(
    monkeypatch: pytest.MonkeyPatch, *, cuda: bool, mps: bool, name: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert accelerator() == name
