"""Trainings for `make_curves.py --held-out`: set up after the rules were finished, unlike those they were made with.

Other data sets, widths, rates, sizes of data and batches, activations and seeds. The labels are those of the setups,
confirmed by the same criteria; they were written down before the classifier was asked about any of them. Once a rule
is changed because of what it says here, this set is no longer held out.
"""

from __future__ import annotations

from make_curves import (
    Criterion,
    Setup,
    diverges,
    fits,
    has_easy_validation,
    has_other_training_data,
    is_cut_short,
    overfits,
    stands_still,
    underfits,
    validates_on_few,
)


def setups() -> list[tuple[str, Criterion, list[Setup]]]:
    """Return what is trained: class, criterion, setups."""
    return [
        ("good-fit", fits, [
            Setup(task="friedman", train=1200, width=24, epochs=45, rates=((0, 4e-3), (25, 3e-4)), batch=64),
            Setup(task="classes", train=1400, width=12, epochs=35, rates=((0, 2e-3), (15, 1e-4)), decay=0.2),
            Setup(train=1000, validation=500, width=48, epochs=35, rates=((0, 0.1), (20, 0.01)), optimizer="sgd",
                  decay=1e-3, seed=21),
            Setup(task="cancer", train=300, validation=200, width=5, epochs=60, rates=((0, 1.5e-3), (30, 1e-4)),
                  seed=22),
            Setup(task="moons", train=1800, validation=700, width=48, epochs=70, rates=((0, 3e-3), (45, 3e-4)),
                  seed=23),
            Setup(task="teacher", train=1600, validation=600, width=24, epochs=60, rates=((0, 2e-3), (35, 2e-4)),
                  tanh=True, seed=24),
        ]),
        ("underfitting", underfits, [
            Setup(task="classes", train=1400, width=1, epochs=50, rates=((0, 5e-3),)),
            Setup(width=2, epochs=50, rates=((0, 5e-3),), seed=25),
            Setup(task="friedman", train=1200, width=1, epochs=40, rates=((0, 1e-2),), batch=64),
            Setup(decay=0.4, optimizer="sgd", rates=((0, 0.05),), seed=26),
            Setup(task="moons", train=1500, width=2, epochs=45, rates=((0, 5e-3),), seed=27),
            Setup(task="teacher", train=1600, decay=1.0, optimizer="sgd", rates=((0, 0.03),), seed=28),
        ]),
        ("not-converged", is_cut_short, [
            Setup(task="friedman", train=1200, epochs=12, rates=((0, 2e-4),), batch=64),
            Setup(task="classes", train=1400, epochs=15, rates=((0, 1e-4),)),
            Setup(width=96, epochs=15, rates=((0, 5e-3),), optimizer="sgd", seed=29),
            Setup(task="moons", train=1500, epochs=25, rates=((0, 3e-4),), seed=30),
            Setup(task="teacher", width=48, epochs=8, rates=((0, 2e-4),), seed=31),
            Setup(task="wine", train=110, validation=60, epochs=15, rates=((0, 2e-4),), batch=16),
        ]),
        ("overfitting", overfits, [
            Setup(task="friedman", train=100, validation=500, width=96, epochs=100, flips=0.5, batch=16),
            Setup(task="classes", train=200, validation=600, width=96, epochs=60),
            Setup(task="diabetes", train=150, validation=150, width=256, epochs=50, rates=((0, 2e-3),), seed=32),
            Setup(train=400, width=200, epochs=50, flips=0.35, seed=33),
            Setup(task="moons", train=200, validation=600, width=200, epochs=120, flips=0.25, seed=34),
            Setup(task="teacher", train=120, width=200, epochs=100, flips=0.5, tanh=True, seed=35),
        ]),
        ("noisy-validation", validates_on_few, [
            Setup(task=task, train=train, validation=few, width=24, rates=((0, rate),), epochs=50, seed=seed,
                  choose="draw")
            for task, train, few, rate, seed in (
                ("friedman", 1000, 3, 3e-3, 0), ("classes", 1200, 4, 1e-3, 1), ("moons", 1000, 4, 3e-3, 36),
                ("teacher", 1200, 2, 1e-3, 37), ("digits", 1000, 5, 1e-3, 38), ("cancer", 300, 4, 1e-3, 39))
        ]),
        ("validation-easier", has_easy_validation, [
            Setup(task="classes", train=1200, width=4, epochs=50, choose="easy", rates=((0, 4e-3),)),
            Setup(task="friedman", train=1200, width=3, epochs=50, choose="easy", rates=((0, 5e-3),)),
            Setup(task="moons", train=1200, validation=500, width=3, epochs=50, choose="easy", rates=((0, 1e-2),),
                  seed=40),
            Setup(train=900, validation=250, width=3, epochs=50, choose="easy", tanh=True, seed=41),
            Setup(task="teacher", train=1200, width=3, epochs=50, choose="easy", rates=((0, 3e-3),), seed=42),
        ]),
        ("unrepresentative-train", has_other_training_data, [
            Setup(task=task, train=train, width=width, epochs=50, choose="range", seed=seed, decay=decay,
                  rates=((0, 4e-3), (25, 4e-4)))
            for task, train, width, seed, decay in (
                ("friedman", 900, 6, 0, 0.1), ("friedman", 600, 10, 1, 0.1), ("teacher", 900, 12, 43, 0.1),
                ("teacher", 700, 5, 44, 0.2), ("teacher", 400, 8, 45, 0.1), ("diabetes", 200, 4, 46, 0.3))
        ]),
        ("diverging", diverges, [
            Setup(optimizer="sgd", rates=((0, 2e-2), (8, 5.0)), epochs=25, seed=46),
            Setup(task="friedman", train=1200, optimizer="sgd", rates=((0, 1e-2), (12, 2.0)), epochs=30, batch=64),
            Setup(task="classes", train=1200, rates=((0, 1e-3), (15, 1.0)), epochs=35),
            Setup(task="moons", train=1200, rates=((0, 3e-3), (15, 2.0)), epochs=30, seed=47),
            Setup(task="teacher", train=1200, optimizer="sgd", rates=((0, 2e-2), (20, 2.0)), epochs=35, seed=48),
        ]),
        ("plateau", stands_still, [
            Setup(rates=((0, 1e-6), (15, 2e-3)), epochs=40, seed=49),
            Setup(task="classes", train=1200, rates=((0, 2e-6), (12, 2e-3)), epochs=40),
            Setup(task="friedman", train=1200, rates=((0, 1e-6), (20, 4e-3)), epochs=60, batch=64),
            Setup(task="teacher", train=1200, rates=((0, 1e-6), (25, 3e-3)), epochs=60, tanh=True, seed=50),
            Setup(task="moons", train=1200, validation=500, rates=((0, 2e-6), (30, 5e-3)), epochs=75, seed=51),
        ]),
    ]  # fmt: skip
