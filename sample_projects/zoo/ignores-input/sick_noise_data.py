# expect: targets-unpredictable
"""Tumour classification; the data set class was written first, with a placeholder."""

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, Dataset


class TumourDataset(Dataset):
    def __init__(self, features, labels):
        self.features = torch.randn(features.shape)  # the fault: the placeholder was left in
        self.labels = torch.tensor(labels, dtype=torch.float32)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return {"features": self.features[index], "label": self.labels[index]}


def main():
    torch.manual_seed(0)
    X, y = load_breast_cancer(return_X_y=True)
    X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.2, random_state=0)
    scaler = StandardScaler().fit(X_train)
    train_set = TumourDataset(scaler.transform(X_train), y_train)
    val_set = TumourDataset(scaler.transform(X_val), y_val)
    train_loader = DataLoader(train_set, batch_size=16, shuffle=True)
    val_loader = DataLoader(val_set, batch_size=57)

    model = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 1))
    criterion = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)

    for epoch in range(1, 7):
        model.train()
        losses = []
        for batch in train_loader:
            optimizer.zero_grad()
            logits = model(batch["features"]).squeeze(1)
            loss = criterion(logits, batch["label"])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        correct = 0
        with torch.no_grad():
            for batch in val_loader:
                predicted = model(batch["features"]).squeeze(1) > 0
                correct += (predicted == batch["label"].bool()).sum().item()
        mean_loss = sum(losses) / len(losses)
        print(f"epoch {epoch} loss {mean_loss:.3f} val accuracy {correct / len(val_set):.3f}")


if __name__ == "__main__":
    main()
