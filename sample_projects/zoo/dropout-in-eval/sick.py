# expect: dropout-in-eval
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 16, 3, padding=1)
        self.fc1 = nn.Linear(16 * 16, 96)
        self.fc2 = nn.Linear(96, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv(x)), 2).flatten(1)
        x = F.dropout(F.relu(self.fc1(x)), 0.4)  # the fault: on in eval mode, too
        return self.fc2(x)


def accuracy(model, loader):
    model.eval()
    with torch.no_grad():
        return sum((model(x).argmax(1) == y).sum().item() for x, y in loader) / len(loader.dataset)


def main():
    torch.manual_seed(0)
    images, labels = load_digits().images, load_digits().target
    parts = train_test_split(images, labels, test_size=0.2, stratify=labels, random_state=0)
    mean, std = parts[0].mean(), parts[0].std()
    x, x_val = (torch.tensor((p - mean) / std).float().unsqueeze(1) for p in parts[:2])
    y, y_val = map(torch.tensor, parts[2:])
    train_loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)
    val_loader = DataLoader(TensorDataset(x_val, y_val), batch_size=60)

    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for epoch in range(4):
        model.train()
        for step, (images, labels) in enumerate(train_loader):
            loss = F.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step % 15 == 0:
                print(f"epoch {epoch} step {step} loss {loss.item():.3f}")
        print(f"epoch {epoch} accuracy {accuracy(model, val_loader):.3f}")


if __name__ == "__main__":
    main()
