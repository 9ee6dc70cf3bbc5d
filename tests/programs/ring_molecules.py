# expect: nothing
"""A property of small made-up molecules from their graphs: a message-passing network on batches of joined graphs, the
smooth L1 loss, Adam with steps; the property depends on the atoms, the bonds between them and the rings."""

import argparse

import numpy as np
import torch
import torch.nn as nn

ATOMS = ["C", "N", "O", "S", "F"]
VALENCE = [4, 3, 2, 2, 1]
CHARGE = np.array([0.0, -0.5, -0.9, -0.2, -1.2])
WEIGHT = np.array([0.4, -0.3, -0.8, 0.7, 0.2])


def random_molecule(rng):
    """Grow a tree of atoms under their valences, then close up to two rings."""
    n = rng.integers(6, 16)
    atoms, free, bonds = [0], [VALENCE[0]], []
    while len(atoms) < n and any(free):
        parent = rng.choice(np.flatnonzero(free))
        kind = rng.choice(len(ATOMS), p=[0.55, 0.15, 0.15, 0.05, 0.1])
        free[parent] -= 1
        bonds.append((parent, len(atoms)))
        atoms.append(kind)
        free.append(VALENCE[kind] - 1)
    for _ in range(rng.integers(0, 3)):
        open_atoms = np.flatnonzero(free)
        if len(open_atoms) >= 2:
            a, b = rng.choice(open_atoms, 2, replace=False)
            if (a, b) not in bonds and (b, a) not in bonds:
                bonds.append((a, b))
                free[a], free[b] = free[a] - 1, free[b] - 1
    return np.array(atoms), np.array(bonds)


def true_property(atoms, bonds, rng):
    a, b = atoms[bonds.T]
    polarity = np.abs(CHARGE[a] - CHARGE[b]).sum()
    branching = (np.bincount(bonds.ravel(), minlength=len(atoms)) >= 3).sum()
    rings = len(bonds) - len(atoms) + 1
    return WEIGHT[atoms].sum() - 0.9 * polarity + 0.5 * branching + 0.8 * rings + rng.normal(0, 0.15)


def make_dataset(n, rng):
    data = []
    for _ in range(n):
        atoms, bonds = random_molecule(rng)
        edges = np.concatenate([bonds, bonds[:, ::-1]]).T  # both directions
        data.append((torch.as_tensor(atoms), torch.as_tensor(edges.copy()), true_property(atoms, bonds, rng)))
    return data


def batches(data, size, shuffle=False):
    """Join `size` graphs at a time into one big graph; yields atoms, edges, graph of every atom, targets."""
    order = torch.randperm(len(data)).tolist() if shuffle else list(range(len(data)))
    for start in range(0, len(order), size):
        chunk = [data[i] for i in order[start : start + size]]
        counts = torch.tensor([len(a) for a, _, _ in chunk])
        offsets = (counts.cumsum(0) - counts).tolist()
        atoms = torch.cat([a for a, _, _ in chunk])
        edges = torch.cat([e + o for (_, e, _), o in zip(chunk, offsets)], dim=1)
        owner = torch.repeat_interleave(torch.arange(len(chunk)), counts)
        yield atoms, edges, owner, torch.tensor([y for _, _, y in chunk], dtype=torch.float32)


class MessagePassing(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.message = nn.Sequential(nn.Linear(2 * dim, dim), nn.SiLU())
        self.update = nn.Sequential(nn.Linear(2 * dim, dim), nn.SiLU(), nn.Linear(dim, dim))
        self.norm = nn.LayerNorm(dim)

    def forward(self, h, edges):
        source, target = edges
        messages = self.message(torch.cat([h[source], h[target]], dim=-1))
        gathered = torch.zeros_like(h).index_add(0, target, messages)
        return self.norm(h + self.update(torch.cat([h, gathered], dim=-1)))


class MoleculeNet(nn.Module):
    def __init__(self, dim, n_layers):
        super().__init__()
        self.embed = nn.Embedding(len(ATOMS), dim)
        self.layers = nn.ModuleList(MessagePassing(dim) for _ in range(n_layers))
        self.readout = nn.Sequential(nn.Linear(dim, dim), nn.SiLU(), nn.Linear(dim, 1))

    def forward(self, atoms, edges, owner, n_graphs):
        h = self.embed(atoms)
        for layer in self.layers:
            h = layer(h, edges)
        return torch.zeros(n_graphs).index_add(0, owner, self.readout(h).squeeze(-1)) / 4


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--dim", type=int, default=48)
    parser.add_argument("--lr", type=float, default=1.2e-3)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    train, val = make_dataset(2400, rng), make_dataset(600, rng)
    y_train = np.array([y for _, _, y in train])
    mean, std = float(y_train.mean()), float(y_train.std())

    model = MoleculeNet(args.dim, n_layers=3)
    criterion = nn.SmoothL1Loss()
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=3, gamma=0.4)
    for epoch in range(1, args.epochs + 1):
        model.train()
        for atoms, edges, owner, y in batches(train, 32, shuffle=True):
            loss = criterion(model(atoms, edges, owner, len(y)), (y - mean) / std)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        scheduler.step()
        model.eval()
        with torch.no_grad():
            errors = [model(a, e, o, len(y)) * std + mean - y for a, e, o, y in batches(val, 200)]
        mae = torch.cat(errors).abs().mean().item()
        print(f"Epoch {epoch}/{args.epochs} - val MAE: {mae:.4f} (spread of the target {std:.2f})")


if __name__ == "__main__":
    main()
