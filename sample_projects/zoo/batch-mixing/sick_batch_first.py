# expect: batch-mixing
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Dataset

# As in the MNIST tutorial for recurrent networks: an image is a sequence of rows.
sequence_length = 8
input_size = 8
hidden_size = 64
num_classes = 10
batch_size = 32
num_epochs = 4
learning_rate = 0.005


class Digits(Dataset):
    def __init__(self, images, labels):
        self.images = torch.tensor(images, dtype=torch.float32)
        self.labels = torch.tensor(labels)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.images[i], self.labels[i]


class RNN(nn.Module):
    def __init__(self):
        super().__init__()
        # the fault: batch_first=True is missing, so it runs along the batch, not the rows
        self.lstm = nn.LSTM(input_size, hidden_size, num_layers=1)
        self.fc = nn.Linear(hidden_size, num_classes)

    def forward(self, x):  # (batch, rows, pixels)
        out, _ = self.lstm(x)
        return self.fc(out[:, -1, :])


def run_epoch(model, loader, criterion, optimizer=None):
    model.train(optimizer is not None)
    total, correct = 0.0, 0
    with torch.set_grad_enabled(optimizer is not None):
        for x, y in loader:
            out = model(x.reshape(-1, sequence_length, input_size))
            loss = criterion(out, y)
            if optimizer is not None:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            total += loss.item() * len(y)
            correct += (out.argmax(1) == y).sum().item()
    return total / len(loader.dataset), correct / len(loader.dataset)


if __name__ == "__main__":
    torch.manual_seed(0)
    digits = load_digits()
    order = torch.randperm(len(digits.target)).numpy()
    images, labels, n = digits.images[order], digits.target[order], 1440
    images = (images - images[:n].mean()) / images[:n].std()
    train_loader = DataLoader(Digits(images[:n], labels[:n]), batch_size, shuffle=True)
    val_loader = DataLoader(Digits(images[n:], labels[n:]), batch_size)
    model = RNN()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    for epoch in range(num_epochs):
        train = run_epoch(model, train_loader, criterion, optimizer)
        val = run_epoch(model, val_loader, criterion)
        print(f"{epoch} train {train[0]:.3f} {train[1]:.3f} val {val[0]:.3f} {val[1]:.3f}")
