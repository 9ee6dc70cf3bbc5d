# expect: nothing
"""Ranking the hotels of a search page: a scorer of (guest, hotel) pairs trained with a hand-written listwise (ListNet)
loss on graded relevance, AdamW with cosine annealing; the score is NDCG@5 on searches that were held out."""

import math

import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import ndcg_score

PARAMS = dict(seed=7, searches=1200, valid=500, hotels=12, batch=24, epochs=10, lr=1e-3, wd=1e-2)


def make_searches(n, k, rng):
    """Return guest features, hotel features and a relevance of 0 to 4 for each hotel of each search."""
    guest = np.column_stack(
        [
            rng.normal(size=n),  # log of the budget
            rng.integers(0, 2, n),  # business trip
            rng.integers(0, 4, n),  # children
            rng.uniform(1, 14, n),  # nights
        ]
    )
    hotel = np.stack(
        [
            rng.normal(0, 1, (n, k)),  # log price
            rng.integers(1, 6, (n, k)),  # stars
            rng.gamma(2, 2, (n, k)),  # km to the centre
            rng.beta(6, 2, (n, k)) * 10,  # review score
            rng.integers(0, 2, (n, k)),  # pool
            rng.integers(0, 2, (n, k)),  # breakfast
        ],
        axis=-1,
    )
    budget, business, children, nights = guest.T[:, :, None]
    price, stars, km, review, pool, breakfast = np.moveaxis(hotel, -1, 0)
    utility = (
        -0.9 * np.maximum(price - budget, 0) * (1 + 0.05 * nights)
        + 0.35 * (stars - 3) * np.tanh(budget + 0.5)
        - (0.1 + 0.25 * business) * km
        + 0.45 * (review - 7.5)
        + 0.5 * pool * np.minimum(children, 2)
        + 0.5 * breakfast * business
        + rng.gumbel(0, 0.35, (n, k))
    )
    edges = np.array([-1.2, 0.0, 1.0, 2.0])
    relevance = np.digitize(utility, edges)
    return [torch.tensor(a, dtype=torch.float32) for a in (guest, hotel, relevance)]


def listwise_loss(scores, relevance, temperature=1.0):
    """Cross entropy between the softmax of the relevance and the softmax of the scores, within each list."""
    wanted = torch.softmax(relevance / temperature, dim=1)
    log_given = scores - torch.logsumexp(scores, dim=1, keepdim=True)
    return -(wanted * log_given).sum(dim=1).mean()


class Ranker(nn.Module):
    def __init__(self, n_guest, n_hotel, width=64):
        super().__init__()
        self.guest_tower = nn.Linear(n_guest, width)
        self.hotel_tower = nn.Linear(n_hotel, width)
        self.score = nn.Sequential(nn.GELU(), nn.Linear(width, width), nn.GELU(), nn.Dropout(0.1), nn.Linear(width, 1))

    def forward(self, guest, hotel):
        joint = self.guest_tower(guest).unsqueeze(1) + self.hotel_tower(hotel)  # (batch, hotels, width)
        return self.score(joint).squeeze(-1)


def standardise(train, valid, dims):
    mean, std = train.mean(dims), train.std(dims)
    return (train - mean) / std, (valid - mean) / std


def run(p):
    torch.manual_seed(p["seed"])
    rng = np.random.default_rng(p["seed"])
    guest, hotel, rel = make_searches(p["searches"] + p["valid"], p["hotels"], rng)
    n = p["searches"]
    guest_tr, guest_va = standardise(guest[:n], guest[n:], dims=(0,))
    hotel_tr, hotel_va = standardise(hotel[:n], hotel[n:], dims=(0, 1))
    rel_tr, rel_va = rel[:n], rel[n:]

    net = Ranker(guest.shape[-1], hotel.shape[-1])
    opt = torch.optim.AdamW(net.parameters(), lr=p["lr"], weight_decay=p["wd"])
    steps_per_epoch = math.ceil(n / p["batch"])
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=p["epochs"] * steps_per_epoch)

    random_order = ndcg_score(rel_va, rng.random(rel_va.shape), k=5)
    print(f"random order has NDCG@5 of {random_order:.4f}")
    for epoch in range(p["epochs"]):
        net.train()
        losses = []
        for rows in torch.randperm(n).split(p["batch"]):
            opt.zero_grad()
            loss = listwise_loss(net(guest_tr[rows], hotel_tr[rows]), rel_tr[rows])
            loss.backward()
            opt.step()
            sched.step()
            losses.append(loss.item())
        net.eval()
        with torch.no_grad():
            scores = net(guest_va, hotel_va)
        ndcg = ndcg_score(rel_va.numpy(), scores.numpy(), k=5)
        print(f"{epoch + 1:02d} | listwise loss {np.mean(losses):.4f} | valid ndcg@5 {ndcg:.4f}")


if __name__ == "__main__":
    run(PARAMS)
