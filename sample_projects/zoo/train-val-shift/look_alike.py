# expect: nothing
"""Wine-like tabular data with only thirty rows for validation."""

import torch
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PowerTransformer, StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class TabularNet(nn.Module):
    def __init__(self, n_features, n_classes, width=48):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(n_features, width),
            nn.GELU(),
            nn.Linear(width, width),
            nn.GELU(),
            nn.Linear(width, n_classes),
        )

    def forward(self, x):
        return self.net(x)


def main():
    torch.manual_seed(0)
    X, y = make_classification(
        830, 12, n_informative=8, n_classes=3, n_clusters_per_class=1, random_state=0
    )
    X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=30, random_state=0)
    preprocessing = make_pipeline(PowerTransformer(), StandardScaler()).fit(X_train)
    X_train = torch.tensor(preprocessing.transform(X_train), dtype=torch.float32)
    X_val = torch.tensor(preprocessing.transform(X_val), dtype=torch.float32)
    train_set = TensorDataset(X_train, torch.tensor(y_train))
    val_set = TensorDataset(X_val, torch.tensor(y_val))
    train_loader = DataLoader(train_set, batch_size=20, shuffle=True)
    val_loader = DataLoader(val_set, batch_size=10)

    model = TabularNet(12, 3)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(5):
        model.train()
        for x, target in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(x), target)
            loss.backward()
            optimizer.step()
        model.eval()
        hits = 0
        with torch.no_grad():
            for x, target in val_loader:
                hits += (model(x).argmax(1) == target).sum().item()
        print(f"epoch {epoch}: loss {loss.item():.3f}, {hits} of {len(val_set)} right")


if __name__ == "__main__":
    main()
