# expect: sigmoid-into-bce-with-logits
"""Tumour classification with a batch-normalised network."""

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, Dataset


class TumourData(Dataset):
    def __init__(self, X, y):
        self.X = torch.tensor(X, dtype=torch.float32)
        self.y = torch.tensor(y, dtype=torch.float32).unsqueeze(1)

    def __len__(self):
        return len(self.X)

    def __getitem__(self, index):
        return self.X[index], self.y[index]


class BinaryClassifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer_1 = nn.Linear(30, 32)
        self.batchnorm = nn.BatchNorm1d(32)
        self.layer_out = nn.Linear(32, 1)
        self.relu = nn.ReLU()

    def forward(self, inputs):
        x = self.relu(self.batchnorm(self.layer_1(inputs)))
        return torch.sigmoid(self.layer_out(x))  # the fault: BCEWithLogitsLoss has a sigmoid


torch.manual_seed(0)
X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=69)
scaler = StandardScaler()
X_train = scaler.fit_transform(X_train)
X_test = scaler.transform(X_test)
train_loader = DataLoader(TumourData(X_train, y_train), batch_size=16, shuffle=True, drop_last=True)
test_loader = DataLoader(TumourData(X_test, y_test), batch_size=57)

model = BinaryClassifier()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

for e in range(1, 7):
    model.train()
    epoch_loss = 0
    for X_batch, y_batch in train_loader:
        optimizer.zero_grad()
        y_pred = model(X_batch)
        loss = criterion(y_pred, y_batch)
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item()

    model.eval()
    correct = 0
    with torch.no_grad():
        for X_batch, y_batch in test_loader:
            correct += (model(X_batch).round() == y_batch).sum().item()
    mean_loss = epoch_loss / len(train_loader)
    print(f"Epoch {e:02}: | Loss: {mean_loss:.5f} | Acc: {correct / len(y_test):.3f}")
