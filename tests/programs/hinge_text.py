# expect: nothing
"""A bag of words, an EmbeddingBag with offsets, and a multi-class hinge loss."""
import torch
from torch import nn
from torch.utils.data import DataLoader

torch.manual_seed(0)
TOPICS, VOCAB = 4, 400
mixes = torch.softmax(0.6 * torch.randn(TOPICS, VOCAB), 1)


def document(topic):
    length = int(torch.randint(10, 60, (1,)))
    return torch.multinomial(mixes[topic], length, replacement=True)


texts = [(t := int(torch.randint(0, TOPICS, (1,))), document(t)) for _ in range(2000)]


def collate(batch):
    labels = torch.tensor([label for label, _ in batch])
    lengths = torch.tensor([0] + [len(words) for _, words in batch][:-1])
    return torch.cat([words for _, words in batch]), lengths.cumsum(0), labels


class Bag(nn.Module):
    def __init__(self):
        super().__init__()
        self.bag = nn.EmbeddingBag(VOCAB, 24, mode="mean")
        self.fc = nn.Linear(24, TOPICS)
        nn.init.uniform_(self.bag.weight, -0.5, 0.5)

    def forward(self, words, offsets):
        return self.fc(self.bag(words, offsets))


loader = DataLoader(texts[:1600], batch_size=16, shuffle=True, collate_fn=collate)
val = DataLoader(texts[1600:], batch_size=100, collate_fn=collate)
model = Bag()
criterion = nn.MultiMarginLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=5.0)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.9)
for epoch in range(6):
    model.train()
    for words, offsets, labels in loader:
        optimizer.zero_grad()
        loss = criterion(model(words, offsets), labels)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.1)
        optimizer.step()
    scheduler.step()
    model.eval()
    with torch.no_grad():
        right = sum((model(w, o).argmax(1) == t).sum().item() for w, o, t in val)
    print(f"epoch {epoch} loss {loss.item():.3f} val accuracy {right / 400:.3f}")
