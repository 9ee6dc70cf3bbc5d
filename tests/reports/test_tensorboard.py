"""What TensorBoard's own reader finds in the event files."""

from __future__ import annotations

import base64
import io
import math
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata as hparams_metadata

from nndoctor import Check, Finding, Recording, Severity, SourceLine, check
from nndoctor.diagnose import diagnose
from nndoctor.records import (
    Environment,
    Evaluation,
    Histogram,
    Loader,
    LossCall,
    Optimizer,
    OptimizerStep,
    Record,
    Sample,
    Step,
    TensorStats,
)
from nndoctor.reports import tensorboard
from nndoctor.reports.tensorboard.curves import (
    BUCKETS_OF_ALL_LAYERS,
    Point,
    buckets_of_layers,
    news,
    of_the_layers,
    thinned,
)
from nndoctor.reports.tensorboard.texts import escaped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UNLIMITED = {"scalars": 0, "images": 0, "histograms": 0, "tensors": 0, "compressedHistograms": 0}


@check("loss-odd", reason="R19", severity=Severity.ERROR, needs=[])
def loss_odd(_run: Recording) -> Iterator[Finding]:
    """The loss is odd."""
    message = "It is *very* odd: <b>7</b>, see `my_loss()`."
    yield Finding(message=message, advice="Mend it.", where=SourceLine("train.py", 2, "main"))


def steps(*losses: float, experiment: str = "observe", segment: int = 0) -> list[Record]:
    return [
        Step(experiment=experiment, segment=segment, step=i, loss=loss, lr=0.1, parameters_changed=True)
        for i, loss in enumerate(losses)
    ]


def write(folder: Path, *records: Record, checks: tuple[Check, ...] = (), final: bool = True) -> None:
    run = Recording.of(records)
    tensorboard.update(run, diagnose(run, checks), folder, final=final)


def read(folder: Path) -> EventAccumulator:
    found = EventAccumulator(str(folder), size_guidance=UNLIMITED)
    found.Reload()
    return found


def points(folder: Path, tag: str) -> list[tuple[int, Any]]:
    return [(e.step, pytest.approx(e.value)) for e in read(folder).Scalars(tag)]


def text(folder: Path, tag: str) -> str:
    [value] = read(folder).Tensors(tag)[-1].tensor_proto.string_val
    return str(value, "utf-8")


def test_curves_by_experiment_and_phase(tmp_path: Path) -> None:
    write(
        tmp_path,
        *steps(2.3, 2.0),
        *steps(2.3, 0.1, experiment="overfit"),
        *steps(1.0, segment=1),
        LossCall(step=0, metric="accuracy", score=0.25),
        OptimizerStep(step=0, optimizer="SGD#0", gradient_norm=3.0),
        Evaluation(step=2, loss=1.5, metric="accuracy", score=0.5),
    )
    assert points(tmp_path, "loss/observe") == [(0, 2.3), (1, 2.0)]
    assert points(tmp_path, "loss/overfit") == [(0, 2.3), (1, 0.1)]
    assert points(tmp_path, "loss/observe/phase_2") == [(0, 1.0)]
    assert points(tmp_path, "learning_rate/observe") == [(0, 0.1), (1, 0.1)]
    assert points(tmp_path, "metric/accuracy/observe") == [(0, 0.25)]
    assert points(tmp_path, "gradient_norm/SGD#0") == [(0, 3.0)]
    assert points(tmp_path, "validation/loss") == [(2, 1.5)]
    assert points(tmp_path, "validation/accuracy") == [(2, 0.5)]


def test_statistics_of_layers(tmp_path: Path) -> None:
    write(
        tmp_path,
        TensorStats(kind="activation", name="net.1", step=4, mean=0.5, std=1.0, zero_share=0.25),
        TensorStats(kind="gradient", name="net.1.weight", step=4, norm=2.0),
        TensorStats(kind="weight", name="net.1.weight", step=4, std=0.5, norm=3.0),
        TensorStats(kind="update", name="net.1.weight", step=4, std=0.001, norm=0.1),
    )
    assert points(tmp_path, "activations/net.1/std") == [(4, 1.0)]
    assert points(tmp_path, "activations/net.1/zero_share") == [(4, 0.25)]
    assert "activations/net.1/saturated_share" not in read(tmp_path).Tags()["scalars"]
    assert points(tmp_path, "gradients/net.1.weight/norm") == [(4, 2.0)]
    assert points(tmp_path, "updates/net.1.weight/ratio") == [(4, 0.002)]


