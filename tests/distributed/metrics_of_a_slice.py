# expect: warning rank-metrics-not-reduced
# processes: 2
import os

import torch
import torch.distributed as dist
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, Subset, TensorDataset
from torch.utils.data.distributed import DistributedSampler


def data_sets():
    digits = load_digits()
    split = train_test_split(digits.images, digits.target, test_size=0.2, random_state=0)
    mean, std = split[0].mean(), split[0].std()
    images = [torch.tensor((x - mean) / std, dtype=torch.float32).unsqueeze(1) for x in split[:2]]
    labels = [torch.tensor(y) for y in split[2:]]
    return [TensorDataset(x, y) for x, y in zip(images, labels)]


def evaluate(model, loader):
    model.eval()
    counts = torch.zeros(2)
    with torch.no_grad():
        for images, labels in loader:
            counts[0] += (model(images).argmax(1) == labels).sum()
            counts[1] += len(labels)
    return (counts[0] / counts[1]).item()


def main():
    dist.init_process_group("gloo")
    rank = dist.get_rank()
    torch.manual_seed(rank)
    train, val = data_sets()
    sampler = DistributedSampler(train, shuffle=True)
    train_loader = DataLoader(train, batch_size=32, sampler=sampler)
    own = range(rank, len(val), dist.get_world_size())
    val_loader = DataLoader(Subset(val, own), batch_size=64)
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.1),
        nn.Linear(128, 10),
    )
    model = DistributedDataParallel(net)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    best = 0.0
    for epoch in range(5):
        sampler.set_epoch(epoch)
        model.train()
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
        accuracy = evaluate(model, val_loader)
        if rank == 0 and accuracy >= best:
            best = accuracy
            torch.save(net.state_dict(), "model.pt")
            print(f"epoch {epoch}: {accuracy:.3f}")
        dist.broadcast(torch.tensor([accuracy]), 0)
        assert os.path.exists("model.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
