# expect: nothing
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
order = torch.randperm(len(digits.target))
images = (torch.tensor(digits.images, dtype=torch.float32)[order].unsqueeze(1) - 4.9) / 6.0
labels = torch.tensor(digits.target)[order]
train_set = TensorDataset(images[:1400], labels[:1400])
val_images, val_labels = images[1400:], labels[1400:]

encoder = nn.Sequential(
    nn.Conv2d(1, 16, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(256, 48), nn.ReLU()
)
decoder = nn.Sequential(nn.Linear(48, 64), nn.Unflatten(1, (1, 8, 8)))

# Phase 1: denoise, without labels
autoencoder = nn.Sequential(encoder, decoder)
optimizer = torch.optim.Adam(autoencoder.parameters(), lr=2e-3)
for epoch in range(4):
    autoencoder.train()
    for clean, _ in DataLoader(train_set, batch_size=32, shuffle=True):
        noisy = clean + 0.3 * torch.randn_like(clean)
        loss = nn.functional.mse_loss(autoencoder(noisy), clean)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"pretrain epoch {epoch}: reconstruction {loss.item():.3f}")

# Phase 2: classify; the encoder goes on learning, more slowly than the new head
classifier = nn.Sequential(encoder, nn.Linear(48, 10))
optimizer = torch.optim.Adam(
    [
        {"params": encoder.parameters(), "lr": 5e-4},
        {"params": classifier[1].parameters(), "lr": 3e-3},
    ]
)
for epoch in range(4):
    classifier.train()
    for x, y in DataLoader(train_set, batch_size=32, shuffle=True):
        loss = nn.functional.cross_entropy(classifier(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    classifier.eval()
    with torch.no_grad():
        accuracy = (classifier(val_images).argmax(1) == val_labels).float().mean()
    print(f"fine-tune epoch {epoch}: loss {loss.item():.3f}, val accuracy {accuracy.item():.3f}")
