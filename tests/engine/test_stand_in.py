"""The stand-in: of the same shape, type and range as the user's batches, and readable by a linear model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor

from nndoctor.experiments.stand_in import NotPossible, StandIns
from nndoctor.records import STAND_IN, Experiment, LossCall, Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from nndoctor import Recording

ITERATIONS = 20


def drawn(*shape: int, high: int = 0) -> Callable[[], Tensor]:
    generator = torch.Generator().manual_seed(7)
    if high:
        return lambda: torch.randint(0, high, shape, generator=generator)
    return lambda: torch.randn(shape, generator=generator)


def batches(x: Callable[[], Tensor], y: Callable[[], Tensor]) -> list[Any]:
    return [[[x(), y()]] for _ in range(ITERATIONS)]


def fitted(made: StandIns, wanted: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """Return what a linear model fitted to some iterations says of others, and what it was to say."""
    x, y = (torch.cat([made[i][0][part] for i in range(60)]) for part in (0, 1))
    rows = torch.cat([x.reshape(len(x), -1).double(), torch.ones(len(x), 1)], dim=1)
    rows[:, :-1] = (rows[:, :-1] - rows[:, :-1].mean(0)) / rows[:, :-1].std(0).clamp_min(1e-9)
    answers = wanted(y).double()
    half = len(x) // 2
    solution = torch.linalg.lstsq(rows[:half], answers[:half], driver="gelsd").solution
    return rows[half:] @ solution, answers[half:]


def one_hot(y: Tensor) -> Tensor:
    return torch.nn.functional.one_hot(y.reshape(-1).long())


@pytest.mark.parametrize(
    ("x", "y", "wanted"),
    [
        (drawn(16, 8), drawn(16, high=5), one_hot),
        (drawn(16, 4), drawn(16, 1, high=2), one_hot),
        (drawn(8, 3, 16, 16), drawn(8, high=10), one_hot),
        (drawn(16, 50, 3), drawn(16, high=4), one_hot),
        (drawn(8, 1, 8, 8, high=256), drawn(8, high=10), one_hot),
    ],
)
def test_classes_can_be_told_by_a_linear_model(x: Any, y: Any, wanted: Any) -> None:
    content = batches(x, y)
    if content[0][0][0].dtype == torch.int64:
        content = [[[b[0][0].to(torch.uint8), b[0][1]]] for b in content]
    said, truth = fitted(StandIns(content, {"0"}, {"1"}), wanted)
    assert float((said.argmax(1) == truth.argmax(1)).float().mean()) > 0.97


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (drawn(16, 8), drawn(16)),
        (drawn(16, 8), drawn(16, 3)),
        (drawn(16, 8), lambda: drawn(16, 4, high=2)().float()),
        (drawn(8, 3, 8, 8), drawn(8, 4)),
        (drawn(8, 1, 4, 4), drawn(8, 1, 4, 4)),
    ],
)
def test_numbers_can_be_read_off(x: Any, y: Any) -> None:
    said, truth = fitted(StandIns(batches(x, y), {"0"}, {"1"}), lambda t: t.reshape(len(t), -1))
    assert float(((said - truth) ** 2).mean()) < 0.2 * float(truth.var())


def test_each_pixel_tells_its_own_class() -> None:
    made = StandIns(batches(drawn(4, 2, 8, 8), drawn(4, 8, 8, high=3)), {"0"}, {"1"})
    image, classes = made[3][0]
    means = [float(image.movedim(1, -1)[classes == c].mean()) for c in range(3)]
    assert means[0] + 0.5 < means[1] < means[2] - 0.5


def test_shape_type_range_and_targets_stay_and_no_random_number_is_taken() -> None:
    content = batches(drawn(16, 8), drawn(16, high=3))
    before = torch.get_rng_state()
    made = StandIns(content, {"0"}, {"1"})[4]
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(made[0][1], content[4][0][1])
    assert made[0][0].shape == (16, 8)
    everything = torch.cat([b[0][0] for b in content])
    assert bool((made[0][0] >= everything.amin(0)).all())
    assert bool((made[0][0] <= everything.amax(0)).all())
    assert not torch.equal(StandIns(content, {"0"}, {"1"})[4 + ITERATIONS][0][0], made[0][0])


def test_tokens_repeat_in_a_fixed_order_and_targets_follow() -> None:
    rows = drawn(4, 13, high=9)
    content = [[[whole[:, :-1], whole[:, 1:]]] for whole in (rows() for _ in range(5))]
    x, y = StandIns(content, {"0"}, {"1"})[2][0]
    assert torch.equal(x[:, 1:], y[:, :-1])
    after: dict[int, set[int]] = {}
    for token, following in zip(x.reshape(-1).tolist(), y.reshape(-1).tolist(), strict=True):
        after.setdefault(token, set()).add(following)
    assert all(len(following) == 1 for following in after.values())


def test_tokens_stand_for_the_class_and_the_padding_stays() -> None:
    x = drawn(6, 5, high=9)
    content = batches(lambda: torch.cat([x(), torch.zeros(6, 2, dtype=torch.long)], dim=1), drawn(6, high=3))
    tokens, classes = StandIns(content, {"0"}, {"1"})[1][0]
    assert bool((tokens[:, 5:] == 0).all())
    for a, b in zip(range(6), range(1, 6), strict=False):
        same = tokens[a].max() == tokens[b].max()
        assert bool(same) == bool(classes[a] == classes[b]) or not int(tokens[a].max() * tokens[b].max())


def test_slots_of_a_loop_without_a_loader() -> None:
    draw, label = drawn(16, 8), drawn(16, high=3)
    slot, target = ("call Net", 0, "0"), ("op cross_entropy", 0, "1")
    content = [{slot: draw(), target: label()} for _ in range(5)]
    made = StandIns(content, {"call Net:0"}, {"op cross_entropy:1"})[1]
    assert torch.equal(made[target], content[1][target])
    assert not torch.equal(made[slot], content[1][slot])


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (batches(drawn(16, 1), drawn(16, 5)), "too many"),
        (batches(drawn(16, 4), lambda: torch.zeros(16, dtype=torch.long)), "the same"),
        (batches(lambda: torch.ones(16, 4), drawn(16, high=3)), "the same"),
        (batches(drawn(16, 4), lambda: torch.full((16,), torch.nan)), "not finite"),
    ],
)
def test_where_no_stand_in_can_be_made_it_says_why(content: list[Any], why: str) -> None:
    with pytest.raises(NotPossible, match=why):
        StandIns(content, {"0"}, {"1"})


TRAINING = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(6, 2)
    def forward(self, x):
        return self.body(WHAT)
model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
Y = torch.randint(0, 2, (96,))
for epoch in range(9):
    for x, y in DataLoader(TensorDataset(X, Y), 16, shuffle=True):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
"""


def stand_in_of(run: Recording) -> tuple[list[Experiment], list[float]]:
    return (
        [e for e in run.rows(Experiment) if e.name == STAND_IN],
        [c.score for c in run.rows(LossCall) if c.experiment == STAND_IN],
    )


def test_a_loop_that_works_learns_it_where_its_own_data_is_noise(record: Any) -> None:
    experiments, scores = stand_in_of(record(TRAINING.replace("WHAT", "x"), steps=16))
    assert [e.outcome for e in experiments] == ["done"]
    assert sum(scores[-5:]) / 5 > 0.95


def test_a_loop_that_does_not_work_does_not(record: Any) -> None:
    experiments, scores = stand_in_of(record(TRAINING.replace("WHAT", "torch.randn_like(x)"), steps=16))
    assert [e.outcome for e in experiments] == ["done"]
    assert sum(scores[-50:]) / 50 < 0.7


def test_a_loop_that_learns_needs_none(record: Any) -> None:
    program = TRAINING.replace("WHAT", "x").replace("Y = torch.randint(0, 2, (96,))", "").replace("1e-2", "1e-1")
    run = record(program, steps=16)
    assert stand_in_of(run) == ([], [])
    assert run.rows(Step)
