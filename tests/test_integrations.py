"""The callbacks for other libraries' trainers, with the real packages on models of a few numbers."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from nndoctor.recording import FILE_NAME, Recording
from nndoctor.records import Step

if TYPE_CHECKING:
    from pathlib import Path

INSTALL = "not installed: pip install nndoctor[frameworks]"


@pytest.mark.parametrize("name", ["lightning", "transformers"])
def test_a_library_that_is_missing_is_named_with_its_extra(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, f"{name}.pytorch", None)
    monkeypatch.setitem(sys.modules, f"{name}.pytorch.callbacks", None)
    monkeypatch.delitem(sys.modules, f"nndoctor.integrations.{name}", raising=False)
    with pytest.raises(ImportError, match=rf"pip install nndoctor\[{name}\]"):
        importlib.import_module(f"nndoctor.integrations.{name}")


def weights(model: nn.Module) -> list[torch.Tensor]:
    return [p.detach().clone() for p in model.parameters()]


def fit_with_lightning(folder: Path, *callbacks: Any, fails: bool = False) -> nn.Module:
    lightning: Any = pytest.importorskip("lightning", reason=INSTALL)

    class Regression(lightning.LightningModule):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Linear(6, 1)

        def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
            if fails and batch_idx == 5:
                raise RuntimeError("broken sample")
            return nn.functional.mse_loss(self.net(batch[0]), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    torch.manual_seed(0)
    x = torch.randn(96, 6)
    loader = DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), batch_size=8, shuffle=True)
    model = Regression()
    trainer = lightning.Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        callbacks=list(callbacks),
    )
    trainer.fit(model, loader)
    return model


def fit_with_transformers(folder: Path, *callbacks: Any) -> nn.Module:
    transformers: Any = pytest.importorskip("transformers", reason=INSTALL)
    pytest.importorskip("accelerate", reason=INSTALL)
    torch.manual_seed(0)
    model: nn.Module = transformers.DistilBertForSequenceClassification(
        transformers.DistilBertConfig(
            vocab_size=20, max_position_embeddings=8, dim=16, hidden_dim=16, n_heads=2, n_layers=1
        )
    )
    words = torch.randint(0, 20, (96, 8))
    rows = [{"input_ids": w, "labels": int(w[0] < 10)} for w in words]
    arguments = transformers.TrainingArguments(
        output_dir=str(folder / "out"),
        max_steps=12,
        per_device_train_batch_size=8,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        disable_tqdm=True,
    )
    transformers.Trainer(model=model, args=arguments, train_dataset=rows, callbacks=list(callbacks)).train()
    return model


@pytest.mark.slow
@pytest.mark.parametrize(("name", "fit"), [("lightning", fit_with_lightning), ("transformers", fit_with_transformers)])
def test_a_callback_records_every_step_and_changes_none(name: str, fit: Any, tmp_path: Path) -> None:
    pytest.importorskip(name, reason=INSTALL)
    callback = importlib.import_module(f"nndoctor.integrations.{name}").WatchCallback(out=tmp_path / "run")
    watched, alone = fit(tmp_path, callback), fit(tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(weights(watched), weights(alone), strict=True))
    steps = Recording.open(callback.run / FILE_NAME).rows(Step)
    assert len(steps) == 12
    assert callback.diagnosis is not None


@pytest.mark.slow
def test_an_exception_in_a_fit_is_kept(tmp_path: Path) -> None:
    pytest.importorskip("lightning", reason=INSTALL)
    callback = importlib.import_module("nndoctor.integrations.lightning").WatchCallback(out=tmp_path / "run")
    with pytest.raises(RuntimeError, match="broken sample"):
        fit_with_lightning(tmp_path, callback, fails=True)
    assert callback.diagnosis is not None
    assert "broken sample" in callback.diagnosis.verdict.why
