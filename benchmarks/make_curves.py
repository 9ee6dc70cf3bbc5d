"""Trains small networks with known faults and keeps their curves under `benchmarks/curves/` (one thread, minutes).

What is written down is what a user's loop writes: the mean training loss over the batches of an epoch, the validation
loss after it, and the training score. The class is decided by how the run was set up, and has to be confirmed by a
criterion that looks at more than the kept curves: the same training without the fault, a long continuation of it, a
large sample to validate on. A run that its criterion does not confirm is left out, and said so. The classifier is not
asked.
"""

from __future__ import annotations

import argparse
import csv
import math
import sys
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_wine,
    make_classification,
    make_friedman1,
)
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = Path(__file__).resolve().parent / "curves"
REGRESSION = ("teacher", "diabetes", "friedman")


@dataclass(frozen=True)
class Setup:
    """One training. Rates are (from epoch, rate) pairs."""

    task: str = "digits"
    train: int = 800
    validation: int = 400
    width: int = 64
    epochs: int = 40
    rates: tuple[tuple[int, float], ...] = ((0, 3e-3),)
    decay: float = 0.0
    dropout: float = 0.0
    flips: float = 0.0
    """Share of wrong labels in the training data; in regression the noise on the targets."""
    choose: str = ""
    """`range`: trained on the lower targets only; `easy`: validated on what is easy; `draw`: on others each time."""
    optimizer: str = "adam"
    seed: int = 0
    batch: int = 32
    tanh: bool = False


Criterion: TypeAlias = "Callable[[Setup, Course], bool]"


@dataclass
class Course:
    """What became of it."""

    train: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    score: list[float] = field(default_factory=list)
    large: list[float] = field(default_factory=list)
    """Validation loss on all samples that are neither trained nor validated on."""
    train_eval: float = math.nan
    """Training loss at the end in eval mode, without updates between the batches."""


@cache
def data(task: str, seed: int) -> tuple[Tensor, Tensor]:
    """Return standardised inputs and targets, shuffled."""
    random = np.random.default_rng(seed)
    if task == "teacher":
        x = random.standard_normal((3000, 12))
        y: Any
        hidden = np.maximum(0, x @ random.standard_normal((12, 8)) / 3)
        y = hidden @ random.standard_normal(8) + 0.1 * random.standard_normal(3000)
    elif task == "moons":
        angle, side = random.uniform(0, 3 * np.pi, 3000), random.integers(0, 2, 3000)
        x = np.stack([angle * np.cos(angle + np.pi * side), angle * np.sin(angle + np.pi * side)], 1) / 4
        x, y = x + 0.06 * random.standard_normal(x.shape), side
    elif task == "friedman":
        x, y = make_friedman1(3000, n_features=10, noise=0.5, random_state=seed)
    elif task == "classes":
        x, y = make_classification(
            3000, n_features=20, n_informative=8, n_classes=4, flip_y=0.02, class_sep=1.5, random_state=seed
        )
    else:
        loaded = {"wine": load_wine, "digits": load_digits, "cancer": load_breast_cancer, "diabetes": load_diabetes}[
            task
        ]()
        x, y = loaded.data, np.asarray(loaded.target)
    x = (x - x.mean(0)) / np.maximum(x.std(0), 1e-6)
    order = random.permutation(len(x))
    x, y = x[order], y[order]
    if task in REGRESSION:
        return torch.tensor(x, dtype=torch.float32), torch.tensor((y - y.mean()) / y.std(), dtype=torch.float32)[
            :, None
        ]
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.long)


