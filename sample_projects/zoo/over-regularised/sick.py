# expect: over-regularised
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def get_data():
    X, y = load_digits(return_X_y=True)
    parts = train_test_split(X, y, test_size=0.2, stratify=y, random_state=0)
    mean, std = parts[0].mean(), parts[0].std()
    train_x, val_x = (torch.tensor((x - mean) / std).float() for x in parts[:2])
    return train_x, torch.tensor(parts[2]), val_x, torch.tensor(parts[3])


class Trainer:
    def __init__(self, model, lr=0.05, weight_decay=0.1):  # the fault: 1e-4 is usual with SGD
        self.model = model
        self.optimizer = torch.optim.SGD(model.parameters(), lr=lr, weight_decay=weight_decay)
        self.criterion = nn.CrossEntropyLoss()

    def fit(self, train, val, epochs):
        for epoch in range(epochs):
            self.model.train()
            losses = []
            for x, y in train:
                self.optimizer.zero_grad()
                loss = self.criterion(self.model(x), y)
                loss.backward()
                self.optimizer.step()
                losses.append(loss.item())
            print(f"epoch {epoch} loss {sum(losses) / len(losses):.3f} val {self.score(val):.3f}")

    @torch.no_grad()
    def score(self, loader):
        self.model.eval()
        hits = sum((self.model(x).argmax(1) == y).sum().item() for x, y in loader)
        return hits / len(loader.dataset)


if __name__ == "__main__":
    torch.manual_seed(0)
    train_x, train_y, val_x, val_y = get_data()
    train_loader = DataLoader(TensorDataset(train_x, train_y), batch_size=64, shuffle=True)
    val_loader = DataLoader(TensorDataset(val_x, val_y), batch_size=120)
    sizes = [64, 256, 256, 256, 10]
    layers = []
    for fan_in, fan_out in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    Trainer(nn.Sequential(*layers[:-1])).fit(train_loader, val_loader, epochs=8)
