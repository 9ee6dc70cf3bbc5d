# expect: nothing
import numpy as np
import torch
from sklearn.datasets import make_classification
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, get_worker_info


class Stream(IterableDataset):
    """Yields every sample once an epoch; each worker takes its share."""

    def __init__(self, x, y, shuffle):
        self.x, self.y, self.shuffle = x, y, shuffle
        self.epoch = 0

    def __iter__(self):
        order = np.arange(len(self.y))
        if self.shuffle:
            np.random.default_rng(self.epoch).shuffle(order)  # the same in every worker
        worker = get_worker_info()
        if worker is not None:
            order = order[worker.id :: worker.num_workers]
        for i in order:
            yield self.x[i], self.y[i]


def main():
    torch.manual_seed(0)
    x, y = make_classification(
        1600, 12, n_informative=6, n_redundant=2, class_sep=2.0, flip_y=0, random_state=1
    )
    mean, std = x[:1200].mean(0), x[:1200].std(0)
    x = ((x - mean) / std).astype(np.float32)
    train_set = Stream(x[:1200], y[:1200], shuffle=True)
    train_loader = DataLoader(train_set, batch_size=32, num_workers=2)
    val_loader = DataLoader(Stream(x[1200:], y[1200:], shuffle=False), batch_size=100)

    model = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(4):
        train_set.epoch = epoch
        model.train()
        losses = []
        for inputs, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(inputs), labels)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            hits = sum((model(a).argmax(1) == b).sum().item() for a, b in val_loader)
        print(f"epoch {epoch}: loss {np.mean(losses):.3f}, val accuracy {hits / 400:.3f}")


if __name__ == "__main__":
    main()
