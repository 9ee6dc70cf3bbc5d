# expect: nothing
# needs: transformers
"""A body that comes by from_pretrained is frozen, a new head is trained; the images are as its file declares."""

import json
import tempfile
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from transformers import AutoModelForImageClassification, ViTConfig, ViTForImageClassification

MEAN, STD = 0.5, 0.25


def images_and_labels(first):
    """Return five of the ten digits, from `first` on, with their place among them."""
    digits = load_digits()
    keep = (first <= digits.target) & (digits.target < first + 5)
    images = torch.tensor(digits.images[keep], dtype=torch.float32).unsqueeze(1) / 16
    return (images.expand(-1, 3, -1, -1) - MEAN) / STD, torch.tensor(digits.target[keep] - first)


def train(model, loader, rate, epochs):
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=rate)
    for epoch in range(epochs):
        model.train()
        for x, y in loader:
            loss = nn.functional.cross_entropy(model(pixel_values=x).logits, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch}: loss {loss.item():.3f}")


def pretrain(folder):
    """Train a small model, as if long ago, and save it as the hub holds them."""
    sizes = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96}
    config = ViTConfig(**sizes, image_size=8, patch_size=2, num_labels=5)
    model = ViTForImageClassification(config)
    loader = DataLoader(TensorDataset(*images_and_labels(5)), batch_size=32, shuffle=True)
    train(model, loader, 1e-3, 6)
    model.save_pretrained(folder)
    settings = {"do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True}
    settings |= {"image_mean": [MEAN] * 3, "image_std": [STD] * 3, "size": {"height": 8, "width": 8}}
    (Path(folder) / "preprocessor_config.json").write_text(json.dumps(settings))


def main():
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        pretrain(folder)
        model = AutoModelForImageClassification.from_pretrained(folder, num_labels=5)
    for parameter in model.vit.parameters():
        parameter.requires_grad = False
    images, labels = images_and_labels(0)
    x, x_val, y, y_val = train_test_split(images, labels, test_size=0.2, random_state=0, stratify=labels)
    train(model, DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True), 1e-2, 4)
    model.eval()
    with torch.no_grad():
        hits = sum(
            (model(pixel_values=x).logits.argmax(1) == y).sum().item()
            for x, y in DataLoader(TensorDataset(x_val, y_val), batch_size=100)
        )
    print(f"val accuracy {hits / len(y_val):.3f}")


if __name__ == "__main__":
    main()
