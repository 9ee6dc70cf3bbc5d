"""`nndoctor.check(model, ...)`, the assertions, the fixture: right answers, and everything put back."""

from __future__ import annotations

import sys

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import nndoctor
from nndoctor.errors import FindingsError, UsageError
from nndoctor.finding import Severity
from nndoctor.library.training import Training
from nndoctor.testing import (
    assert_batch_independent,
    assert_finite,
    assert_loss_at_chance,
    assert_no_dead_parameters,
    assert_overfits,
    assert_trainable,
    assert_uses_input,
)


def parts(model=None, lr=1e-2, inputs=None):
    torch.manual_seed(0)
    inputs = torch.randn(256, 10) if inputs is None else inputs
    labels = (inputs[:, 0] > 0).long()
    model = model or nn.Sequential(nn.Linear(10, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 2))
    loader = DataLoader(TensorDataset(inputs, labels), 32, shuffle=True)
    return model, loader, nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters(), lr=lr)


def test_a_healthy_training_has_no_finding_and_is_as_it_was():
    model, loader, loss, optimizer = parts()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    random = torch.get_rng_state()
    call, argv = nn.Module.__call__, list(sys.argv)
    diagnosis = nndoctor.check(model, loader, loss, optimizer, budget=20)
    assert diagnosis.verdict.status == "healthy"
    assert diagnosis.findings(at_least=Severity.WARNING) == []
    diagnosis.raise_for_findings()
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
    assert not optimizer.state
    assert nn.Module.__call__ is call
    assert sys.argv == argv


def test_a_fault_is_found_and_raised():
    model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2), nn.Softmax(1))
    diagnosis = nndoctor.check(*parts(model), budget=20)
    assert next(entry.check.name for entry in diagnosis) == "softmax-into-cross-entropy"
    assert diagnosis.findings(check="softmax-into-cross-entropy")
    assert "softmax-into-cross-entropy" in diagnosis._repr_html_()
    assert repr(diagnosis).startswith("<Diagnosis sick: error softmax-into-cross-entropy")
    assert str(diagnosis).startswith("SICK\nerror softmax-into-cross-entropy")
    with pytest.raises(FindingsError, match="softmax-into-cross-entropy"):
        diagnosis.raise_for_findings()


def test_the_name_still_declares_checks():
    assert callable(nndoctor.check("my-check", reason="R01", severity=Severity.NOTE, needs=[]))


def test_the_recording_can_be_kept(tmp_path):
    nndoctor.check(*parts(), out=tmp_path / "run", budget=5, only=("observe",))
    assert (tmp_path / "run" / "findings.json").exists()
    assert "The same again" not in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "assertion",
    [
        assert_trainable,
        assert_overfits,
        assert_batch_independent,
        assert_no_dead_parameters,
        assert_loss_at_chance,
        assert_uses_input,
        assert_finite,
    ],
)
def test_assertions_pass_on_a_healthy_training(assertion):
    assertion(*parts())


class Mixing(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(10, 32)
        self.head = nn.Linear(32, 2)

    def forward(self, inputs):
        hidden = torch.relu(self.layer(inputs))
        return self.head(hidden - hidden.mean(dim=0, keepdim=True))


class Dead(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(10, 32)
        self.head = nn.Linear(32, 2)

    def forward(self, inputs):
        with torch.no_grad():
            hidden = torch.relu(self.layer(inputs))
        return self.head(hidden)


def scaled_head():
    model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
    nn.init.normal_(model[2].weight, std=10.0)
    return model


@pytest.mark.parametrize(
    ("assertion", "given"),
    [
        (assert_batch_independent, lambda: parts(Mixing())),
        (assert_no_dead_parameters, lambda: parts(Dead())),
        (assert_loss_at_chance, lambda: parts(scaled_head())),
        (assert_overfits, lambda: parts(lr=0.0)),
        (assert_finite, lambda: parts(inputs=torch.full((256, 10), float("nan")))),
        (assert_trainable, lambda: parts(nn.Sequential(nn.Linear(10, 2), nn.Softmax(1)))),
    ],
)
def test_assertions_fail_with_evidence(assertion, given):
    with pytest.raises(AssertionError, match="do: "):
        assertion(*given())


def test_the_fixture_keeps_each_recording(nndoctor_check, tmp_path):
    nndoctor_check(*parts(), budget=5, only=("observe",))
    assert (tmp_path / "nndoctor-0" / "recording.sqlite").exists()


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (None, "returned nothing"),
        ([1, 2], "returned a list"),
        ({"model": nn.Linear(1, 1), "train_loader": []}, "no optimizer"),
        ({"model": 3, "train_loader": [], "optimizer": torch.optim.SGD([torch.ones(1)], 0.1)}, "no torch.nn.Module"),
        ({"modle": 3}, "unknown part 'modle'"),
    ],
)
def test_wrong_parts_are_told_in_one_line(given, text):
    with pytest.raises(UsageError, match=text):
        Training.of(given, by="make()")


def test_models_that_return_their_loss_need_no_loss_function():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 3)

        def forward(self, x, labels):
            logits = self.layer(x)
            return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}

    torch.manual_seed(0)
    inputs = torch.randn(64, 4)
    rows = [{"x": x, "labels": x[:3].argmax()} for x in inputs]
    model = Own()
    loader: DataLoader[dict[str, torch.Tensor]] = DataLoader(rows, 16, shuffle=True)
    diagnosis = nndoctor.check(model, loader, None, torch.optim.Adam(model.parameters(), 0.05), budget=10)
    assert diagnosis.verdict.status == "healthy", diagnosis.verdict
