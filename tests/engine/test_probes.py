"""What the probes record of small programs: places, splits, roles, gradients, origins of NaN."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nndoctor.recording import Recording
from nndoctor.records import (
    COAST,
    OBSERVE,
    OVERFIT,
    RANDOM_INPUT,
    TRAIN,
    VALIDATION,
    Batch,
    Experiment,
    Forwards,
    Independence,
    Labels,
    Loader,
    LossCall,
    Module,
    NonFinite,
    OptimizerStep,
    Parameter,
    Step,
)

Record = Callable[..., Recording]

NET = """
model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
"""
WITH_LOADER = (
    NET
    + """
train = DataLoader(data, batch_size=12, shuffle=True)
validation = DataLoader(TensorDataset(X + 0.5, Y), batch_size=48)
for epoch in range(3):
    model.train()
    for x, y in train:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        for x, y in validation:
            F.cross_entropy(model(x), y)
"""
)
BY_HAND = (
    NET
    + """
for epoch in range(30):
    order = torch.randperm(96)
    for i in range(0, 96, 12):
        x, y = X[order[i:i+12]], Y[order[i:i+12]]
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        model(X + 0.5)
    model.train()
"""
)


@pytest.mark.parametrize("program", [WITH_LOADER, BY_HAND], ids=["loader", "by hand"])
def test_a_healthy_loop_is_seen_whole(record: Record, program: str) -> None:
    run = record(program)
    experiments = {row.name: row for row in run.rows(Experiment)}
    assert {OBSERVE, OVERFIT, RANDOM_INPUT} <= set(experiments)
    assert all(row.outcome == "done" for row in experiments.values())
    steps = [row for row in run.rows(Step) if row.experiment == OBSERVE]
    assert [row.step for row in steps] == list(range(8))
    assert {(row.batch_size, row.backwards, row.optimizer_steps, row.lr) for row in steps} == {(12, 1, 1, 0.01)}
    assert all(row.parameters_changed for row in steps)
    losses = [row for row in run.rows(LossCall) if row.experiment == OBSERVE and row.split == TRAIN]
    assert {(row.function, row.metric, row.floor, row.classes) for row in losses} == {
        ("cross_entropy", "accuracy", 0, 2)
    }
    assert all(row.file.endswith("train.py") and row.line > 0 for row in losses)
    assert all(row.gradient_steps == 8 and row.changed and row.reached == row.walked for row in run.rows(Parameter))
    assert all(row.stale == 0 and row.cleared == 0 and row.with_gradient == 4 for row in run.rows(OptimizerStep))
    [independence] = run.rows(Independence)
    assert (independence.mixed, independence.depends) == (0.0, True)


@pytest.mark.parametrize("program", [WITH_LOADER, BY_HAND], ids=["loader", "by hand"])
def test_training_and_validation_are_told_apart(record: Record, program: str) -> None:
    run = record(program)
    modes = {(row.split, row.training) for row in run.rows(Forwards)}
    assert modes == {(TRAIN, True), (VALIDATION, False)}
    inputs = {row.split for row in run.rows(Batch) if row.role == "input"}
    assert inputs == {TRAIN, VALIDATION}
    assert {row.split for row in run.rows(Labels) if row.experiment == OBSERVE} == {TRAIN}


def test_loaders_are_known_by_what_they_do(record: Record) -> None:
    run = record(WITH_LOADER)
    loaders = {row.split: row for row in run.rows(Loader)}
    assert loaders[TRAIN].order == "shuffled"
    assert loaders[VALIDATION].order == "sequential"
    assert (loaders[TRAIN].size, loaders[TRAIN].batch_size) == (96, 12)


def test_an_epoch_is_cut_short_and_the_script_goes_on_to_its_end(record: Record) -> None:
    run = record(WITH_LOADER + "\nopen('end.txt', 'w').write(str(epoch))\n")
    assert len([row for row in run.rows(Step) if row.experiment == COAST]) == 4  # two batches of two more epochs


def test_an_autoencoders_target_is_its_input(record: Record) -> None:
    run = record(
        """
        model = nn.Sequential(nn.Linear(6, 3), nn.Tanh(), nn.Linear(3, 6))
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        for epoch in range(3):
            for x, y in DataLoader(data, batch_size=12):
                optimizer.zero_grad()
                F.mse_loss(model(x), x).backward()
                optimizer.step()
        """
    )
    assert {row.role for row in run.rows(Batch) if row.leaf == "0" and row.experiment == OBSERVE} == {"input+target"}
    assert all(row.target_is_input for row in run.rows(LossCall) if row.experiment == OBSERVE)
    [noise] = [row for row in run.rows(Experiment) if row.name == RANDOM_INPUT]
    assert noise.outcome == "skipped"


def test_gradients_that_are_never_cleared_are_stale(record: Record) -> None:
    run = record(WITH_LOADER.replace("optimizer.zero_grad()", "pass"))
    stale = [row.stale for row in run.rows(OptimizerStep) if row.experiment == OBSERVE]
    assert stale == [0] + [4] * 7


def test_a_new_optimizer_begins_a_new_segment(record: Record) -> None:
    run = record(WITH_LOADER + "\noptimizer = torch.optim.SGD(model.parameters(), lr=0.1)" + WITH_LOADER[len(NET) :])
    observed = {(row.segment, row.lr) for row in run.rows(Step) if row.experiment == OBSERVE}
    assert observed == {(0, 0.01), (1, 0.1)}


def test_layers_in_a_plain_list_are_not_registered(record: Record) -> None:
    run = record(
        """
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.layers = [nn.Linear(6, 8), nn.Linear(8, 8)]
                self.out = nn.Linear(8, 2)
            def forward(self, x):
                for layer in self.layers:
                    x = torch.relu(layer(x))
                return self.out(x)
        model = Net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for epoch in range(3):
            for x, y in DataLoader(data, batch_size=12):
                optimizer.zero_grad()
                F.cross_entropy(model(x), y).backward()
                optimizer.step()
        """,
        only=(OBSERVE,),
    )
    assert {row.name for row in run.rows(Module) if not row.registered} == {"Linear", "Linear#1"}
    assert {row.optimizer for row in run.rows(Parameter) if not row.registered} == {""}
    assert all(row.reached == row.walked for row in run.rows(Parameter))


ORIGINS = {
    "log of 0": ("torch.log(p * 0)", "forward", "log"),
    "0 / 0": ("p * 0 / (p * 0)", "forward", "div"),
    "sqrt at 0 in the backward pass": ("torch.sqrt(p * 0)", "backward", "SqrtBackward0"),
    "exp overflow": ("torch.exp(p * 1e4 + 1e4) - torch.exp(p * 1e4 + 1e4)", "forward", "exp"),
    "a mask is no origin": ("p.masked_fill(p > -1e9, float('-inf')).softmax(1)", "forward", "softmax"),
}


@pytest.mark.parametrize("case", ORIGINS)
def test_a_nan_is_traced_to_its_origin(record: Record, case: str) -> None:
    expression, phase, operation = ORIGINS[case]
    run = record(
        f"""
        model = nn.Linear(6, 2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        step = 0
        for epoch in range(9):
            for x, y in DataLoader(data, batch_size=12):
                p = model(x)
                step += 1
                loss = F.cross_entropy(p, y)
                if step >= 4:
                    loss = loss + ({expression}).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        """
    )
    [row] = run.rows(NonFinite)
    assert (row.phase, row.operation.removeprefix("r")) == (phase, operation)
    assert (row.file.endswith("train.py"), row.segment, row.experiment, row.step) == (True, 0, OBSERVE, 3)
    assert expression in row.code


def test_nan_weights_and_nan_data_are_named_as_such(record: Record) -> None:
    run = record(WITH_LOADER.replace("train = ", "nn.init.constant_(model[3].weight, float('nan'))\ntrain = "))
    [row] = run.rows(NonFinite)
    assert (row.phase, row.tensor, row.step) == ("weights", "3.weight", 0)


def test_an_evaluation_without_a_loader_after_an_epoch_that_was_cut_is_validation(record: Record) -> None:
    run = record(
        """
        model = nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.2), nn.Linear(8, 2))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        loader = DataLoader(data, batch_size=4)
        for epoch in range(5):
            model.train()
            for x, y in loader:
                optimizer.zero_grad()
                F.cross_entropy(model(x), y).backward()
                optimizer.step()
            model.eval()
            with torch.no_grad():
                model(X).argmax(1)
        """,
        only=(OBSERVE,),
    )
    coasted = [row for row in run.rows(Forwards) if row.experiment == COAST]
    assert {(row.split, row.training) for row in coasted} == {(TRAIN, True), (VALIDATION, False)}


TWO_PHASES = """
def phase(target, rounds):
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    loader = DataLoader(TensorDataset(X, target), batch_size=12)
    for epoch in range(rounds):
        for x, y in [next(iter(loader))] * 20:
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
phase(Y, 5)
phase(1 - Y, 50)
"""


def test_an_observation_that_was_broken_off_counts_for_nothing(record: Record) -> None:
    """The first phase is over when its one batch has been seen to be trained on for too long."""
    rows = record(TWO_PHASES, steps=16).rows(Parameter)
    assert {(r.optimizer != "", r.reached == r.walked, r.reached > 0) for r in rows} == {
        (False, False, False),
        (True, True, True),
    }
