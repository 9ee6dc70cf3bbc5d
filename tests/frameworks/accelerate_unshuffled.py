# expect: unshuffled-data
# needs: accelerate
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from accelerate.utils import set_seed
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

EPOCHS = 4


def loaders():
    digits = load_digits()
    split = train_test_split(digits.images, digits.target, test_size=0.2, random_state=0)
    mean, std = split[0].mean(), split[0].std()
    images = [torch.tensor((x - mean) / std, dtype=torch.float32).flatten(1) for x in split[:2]]
    labels = [torch.tensor(y) for y in split[2:]]
    order = labels[0].argsort()  # one folder per digit
    images[0], labels[0] = images[0][order], labels[0][order]
    train, val = (TensorDataset(x, y) for x, y in zip(images, labels))
    return DataLoader(train, batch_size=16), DataLoader(val, batch_size=64)


if __name__ == "__main__":
    set_seed(0)
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
    train_loader, val_loader = loaders()
    model = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 96), nn.ReLU(), nn.Linear(96, 10))
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=4e-3, total_steps=EPOCHS * len(train_loader) // 2 + EPOCHS
    )
    model, optimizer, train_loader, val_loader, scheduler = accelerator.prepare(
        model, optimizer, train_loader, val_loader, scheduler
    )
    for epoch in range(EPOCHS):
        model.train()
        for images, labels in train_loader:
            with accelerator.accumulate(model):
                loss = F.cross_entropy(model(images), labels)
                accelerator.backward(loss)
                if accelerator.sync_gradients:
                    accelerator.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                scheduler.step()
                optimizer.zero_grad()
        model.eval()
        right = seen = 0
        for images, labels in val_loader:
            with torch.no_grad():
                guesses = model(images).argmax(1)
            guesses, labels = accelerator.gather_for_metrics((guesses, labels))
            right += (guesses == labels).sum().item()
            seen += len(labels)
        accelerator.print(f"epoch {epoch}: {right / seen:.3f}")
    accelerator.wait_for_everyone()
    accelerator.save_state("state")
    accelerator.save(accelerator.unwrap_model(model).state_dict(), "model.pt")
