# expect: initialisation-scale
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


class DeepNet(nn.Module):
    def __init__(self, width=128, depth=6):
        super().__init__()
        layers = [nn.Linear(64, width), nn.ReLU()]
        for _ in range(depth - 2):
            layers += [nn.Linear(width, width), nn.ReLU()]
        layers.append(nn.Linear(width, 10))
        self.net = nn.Sequential(*layers)
        self.reset_parameters()

    def reset_parameters(self):
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(
                    module.weight, mean=0.0, std=1.0
                )  # the fault: far too large for 128 inputs
                nn.init.zeros_(module.bias)

    def forward(self, x):
        return self.net(x)


X, y = load_digits(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.2, stratify=y, random_state=0)
mean, std = X_train.mean(), X_train.std()
train_set = TensorDataset(
    torch.tensor((X_train - mean) / std, dtype=torch.float32), torch.tensor(y_train)
)
val_set = TensorDataset(
    torch.tensor((X_val - mean) / std, dtype=torch.float32), torch.tensor(y_val)
)
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=360)

model = DeepNet()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(4):
    model.train()
    running_loss = 0.0
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        outputs = model(inputs)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
    model.eval()
    with torch.no_grad():
        hits = sum(
            (model(inputs).argmax(1) == labels).sum().item() for inputs, labels in val_loader
        )
    print(f"epoch {epoch} {running_loss / len(train_loader):.4f} val acc {hits / len(val_set):.3f}")
