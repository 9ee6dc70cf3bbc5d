"""Every treatment does what it says to a loop, and leaves nothing behind."""

from __future__ import annotations

import math
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest
import torch

from nndoctor.effects import Effect, summary
from nndoctor.experiments import bench
from nndoctor.experiments.diet import Result
from nndoctor.experiments.forks import Forks
from nndoctor.feeds.state import RandomState
from nndoctor.feeds.tree import leaves
from nndoctor.records import Event, Experiment, Step, Trial
from nndoctor.treatments.data import remixed
from nndoctor.treatments.names import TREATMENTS
from nndoctor.treatments.registry import FACTORIES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nndoctor.recording import Recording

LOOP = """
{before}
model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 2){last})
{between}
optimizer = torch.optim.SGD(model.parameters(), lr={rate}, momentum={momentum}, weight_decay={decay})
{after}
for epoch in range(2):
    for x, y in DataLoader(data, batch_size=16, shuffle={shuffle}):
        {clear}
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
"""


def loop(**parts: Any) -> str:
    usual = {
        "before": "",
        "last": "",
        "between": "",
        "after": "",
        "rate": 0.1,
        "momentum": 0.0,
        "decay": 0.0,
        "shuffle": True,
        "clear": "optimizer.zero_grad()",
    }
    return LOOP.format(**{**usual, **parts})


SICK = {
    "learning-rate-x0.1": loop(rate=5.0, momentum=0.9),
    "learning-rate-x0.01": loop(rate=50.0, momentum=0.9),
    "learning-rate-x10": loop(rate=0.001),
    "learning-rate-x100": loop(rate=0.0001),
    "usual-learning-rate": loop(rate=0.0, momentum=0.9),
    "clear-gradients": loop(clear="pass", rate=0.5, momentum=0.9),
    "keep-gradients": loop().replace("loss.backward()", "loss.backward(); optimizer.zero_grad()"),
    "step-each-iteration": loop().replace("        optimizer.step()\n", ""),
    "no-clipping": loop().replace(
        "loss.backward()", "loss.backward(); nn.utils.clip_grad_norm_(model.parameters(), 1e-6)"
    ),
    "reverse-gradients": loop().replace("F.cross_entropy(model(x), y)", "-F.cross_entropy(model(x), y)"),
    "adamw": loop(rate=1e-6),
    "sgd-momentum": loop(rate=1e-6),
    "default-hyperparameters": loop(decay=20.0, rate=0.05),
    "no-weight-decay": loop(decay=20.0, rate=0.05),
    "unfreeze": loop(between="for p in model[3].parameters(): p.requires_grad_(False)\nmodel[0].requires_grad_(False)")
    .replace("model.parameters(), lr", "[nn.Parameter(torch.zeros(1)), *model[0].parameters()], lr")
    .replace(
        "loss = F.cross_entropy(model(x), y)",
        "loss = F.cross_entropy(model(x) + 0 * optimizer.param_groups[0]['params'][0], y)",
    ),
    "reinitialise": loop(between="for p in model.parameters(): nn.init.zeros_(p)"),
    "standardise-inputs": loop(before="data = TensorDataset(X * 1e3 + 1e5, Y)", rate=0.3),
    "shuffle": loop(
        before="Y = (X[:, 0] > 0) * 2 + (X[:, 1] > 0); order = Y.argsort(); data = TensorDataset(X[order], Y[order])",
        shuffle=False,
        rate=0.5,
    ).replace("16, 2", "16, 4"),
    "drop-non-finite": loop(before="X[3] = float('nan'); data = TensorDataset(X, Y)"),
    "unweighted-terms": loop(rate=0.05).replace(
        "F.cross_entropy(model(x), y)", "F.cross_entropy(model(x), y) + 1000 * model[0].weight.square().sum()"
    ),
    "recover-logits": loop(last=", nn.Softmax(dim=1)").replace("lr=0.1", "lr=0.02"),
}
"""For each treatment a program that it helps."""


def wish(name: str, *, names: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"treatment": name, "checks": [f"check-of-{name}"], "segment": 0, "names": list(names)}


@pytest.fixture
def tried(record: Callable[..., Recording]) -> Callable[..., Recording]:
    """Return `tried(program, *treatments)`: the recording of their trials."""

    def run(program: str, *treatments: str, **wishes: Any) -> Recording:
        names = ("0.weight", "0.bias", "3.weight", "3.bias")
        state = RandomState()
        try:
            return record(program, trials=tuple(wish(t, names=names) for t in treatments), **wishes)
        finally:
            state.restore()

    return run


