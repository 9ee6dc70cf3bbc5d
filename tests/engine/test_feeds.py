"""Batches as trees, diets, the state that is saved and restored, the learning rate under a diet."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nndoctor.experiments.diet import Diet, Result, fed
from nndoctor.experiments.plan import fits, rose
from nndoctor.feeds.call import find
from nndoctor.feeds.cycle import MOST_PASSES_UNSTEPPED, Cycle
from nndoctor.feeds.state import Snapshot
from nndoctor.feeds.tree import batch_size, clone, cut, leaves, permuted, replaced
from nndoctor.rates import Rates

Pair = namedtuple("Pair", "x y")  # noqa: PYI024 - what users write


@dataclass
class Sample:
    image: Tensor
    label: Tensor


class Bag:
    def __init__(self) -> None:
        self.x = torch.arange(6.0).reshape(3, 2)
        self.name = "bag"


def test_every_usual_container_is_looked_into() -> None:
    x = torch.zeros(3, 2)
    for tree, paths in [
        (x, ["0"]),
        ((x, x), ["0", "1"]),
        ({"a": x, "b": [x, "text"]}, ["a", "b.0"]),
        (Pair(x, x), ["0", "1"]),
        (Sample(x, x), ["image", "label"]),
        (Bag(), ["x"]),
        ("text", []),
    ]:
        assert [path for path, _ in leaves(tree)] == paths


def test_replacing_keeps_the_container_and_leaves_the_original_alone() -> None:
    bag = Bag()
    for tree in ((bag.x, "a"), {"x": bag.x, "n": 3}, Pair(bag.x, 1), bag):
        twin = replaced(tree, lambda _path, tensor: tensor + 1)
        assert type(twin) is type(tree)
        assert all(bool((t == bag.x + 1).all()) for _, t in leaves(twin))
    assert bag.x[0, 0] == 0


def test_a_batch_is_cut_along_its_samples_lists_of_strings_too() -> None:
    batch = {"x": torch.zeros(8, 3), "y": torch.zeros(8), "w": torch.zeros(3), "ids": [str(i) for i in range(8)]}
    small = cut(batch, 8, 2)
    assert [tuple(t.shape) for _, t in leaves(small)] == [(2, 3), (2,), (3,)]
    assert small["ids"] == ["0", "1"]
    assert batch_size(batch) == 8


def test_permuting_keeps_every_features_values_and_breaks_the_rows() -> None:
    x = torch.randn(64, 5)
    noise = permuted(x, torch.Generator().manual_seed(0))
    assert torch.equal(noise.sort(dim=0).values, x.sort(dim=0).values)
    assert not any(bool((row == x).all(dim=1).any()) for row in noise)


def test_a_diet_cuts_and_permutes_only_the_inputs_and_takes_no_random_number() -> None:
    x, y = torch.randn(32, 4), torch.arange(32)
    diet = Diet(name="random-input", wanted=1, least=1, seconds=1.0, noise=True, cut=16)
    before = torch.get_rng_state()
    served = fed(diet, [x, y], 0, 32, {"0"})
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(served[1], y[:16])
    assert served[0].shape == (16, 4)
    assert not torch.equal(served[0], x[:16])
    assert served[0].data_ptr() != clone(x).data_ptr()


def test_restoring_puts_everything_back_in_place() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    tensors = [*model.parameters(), *model.buffers()]
    values = [t.clone() for t in tensors]
    snapshot = Snapshot(tensors, list(model.modules()), [optimizer], [scheduler])
    draw = torch.rand(1)
    model(torch.randn(5, 3)).sum().backward()
    optimizer.step()
    scheduler.step()
    model.eval()
    snapshot.restore()
    assert all(torch.equal(t, v) for t, v in zip(tensors, values, strict=True))
    assert [id(t) for t in tensors] == [id(t) for t in (*model.parameters(), *model.buffers())]
    assert not optimizer.state
    assert optimizer.param_groups[0]["lr"] == 0.1
    assert all(p.grad is None for p in model.parameters())
    assert model.training
    assert torch.equal(torch.rand(1), draw)


def test_the_rate_is_changed_for_one_step_only_and_a_schedules_peak_is_used() -> None:
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=0.4)
    torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.4, total_steps=10)
    own = optimizer.param_groups[0]["lr"]
    rates = Rates()
    rates.begin(Diet(name="overfit:x0.1", wanted=1, least=1, seconds=1, lr_factor=0.1, peak_lr=True), [optimizer])
    rates.apply(optimizer)
    assert optimizer.param_groups[0]["lr"] == 0.4 * 0.1
    rates.take_back(optimizer)
    assert optimizer.param_groups[0]["lr"] == own


def test_a_slot_that_was_filled_less_often_gives_its_last_tensor() -> None:
    slots = {("call Net", 0, "0"): torch.zeros(2), ("call Net", 1, "0"): torch.ones(2)}
    assert find(slots, ("call Net", 5, "0"), torch.zeros(2)) is slots["call Net", 1, "0"]
    assert find(slots, ("call Other", 0, "0"), torch.zeros(2)) is None
    assert find(slots, ("call Net", 0, "0"), torch.zeros(2, dtype=torch.long)) is None


def test_an_iteration_is_over_when_every_optimizer_has_stepped() -> None:
    cycle = Cycle(list)
    cycle.stepped(1, {1, 2}, first_phase=True)
    assert not cycle.over()
    cycle.stepped(2, {1, 2}, first_phase=True)
    assert cycle.over()
    cycle.begin_iteration()
    assert not cycle.over()


def test_without_an_optimizer_changed_values_end_an_iteration() -> None:
    parameter = torch.zeros(3, requires_grad=True)
    cycle = Cycle(lambda: [parameter])
    cycle.passed()
    assert not cycle.over()
    parameter.data.add_(1.0)
    assert cycle.over()


def test_a_loop_that_never_steps_is_cut_by_its_backward_passes() -> None:
    parameter = torch.zeros(3, requires_grad=True)
    cycle = Cycle(lambda: [parameter])
    for _ in range(MOST_PASSES_UNSTEPPED):
        assert not cycle.over()
        cycle.passed()
    assert cycle.over()


def result(losses: list[float], scores: list[float] | None = None) -> Result:
    made = Result("overfit")
    for i, loss in enumerate(losses):
        made.add(loss, scores[i] if scores else float("nan"), finite=loss == loss)  # noqa: PLR0124
    return made


def test_fitting_asks_for_the_score_and_for_the_loss() -> None:
    assert fits(result([2.0, 1.0, 0.5, 0.05, 0.04, 0.03]))
    assert not fits(result([2.0, 1.9, 1.8, 1.7, 1.7, 1.7]))
    assert not fits(result([2.0, 1.9, 1.8, 1.7, 1.7, 1.7], [1.0] * 6))
    assert not fits(result([2.0, 1.0, float("nan"), float("nan"), 0.0, 0.0]))


def test_a_loss_that_jumps_after_the_first_update_has_risen() -> None:
    assert rose(result([4.5, 29.0, 19.0, *[15.0] * 20]))
    assert not rose(result([2.3, 2.2, 2.4, *[2.2] * 20]))
    assert rose(result([2.3, 2.2, float("nan")]))
