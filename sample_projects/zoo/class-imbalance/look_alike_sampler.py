# expect: nothing
"""Rare defects on a production line, drawn more often by a weighted sampler."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler


def make_parts(n_good, n_defect, generator):
    """Images of 12 x 12: a smooth plate, and on a defect one a bright scratch."""
    plates = 0.3 * torch.randn(n_good + n_defect, 1, 12, 12, generator=generator)
    rows = torch.randint(1, 11, (n_defect,), generator=generator)
    for i, row in enumerate(rows):
        plates[n_good + i, 0, row, 2:10] += 1.5
    labels = torch.cat([torch.zeros(n_good), torch.ones(n_defect)]).long()
    return plates, labels


def main():
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    images, labels = make_parts(1500, 100, generator)
    val_images, val_labels = make_parts(300, 20, generator)
    mean, std = images.mean(), images.std()
    images, val_images = (images - mean) / std, (val_images - mean) / std

    class_counts = torch.bincount(labels)
    sample_weights = (1.0 / class_counts)[labels]
    sampler = WeightedRandomSampler(sample_weights, num_samples=len(labels), replacement=True)
    train_loader = DataLoader(TensorDataset(images, labels), batch_size=32, sampler=sampler)
    val_loader = DataLoader(TensorDataset(val_images, val_labels), batch_size=80)

    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveMaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64, 2),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(3):
        model.train()
        for image, label in train_loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(image), label)
            loss.backward()
            optimizer.step()
        model.eval()
        found = false_alarms = 0
        with torch.no_grad():
            for image, label in val_loader:
                alarm = model(image).argmax(1) == 1
                found += (alarm & (label == 1)).sum().item()
                false_alarms += (alarm & (label == 0)).sum().item()
        print(f"epoch {epoch}: loss {loss.item():.3f} found {found}/20 false alarms {false_alarms}")


if __name__ == "__main__":
    main()
