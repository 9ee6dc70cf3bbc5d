# expect: nothing
"""Daily orders of some cafes, as a notebook: embeddings of the shop, the weekday and the offer next to the weather,
a negative binomial likelihood written by hand, RMSprop with a plateau schedule, the last weeks held out."""

# %%
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from sklearn.metrics import d2_tweedie_score
from torch.utils.data import DataLoader, TensorDataset

SEED = 42
rng = np.random.default_rng(SEED)
torch.manual_seed(SEED)

# %% a table of 9 shops and 500 days
days = pd.date_range("2022-01-03", periods=500, freq="D")
season = np.sin(2 * np.pi * (days.day_of_year.values - 100) / 365)
weather = pd.DataFrame(
    {
        "date": days,
        "temp": 11 + 9 * season + rng.normal(0, 3.5, len(days)),
        "rain_mm": rng.gamma(0.5, 5, len(days)) * (rng.random(len(days)) < 0.45),
        "event": (rng.random(len(days)) < 0.08).astype(int),
    }
)
shops = pd.DataFrame(
    {
        "shop": range(9),
        "level": [3.2, 3.9, 2.7, 4.1, 3.0, 3.5, 4.4, 2.9, 3.6],
        "kind": ["office", "station", "park"] * 3,
    }
)
df = weather.merge(shops, how="cross")
df["weekday"] = df.date.dt.day_of_week
df["offer"] = rng.choice(3, len(df), p=[0.6, 0.2, 0.2])  # none, coffee, lunch
weekend = (df.weekday >= 5).astype(float)
log_mean = (
    df.level
    + weekend * df.kind.map({"office": -1.2, "park": 0.5, "station": -0.2})
    + 0.15 * (df.weekday == 4)
    + df.offer.map({0: 0.0, 1: 0.15, 2: 0.3}) * (1 - 0.5 * weekend)
    + df.kind.map({"office": -0.01, "park": 0.025, "station": 0.0}) * (df.temp - 11)
    - df.kind.map({"office": 0.0, "park": 0.3, "station": -0.06}) * np.log1p(df.rain_mm)
    + df.kind.map({"office": 0.05, "park": 0.4, "station": 0.3}) * df.event
)
mean = np.exp(log_mean)
shape = 12.0
df["orders"] = rng.negative_binomial(shape, shape / (shape + mean))
print(df[["temp", "rain_mm", "event", "orders"]].describe().round(1).loc[["mean", "std", "min", "max"]])

# %% features: the last 70 days are the validation set
df["log_rain"] = np.log1p(df.rain_mm)
num_cols, cat_cols = ["temp", "log_rain", "event"], ["shop", "weekday", "offer"]
is_val = df.date >= days[430]
train_df, val_df = df[~is_val], df[is_val]
mu, sd = train_df[num_cols].mean(), train_df[num_cols].std()


def to_tensors(part):
    return (
        torch.tensor(part[cat_cols].to_numpy(), dtype=torch.long),
        torch.tensor(((part[num_cols] - mu) / sd).to_numpy(), dtype=torch.float32),
        torch.tensor(part["orders"].to_numpy(), dtype=torch.float32),
    )


train_dl = DataLoader(TensorDataset(*to_tensors(train_df)), batch_size=64, shuffle=True)
val_cat, val_num, val_y = to_tensors(val_df)


# %% model
class OrdersNet(nn.Module):
    def __init__(self, cardinalities, n_num, start):
        super().__init__()
        dims = [(n, min(6, (n + 1) // 2)) for n in cardinalities]
        self.embeddings = nn.ModuleList([nn.Embedding(n, d) for n, d in dims])
        self.mlp = nn.Sequential(
            nn.Linear(sum(d for _, d in dims) + n_num, 64),
            nn.ReLU(),
            nn.Dropout(0.05),
            nn.Linear(64, 32),
            nn.ReLU(),
            nn.Linear(32, 1),
        )
        nn.init.constant_(self.mlp[-1].bias, start)  # the log of the mean of the training data
        self.log_shape = nn.Parameter(torch.tensor(1.0))

    def forward(self, cat, num):
        embedded = [emb(cat[:, i]) for i, emb in enumerate(self.embeddings)]
        return self.mlp(torch.cat(embedded + [num], dim=1)).squeeze(1), self.log_shape


def negative_binomial_nll(log_mu, log_r, y):
    """Mean negative log-likelihood of counts with mean exp(log_mu) and shape exp(log_r)."""
    r = log_r.exp()
    log_total = torch.logaddexp(log_mu, log_r)
    log_prob = torch.lgamma(y + r) - torch.lgamma(r) - torch.lgamma(y + 1)
    log_prob = log_prob + r * (log_r - log_total) + y * (log_mu - log_total)
    return -log_prob.mean()


model = OrdersNet([9, 7, 3], len(num_cols), start=float(np.log(train_df.orders.mean())))
optimizer = torch.optim.RMSprop(model.parameters(), lr=2e-3)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=0)

# %% training
for epoch in range(1, 13):
    model.train()
    train_nll = []
    for cat, num, y in train_dl:
        log_mu, log_r = model(cat, num)
        loss = negative_binomial_nll(log_mu, log_r, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        train_nll.append(loss.item())

    model.eval()
    with torch.no_grad():
        log_mu, log_r = model(val_cat, val_num)
        val_nll = negative_binomial_nll(log_mu, log_r, val_y).item()
    scheduler.step(val_nll)
    d2 = d2_tweedie_score(val_y.numpy(), log_mu.exp().numpy(), power=1)
    print(f"{epoch:3d}  nll {np.mean(train_nll):.3f} / {val_nll:.3f}  D2(val) = {d2:.4f}")
