"""The ladder: the script's own loop on more and more of its samples."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from nndoctor.experiments.diet import Result
from nndoctor.experiments.ladder import _first, _rows, _split, fitted
from nndoctor.records import Experiment, Rung, Step

LOADER = """
model = nn.Sequential(nn.Linear(6, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
X = torch.randn(480, 6)
Y = LABELS
for epoch in range(9):
    model.train()
    for x, y in DataLoader(TensorDataset(X, Y), 16, shuffle=True):
        optimizer.zero_grad()
        F.cross_entropy(model(x)NOISE, y).backward()
        optimizer.step()
"""


def climb(record: Any, program: str, labels: str = "(X[:, 0] > 0).long()", noise: str = "") -> Any:
    return record(program.replace("LABELS", labels).replace("NOISE", noise), plan="ladder", budget=30.0)


def test_a_loop_that_works_climbs_to_all_its_samples(record: Any) -> None:
    run = climb(record, LOADER)
    rungs = run.rows(Rung)
    assert [r.samples for r in rungs] == [1, 10, 100, 384]
    assert {r.outcome for r in rungs} <= {"fitted", "learnt"}
    assert rungs[-1].held_out == 96
    assert rungs[-1].held_out_score > 0.8
    tried = [s for s in run.rows(Step) if s.experiment.endswith(":held-out")]
    assert {s.lr for s in tried} == {0.0}


def test_it_stops_at_the_first_rung_that_is_not_fitted(record: Any) -> None:
    run = climb(record, LOADER, noise=" * 0 + torch.randn(len(x), 2)")
    assert [r.outcome for r in run.rows(Rung)][-1] == "stuck"
    assert run.rows(Rung)[-1].samples <= 10


def test_labels_without_a_reason_do_not_carry_over(record: Any) -> None:
    run = climb(record, LOADER, labels="torch.randint(0, 2, (480,))")
    known = [r for r in run.rows(Rung) if r.samples >= 100]
    assert known
    assert all(r.held_out_score < 0.75 for r in known)


def test_a_full_batch_without_a_loader_is_cut(record: Any) -> None:
    run = climb(
        record,
        """
        model = nn.Linear(6, 2)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
        for epoch in range(2000):
            optimizer.zero_grad()
            F.cross_entropy(model(X), Y).backward()
            optimizer.step()
        """,
    )
    assert [r.samples for r in run.rows(Rung)] == [1, 10, 77]
    assert run.rows(Rung)[-1].held_out == 19


def test_two_objectives_have_no_rungs(record: Any) -> None:
    run = climb(
        record,
        """
        one, two = nn.Linear(6, 2), nn.Linear(6, 2)
        first, second = (torch.optim.SGD(m.parameters(), lr=0.1) for m in (one, two))
        for epoch in range(9):
            for x, y in DataLoader(data, 16):
                for model, optimizer in ((one, first), (two, second)):
                    optimizer.zero_grad()
                    F.cross_entropy(model(x), y).backward()
                    optimizer.step()
        """,
    )
    assert not run.rows(Rung)
    [row] = [e for e in run.rows(Experiment) if e.name == "ladder"]
    assert "several objectives" in row.why


def iterations(count: int, size: int = 4) -> list[Any]:
    return [[[torch.arange(size) + size * i, torch.zeros(3)]] for i in range(count)]


def values(content: list[Any]) -> list[list[int]]:
    return [one[0][0].tolist() for one in content]


@pytest.mark.parametrize(
    ("samples", "expected"),
    [(1, [[0, 0]]), (3, [[0, 1, 2]]), (4, [[0, 1, 2, 3]]), (6, [[0, 1, 2], [4, 5, 6]])],
)
def test_a_rung_has_its_samples_in_batches_of_about_the_same_size(samples: int, expected: Any) -> None:
    assert values(_first([(one, 4) for one in iterations(5)], samples)) == expected


def test_what_is_held_out_is_not_trained_on() -> None:
    pool, held_out = _split(iterations(10), 4)
    assert (len(pool), len(held_out)) == (8, 2)
    assert {size for _, size in pool} == {4}
    same = [iterations(1)[0]] * 5
    [(pool, size)], [(held_out, left)] = _split(same, 4)
    assert (values([pool]), size, values([held_out]), left) == ([[0, 1, 2]], 3, [[3]], 1)
    slots = {("call Net", 0, "0"): torch.arange(4)}
    assert _rows(slots, 4, 1, 3)["call Net", 0, "0"].tolist() == [1, 2]


def test_fitted_looks_at_the_last_pass() -> None:
    result = Result()
    for i in range(10):
        result.add(2.0 if i < 5 else 0.1, 0.2 if i < 5 else 1.0, finite=True)
    assert fitted(result, 4)
    assert not fitted(result, 8)
    assert not fitted(Result(), 1)