def test_every_name_has_something_behind_it() -> None:
    assert FACTORIES.keys() == TREATMENTS.keys()


def helps(trial: Trial) -> None:
    """Assert that the treated run was the better one each time."""
    assert trial.skipped == ""
    assert len(trial.treated) >= 3
    better = [(t < c) == (trial.metric == "loss") for c, t in zip(trial.controls, trial.treated, strict=True)]
    assert all(better), trial


@pytest.mark.parametrize("name", SICK)
def test_a_treatment_helps_the_loop_that_needs_it(name: str, tried: Callable[..., Recording]) -> None:
    run = tried(SICK[name], name, budget=60.0)
    assert [row.text + row.detail for row in run.rows(Event)] == []
    [trial] = run.rows(Trial)
    helps(trial)
    assert trial.checks == (f"check-of-{name}",)


def test_a_run_for_trials_records_nothing_else(tried: Callable[..., Recording]) -> None:
    run = tried(loop(), "learning-rate-x10")
    assert run.rows(Step) == []
    assert run.rows(Experiment) == []


@pytest.mark.parametrize("name", TREATMENTS)
def test_a_treatment_is_undone(name: str, record: Callable[..., Recording], monkeypatch: pytest.MonkeyPatch) -> None:
    """After its run, everything is as after any other diet: flags, lists, functions; and the values once restored."""
    states: list[Any] = []
    close = bench.Bench.close

    def look(self: bench.Bench) -> None:
        close(self)
        conductor = self.conductor
        if conductor.start is not None:
            conductor.start.restore()
            states.append(state_of(conductor))

    monkeypatch.setattr(bench.Bench, "close", look)
    program = loop(decay=0.1, after="model[3].weight.requires_grad_(False); model[2].eval()")
    patched = {k: vars(torch.amp.autocast_mode.autocast).get(k) for k in ("__enter__", "__exit__")}
    record(program, trials=(wish(name, names=("3.weight",)),))
    # The run that records comes first, then the start is measured, control and treated follow one another.
    assert all(same(states[0], other) for other in states[1:])
    assert patched == {k: vars(torch.amp.autocast_mode.autocast).get(k) for k in patched}


def state_of(conductor: Any) -> list[Any]:
    [root] = [root for root, _ in conductor.session.names.roots() if isinstance(root, torch.nn.Sequential)]
    [optimizer] = list(conductor.owned.optimizers)
    groups = [{k: list(v) if k == "params" else v for k, v in group.items()} for group in optimizer.param_groups]
    return [
        [(n, p, p.detach().clone(), p.requires_grad) for n, p in root.named_parameters()],
        [(n, m.training, sorted(k for k in vars(m) if not k.startswith("_"))) for n, m in root.named_modules()],
        groups,
        sorted(map(id, optimizer.state)),
        conductor.on_arguments,
    ]


def same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return one.shape == other.shape and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    return bool(one == other)


def test_a_measurement_changes_nothing(tried: Callable[..., Recording]) -> None:
    """Control and treatment are the same run where the treatment does nothing: to the last bit."""
    [trial] = tried(loop(rate=0.05), "clip-gradients", "float32").rows(Trial)[1:]
    assert trial.treatment == "float32"
    assert trial.controls == trial.treated


def test_a_treatment_that_does_not_apply_is_skipped_with_the_reason(tried: Callable[..., Recording]) -> None:
    rows = {row.treatment: row.skipped for row in tried(loop(), "no-weight-decay", "unfreeze", "nonsense").rows(Trial)}
    assert rows == {
        "no-weight-decay": "no optimizer decays weights",
        "unfreeze": "every parameter of the model is trained",
        "nonsense": "this version knows no such treatment",
    }


def test_a_script_that_fails_under_a_treatment_is_no_loss(tried: Callable[..., Recording]) -> None:
    program = loop(rate=5e-3).replace("loss.backward()", "assert loss > 0.45, 'too good'; loss.backward()")
    [trial] = tried(program, "learning-rate-x100", budget=60.0).rows(Trial)
    assert "too good" in trial.skipped


def helped(run: Recording) -> dict[str, tuple[str, ...]]:
    return {r.treatment: r.with_others for r in run.rows(Trial) if r.treated and summary(r).effect is Effect.HELPED}


OWN_SGD = """
torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.0)  # from here on, its `step` calls hooks
class Own(torch.optim.SGD):
    def step(self, closure=None):
        return super().step(closure)
"""


