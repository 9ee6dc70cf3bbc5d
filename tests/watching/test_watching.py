"""A monitor beside small loops: it changes nothing, it traces the first NaN, and its own faults cost no training."""

from __future__ import annotations

import math
import sqlite3
import weakref
from dataclasses import fields
from typing import Any

import pytest
import torch
import torch._dynamo.testing
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

import nndoctor
from nndoctor.names import Names
from nndoctor.recording import FILE_NAME, Recorder, Recording
from nndoctor.recording import values_of as row_values
from nndoctor.records import (
    Environment,
    Evaluation,
    Event,
    Loader,
    Module,
    NonFinite,
    Optimizer,
    Parameter,
    SourceFile,
    Step,
    TensorStats,
)
from nndoctor.session import PatientStop
from nndoctor.verdict import decide
from nndoctor.watching import figures, monitor
from nndoctor.watching.evaluations import MOST_GUESSES, Guesses, guesses, scores
from nndoctor.watching.figures import rows
from nndoctor.watching.keeper import MOST, STEP_FIELDS, Keeper
from nndoctor.watching.monitor import Monitor
from nndoctor.watching.pace import Pace
from nndoctor.watching.samples import Column, Sampler, Taken
from nndoctor.watching.script import WatchedRun
from nndoctor.watching.thinning import OfSteps
from nndoctor.watching.views import SAMPLE, values_of


def model_and_data(inputs=None):
    torch.manual_seed(0)
    inputs = torch.randn(64, 6) if inputs is None else inputs
    model = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))
    loader = DataLoader(TensorDataset(inputs, torch.randint(3, (len(inputs),))), batch_size=16, shuffle=True)
    return model, loader


def on(inputs=None):
    model, loader = model_and_data(inputs)
    return {"model": model, "loader": loader}


def cross_entropy(prediction, labels):
    return functional.cross_entropy(prediction, labels)


def train(model, loader, epochs=3, loss_of=cross_entropy, held_out=None):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for _ in range(epochs):
        model.train()
        for inputs, labels in loader:
            optimizer.zero_grad()
            loss = loss_of(model(inputs), labels)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        if held_out is not None:
            model.eval()
            with torch.no_grad():
                for inputs, labels in held_out:
                    loss_of(model(inputs), labels)
    return losses


@pytest.fixture
def watched(tmp_path):
    def run(work, **options):
        settings = {"overhead": math.inf, "on_nan": "continue", "facts": {}, **options}
        beside = WatchedRun(tmp_path, **settings)
        beside.begin()
        try:
            work()
        finally:
            beside.end()
        return Recording.open(tmp_path / FILE_NAME)

    return run


