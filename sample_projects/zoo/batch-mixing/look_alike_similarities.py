# expect: nothing
"""Match digit images to captions (sequences of tokens), contrastive with a learned temperature."""
import math
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)
WORDS = ["zero one two three four five six seven eight nine".split(), "small large dark bright".split()]
VOCAB = {w: i + 1 for i, w in enumerate(WORDS[0] + WORDS[1] + ["digit", "a"])}


class Pairs(Dataset):
    def __init__(self, images, labels):
        self.images, self.labels = images, labels
        self.bright = images.mean((1, 2, 3))
        self.mid = self.bright.median()

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        shade = "bright" if self.bright[i] > self.mid else "dark"
        words = ["a", shade, WORDS[0][self.labels[i]], "digit"]
        return self.images[i], torch.tensor([VOCAB[w] for w in words])


class Clip(nn.Module):
    def __init__(self, dim=48):
        super().__init__()
        self.image = nn.Sequential(nn.Conv2d(1, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(24, 48, 3, padding=1),
                                   nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(48 * 4, dim))
        self.embed = nn.Embedding(len(VOCAB) + 1, 32)
        self.pos = nn.Parameter(torch.randn(4, 32) * 0.02)
        layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.1, batch_first=True)
        self.text = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.project = nn.Linear(32, dim)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def forward(self, images, tokens):
        i = nn.functional.normalize(self.image(images), dim=-1)
        t = nn.functional.normalize(self.project(self.text(self.embed(tokens) + self.pos).mean(1)), dim=-1)
        return self.logit_scale.exp() * i @ t.T


x, y = load_digits(return_X_y=True)
images = torch.tensor(x, dtype=torch.float32).view(-1, 1, 8, 8) / 16
images = (images - images.mean()) / images.std()
train = DataLoader(Pairs(images[:1500], y[:1500]), batch_size=32, shuffle=True, drop_last=True)
val = DataLoader(Pairs(images[1500:], y[1500:]), batch_size=32)
model = Clip()
opt = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
for epoch in range(6):
    model.train()
    for img, tok in train:
        logits = model(img, tok)
        labels = torch.arange(len(img))
        loss = (nn.functional.cross_entropy(logits, labels) + nn.functional.cross_entropy(logits.T, labels)) / 2
        opt.zero_grad()
        loss.backward()
        opt.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, math.log(100))
    model.eval()
    with torch.no_grad():
        total = sum(nn.functional.cross_entropy(model(i, t), torch.arange(len(i))).item() for i, t in val) / len(val)
    print(f"epoch {epoch} train {loss.item():.3f} val {total:.3f} scale {model.logit_scale.exp().item():.1f}")