def test_histograms_and_pictures(tmp_path: Path) -> None:
    pixels = base64.b64encode(bytes(range(0, 240, 10))).decode()
    write(
        tmp_path,
        Histogram(kind="weight", name="fc.weight", at=39, low=-1.0, high=1.0, counts=(1, 2, 1)),
        Histogram(kind="weight", name="broken", low=math.nan, high=1.0, counts=(1,)),
        Sample(form="image", size=(4, 6, 1), pixels=pixels, shape=(1, 4, 6), low=0.0, high=1.0),
        Sample(form="image", size=(9, 9, 3), pixels=pixels, index=1),
        Sample(role="target", form="label", values=(7.0,)),
    )
    found = read(tmp_path)
    [event] = found.Histograms("weights/fc.weight")
    assert event.step == 39
    assert list(event.histogram_value.bucket) == [0, 1, 2, 1]
    assert event.histogram_value.bucket_limit == pytest.approx([-1, -1 / 3, 1 / 3, 1])
    assert found.Tags()["histograms"] == ["weights/fc.weight"]
    assert found.Tags()["images"] == ["samples/input/00"], "damaged pixels are no picture"
    [image] = found.Images("samples/input/00")
    picture = Image.open(io.BytesIO(image.encoded_image_string))
    assert picture.size == (60, 40)
    assert picture.getpixel((59, 39)) == 230
    assert "| 0 | picture of shape 1x4x6, 0 to 1 | 7 |" in text(tmp_path, "samples")


def test_findings_as_text_that_is_no_markup(tmp_path: Path) -> None:
    write(tmp_path, *steps(1.0, 1.0), Environment(name="script", value="my_train.py"), checks=(loss_odd,))
    said = text(tmp_path, "diagnosis")
    assert said.startswith("# sick: my\\_train.py")
    assert "## error R19 loss-odd: The loss is odd." in said
    assert r"It is \*very\* odd: &lt;b&gt;7&lt;/b&gt;, see `my_loss()`." in said
    assert "at **train.py:2** in main" in said
    assert "**Do:** Mend it." in said
    assert escaped("a\x1b[31m|b\n" + "x" * 300).startswith("a\N{REPLACEMENT CHARACTER}\\[31m\\|b x")


def test_hyper_parameters_with_the_verdict(tmp_path: Path) -> None:
    write(
        tmp_path,
        *steps(2.0, 1.0),
        Optimizer(name="SGD#0", type="SGD", lr=0.1, momentum=0.9),
        Optimizer(name="Adam#0", type="Adam", lr=0.001),
        Loader(split="train", batch_size=32, order="shuffled"),
        checks=(loss_odd,),
    )
    found = read(tmp_path / "verdict")
    plugin = found.PluginTagToContent("hparams")
    start = hparams_metadata.parse_session_start_info_plugin_data(plugin[hparams_metadata.SESSION_START_INFO_TAG])
    values = {k: v.number_value or v.string_value for k, v in start.hparams.items()}
    assert values == {
        "optimizer": "SGD",
        "lr": 0.1,
        "momentum": 0.9,
        "Adam#0.optimizer": "Adam",
        "Adam#0.lr": 0.001,
        "batch_size": 32.0,
        "order": "shuffled",
    }
    assert {tag: found.Scalars(tag)[-1].value for tag in found.Tags()["scalars"]} == {
        "verdict/healthy": 0.0,
        "verdict/errors": 1.0,
        "verdict/warnings": 0.0,
        "loss/first": 2.0,
        "loss/last": 1.0,
    }
    assert hparams_metadata.SESSION_END_INFO_TAG in plugin


