"""What is kept to be shown: samples as the first layer got them, distributions, the user's files."""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import nn

from nndoctor import Recording
from nndoctor.probes.histograms import BINS, binned
from nndoctor.probes.samples import MOST_SAMPLES, Samples, exhibits
from nndoctor.probes.vocabulary import vocabulary
from nndoctor.records import Event, Histogram, LossCall, Module, Sample, Source, Step
from nndoctor.sources import sources

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

IMAGES = """
    data = TensorDataset(torch.randn(64, 1, 8, 8), torch.randint(0, 3, (64,)))
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in DataLoader(data, batch_size=8):
        optimizer.zero_grad()
        F.cross_entropy(model(x / 2), y).backward()
        optimizer.step()
"""
TEXT = """
    text = "the quick brown fox jumps over the lazy dog " * 20
    letters = sorted(set(text))
    ids = torch.tensor([letters.index(c) for c in text])
    model = nn.Sequential(nn.Embedding(len(letters), 8), nn.Linear(8, len(letters)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(20):
        start = torch.randint(0, 400, (4,))
        x = torch.stack([ids[i:i + 12] for i in start])
        y = torch.stack([ids[i + 1:i + 13] for i in start])
        optimizer.zero_grad()
        F.cross_entropy(model(x).flatten(0, 1), y.flatten()).backward()
        optimizer.step()
"""


def test_an_image_is_shown_as_one_though_the_first_layer_gets_it_flat(record: Callable[..., Recording]) -> None:
    run = record(IMAGES)
    rows = run.rows(Sample)
    inputs, targets = ([r for r in rows if r.role == role] for role in ("input", "target"))
    assert (len(inputs), len(targets)) == (8, 8)
    first = inputs[0]
    assert (first.layer, first.layer_type, first.form, first.size) == ("1", "Linear", "image", (8, 8, 1))
    assert (first.model_shape, first.layer_shape, first.same) == ((8, 1, 8, 8), (8, 64), True)
    assert len(base64.b64decode(first.pixels)) == 64
    assert {r.form for r in targets} == {"label"}
    assert not [e.text for e in run.rows(Event) if e.kind == "instrument"]


def test_distributions_are_of_the_first_and_the_last_sampled_step(record: Callable[..., Recording]) -> None:
    rows = record(IMAGES).rows(Histogram)
    moments: dict[tuple[str, str], list[tuple[str, int]]] = {(r.kind, r.name): [] for r in rows}
    for row in rows:
        moments[row.kind, row.name].append((row.moment, row.at))
        assert row.low <= row.high
    assert moments["weight", "1.weight"] == [("first", 0), ("last", 4)]
    assert {kind for kind, _ in moments} == {"weight", "gradient", "activation"}


def test_a_fault_in_keeping_a_target_leaves_the_losses_alone(
    record: Callable[..., Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_self: object, _tensor: object, _predictions: object) -> None:
        raise ValueError("no room")

    monkeypatch.setattr(Samples, "target", broken)
    run = record(IMAGES)
    assert len({row.step for row in run.rows(LossCall) if row.experiment == "observe"}) == 8
    assert [e.text for e in run.rows(Event) if e.kind == "instrument"] == [
        f"{broken.__qualname__}: ValueError: no room"
    ]


def test_modules_know_the_shape_of_their_output(record: Callable[..., Recording]) -> None:
    shapes = {row.name: row.output_shape for row in record(IMAGES).rows(Module)}
    assert shapes["3"] == (8, 3)


def test_tokens_are_decoded_by_the_scripts_own_table(record: Callable[..., Recording]) -> None:
    rows = record(TEXT).rows(Sample)
    first, target = (next(r for r in rows if r.role == role) for role in ("input", "target"))
    assert (first.form, first.layer_type, len(first.values)) == ("tokens", "Embedding", 12)
    assert "".join(first.words) in "the quick brown fox jumps over the lazy dog " * 2
    assert target.words[:-1] == first.words[1:]


def test_the_batch_of_a_first_step_that_raises_is_kept(record: Callable[..., Recording]) -> None:
    run = record("""
        model = nn.Linear(4, 2)
        model(torch.randn(5, 4)).backward(torch.randn(7))
    """)
    assert [row.layer_shape for row in run.rows(Sample)] == [(5, 4)] * 5


@pytest.mark.parametrize(
    ("batch", "layer", "form", "size"),
    [
        pytest.param(torch.randn(2, 3, 100, 90), nn.Conv2d(3, 1, 1), "image", (50, 45, 3), id="colour, thinned"),
        pytest.param(torch.randn(2, 9, 9, 3), None, "image", (9, 9, 3), id="channels last"),
        pytest.param(torch.randn(2, 5, 9, 9), nn.Conv2d(5, 1, 1), "image", (9, 9, 1), id="the first of many channels"),
        pytest.param(torch.randn(2, 1, 4, 9, 9), nn.Conv3d(1, 1, 1), "image", (9, 9, 1), id="middle of a volume"),
        pytest.param(torch.randn(2, 500, 4), nn.LSTM(4, 4), "series", (3, 125), id="steps, channels"),
        pytest.param(torch.randn(2, 4, 500), nn.Conv1d(4, 4, 1), "series", (3, 125), id="channels, steps"),
        pytest.param(torch.randn(2, 100), nn.Linear(100, 1), "table", (), id="row"),
        pytest.param(torch.randint(0, 9, (2, 100)), nn.Embedding(9, 1), "tokens", (), id="tokens"),
        pytest.param(torch.randn(2, 4, dtype=torch.complex64), None, "table", (), id="complex"),
        pytest.param(torch.full((2, 1, 8, 8), math.nan), nn.Conv2d(1, 1, 1), "image", (8, 8, 1), id="nothing finite"),
    ],
)
def test_forms(batch: Tensor, layer: nn.Module | None, form: str, size: tuple[int, ...]) -> None:
    rows = list(exhibits(Sample(), batch, layer, flat=False))
    assert [(r.index, r.form, r.size) for r in rows] == [(0, form, size), (1, form, size)]
    assert all(len(r.values) <= 3 * 128 for r in rows)


def test_an_empty_batch_has_no_samples() -> None:
    assert list(exhibits(Sample(), torch.empty(0, 3), None, flat=False)) == []
    assert MOST_SAMPLES <= 16


def test_bins_hold_every_finite_value() -> None:
    found = binned(np.array([*range(1000), 1e9, math.nan, math.inf], dtype=np.float32))
    assert found is not None
    low, high, counts = found
    assert (low < 10, 900 < high < 1000, len(counts), sum(counts)) == (True, True, BINS, 1001)
    assert binned(np.array([math.nan])) is None
    assert binned(np.array([2.0, 2.0])) == (2.0, 2.0, (2,))


class Tokenizer:
    def __init__(self) -> None:
        self.stoi = {"a": 0, "b": 1, "c": 2}


def test_a_vocabulary_is_found_near_by() -> None:
    tokenizer = Tokenizer()
    by_number = {0: "x", 1: "y"}
    wrong = {"a": 0, "b": 0, "c": 0, "d": 0, "e": 0}
    assert vocabulary(3) == list(tokenizer.stoi)
    assert vocabulary(2) == list(by_number.values())
    assert vocabulary(len(wrong)) is None


def test_files_that_records_point_to_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text("print(1)\n")
    run = Recording.of([Event(file="train.py", line=1), Event(file="gone.py"), Event(file="<string>"), Step()])
    assert list(sources(run)) == [Source(file="train.py", text="print(1)\n")]