@pytest.mark.parametrize("treatment", ["learning-rate-x0.1", "usual-learning-rate"])
def test_a_step_within_a_step_of_the_same_optimizer_is_not_treated_again(
    treatment: str, tried: Callable[..., Recording]
) -> None:
    one, other = (
        tried(loop(before=OWN_SGD, rate=5.0, momentum=0.9).replace("= torch.optim.SGD", f"= {name}"), treatment)
        for name in ("torch.optim.SGD", "Own")
    )
    assert [(r.controls, r.treated) for r in one.rows(Trial)] == [(r.controls, r.treated) for r in other.rows(Trial)]


def test_where_none_helps_alone_they_are_tried_together_and_each_is_left_out_in_turn(
    tried: Callable[..., Recording],
) -> None:
    stuck = loop(between="for p in model.parameters(): nn.init.zeros_(p)", rate=1e-7, momentum=0.9)
    assert helped(tried(stuck, "reinitialise", "usual-learning-rate", "float32", steps=30, budget=60.0)) == {
        "reinitialise": ("usual-learning-rate", "float32"),
        "usual-learning-rate": ("reinitialise", "float32"),
    }


def test_a_rate_that_is_too_high_only_for_the_treated_loop_is_lowered_in_both(tried: Callable[..., Recording]) -> None:
    frozen = loop(
        before="Y = ((X[:, 0] * X[:, 1] + X[:, 2]) > 0).long(); data = TensorDataset(X, Y)",
        between="model[0].requires_grad_(False); model[2].p = 0.0",
        rate=3.0,
        momentum=0.9,
    )
    [trial] = tried(frozen, "unfreeze", steps=40, budget=60.0).rows(Trial)
    assert trial.with_others == ("learning-rate-x0.1",)
    assert trial.alone > 1.5 * trial.start
    assert summary(trial).effect is Effect.HELPED


def test_a_loop_without_a_loader_is_treated_too(tried: Callable[..., Recording]) -> None:
    program = """
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    target = X[:, 0] * 2 + X[:, 1]
    for step in range(2000):
        rows = torch.randint(0, 96, (16,))
        optimizer.zero_grad()
        F.mse_loss(model(X[rows]), target[rows]).backward()
        optimizer.step()
    """
    rows = {r.treatment: r for r in tried(program, "reshape-target", "standardise-inputs", "shuffle").rows(Trial)}
    assert [row.skipped for row in rows.values()] == ["", "", ""]
    assert all(
        t < 0.8 * c for c, t in zip(rows["reshape-target"].controls, rows["reshape-target"].treated, strict=True)
    )


def test_mixing_keeps_the_samples_and_their_targets_together() -> None:
    x = torch.arange(24.0).reshape(12, 2)
    batches = [[(x[i : i + 4], x[i : i + 4, 0].long(), torch.zeros(3))] for i in (0, 4, 8)]
    mixed = remixed(batches, 0)
    assert mixed is not None
    seen = [dict(leaves(batch)) for batch in mixed]
    assert all(torch.equal(b["0.0"][:, 0].long(), b["0.1"]) and b["0.2"].shape == (3,) for b in seen)
    assert sorted(int(v) for b in seen for v in b["0.1"]) == list(range(0, 24, 2))
    assert remixed([[torch.zeros(4, 2)], [torch.zeros(4, 3)]], 0) is None


def test_in_a_warm_up_all_runs_have_the_rate_that_it_reaches(tried: Callable[..., Recording]) -> None:
    warm = "scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: step / 1e6)"
    program = loop(
        between="for p in model[0].parameters(): p.requires_grad_(False)\nmodel[0].weight.data.zero_()",
        after=warm,
        rate=0.5,
    )
    [row] = tried(program.replace("optimizer.step()", "optimizer.step(); scheduler.step()"), "unfreeze").rows(Trial)
    helps(row)
    assert min(row.controls) - max(row.treated) > 0.1


