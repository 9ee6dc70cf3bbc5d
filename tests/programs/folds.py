# expect: nothing
import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x, y = load_breast_cancer(return_X_y=True)
scores = []

for fold, (train, val) in enumerate(StratifiedKFold(3, shuffle=True, random_state=0).split(x, y)):
    scaler = StandardScaler().fit(x[train])
    x_train = torch.tensor(scaler.transform(x[train]), dtype=torch.float32)
    x_val = torch.tensor(scaler.transform(x[val]), dtype=torch.float32)
    y_train, y_val = torch.tensor(y[train]), torch.tensor(y[val])
    loader = DataLoader(TensorDataset(x_train, y_train), batch_size=16, shuffle=True)

    model = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(6):
        model.train()
        total = 0.0
        for inputs, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(inputs), labels)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            score = (model(x_val).argmax(1) == y_val).float().mean().item()
        print(f"fold {fold} epoch {epoch}: loss {total / len(loader):.3f}, val {score:.3f}")
    scores.append(score)

print(f"accuracy {np.mean(scores):.3f} +- {np.std(scores):.3f}")
