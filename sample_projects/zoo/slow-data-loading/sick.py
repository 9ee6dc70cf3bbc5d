# expect: slow-data-loading
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset


class Digits(Dataset):
    def __init__(self):
        self.images, self.labels = load_digits(return_X_y=True)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        # the fault: the whole array is scaled again for each sample
        scaled = (self.images - np.median(self.images)) / np.std(self.images)
        return torch.tensor(scaled[i], dtype=torch.float32), int(self.labels[i])


def main():
    torch.manual_seed(0)
    data = Digits()
    order = torch.randperm(len(data)).tolist()
    train_loader = DataLoader(Subset(data, order[:1400]), batch_size=64, shuffle=True)
    val_loader = DataLoader(Subset(data, order[1400:]), batch_size=100)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(5):
        model.train()
        for inputs, labels in train_loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(inputs), labels)
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            hits = sum((model(a).argmax(1) == b).sum().item() for a, b in val_loader)
        print(f"epoch {epoch} loss {loss.item():.3f} val acc {hits / 397:.3f}")


if __name__ == "__main__":
    main()