def split(s: Setup) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return training, validation and left-over samples, as the setup chooses them."""
    x, y = data(s.task, s.seed)
    rows = torch.arange(len(x))
    if s.choose == "range":
        rows = rows[torch.argsort(y[:, 0], stable=True)]
        train, rest = rows[: s.train], rows[s.train :]
        rest = rest[torch.randperm(len(rest), generator=torch.Generator().manual_seed(s.seed))]
    else:
        train, rest = rows[: s.train], rows[s.train :]
    validation, large = rest[: s.validation], rest[s.validation :]
    if s.choose == "easy":
        reference = fit(replace(s, choose="", dropout=0.0))[1]
        with torch.no_grad():
            hard = criterion(s)(reference(x[rest]), y[rest], reduction="none").reshape(-1)
        chosen = torch.argsort(hard)[: s.validation]
        validation = rest[chosen]
        large = rest
    generator = torch.Generator().manual_seed(s.seed + 1)
    targets = y[train].clone()
    if s.flips and y.dtype == torch.long:
        wrong = torch.rand(len(targets), generator=generator) < s.flips
        targets[wrong] = torch.randint(0, int(y.max()) + 1, (int(wrong.sum()),), generator=generator)
    elif s.flips:
        targets = targets + s.flips * torch.randn(targets.shape, generator=generator)
    return x[train], targets, x[validation], y[validation], x[large], y[large]


def criterion(s: Setup) -> Callable[..., Tensor]:
    """Return the loss of a task."""
    return F.mse_loss if s.task in REGRESSION else F.cross_entropy


def fit(s: Setup) -> tuple[Course, nn.Module]:
    """Train."""
    torch.manual_seed(s.seed)
    x, y, vx, vy, lx, ly = split(s)
    torch.manual_seed(s.seed + 2)
    outputs = 1 if y.dtype == torch.float32 else int(data(s.task, s.seed)[1].max()) + 1
    bend = nn.Tanh if s.tanh else nn.ReLU
    model = nn.Sequential(
        nn.Linear(x.shape[1], s.width), bend(), nn.Dropout(s.dropout), nn.Linear(s.width, s.width), bend(),
        nn.Dropout(s.dropout), nn.Linear(s.width, outputs),
    )  # fmt: skip
    kind = {"adam": torch.optim.AdamW, "sgd": torch.optim.SGD}[s.optimizer]
    optimizer = kind(model.parameters(), lr=1.0, weight_decay=s.decay)
    loss_of, course = criterion(s), Course()
    draws = torch.Generator().manual_seed(s.seed)
    for epoch in range(s.epochs):
        if s.choose == "draw":
            drawn = torch.randperm(len(lx), generator=draws)[: s.validation]
            vx, vy = lx[drawn], ly[drawn]
        for group in optimizer.param_groups:
            group["lr"] = [rate for start, rate in s.rates if start <= epoch][-1]
        model.train()
        total = right = 0.0
        for batch in torch.randperm(len(x)).split(s.batch):  # type: ignore[no-untyped-call]
            out = model(x[batch])
            loss = loss_of(out, y[batch])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.item() * len(batch)
            right += float((out.argmax(1) == y[batch]).sum()) if outputs > 1 else 0.0
        model.eval()
        with torch.no_grad():
            course.train.append(total / len(x))
            course.validation.append(float(loss_of(model(vx), vy)))
            course.large.append(float(loss_of(model(lx), ly)) if len(lx) else math.nan)
            variance = float(y.float().var())
            course.score.append(right / len(x) if outputs > 1 else 1 - total / len(x) / variance)
    with torch.no_grad():
        course.train_eval = float(loss_of(model(x), y))
    return course, model


def end(values: list[float]) -> float:
    """Return the mean of the last tenth."""
    return float(np.mean(values[-max(1, len(values) // 10) :]))


def best(values: list[float]) -> float:
    """Return the lowest value of a curve that was smoothed over five points."""
    return float(np.convolve(values, np.ones(5) / 5, "valid").min())


# ---- What has to be true, beyond the kept curves, for a run to count as an example of its class.


def underfits(s: Setup, c: Course) -> bool:
    """A wider network without the handicap ends at less than half of this training loss."""
    healthy = replace(s, width=64, decay=0.0, dropout=0.0, rates=((0, 3e-3),), optimizer="adam")
    return fit(healthy)[0].train[-1] < 0.5 * end(c.train)


def is_cut_short(s: Setup, c: Course) -> bool:
    """Five times as many epochs lower the validation loss by more than a fifth."""
    return best(fit(replace(s, epochs=5 * s.epochs))[0].validation) < 0.8 * end(c.validation)


def overfits(s: Setup, c: Course) -> bool:
    """On a large sample the loss at the end is more than a tenth above its best, which came before."""
    del s
    return end(c.large) > 1.1 * best(c.large) and end(c.train) < end(c.large)


def validates_on_few(s: Setup, c: Course) -> bool:
    """Epoch by epoch it moves by a tenth of the fall, and three times as much as the loss on a large sample does."""
    del s

    def wander(values: list[float]) -> float:
        return float(np.std(np.diff(values[len(values) // 4 :])))

    fall = c.large[0] - best(c.large)
    return wander(c.validation) > 3 * wander(c.large) and wander(c.validation) > 0.15 * fall


def has_easy_validation(s: Setup, c: Course) -> bool:
    """The loss on the training samples in eval mode is above that on the validation samples, by a tenth of its fall."""
    del s
    margin = 0.1 * (c.train[0] - c.train_eval)
    return c.train_eval > end(c.validation) + margin and end(c.large) > end(c.validation) + margin


def has_other_training_data(s: Setup, c: Course) -> bool:
    """Trained on samples of the whole population it ends lower by a fifth of the fall; this one has come to rest."""
    fair = fit(replace(s, choose=""))[0]
    resting = end(c.validation) < 1.1 * best(c.validation)
    return end(fair.validation) < end(c.validation) - 0.2 * (c.train[0] - end(c.train)) and resting


def diverges(s: Setup, c: Course) -> bool:
    """The loss ends above twice its best, or is lost; a hundredth of the rate does not do that."""
    calm = fit(replace(s, rates=tuple((start, rate / 100) for start, rate in s.rates)))[0]
    lost = not np.isfinite(c.train).all()
    return (lost or end(c.train) > 2 * min(c.train)) and end(calm.train) < 1.1 * min(calm.train)


def stands_still(s: Setup, c: Course) -> bool:
    """Before the rate changes it moves by less than a twentieth, afterwards it loses a third."""
    change = s.rates[-1][0]
    before = c.train[change // 3 : change]
    return max(before) - min(before) < 0.08 * c.train[0] and end(c.train) < 0.67 * min(before)


def fits(s: Setup, c: Course) -> bool:
    """At rest: neither twice the epochs nor stopping earlier gain a tenth; and no far cry from the training loss."""
    longer = fit(replace(s, epochs=2 * s.epochs))[0]
    start = c.validation[0]
    return (
        best(longer.large) > 0.9 * end(c.large) - 0.01 * start
        and end(c.large) < best(c.large) + 0.03 * start
        and end(c.validation) - end(c.train) < 0.1 * (c.train[0] - end(c.train))
    )


def setups() -> list[tuple[str, Criterion, list[Setup]]]:
    """Return what is trained: class, criterion, setups."""
    slow = ((0, 1e-4),)
    return [
        ("good-fit", fits, [
            Setup(task="teacher", train=2000, validation=500, width=32, epochs=50, rates=((0, 3e-3), (30,
                  3e-4)), seed=seed)
            for seed in (1, 2)
        ] + [
            Setup(task="cancer", train=350, validation=150, width=4, epochs=40, rates=((0, 3e-3), (25, 1e-4)),
                  decay=0.1),
            Setup(task="cancer", train=350, validation=150, width=6, epochs=50, rates=((0, 2e-3), (25, 1e-4)), seed=3),
            Setup(task="digits", train=1200, validation=400, width=32, epochs=30, rates=((0, 3e-3), (12,
                  1e-4)), decay=0.1),
            Setup(task="digits", train=1200, validation=400, width=32, epochs=40, rates=((0, 2e-3), (15,
                  1e-4)), seed=4),
            Setup(task="moons", train=2000, validation=500, width=32, epochs=60, rates=((0, 5e-3), (40, 5e-4))),
        ]),
        ("underfitting", underfits, [
            Setup(width=1, epochs=60, rates=((0, 1e-2),)),
            Setup(width=1, epochs=60, rates=((0, 1e-2),), seed=5),
            Setup(width=1, epochs=60, rates=((0, 2e-2),), seed=6),
            Setup(decay=0.3, optimizer="sgd", rates=((0, 0.1),)),
            Setup(decay=0.5, optimizer="sgd", rates=((0, 0.1),), seed=1),
            Setup(task="moons", train=2000, width=1, epochs=40, rates=((0, 1e-2),)),
            Setup(task="moons", train=2000, width=1, epochs=40, rates=((0, 1e-2),), seed=2),
            Setup(task="teacher", train=2000, decay=0.8, optimizer="sgd", rates=((0, 0.05),)),
        ]),
        ("not-converged", is_cut_short, [
            Setup(rates=slow, epochs=12), Setup(rates=slow, epochs=25, width=32), Setup(rates=((0, 3e-5),), epochs=40),
            Setup(task="cancer", train=350, validation=150, rates=((0, 1e-4),), epochs=15),
            Setup(task="teacher", train=1500, validation=500, rates=slow, epochs=10),
            Setup(task="moons", train=2000, validation=500, rates=((0, 5e-4),), epochs=20),
            Setup(optimizer="sgd", rates=((0, 1e-2),), epochs=20),
        ]),
        ("overfitting", overfits, [
            Setup(task="diabetes", train=200, validation=120, width=128, epochs=60),
            Setup(task="diabetes", train=100, validation=120, width=64, epochs=80, rates=((0, 1e-3),)),
            Setup(task="teacher", train=150, validation=500, width=128, epochs=120, flips=0.7),
            Setup(train=300, width=128, epochs=60, flips=0.4),
            Setup(train=800, width=256, epochs=40, flips=0.3, seed=2),
            Setup(task="cancer", train=150, validation=150, width=128, epochs=100, flips=0.2),
            Setup(task="moons", train=300, validation=500, width=128, epochs=100, flips=0.3),
        ]),
        ("noisy-validation", validates_on_few, [
            Setup(task=task, train=train, validation=few, width=16, rates=((0, 2e-3),), epochs=40, seed=seed,
                  choose="draw")
            for task, train, few, seed in (("moons", 1200, 6, 0), ("digits", 900, 4, 1), ("diabetes", 300, 6, 2),
                                           ("teacher", 1000, 1, 3), ("moons", 1200, 5, 4), ("cancer", 350, 3, 5))
        ]),
        ("validation-easier", has_easy_validation, [
            Setup(task="moons", train=1500, validation=600, width=3, epochs=60, choose="easy", rates=((0, 5e-3),)),
            Setup(task="moons", train=1500, validation=500, width=4, epochs=60, choose="easy", seed=2,
                  rates=((0, 5e-3),)),
            Setup(task="teacher", train=1500, validation=300, width=2, epochs=60, choose="easy", seed=3,
                  rates=((0, 5e-3),)),
            Setup(task="diabetes", train=250, validation=60, width=4, epochs=60, decay=0.1, choose="easy"),
            Setup(train=1000, validation=200, width=3, epochs=60, choose="easy"),
            Setup(train=1000, validation=300, width=4, epochs=60, choose="easy", seed=4, rates=((0, 5e-3),)),
        ]),
        ("unrepresentative-train", has_other_training_data, [
            Setup(task="teacher", train=train, validation=500, width=width, epochs=60, choose="range", seed=seed,
                  rates=((0, 5e-3), (20, 5e-4)), decay=decay)
            for train, width, seed, decay in ((800, 6, 0, 0.1), (600, 8, 1, 0.1), (800, 16, 2, 0.1), (500, 6, 3, 0.1),
                                              (700, 8, 4, 0.3), (600, 6, 5, 0.0), (500, 8, 7, 0.1))
        ]),
        ("diverging", diverges, [
            Setup(optimizer="sgd", rates=((0, 1e-2), (10, 8.0)), epochs=30),
            Setup(task="teacher", train=1500, optimizer="sgd", rates=((0, 1e-2), (15, 3.0)), epochs=30),
            Setup(optimizer="adam", rates=((0, 1e-3), (20, 1.0)), epochs=40),
            Setup(task="cancer", train=350, validation=150, rates=((0, 1e-3), (10, 3.0)), epochs=30),
            Setup(task="diabetes", train=300, validation=100, rates=((0, 1e-3), (12, 0.5)), epochs=30, width=32),
        ]),
        ("plateau", stands_still, [
            Setup(rates=((0, 1e-6), (20, 1e-3)), epochs=60),
            Setup(task="teacher", train=1500, rates=((0, 1e-6), (15, 3e-3)), epochs=50),
            Setup(task="cancer", train=350, validation=150, width=8, rates=((0, 1e-6), (15, 3e-3)), epochs=45),
            Setup(task="moons", train=1500, validation=500, rates=((0, 1e-6), (20, 5e-3)), epochs=60),
            Setup(task="teacher", train=1500, optimizer="sgd", rates=((0, 1e-5), (25, 5e-2)), epochs=70, seed=2),
        ]),
    ]  # fmt: skip


def main() -> int:
    """Train them all, keep what is confirmed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--held-out", action="store_true", help="those of held_out_curves.py, into curves_held_out/")
    parser.add_argument("--shift", type=int, default=0, help="added to every seed: other data, other weights")
    options = parser.parse_args()
    folder = options.folder or (FOLDER.with_name("curves_held_out") if options.held_out else FOLDER)
    wanted = setups()
    if options.held_out:
        import held_out_curves

        wanted = held_out_curves.setups()
    torch.set_num_threads(1)
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.csv"):
        old.unlink()
    rows = []
    for label, confirmed, group in wanted:
        for number, planned in enumerate(group):
            setup = replace(planned, seed=planned.seed + options.shift)
            course, _ = fit(setup)
            if not confirmed(setup, course):
                print(f"{label} {number}: not confirmed, left out")
                continue
            name = f"{label}-{number}.csv"
            score = "train_r2" if criterion(setup) is F.mse_loss else "train_acc"
            with (folder / name).open("w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(["epoch", "train_loss", "val_loss", score])
                for epoch, values in enumerate(zip(course.train, course.validation, course.score, strict=True)):
                    writer.writerow([epoch, *(f"{value:.6g}" for value in values)])
            rows.append([name, label, (confirmed.__doc__ or "").strip(), str(setup)])
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["file", "label", "confirmed_by", "setup"], *rows])
    print(f"{len(rows)} curves kept")
    return 0


if __name__ == "__main__":
    sys.exit(main())
