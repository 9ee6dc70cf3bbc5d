# expect: nothing
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Trainer:
    def __init__(self, model, optimizer, criterion, train_loader, val_loader):
        self.model = model
        self.optimizer = optimizer
        self.criterion = criterion
        self.train_loader = train_loader
        self.val_loader = val_loader
        self.history = []

    def fit(self, epochs):
        for epoch in range(epochs):
            self.model.train()
            losses = [self.training_step(batch) for batch in self.train_loader]
            accuracy = self.evaluate()
            self.history.append(accuracy)
            print(f"epoch {epoch}: loss {sum(losses) / len(losses):.3f}, val {accuracy:.3f}")

    def training_step(self, batch):
        images, labels = batch
        self.optimizer.zero_grad()
        loss = self.criterion(self.model(images), labels)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    @torch.no_grad()
    def evaluate(self):
        self.model.eval()
        hits = total = 0
        for images, labels in self.val_loader:
            hits += (self.model(images).argmax(1) == labels).sum().item()
            total += len(labels)
        return hits / total


if __name__ == "__main__":
    torch.manual_seed(0)
    digits = load_digits()
    split = train_test_split(digits.images, digits.target, test_size=0.2, random_state=0)
    mean, std = split[0].mean(), split[0].std()
    images = [torch.tensor((x - mean) / std, dtype=torch.float32).unsqueeze(1) for x in split[:2]]
    labels = [torch.tensor(y) for y in split[2:]]
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 32, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(128, 10),
    )
    trainer = Trainer(
        model,
        torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9),
        nn.CrossEntropyLoss(),
        DataLoader(TensorDataset(images[0], labels[0]), batch_size=32, shuffle=True),
        DataLoader(TensorDataset(images[1], labels[1]), batch_size=90),
    )
    trainer.fit(5)
    print(f"best {max(trainer.history):.3f}")
