# expect: nothing
"""When members of a gym cancel: a GRU over the months so far (packed, of different lengths) gives the hazard of each of
the next twelve months; binary cross entropy over the months at risk, with censoring, scored by concordance."""

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset

HORIZON = 12
FEATURES = ["visits", "classes", "guests", "complaints", "paid_late"]


def simulate_member(rng):
    """History of one member, and the month of the end (1..HORIZON) with whether it was a cancellation."""
    months = rng.integers(4, 17)
    trend = rng.normal(-0.03, 0.08)
    level = rng.normal(2.0, 0.4) + trend * np.arange(months)
    level = level + 0.25 * np.cumsum(rng.normal(0, 0.3, months))
    visits = rng.poisson(np.exp(np.clip(level, -2, 3.2)))
    classes = rng.binomial(visits, rng.beta(2, 4))
    guests = rng.poisson(0.4, months)
    complaints = rng.poisson(0.25 + 0.4 * (rng.random() < 0.3), months)
    paid_late = rng.binomial(1, rng.beta(1, 5), months)
    log_visits = np.log1p(visits)
    risk = (
        -1.6
        - 1.3 * (log_visits[-3:].mean() - 2.0)
        - 1.2 * (log_visits[-2:].mean() - log_visits[:2].mean())
        - 0.25 * np.log1p(classes[-4:].sum())
        + 0.45 * complaints[-4:].sum()
        + 1.5 * paid_late[-3:].mean()
    )
    hazard = 1 / (1 + np.exp(-(risk - 0.04 * np.arange(HORIZON))))
    cancelled = np.flatnonzero(rng.random(HORIZON) < hazard)
    end = cancelled[0] + 1 if len(cancelled) else HORIZON + 1
    watched = rng.integers(3, HORIZON + 1) if rng.random() < 0.4 else HORIZON
    history = np.stack([log_visits, np.log1p(classes), guests, complaints, paid_late], axis=1)
    return history, min(end, watched), end <= watched


class Members(Dataset):
    def __init__(self, members, mean, std):
        self.items = []
        for history, time, event in members:
            at_risk, target = torch.zeros(HORIZON), torch.zeros(HORIZON)
            at_risk[:time] = 1.0
            target[time - 1] = float(event)
            x = torch.tensor((history - mean) / std, dtype=torch.float32)
            self.items.append((x, at_risk, target, int(time), bool(event)))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def collate(items):
    xs, at_risk, target, time, event = zip(*items)
    lengths = torch.tensor([len(x) for x in xs])
    padded = pad_sequence(xs, batch_first=True)
    return padded, lengths, torch.stack(at_risk), torch.stack(target), torch.tensor(time), torch.tensor(event)


class HazardGRU(nn.Module):
    def __init__(self, n_features, hidden=32):
        super().__init__()
        self.rnn = nn.GRU(n_features, hidden, batch_first=True)
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(hidden, HORIZON)
        for name, weight in self.rnn.named_parameters():
            if "weight_hh" in name:
                for gate in weight.data.chunk(3):
                    nn.init.orthogonal_(gate)
            elif "weight_ih" in name:
                nn.init.xavier_uniform_(weight)
        nn.init.constant_(self.head.bias, -2.0)  # about one in eight leaves in a month

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        _, last = self.rnn(packed)
        return self.head(self.dropout(last[-1]))


def concordance(risk, time, event):
    """Share of comparable pairs in which the one who left first had the higher risk."""
    comparable = (time[:, None] < time[None, :]) & event[:, None]
    better = (risk[:, None] > risk[None, :]).float() + 0.5 * (risk[:, None] == risk[None, :]).float()
    return better[comparable].mean().item()


def main(seed=17, epochs=10):
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    members = [simulate_member(rng) for _ in range(2500)]
    train, val = members[:2000], members[2000:]
    rows = np.concatenate([history for history, _, _ in train])
    mean, std = rows.mean(0), rows.std(0)
    train_loader = DataLoader(Members(train, mean, std), batch_size=50, shuffle=True, collate_fn=collate)
    x_val, lengths_val, at_risk_val, target_val, time_val, event_val = collate(list(Members(val, mean, std)))

    model = HazardGRU(len(FEATURES))
    bce = nn.BCEWithLogitsLoss(reduction="none")
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
    for epoch in range(1, epochs + 1):
        model.train()
        for x, lengths, at_risk, target, _, _ in train_loader:
            optimizer.zero_grad()
            loss = (bce(model(x, lengths), target) * at_risk).sum() / at_risk.sum()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        scheduler.step()

        model.eval()
        with torch.no_grad():
            logits = model(x_val, lengths_val)
            val_loss = ((bce(logits, target_val) * at_risk_val).sum() / at_risk_val.sum()).item()
        survival = (1 - logits.sigmoid()).cumprod(dim=1)
        c_index = concordance(-survival.sum(dim=1), time_val, event_val)
        print(f"epoch {epoch:2d}; validation: loss {val_loss:.4f}; C-index {c_index:.3f}")


if __name__ == "__main__":
    main()
