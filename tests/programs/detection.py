# expect: nothing
"""A small detector: batches are lists of dicts, the loss is a sum of three terms, images hold no object now and then."""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Squares(Dataset):
    def __init__(self, count, seed):
        g = torch.Generator().manual_seed(seed)
        self.items = []
        for _ in range(count):
            image = 0.1 * torch.randn(1, 24, 24, generator=g)
            boxes, labels = [], []
            if torch.rand(1, generator=g) < 0.9:
                size = int(torch.randint(5, 10, (1,), generator=g))
                x0 = int(torch.randint(0, 24 - size, (1,), generator=g))
                y0 = int(torch.randint(0, 24 - size, (1,), generator=g))
                label = int(torch.randint(0, 2, (1,), generator=g))
                image[0, y0 : y0 + size, x0 : x0 + size] += 1.0
                if label:
                    image[0, y0 + 2 : y0 + size - 2, x0 + 2 : x0 + size - 2] -= 1.0
                boxes.append([x0 / 24, y0 / 24, (x0 + size) / 24, (y0 + size) / 24])
                labels.append(label)
            target = {"boxes": torch.tensor(boxes).reshape(-1, 4), "labels": torch.tensor(labels, dtype=torch.long)}
            self.items.append((image, target))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def collate(batch):
    images, targets = zip(*batch)
    return torch.stack(images), list(targets)


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.ReLU(),
            nn.Conv2d(32, 32, 3, 2, 1), nn.ReLU(), nn.Flatten(),
        )
        self.there = nn.Linear(288, 1)
        self.label = nn.Linear(288, 2)
        self.box = nn.Linear(288, 4)

    def forward(self, x):
        h = self.body(x)
        return self.there(h).squeeze(1), self.label(h), self.box(h).sigmoid()


def detection_loss(output, targets):
    there, label, box = output
    present = torch.tensor([float(len(t["labels"])) for t in targets])
    losses = {"objectness": F.binary_cross_entropy_with_logits(there, present)}
    index = present.bool()
    if index.any():
        labels = torch.cat([t["labels"] for t in targets])
        boxes = torch.cat([t["boxes"] for t in targets])
        losses["class"] = F.cross_entropy(label[index], labels)
        losses["box"] = F.smooth_l1_loss(box[index], boxes, beta=0.1)
    return losses


torch.manual_seed(0)
loader = DataLoader(Squares(1200, 0), batch_size=24, shuffle=True, collate_fn=collate)
val = DataLoader(Squares(240, 1), batch_size=24, collate_fn=collate)
model = Detector()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
for epoch in range(6):
    model.train()
    for images, targets in loader:
        losses = detection_loss(model(images), targets)
        loss = sum(losses.values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    total = 0.0
    with torch.no_grad():
        for images, targets in val:
            total += sum(detection_loss(model(images), targets).values()).item()
    print(f"epoch {epoch} loss {loss.item():.3f} val {total / len(val):.3f}")
