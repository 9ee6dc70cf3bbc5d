# expect: no-gradient
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn, optim
from torch.utils.data import DataLoader, Dataset


class DigitRows(Dataset):
    """Each image is a sequence of 8 rows of 8 pixels."""

    def __init__(self, images, labels):
        self.images = torch.as_tensor(images, dtype=torch.float32).reshape(-1, 8, 8)
        self.labels = torch.as_tensor(labels)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return {"rows": self.images[index], "label": self.labels[index]}


class RowClassifier(nn.Module):
    def __init__(self, hidden=64):
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(8, 32), nn.ReLU())
        self.gru = nn.GRU(32, hidden, batch_first=True)
        self.classifier = nn.Linear(hidden, 10)

    def forward(self, rows):
        features = self.embed(rows).detach()  # the fault: the embedding gets no gradient
        _, last = self.gru(features)
        return self.classifier(last[-1])


torch.manual_seed(3)
X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=3)
mean, std = X_train.mean(), X_train.std()
train = DataLoader(DigitRows((X_train - mean) / std, y_train), batch_size=32, shuffle=True)
test = DataLoader(DigitRows((X_test - mean) / std, y_test), batch_size=64)

net = RowClassifier()
loss_fn = nn.CrossEntropyLoss()
opt = optim.Adam(net.parameters(), lr=3e-3)

for epoch in range(4):
    net.train()
    total = 0.0
    for batch in train:
        opt.zero_grad()
        loss = loss_fn(net(batch["rows"]), batch["label"])
        loss.backward()
        opt.step()
        total += loss.item()
    net.eval()
    with torch.no_grad():
        hits = sum((net(b["rows"]).argmax(-1) == b["label"]).sum().item() for b in test)
    print(f"[{epoch}] loss={total / len(train):.4f} test_acc={hits / len(test.dataset):.3f}")
