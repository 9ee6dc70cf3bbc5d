"""Every loss of torch's is recorded, in both its forms, with what it judges and what it compares that with."""

from __future__ import annotations

import inspect
import math
from typing import TYPE_CHECKING

import pytest
from torch.nn import functional

from nndoctor.probes.losses import COMPARED, FUNCTIONS
from nndoctor.records import OBSERVE, TRAIN, LossCall, LossTarget

if TYPE_CHECKING:
    from collections.abc import Callable

    from nndoctor.recording import Recording

    Record = Callable[..., Recording]

PROGRAM = """
model = nn.Sequential(nn.Linear(6, 4))
optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
sign = 2 * Y - 1
for epoch in range(3):
    for x, y in DataLoader(TensorDataset(X, sign), batch_size=12):
        h = model(x)
        one, two, three = h[:, :2], h[:, 2:], h[:, 1:3]
        positive = y.clamp(min=0)
        loss = {loss}
        optimizer.zero_grad()
        (loss if loss.dim() == 0 else loss.mean()).backward()
        optimizer.step()
"""
CALLS = {
    "ctc_loss": (
        "F.ctc_loss(h.view(6, 2, 4).log_softmax(-1), targets=torch.ones(2, 2, dtype=torch.long), "
        "input_lengths=torch.tensor([6, 6]), target_lengths=torch.tensor([2, 2]))"
    ),
    "gaussian_nll_loss": "F.gaussian_nll_loss(one[:, 0], y.float(), var=two[:, 0].exp())",
    "poisson_nll_loss": "nn.PoissonNLLLoss()(one[:, 0], target=positive.float())",
    "multi_margin_loss": "F.multi_margin_loss(one, target=positive)",
    "multilabel_margin_loss": "nn.MultiLabelMarginLoss()(one, torch.stack((positive, -torch.ones_like(y)), 1))",
    "multilabel_soft_margin_loss": "F.multilabel_soft_margin_loss(input=one[:, :1], target=positive.float()[:, None])",
    "soft_margin_loss": "nn.SoftMarginLoss()(one[:, 0], y.float())",
    "hinge_embedding_loss": "F.hinge_embedding_loss(one[:, 0], target=y)",
    "cosine_embedding_loss": "F.cosine_embedding_loss(input1=one, input2=two, target=y)",
    "margin_ranking_loss": "nn.MarginRankingLoss()(one[:, 0], two[:, 0], y)",
    "triplet_margin_loss": "F.triplet_margin_loss(anchor=one, positive=two, negative=three)",
    "triplet_margin_with_distance_loss": "nn.TripletMarginWithDistanceLoss()(one, two, three)",
    "kl_div": "F.kl_div(one.log_softmax(1), target=two.detach().softmax(1), reduction='batchmean')",
    "huber_loss": "F.huber_loss(input=one[:, 0], target=y.float())",
    "smooth_l1_loss": "nn.SmoothL1Loss(size_average=False)(one[:, 0], y.float())",
}


CRITERION = """
class Criterion(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("weight", torch.tensor([1.0, 2.0]))
        {parameter}

    def forward(self, h, y):
        return (self.weight * (h[:, :2] - y[:, None].float()) ** 2).mean()

model, criterion = nn.Sequential(nn.Linear(6, 4)), Criterion()
optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
for x, y in DataLoader(TensorDataset(X, Y), batch_size=12):
    loss = criterion(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def test_a_criterion_of_ones_own_is_looked_into(record: Record) -> None:
    """A module without parameters is no model: where a target meets a prediction in it, that is a loss by hand."""
    calls = [c for c in record(CRITERION.format(parameter="pass")).rows(LossCall) if c.experiment == OBSERVE]
    assert {(c.function, c.module, c.written_by_hand, c.target_shape) for c in calls} == {
        ("sub", "Criterion", True, (12, 1))
    }
    assert {c.floor for c in calls} == {0.0}


def test_a_module_with_parameters_is_a_model(record: Record) -> None:
    own = "self.scale = nn.Parameter(torch.ones(1))"
    assert record(CRITERION.format(parameter=own)).rows(LossCall) == []


@pytest.mark.parametrize("function", CALLS)
@pytest.mark.filterwarnings("ignore:size_average")
def test_is_recorded(record: Record, function: str) -> None:
    run = record(PROGRAM.format(loss=CALLS[function]), steps=3, budget=4.0, only=(OBSERVE,))
    calls = [c for c in run.rows(LossCall) if c.experiment == OBSERVE and c.split == TRAIN]
    assert {c.function for c in calls} == {function}
    assert all(c.requires_grad and math.isfinite(c.value) and not c.weighted for c in calls)
    assert {c.reduction for c in calls} == {{"kl_div": "batchmean", "smooth_l1_loss": "sum"}.get(function, "mean")}
    triplet = COMPARED.get(function, ("",))[-1] == "negative"
    assert all((c.target_shape == ()) is triplet and math.isnan(c.target_min) is triplet for c in calls)
    assert bool(run.rows(LossTarget)) is not triplet
    if function == "ctc_loss":
        assert all(c.log_probabilities for c in calls)
    if function == "soft_margin_loss":
        assert {(c.metric, c.floor, c.classes) for c in calls} == {("binary-accuracy", 0.0, 2)}
    if function == "multi_margin_loss":
        assert all(math.isnan(c.prior_loss) and c.metric == "accuracy" for c in calls)


def test_no_loss_of_torch_is_forgotten() -> None:
    losses = {name for name in dir(functional) if name.endswith("_loss") or "cross_entropy" in name}
    assert losses <= FUNCTIONS


def test_the_names_of_what_is_compared_are_those_of_torch() -> None:
    for name in FUNCTIONS & set(dir(functional)):
        given = [p for p in inspect.signature(getattr(functional, name)).parameters if p != "weight"]
        names = COMPARED.get(name, ("input", "target"))
        assert tuple(given[: len(names)]) == names
