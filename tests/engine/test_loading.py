"""What is recorded of state dicts that a script loads."""

from __future__ import annotations

from typing import Any

from nndoctor.records import LoadedNorm, LoadedWeights

NET = """
def net():
    return nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2))

torch.manual_seed(1)
state = net().state_dict()
model = net()
"""
TRAIN = """
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for x, y in DataLoader(data, batch_size=32):
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()
"""


def loaded(record: Any, between: str, after: str = "") -> LoadedWeights:
    run = record(NET + between + TRAIN + after, steps=3, budget=2.0)
    row: LoadedWeights = run.rows(LoadedWeights)[-1]
    return row


def test_loaded_and_kept(record: Any) -> None:
    row = loaded(record, "model.load_state_dict(state)")
    assert (row.keys, row.own, row.matched, row.aliased) == (9, 9, 9, 0)
    assert (row.parameters, row.overwritten, row.trained) == (6, 0, False)
    assert row.module == "Sequential"


def test_another_prefix(record: Any) -> None:
    row = loaded(record, "model.load_state_dict({'m.' + k: v for k, v in state.items()}, strict=False)")
    assert (row.keys, row.matched, row.example, row.own_example) == (9, 0, "m.0.weight", "0.weight")


def test_initialised_anew(record: Any) -> None:
    row = loaded(
        record, "model.load_state_dict(state)\nmodel.apply(lambda m: isinstance(m, nn.Linear) and m.reset_parameters())"
    )
    assert row.overwritten == 4


def test_its_own_memory(record: Any) -> None:
    row = loaded(record, "best = model.state_dict()", "model.load_state_dict(best)")
    assert row.aliased == 9
    assert row.trained


def test_a_copy_is_not_its_own_memory(record: Any) -> None:
    row = loaded(record, "import copy\nbest = copy.deepcopy(model.state_dict())", "model.load_state_dict(best)")
    assert row.aliased == 0


def test_statistics_that_were_loaded(record: Any) -> None:
    run = record(NET + "model.load_state_dict(state)\nX.mul_(100)\n" + TRAIN, steps=3, budget=2.0)
    [row] = run.rows(LoadedNorm)
    assert (row.module, row.channels, row.values) == ("1", 16, 32)
    assert row.spread > 20
    assert row.high > 100


def test_a_new_first_layer_says_nothing_of_the_data(record: Any) -> None:
    run = record(NET + "model.load_state_dict(state)\nmodel[0] = nn.Linear(6, 16)\n" + TRAIN, steps=3, budget=2.0)
    assert run.rows(LoadedNorm) == []
