"""Logs as the loggers write them, and the command that reads them."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from nndoctor import cli
from nndoctor.curves.readers import Wanted, history_of, logs_of
from nndoctor.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

EPOCHS = range(30)


def fall(epoch: float) -> float:
    return math.exp(-epoch / 3)


def rise(epoch: float) -> float:
    return fall(epoch) + 0.03 * max(0, epoch - 8)


def ran(capsys, *arguments) -> tuple[int, str, str]:
    code = cli.run([str(a) for a in arguments])
    out, err = capsys.readouterr()
    return code, out, err


def only(path, **wanted):
    [log] = logs_of(path)
    return history_of(log.columns, Wanted(**wanted))


def csv_of(path: Path, header: str, rows) -> Path:
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


@pytest.fixture
def keras(tmp_path) -> Path:
    rows = [(e, 1 - fall(e), fall(e), 1 - rise(e), rise(e)) for e in EPOCHS]
    return csv_of(tmp_path / "keras.csv", "epoch,accuracy,loss,val_accuracy,val_loss", rows)


def test_keras(keras) -> None:
    found = only(keras)
    assert (found.train, found.validation, found.metric) == ("loss", "val_loss", "accuracy")
    assert found.history.train.x == [float(e) for e in EPOCHS]


def test_lightning_rows_are_of_one_kind_each(tmp_path) -> None:
    rows = [r for e in EPOCHS for r in ((e, 10 * e + 5, fall(e), "", ""), (e, 10 * e + 9, "", fall(e), rise(e)))]
    path = csv_of(tmp_path / "metrics.csv", "epoch,step,train_loss_step,train_loss_epoch,val_loss", rows)
    found = only(path)
    assert (found.train, found.validation) == ("train_loss_epoch", "val_loss")
    assert len(found.history.train.y) == len(found.history.validation.y) == 30


def test_a_written_nan_is_a_value_and_an_empty_cell_is_none(tmp_path) -> None:
    rows = [(e, fall(e) if e < 20 else "nan", "") for e in EPOCHS]
    found = only(csv_of(tmp_path / "a.csv", "step,loss,val_loss", rows))
    assert len(found.history.train.y) == 30
    assert found.history.validation is None


def test_an_export_of_wandb_holds_many_runs(tmp_path) -> None:
    header = '"Step","a-1 - train/loss","a-1 - train/loss__MIN","a-1 - val/loss","b-2 - train/loss","b-2 - val/loss"'
    rows = [(e, fall(e), fall(e), rise(e), fall(e), fall(e)) for e in EPOCHS]
    logs = logs_of(csv_of(tmp_path / "wandb.csv", header, rows))
    assert [log.name.rpartition(":")[2] for log in logs] == ["a-1", "b-2"]
    assert history_of(logs[0].columns, Wanted()).validation == "val/loss"


def test_trainer_state(tmp_path) -> None:
    log = [{"epoch": e / 2, "step": 10 * e, "loss": fall(e)} for e in EPOCHS]
    log += [{"epoch": e / 2, "step": 10 * e, "eval_loss": rise(e)} for e in EPOCHS]
    log.append({"epoch": 15, "step": 300, "train_loss": 0.2})
    path = tmp_path / "trainer_state.json"
    path.write_text(json.dumps({"log_history": log}))
    found = only(tmp_path)
    assert (found.train, found.validation) == ("loss", "eval_loss")
    assert len(found.history.train.y) == 30


def test_json_lines_nested_and_cut_off(tmp_path) -> None:
    lines = [json.dumps({"step": e, "train": {"loss": fall(e)}, "val": {"loss": rise(e)}}) for e in EPOCHS]
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join(lines) + '\n{"step": 30, "tra')
    assert only(path).validation == "val/loss"


def test_tensorboard(tmp_path) -> None:
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(tmp_path / "one"))
    for epoch in EPOCHS:
        writer.add_scalar("Loss/train", fall(epoch), epoch)
        writer.add_scalar("Loss/val", rise(epoch), epoch)
    writer.close()
    for part, curve in (("train", fall), ("validation", rise)):  # as Keras does
        writer = SummaryWriter(str(tmp_path / "two" / part))
        for epoch in EPOCHS:
            writer.add_scalar("epoch_loss", curve(epoch), epoch)
        writer.close()
    logs = {log.name: history_of(log.columns, Wanted()) for log in logs_of(tmp_path)}
    assert logs[str(tmp_path / "one")].train == "Loss/train"
    assert logs[str(tmp_path / "two")].validation == "validation/epoch_loss"
    assert logs[str(tmp_path / "two")].history.validation.y == pytest.approx([rise(e) for e in EPOCHS], rel=1e-6)


# ---- unclear, bad


def test_unclear_columns_are_asked_for(tmp_path) -> None:
    path = csv_of(tmp_path / "a.csv", "step,box_loss,cls_loss", [(e, fall(e), fall(e)) for e in EPOCHS])
    with pytest.raises(
        UsageError, match="several columns may be the loss: box_loss, cls_loss; choose one with --train"
    ):
        only(path)
    assert only(path, train="box_loss").train == "box_loss"
    with pytest.raises(UsageError, match=r"--val nope: no such column; there are: box_loss, cls_loss"):
        only(path, train="box_loss", validation="nope")


def test_no_loss_at_all_names_what_there_is(tmp_path) -> None:
    path = csv_of(tmp_path / "a.csv", "step,speed", [(1, 2)])
    with pytest.raises(UsageError, match=r"no column is named as a loss.*there are: speed"):
        only(path)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", "no table of curves"),
        ("a.csv", b"\xff\xfe\x00\x01", "it is no text"),
        ("a.csv", b"just words\n", "no table of curves"),
        ("a.json", b"{", "cannot be read as JSON"),
        ("a.json", b"3", "neither rows nor lists"),
        ("a.jsonl", b"no json\n", "cannot be read as JSON"),
        ("events.out.tfevents.1.host", b"\x01\x02rubbish", "no column"),
    ],
)
def test_bad_files_are_one_line_and_exit_2(tmp_path, capsys, name, content, said) -> None:
    (tmp_path / name).write_bytes(content)
    code, out, err = ran(capsys, "curves", tmp_path / name)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_nothing_there_is_exit_2(tmp_path, capsys) -> None:
    assert ran(capsys, "curves", tmp_path / "none.csv")[0] == 2
    code, _, err = ran(capsys, "curves", tmp_path)
    assert code == 2
    assert "holds no logs" in err


# ---- the command


def test_the_table_and_the_exit_code(keras, tmp_path, capsys) -> None:
    code, out, err = ran(capsys, "curves", keras, tmp_path / "missing.csv")
    assert code == 0
    assert "overfitting" in out
    assert "early stopping" in out
    assert "missing.csv" in err
    assert ran(capsys, "curves", keras, "--fail-on", "warning")[0] == 1


def test_json(keras, capsys) -> None:
    _, out, _ = ran(capsys, "curves", keras, "--format", "json")
    document = json.loads(out)
    [run] = document["runs"]
    assert document.keys() == {"schema", "exit_code", "runs", "unreadable"}
    assert (run["class"], run["severity"]) == ("overfitting", "warning")
    assert abs(run["best"] - 8) <= 2
    assert run["numbers"]["validation_rise"] > 0.3


def test_divergence_is_an_error(tmp_path, capsys) -> None:
    rows = [(e, fall(e) if e < 20 else "nan") for e in EPOCHS]
    assert ran(capsys, "curves", csv_of(tmp_path / "a.csv", "epoch,loss", rows))[0] == 1


def test_a_picture(keras, tmp_path, capsys) -> None:
    assert ran(capsys, "curves", keras, keras, "--picture", tmp_path / "p.svg")[0] == 0
    root = ET.parse(tmp_path / "p.svg").getroot()
    assert len(root.findall(".//{http://www.w3.org/2000/svg}polyline")) == 4
    code, _, err = ran(capsys, "curves", keras, "--picture", tmp_path / "p.png")
    assert code == 2
    assert "only .svg" in err