def test_weights_losses_and_random_state_are_bit_identical(watched):
    model, loader = model_and_data()
    bare = train(model, loader)
    after = torch.get_rng_state()
    again, loader = model_and_data()
    seen = []
    watched(lambda: seen.extend(train(again, loader)))
    assert seen == bare
    assert torch.equal(torch.get_rng_state(), after)
    for one, other in zip(model.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_steps_that_are_not_sampled_change_nothing_either_and_are_all_recorded(watched):
    model, loader = model_and_data()
    bare = train(model, loader, epochs=10)
    after = torch.get_rng_state()
    again, loader = model_and_data()
    seen = []
    run = watched(lambda: seen.extend(train(again, loader, epochs=10)), overhead=1e-9)
    assert seen == bare
    assert torch.equal(torch.get_rng_state(), after)
    for one, other in zip(model.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    steps = run.rows(Step)
    assert [row.loss for row in steps] == bare
    assert [row.step for row in steps] == [*range(40)]
    assert {row.lr for row in steps} == {0.01}
    sampled = {row.step for row in run.rows(TensorStats)}
    assert sampled == {0, 1, 2, 3, 4, 5, 10, 20}
    assert {row.step for row in steps if row.score >= 0} == sampled


def test_a_nan_between_sampled_steps_is_traced_with_its_own_dropout_mask(watched, tmp_path):
    def loss(prediction, labels):
        counted.append(torch.get_rng_state())
        value = functional.cross_entropy(prediction, labels)
        return torch.log(value - value.detach() - 1) if len(counted) == 31 else value

    counted: list[Any] = []
    run = watched(lambda: train(**on(), epochs=10, loss_of=loss), overhead=1e-9)
    row = run.rows(NonFinite)[0]
    assert (row.step, row.operation) == (30, "log")
    kept = torch.load(tmp_path / "non-finite.pt", weights_only=True)
    torch.set_rng_state(kept["random_state"])
    model, _ = model_and_data()
    torch.set_rng_state(kept["random_state"])
    model(torch.zeros(16, 6))
    assert torch.equal(torch.get_rng_state(), counted[30])  # the step drew from there, the dropout's mask


def test_nothing_of_torch_stays_replaced(watched):
    before = (nn.Module.__call__, torch.autograd.backward, functional.cross_entropy, torch.optim.Optimizer.__init__)
    watched(lambda: train(*model_and_data()))
    after = (nn.Module.__call__, torch.autograd.backward, functional.cross_entropy, torch.optim.Optimizer.__init__)
    assert before == after


def test_every_step_is_recorded_with_loss_and_rate(watched):
    losses = []
    run = watched(lambda: losses.extend(train(*model_and_data())))
    steps = run.rows(Step)
    assert [row.loss for row in steps] == losses
    assert [row.epoch for row in steps] == [0] * 4 + [1] * 4 + [2] * 4
    assert {row.lr for row in steps} == {0.01}
    assert {row.batch_size for row in steps} == {16}
    assert all(0 <= row.score <= 1 for row in steps)
    assert run.rows(Optimizer)[0].type == "Adam"
    assert {"0", "4", "Sequential"} <= {row.name for row in run.rows(Module)}


def test_sampled_steps_hold_activations_gradients_weights_and_updates(watched):
    run = watched(lambda: train(**on(), epochs=1))
    kinds = {(row.kind, row.name) for row in run.rows(TensorStats)}
    assert ("activation", "2") in kinds
    assert {(kind, "0.weight") for kind in ("gradient", "weight", "update")} <= kinds


def test_loaders_start_weights_and_sources_are_noted(watched):
    model, loader = model_and_data()
    run = watched(lambda: train(model, loader))
    (served,) = run.rows(Loader)
    assert {row.loader for row in run.rows(Step)} == {served.name}
    weights = [row for row in run.rows(Parameter) if row.name == "0.weight"]
    assert weights[0].std == pytest.approx(0.23, rel=0.3)  # uniform within 1 / sqrt(6)
    assert any(row.file.endswith("test_watching.py") and len(row.digest) == 64 for row in run.rows(SourceFile))


def test_evaluations_are_summed_up_by_split(watched):
    model, loader = model_and_data()
    other = DataLoader(TensorDataset(torch.randn(20, 6), torch.randint(3, (20,))), batch_size=8)
    run = watched(lambda: train(model, loader, held_out=other))
    found = run.rows(Evaluation)
    assert [(row.split, row.step, row.samples) for row in found] == [("validation", s, 20) for s in (4, 8, 12)]
    assert all(0 <= row.score <= 1 and row.loss > 0 for row in found)


def test_a_nan_of_a_log_is_traced_to_its_line(watched):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(6, 3)

        def forward(self, inputs):
            return torch.log(self.layer(inputs))

    _, loader = model_and_data()
    run = watched(lambda: train(Net(), loader, epochs=1))
    (row,) = run.rows(NonFinite)
    assert (row.phase, row.operation, row.step) == ("forward", "log", 0)
    assert row.file.endswith("test_watching.py")
    assert "log" in row.code


def test_a_nan_in_the_backward_pass_is_traced(watched):
    def loss(prediction, _labels):
        return torch.sqrt(prediction * 0).sum()

    run = watched(lambda: train(**on(), epochs=1, loss_of=loss))
    assert run.rows(NonFinite)[0].phase == "backward"


class Spectral(nn.Module):
    def __init__(self, scale):
        super().__init__()
        self.filter = nn.Parameter(torch.ones(4, dtype=torch.complex64))
        self.offset, self.scale = nn.Parameter(torch.zeros(6)), scale

    def forward(self, inputs):
        filtered = torch.fft.irfft(torch.fft.rfft(inputs) * self.filter, n=6)
        return (filtered + self.offset)[:, :3] * self.scale


@pytest.mark.parametrize("scale", [1.0, 1e25], ids=["complex", "squares overflow"])
def test_gradients_that_are_complex_or_huge_are_no_nan(watched, scale):
    _, loader = model_and_data()
    run = watched(lambda: train(Spectral(scale), loader, epochs=1, loss_of=lambda p, _: p.mean()))
    assert run.rows(NonFinite) == []
    assert run.rows(Event) == []
    assert len(run.rows(Step)) == 4


def test_gradients_by_the_transforms_of_torch_func(watched):
    """Inside of vmap no value can be read: the optimizer's steps are what is seen."""
    model, loader = model_and_data()
    model = nn.Sequential(model[0], nn.Tanh(), model[4])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def loss_of(parameters, one, label):
        output = torch.func.functional_call(model, parameters, (one[None],))
        return functional.cross_entropy(output, label[None])

    def train():
        per_sample = torch.func.vmap(torch.func.grad(loss_of), in_dims=(None, 0, 0))
        for inputs, labels in loader:
            parameters = {name: p.detach() for name, p in model.named_parameters()}
            for name, gradients in per_sample(parameters, inputs, labels).items():
                model.get_parameter(name).grad = gradients.mean(0)
            optimizer.step()

    run = watched(train)
    assert run.rows(Event) == []
    assert [s.optimizer_steps for s in run.rows(Step)] == [1] * 4
    assert {t.kind for t in run.rows(TensorStats)} >= {"weight", "gradient", "update"}


def test_a_nan_in_the_batch_is_the_datas(watched):
    inputs = torch.randn(64, 6)
    inputs[:, 2] = math.nan
    run = watched(lambda: train(**on(inputs), epochs=1))
    assert (run.rows(NonFinite)[0].phase, run.rows(NonFinite)[0].tensor) == ("data", "0")


def test_the_state_of_the_broken_step_is_kept(watched, tmp_path):
    inputs = torch.randn(64, 6)
    inputs[3, 2] = math.inf
    watched(lambda: train(**on(inputs), epochs=1))
    kept = torch.load(tmp_path / "non-finite.pt", weights_only=True)
    assert kept["batch"]["0"].shape == (16, 6)
    assert "0.weight" in kept["weights"]["Sequential"]
    assert kept["left_out"] == []


@pytest.mark.parametrize(("wish", "error"), [("raise", FloatingPointError), ("stop", PatientStop)])
def test_on_nan_ends_the_training(watched, wish, error):
    inputs = torch.full((64, 6), math.nan)
    with pytest.raises(error):
        watched(lambda: train(**on(inputs), epochs=1), on_nan=wish)


@pytest.mark.parametrize("instrument", ["_close_step", "_write", "_write_samples", "_introduce", "is_sound"])
def test_a_fault_of_ours_costs_no_training(watched, monkeypatch, instrument):
    def broken(*_args, **_kwargs):
        raise RuntimeError("injected")

    monkeypatch.setattr(Monitor if hasattr(Monitor, instrument) else monitor, instrument, broken)
    losses = []
    run = watched(lambda: losses.extend(train(*model_and_data())), overhead=1e-9)
    assert len(losses) == 12
    assert any("injected" in event.text for event in run.rows(Event))


def test_a_full_disk_costs_rows_and_not_the_training(watched, monkeypatch, capsys):
    def full(self):
        self._pending.clear()
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Recorder, "flush", full)
    losses = []
    watched(lambda: losses.extend(train(*model_and_data())))
    assert len(losses) == 12
    assert "disk is full" in capsys.readouterr().err


def test_a_compiled_model_keeps_its_one_graph(watched):
    model, loader = model_and_data()
    torch._dynamo.reset()
    counts = torch._dynamo.testing.CompileCounter()
    compiled = torch.compile(model, backend=counts)
    watched(lambda: train(compiled, loader, epochs=2), overhead=0.03)
    assert counts.frame_count == 1


def test_a_sparse_gradient_that_is_not_finite_does_not_end_the_watch(watched):
    def work():
        table = nn.Embedding(8, 4, sparse=True)
        optimizer = torch.optim.SGD(table.parameters(), lr=0.0)
        for step in range(12):
            optimizer.zero_grad()
            (table(torch.tensor([1, 2])).sum() * (math.inf if step == 6 else 1.0)).backward()
            if step == 8 and table.weight.grad is not None:
                table.weight.grad = torch.mul(table.weight.grad, math.nan)
            optimizer.step()

    run = watched(work, overhead=1e-9)
    assert [event.text for event in run.rows(Event)] == []
    assert len(run.rows(Step)) == 12


@pytest.mark.parametrize("strict", [True, False])
def test_a_model_that_is_exported_is_not_watched_meanwhile(watched, strict):
    def work():
        train(model, loader)
        torch.export.export(model, (torch.randn(16, 6),), strict=strict)
        train(model, loader)

    model, loader = model_and_data()
    run = watched(work)
    assert run.rows(Event) == []
    assert len(run.rows(Step)) == 24
    assert {row.numel for row in run.rows(TensorStats) if row.kind == "activation"} == {48, 256}


def test_a_complex_loss_is_known_by_its_real_part(watched):
    def work():
        weight = nn.Parameter(torch.ones(3, dtype=torch.complex64))
        optimizer = torch.optim.SGD([weight], lr=0.1)
        for _ in range(12):
            optimizer.zero_grad()
            (weight * (1 + 2j)).sum().backward(torch.ones((), dtype=torch.complex64))
            optimizer.step()

    run = watched(work, overhead=1e-9)
    assert run.rows(Event) == []
    assert [row.loss for row in run.rows(Step)][:1] == [3.0]
    assert len(run.rows(Step)) == 12


def test_a_scripted_loss_module_still_compiles(watched):
    watched(lambda: torch.jit.script(nn.CrossEntropyLoss()))


def test_loops_without_an_optimizer_have_steps(watched):
    def by_hand():
        model, loader = model_and_data()
        for inputs, labels in loader:
            model.zero_grad()
            functional.cross_entropy(model(inputs), labels).backward()
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.sub_(parameter.grad, alpha=0.1)

    assert len(watched(by_hand).rows(Step)) == 4


def test_library_keeps_what_it_has_when_the_loop_raises(tmp_path):
    model, loader = model_and_data()

    def interrupted():
        with nndoctor.watch(model, out=tmp_path / "run") as seen:
            contexts.append(seen)
            train(model, loader)
            raise KeyError("boom")

    contexts: list[Any] = []
    with pytest.raises(KeyError):
        interrupted()
    run = Recording.open(tmp_path / "run" / FILE_NAME)
    assert len(run.rows(Step)) == 12
    assert run.environment("ended") == "yes"
    assert any("boom" in event.text for event in run.rows(Event))
    assert contexts[0].diagnosis is not None
    assert (tmp_path / "run" / "report.html").exists()


def test_a_context_takes_models_and_optimizers_and_nothing_else(tmp_path):
    model, loader = model_and_data()
    with nndoctor.watch(model, torch.optim.SGD(model.parameters(), 0.1), out=tmp_path / "run") as seen:
        train(model, loader, epochs=1)
    assert seen.diagnosis is not None
    with pytest.raises(TypeError, match="Tensor"):
        nndoctor.watch(torch.zeros(2), out=tmp_path / "other")


def test_thinning_bounds_the_rows_and_keeps_the_extremes(tmp_path, monkeypatch):
    monkeypatch.setitem(MOST, Step, 500)
    keeper = Keeper(tmp_path / FILE_NAME)
    for step in range(20_000):
        keeper.add(Step(step=step, loss=1000.0 if step == 12_345 else math.sin(step)))
        if step % 400 == 0:
            keeper.flush()
    keeper.add(Environment(name="ended", value="yes"))
    keeper.close()
    steps = Recording.open(tmp_path / FILE_NAME).rows(Step)
    assert len(steps) < 1500
    assert [row.step for row in steps] == sorted(row.step for row in steps)
    assert max(row.loss for row in steps) == 1000.0
    assert steps[0].step == 0
    assert steps[-1].step > 19_000


def test_of_the_steps_left_out_a_nan_is_kept():
    """Greater losses after it do not take its place."""
    thinning = OfSteps(STEP_FIELDS)
    thinning.stride = 4
    losses = [1.0, 2.0, math.nan, 9.0, 1.0]
    kept = thinning.take([row_values(Step(step=step, loss=loss)) for step, loss in enumerate(losses)])
    assert [row[STEP_FIELDS.index("step")] for row in kept] == [0, 2, 4]


def test_samples_of_a_long_training_are_bounded_and_keep_their_extremes(tmp_path, monkeypatch):
    """Also where the sizes, and with them the columns, are others in each step."""
    monkeypatch.setitem(MOST, TensorStats, 400)
    keeper, same = Keeper(tmp_path / FILE_NAME), Column("weight", "w", 2, 2)
    for step in range(4_000):
        columns = (same, Column("activation", "a", 2 + step % 5, 2))
        values = torch.tensor([0.5, 0.25, 1.0, 0.0])
        values[0] = 100.0 if step == 2_345 else 0.5
        values[2] = 0.01 if step == 1 else 1000.0 if step == 3_210 else 1.0
        keeper.add_samples([Taken(0, step, columns, (values,))])
        if step % 50 == 0:
            keeper.flush()
    keeper.close()
    rows = Recording.open(tmp_path / FILE_NAME).rows(TensorStats)
    assert len(rows) < 1000
    assert [row.step for row in rows] == sorted(row.step for row in rows)
    weights, activations = ([row for row in rows if row.name == name] for name in "wa")
    assert {row.step for row in weights if row.absmax == 100.0} == {2_345}
    assert {row.step for row in activations if row.absmax == 1000.0} == {3_210}
    assert {row.step for row in weights} >= {0, 1, 2, 3, 4}
    assert all(row.numel == 2 + row.step % 5 for row in activations)


def test_thousands_of_tensors_are_thinned_now_and_then_and_to_the_end(tmp_path, monkeypatch):
    """A part of the run is then a few steps: with an extreme of each tensor in each nothing could be dropped."""
    monkeypatch.setitem(MOST, TensorStats, 3_000)
    thinned, thin = [], Recorder.thin

    def counted(*args, **kwargs):
        thinned.append(thin(*args, **kwargs))
        return thinned[-1]

    monkeypatch.setattr(Recorder, "thin", counted)
    keeper, columns = Keeper(tmp_path / FILE_NAME), tuple(Column("weight", f"w{n}", 2, 2) for n in range(100))
    for step in range(0, 10_000, 20):
        keeper.add_samples([Taken(0, step, columns, (torch.full((200,), 1.0 + step % 7),))])
        keeper.flush()
    keeper.close()
    rows = Recording.open(tmp_path / FILE_NAME).rows(TensorStats)
    assert 1_000 < len(rows) < 4_000
    assert len(thinned) < 12
    assert len({row.step for row in rows if row.step > 8_000}) > 1


def test_samples_are_written_whatever_device_the_script_prefers(tmp_path):
    keeper, columns = Keeper(tmp_path / FILE_NAME), (Column("activation", "a", 4, 4, "Sigmoid"),)
    with torch.device("meta"):
        keeper.add_samples([Taken(0, 0, columns, (torch.full((4,), 0.5, device="cpu"),))])
        keeper.flush()
    keeper.close()
    [row] = Recording.open(tmp_path / FILE_NAME).rows(TensorStats)
    assert (row.mean, row.saturated_share) == (0.5, 0.0)


def stats(*rows_of):
    return [TensorStats(**dict(zip(figures.FIELDS, row, strict=True))) for row in rows(rows_of)]


def test_samples_match_torch():
    values = torch.tensor([0.0, 1.0, -3.0, math.nan])
    (row,) = stats(Taken(0, 7, (Column("weight", "w", 4, 4),), (values,)))
    assert (row.step, row.absmax, row.non_finite, row.zero_share) == (7, 3.0, 1, 0.25)
    assert row.mean == pytest.approx(-2 / 3)
    assert row.std == pytest.approx(values[:3].std(correction=0).item())


def test_samples_of_many_steps_are_worked_out_as_those_of_one():
    columns = (Column("activation", "a", 8, 8, "Sigmoid"), Column("weight", "w", 3, 3), Column("update", "w", 3, 3))
    taken = [Taken(0, step, columns, (torch.rand(14) - 0.1,)) for step in range(5)]
    taken.append(Taken(0, 5, columns[:1], (torch.rand(8),)))
    together, alone = stats(*taken), [row for each in taken for row in stats(each)]
    assert [(r.step, r.kind, r.name) for r in together] == [(r.step, r.kind, r.name) for r in alone]
    for one, other in zip(together, alone, strict=True):
        assert one.std == pytest.approx(other.std)
        assert one.norm == pytest.approx(other.norm)
        assert one.saturated_share == pytest.approx(other.saturated_share, nan_ok=True)


def test_a_training_that_has_not_ended_is_said_to_be_so():
    rows = [Environment(name="command", value="watch"), *(Step(step=n, parameters_changed=True) for n in range(9))]
    verdict = decide(Recording.of(rows), None, None)
    assert (verdict.status, verdict.why) == (
        "healthy",
        "the training goes on or was killed: step 8 is the last one recorded",
    )
    assert not decide(Recording.of([*rows, Environment(name="ended", value="yes")]), None, None).why


def test_the_plain_rows_have_the_fields_of_their_records():
    assert [f.name for f in fields(Step)] == [*STEP_FIELDS]
    assert [f.name for f in fields(TensorStats)] == [*figures.FIELDS]


def test_pace_pays_for_itself():
    pace = Pace(0.03)
    cost, spent, total = 0.002, 0.0, 0.0
    for step in range(5000):
        taken = pace.is_sampled(step)
        own = cost if taken else 0.0
        pace.ended(step, 0.01 + own, own, sampled=taken)
        spent, total = spent + own, total + 0.01
    assert 0.005 < spent / total < 0.03


def test_what_is_done_on_every_step_is_in_the_budget():
    pace, sampled = Pace(0.03), 0
    for step in range(5000):
        taken = pace.is_sampled(step)
        own = 0.002 if taken else 0.0001
        pace.ended(step, 0.01 + own, own, sampled=taken)
        sampled += taken
    without = Pace(0.03)
    for step in range(5000):
        taken = without.is_sampled(step)
        without.ended(step, 0.01 + 0.002 * taken, 0.002 * taken, sampled=taken)
    assert 0 < without.interval < pace.interval
    assert (0.0001 + 0.0019 * sampled / 5000) / 0.01 < 0.03


def test_figures_of_a_tensor_that_is_not_contiguous_are_of_its_values():
    values = torch.arange(12000.0).view(100, 120).T
    seen = values_of(values)
    assert seen is not None
    assert len(set(seen.tolist())) == SAMPLE
    assert seen.mean().item() == pytest.approx(values.mean().item(), rel=0.05)


def test_scores_of_large_batches_are_told_from_a_part_of_them():
    prediction = torch.zeros(4, 21, 128, 128)
    prediction[:, 3] = 1.0
    kept = guesses("cross_entropy", (prediction, torch.full((4, 128, 128), 3)), {})
    assert kept is not None
    assert kept.prediction.numel() <= 4 * MOST_GUESSES
    assert scores([kept]) == [1.0]
    assert guesses("mse_loss", (prediction, prediction), {}) is None


def test_an_update_is_the_optimizers_alone():
    """Weights that are written to between the steps (clipped, loaded, averaged) are looked at anew before the next."""
    weight = nn.Parameter(torch.ones(4))
    optimizer = torch.optim.SGD([weight], lr=0.5)
    sampler = Sampler(Names())
    for by_hand in (1.0, 1.0, 0.0):
        with torch.no_grad():
            if by_hand != 1.0:
                weight.mul_(by_hand)
        sampler.clear()
        weight.grad = torch.ones(4)
        sampler.before(optimizer)
        optimizer.step()
        sampler.after(optimizer)
        [taken] = sampler.taken(0, 0)
        found = dict(zip((c.kind for c in taken.columns), taken.pieces, strict=True))
        assert torch.equal(found["weight"] - found["update"], torch.full((4,), -0.5))
        assert torch.equal(found["weight"], weight.detach())
        [block] = figures.blocks([taken])
        norms = {row.kind: row.norm for row in stats(taken)}
        assert norms == pytest.approx({"gradient": 2.0, "weight": 2 * abs(weight[0].item()), "update": 1.0})
        assert figures.changed(block) == [True]
    optimizer.param_groups[0]["lr"] = 0.0
    sampler.clear()
    sampler.before(optimizer)
    optimizer.step()
    sampler.after(optimizer)
    assert figures.changed(figures.blocks(sampler.taken(0, 0))[0]) == [False]


def test_each_of_several_optimizers_has_the_same_columns_in_every_step():
    """What is worked out together is told by them: with new ones in each step, it would be one step at a time."""
    layers = [nn.Linear(4, 4), nn.Linear(4, 4)]
    optimizers = [torch.optim.SGD(layer.parameters(), lr=0.1) for layer in layers]
    sampler, seen = Sampler(Names()), []
    for step in range(6):
        sampler.clear()
        for layer, optimizer in zip(layers, optimizers, strict=True):
            output = layer(torch.ones(2, 4))
            sampler.activation(layer, output)
            output.sum().backward()
            sampler.before(optimizer)
            optimizer.step()
            sampler.after(optimizer)
        [taken] = sampler.taken(0, step)
        seen.append(taken.columns)
    assert len({id(columns) for columns in seen[2:]}) == 1
    assert [c.kind for c in seen[-1]].count("gradient") == 4


def test_steps_between_those_that_are_looked_at_are_as_the_latest_of_them(tmp_path):
    keeper = Keeper(tmp_path / FILE_NAME)
    columns = (Column("weight", "w", 2, 2), Column("update", "w", 2, 2))
    for step in range(6):
        if step in (1, 3, 4):
            after = torch.tensor([1.0, math.nan if step == 4 else 1.0])
            keeper.add_samples([Taken(0, step, columns, (after, torch.tensor([1.0, 0.0 if step == 1 else 1.0])))])
        keeper.add(Step(step=step, parameters_changed=True))
        if step == 2:
            keeper.flush()
    keeper.close()
    steps = Recording.open(tmp_path / FILE_NAME).rows(Step)
    assert [row.parameters_changed for row in steps] == [True, True, True, False, True, True]


def test_what_a_score_is_told_from_is_kept_as_it_is_unless_it_could_change():
    weight = nn.Parameter(torch.eye(3))
    prediction, target = weight * 2.0, torch.tensor([0, 1, 2])
    kept = guesses("cross_entropy", (prediction, target), {}, copied=False)
    shared = guesses("cross_entropy", (prediction, torch.from_numpy(target.numpy())), {}, copied=False)
    copied = guesses("cross_entropy", (prediction, target), {})
    assert kept is not None
    assert shared is not None
    assert copied is not None
    assert kept.target.data_ptr() == target.data_ptr()
    assert {each.target.data_ptr() for each in (shared, copied)}.isdisjoint({target.data_ptr()})
    assert scores([kept, shared, copied]) == [1.0, 1.0, 1.0]
    target.fill_(0)
    assert scores([kept, shared, copied]) == pytest.approx([math.nan, 1.0, 1.0], nan_ok=True)


def test_an_output_of_another_shape_or_type_is_taken_as_it_is():
    """What is known of a layer's last output holds for none that is laid out differently."""
    layer, sampler = nn.Identity(), Sampler(Names())
    outputs = [
        torch.arange(8.0),
        torch.arange(8.0),
        torch.arange(6.0),
        torch.arange(8.0).double(),
        torch.arange(16.0)[::2],
        (torch.arange(8.0), None),
        torch.arange(8.0),
    ]
    for output in outputs:
        sampler.clear()
        sampler.activation(layer, output)
        [taken] = sampler.taken(0, 0)
        first = output[0] if isinstance(output, tuple) else output
        assert torch.equal(taken.pieces[0], first.float())
        assert (taken.columns[0].numel, taken.columns[0].length) == (len(first), len(first))
    sampler.clear()
    for output in (torch.tensor([1, 2]), None, torch.arange(8.0).to_sparse()):
        sampler.clear()
        sampler.activation(layer, output)


def _activations(sampler: Sampler) -> dict[str, list[float]]:
    """Return the activations of a step by the module's name."""
    found: dict[str, list[float]] = {}
    for taken in sampler.taken(0, 0):
        names = [column.name for column in taken.columns]
        lengths = [column.length for column in taken.columns]
        values = torch.cat(taken.pieces).split(lengths)
        found |= {name: part.tolist() for name, part in zip(names, values, strict=True)}
    return found


def test_outputs_wait_for_the_end_of_the_forward_pass_unless_they_are_written_to():
    """A layer whose output the next one writes to in place keeps its own values in the recording."""
    sampler = Sampler(Names())
    kept, written = nn.Identity(), nn.Identity()
    weight = nn.Parameter(torch.ones(4))
    kept_name, written_name = (sampler.names.path(module) for module in (kept, written))
    for step in range(4):
        sampler.clear()
        first, second = weight * (step + 1.0), weight * -1.0
        sampler.activation(kept, first)
        sampler.activation(written, second)
        second.mul_(0.0)
        assert len(sampler._waiting) == (0 if step == 0 else 1)
        assert _activations(sampler) == {kept_name: [step + 1.0] * 4, written_name: [-1.0] * 4}
    sampler.clear()
    first = weight * 9.0
    sampler.activation(kept, first)
    first.mul_(0.0)  # for the first time: its values are lost, and the next ones are copied at once
    assert _activations(sampler) == {}
    sampler.clear()
    first = weight * 9.0
    sampler.activation(kept, first)
    first.mul_(0.0)
    assert _activations(sampler) == {kept_name: [9.0] * 4}


def test_no_output_is_held_beyond_its_step_and_none_that_is_large(monkeypatch):
    monkeypatch.setattr("nndoctor.watching.samples.MOST_WAITING", 6)
    sampler = Sampler(Names())
    layers, weight = [nn.Identity(), nn.Identity()], nn.Parameter(torch.ones(4))
    for step in range(2):
        sampler.clear()
        outputs = [weight * 1.0 for _ in layers]
        for layer, output in zip(layers, outputs, strict=True):
            sampler.activation(layer, output)
        assert len(sampler._waiting) == (0 if step == 0 else 1)
        held = [weakref.ref(output) for output in outputs]
        del outputs, output
        sampler.taken(0, step)
        assert not any(reference() is not None for reference in held)


def test_scores_of_several_steps_at_once():
    logits, binary = torch.eye(3), torch.tensor([2.0, -1.0])
    kept = [
        Guesses("cross_entropy", logits, torch.tensor([0, 1, 0])),
        Guesses("mse_loss", logits, logits),
        Guesses("cross_entropy", logits, torch.tensor([0, 1, 2])),
        Guesses("cross_entropy", logits[0], torch.tensor(0)),
        Guesses("nll_loss", logits[None].expand(2, 3, 3), torch.tensor([[0, 1, 2], [0, 0, 0]])),
        Guesses("binary_cross_entropy_with_logits", binary, torch.tensor([1.0, 1.0])),
        Guesses("binary_cross_entropy", binary.sigmoid(), torch.tensor([1.0, 0.0])),
        Guesses("cross_entropy", logits, logits),
    ]
    expected = [2 / 3, math.nan, 1.0, 1.0, 4 / 6, 0.5, 1.0, math.nan]
    assert scores(kept) == pytest.approx(expected, nan_ok=True)
    assert scores([]) == []