WITH_AN_END = """
model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
for step in range({steps}):
    rows = torch.randint(0, 96, (16,))
    F.cross_entropy(model(X[rows]), Y[rows]).backward()
    optimizer.step()
{after}
"""


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only")
def test_each_run_of_a_loop_with_an_end_has_all_that_is_left_of_it(tried: Callable[..., Recording]) -> None:
    run = tried(WITH_AN_END.format(steps=70, after=""), "clear-gradients", "adamw", steps=40, iterations=70)
    rows = run.rows(Trial)
    assert [row.treatment for row in rows] == ["clear-gradients", "adamw"]
    assert all(len(row.treated) >= 2 and row.steps > 35 for row in rows), rows
    assert run.rows(Event) == []


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only")
def test_a_fork_whose_loop_ends_too_early_is_told_and_leaves_nothing_behind(
    tried: Callable[..., Recording], tmp_path: Path
) -> None:
    end = tmp_path / "end"
    program = WITH_AN_END.format(steps=70, after=f"open({str(end)!r}, 'a').write('x')")
    [row] = tried(program, "clear-gradients", steps=40, iterations=200).rows(Trial)
    assert row.skipped == "the script failed or its loop ended"
    # Their scripts write where they like to, as the one that is on does; but none is left running.
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_where_nothing_can_be_forked_a_loop_with_an_end_has_room_for_the_likeliest_treatment(
    tried: Callable[..., Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Forks, "possible", lambda _: False)
    rows = tried(WITH_AN_END.format(steps=280, after=""), "clear-gradients", "adamw", steps=40, iterations=280)
    [first] = rows.rows(Trial)
    assert first.treatment == "clear-gradients"
    assert first.steps >= 20


def test_what_a_script_collates_by_itself_is_measured_as_it_collates_it(tried: Callable[..., Recording]) -> None:
    program = """
    bag, fc = nn.EmbeddingBag(50, 8, mode="sum"), nn.Linear(8, 2)
    texts = [(torch.randint(0, 50, (4,)), int(y)) for y in Y]
    def collate(batch):
        return torch.cat([w for w, _ in batch]), torch.arange(len(batch)) * 4, torch.tensor([y for _, y in batch])
    optimizer = torch.optim.SGD([*bag.parameters(), *fc.parameters()], lr=0.1)
    for epoch in range(50):
        for words, offsets, y in DataLoader(texts, batch_size=16, collate_fn=collate):
            optimizer.zero_grad()
            F.cross_entropy(fc(bag(words, offsets)), y).backward()
            optimizer.step()
    """
    run = tried(program, "adamw")
    assert run.rows(Event) == []
    assert run.rows(Trial)[0].skipped == ""


def test_one_batch_over_and_over_cannot_be_shuffled(tried: Callable[..., Recording]) -> None:
    program = """
    model = nn.Linear(6, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(500):
        optimizer.zero_grad()
        F.cross_entropy(model(X[:16]), Y[:16]).backward()
        optimizer.step()
    """
    [row] = tried(program, "shuffle").rows(Trial)
    assert row.skipped == "all batches are the same, and the loop asks no loader for others"


def test_weights_drawn_anew_bring_a_normalisation_that_passes_nothing_back_to_life(
    tried: Callable[..., Recording],
) -> None:
    dead = loop(last=", nn.BatchNorm1d(2)", between="for p in model.parameters(): nn.init.zeros_(p)", rate=0.5)
    [row] = tried(dead, "reinitialise").rows(Trial)
    assert all(t < c for c, t in zip(row.controls, row.treated, strict=True)), row


def test_a_step_between_the_forward_pass_and_its_backward_pass_is_made_after_it(
    tried: Callable[..., Recording],
) -> None:
    in_order, swapped = "loss.backward()\n        optimizer.step()", "optimizer.step()\n        loss.backward()"
    program = loop().replace(in_order, swapped)
    assert swapped in program
    run = tried(program, "keep-gradients")
    assert run.rows(Event) == []
    helps(run.rows(Trial)[0])


def test_a_run_whose_loss_is_gone_for_good_is_not_gone_on_with() -> None:
    gone, later = [1.0, *[math.nan] * 5], [1.0, *[math.nan] * 4, 2.0]
    setting = bench.Setting([], 50, 3)
    lost = Result(losses=gone, scores=gone, non_finite_at=1)
    assert setting.lost(lost)
    [value] = bench.values(setting, lost).values()
    assert value.loss == math.inf
    assert not setting.lost(Result(losses=later, scores=later, non_finite_at=1))
    assert not setting.lost(Result(losses=gone, scores=gone))  # iterations without a loss of their own
    scored = bench.Setting([], 50, 3, {bench.PLAIN: None, "recover-logits": None})
    assert not scored.lost(lost)
    assert bench.values(scored, lost) == {}


def test_a_loop_that_diverges_is_tried_in_few_steps(tried: Callable[..., Recording], monkeypatch: Any) -> None:
    lengths: list[int] = []

    def values(setting: bench.Setting, result: Result) -> dict[str, bench.Value]:
        lengths.append(len(result.losses))
        return bench.values(setting, result)

    monkeypatch.setattr("nndoctor.experiments.trials.values", values)
    [trial] = tried(loop(rate=1e30, momentum=0.9), "learning-rate-x0.1").rows(Trial)
    assert (trial.controls[0], trial.treated[0]) == (math.inf, math.inf)
    assert min(length for length in lengths if length > 5) <= 10