def test_the_same_as_from_torchs_own_writer(tmp_path: Path) -> None:
    from torch.utils.tensorboard import SummaryWriter

    write(tmp_path / "ours", *steps(2.5), Histogram(name="w", low=0.0, high=1.0, counts=(1, 1)))
    with SummaryWriter(str(tmp_path / "torchs")) as writer:
        writer.add_scalar("loss/observe", 2.5, 0)
        writer.add_histogram_raw("weights/w", 0.0, 1.0, 2, 1.0, 0.625, [0.0, 0.5, 1.0], [0, 1, 1], 0)
        writer.add_text("diagnosis", text(tmp_path / "ours", "diagnosis"), 0)
    ours, torchs = read(tmp_path / "ours"), read(tmp_path / "torchs")
    assert ours.Scalars("loss/observe")[0].value == torchs.Scalars("loss/observe")[0].value
    assert ours.Histograms("weights/w")[0].histogram_value == torchs.Histograms("weights/w")[0].histogram_value
    mine, theirs = ours.Tensors("diagnosis")[0], torchs.Tensors("diagnosis/text_summary")[0]
    assert mine.tensor_proto == theirs.tensor_proto
    assert ours.SummaryMetadata("diagnosis").plugin_data == torchs.SummaryMetadata("diagnosis/text_summary").plugin_data


def test_only_what_is_new_is_written(tmp_path: Path) -> None:
    write(tmp_path, *steps(3.0, 2.0), final=False)
    write(tmp_path, *steps(3.0, 2.0, 1.0), final=False)
    write(tmp_path, *steps(3.0, 2.0, 1.0), checks=(loss_odd,))
    before = sorted(tmp_path.rglob("*tfevents*"))
    write(tmp_path, *steps(3.0, 2.0, 1.0), checks=(loss_odd,))
    assert sorted(tmp_path.rglob("*tfevents*")) == before
    assert points(tmp_path, "loss/observe") == [(0, 3.0), (1, 2.0), (2, 1.0)]
    assert len(read(tmp_path).Tensors("diagnosis")) == 2


def test_a_spoilt_memory_of_what_was_written_costs_repetitions_only(tmp_path: Path) -> None:
    write(tmp_path, *steps(3.0))
    (tmp_path / tensorboard.STATE).write_text('{"steps": ')
    write(tmp_path, *steps(3.0))
    assert points(tmp_path, "loss/observe") == [(0, 3.0), (0, 3.0)]


def test_extremes_and_the_first_nan_survive_thinning() -> None:
    values = [Point(i, math.sin(i)) for i in range(10_000)]
    values[5_123] = Point(5_123, 99.0)
    values[7_777] = values[7_778] = Point(7_777, math.nan)
    kept = thinned(values, 1_000)
    assert len(kept) <= 10 * 3 + 2
    assert Point(5_123, 99.0) in kept
    assert [p.step for p in kept if math.isnan(p.value)] == [7_777]
    assert kept[0] == values[0]
    assert kept[-1] == values[-1]


def test_a_long_run_grows_by_as_much_each_time_it_doubles() -> None:
    written: dict[str, int] = {}
    counts: list[int] = []
    for end in (2_000, 4_000, 8_000, 16_000):
        before = sum(counts)
        total = before
        for now in range(end // 2, end + 1, end // 50):
            curve = {"loss": [Point(i, math.sin(i)) for i in range(0, now, 7)]}
            total += len(list(news(curve, written, buckets=20, final=False)))
        counts.append(total - before)
    assert counts[-1] <= counts[1] * 1.5
    assert max(counts) < 200


def test_many_layers_share_what_may_be_written() -> None:
    rows = [
        TensorStats(kind="activation", name=f"layers.{layer}", step=step, mean=0.0, std=1.0, zero_share=0.5)
        for step in range(0, 10_000, 500)
        for layer in range(500)
    ]
    curves = of_the_layers(Recording.of(rows))
    kept = list(news(curves, {}, buckets=buckets_of_layers(curves), final=True))
    assert len(kept) <= 2 * BUCKETS_OF_ALL_LAYERS + 2 * len(curves)
    assert buckets_of_layers({str(i): [] for i in range(10_000)}) == 5
