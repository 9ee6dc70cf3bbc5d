"""What loaded weights declare of their preprocessing; the libraries are stood in for by the same interface."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nndoctor.records import Event, LoadedInput, LoadedWeights, Parameter

if TYPE_CHECKING:
    from collections.abc import Callable

    from nndoctor import Recording

    Record = Callable[..., Recording]

VISION = """
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any, Callable
import torch
from torch import nn

class ImageClassification:
    def __init__(self, *, crop_size, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)):
        self.crop_size, self.mean, self.std = [crop_size], list(mean), list(std)

@dataclass
class Weights:
    url: str
    transforms: Callable
    meta: dict[str, Any]

class WeightsEnum(Enum):
    @property
    def meta(self):
        return self.value.meta
    @property
    def transforms(self):
        return self.value.transforms
    def get_state_dict(self, *args, **kwargs):
        torch.manual_seed(7)
        return {name: torch.randn_like(value) for name, value in Net(10).state_dict().items() if "fc" not in name}

class Net_Weights(WeightsEnum):
    V1 = Weights("http://nowhere", partial(ImageClassification, crop_size=8), {"num_params": 1})
    def __repr__(self):
        return f"{type(self).__name__}.{self.name}"

class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.fc = nn.Linear(4, classes)
    def forward(self, x):
        return self.fc(torch.relu(self.conv(x)).mean((2, 3)))

def net(*, weights=None, classes=10):
    model = Net(classes)
    if weights is not None:
        model.load_state_dict(weights.get_state_dict(progress=True), strict=False)
    return model

def create_model(name, pretrained=False):
    pretrained_cfg = {"architecture": name, "tag": "in1k", "mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
    pretrained_cfg["input_size"] = (3, 8, 8)
    model = Net(10)
    model.pretrained_cfg = pretrained_cfg
    if pretrained:
        load_pretrained(model, pretrained_cfg)
    return model

def load_pretrained(model, pretrained_cfg=None):
    model.load_state_dict(Net_Weights.V1.get_state_dict(), strict=False)

class Named(Net):
    @classmethod
    def from_pretrained(cls, name):
        model = cls(10)
        with torch.no_grad():
            for parameter in model.conv.parameters():
                parameter.copy_(torch.ones_like(parameter))
                parameter._is_hf_initialized = True
        return model
"""
TRAIN = """
images = torch.rand(64, 3, 8, 8) * 255
data = TensorDataset(images, (images.mean((1, 2, 3)) > 127).long())
optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.001)
for x, y in DataLoader(data, batch_size=32):
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()
"""


@pytest.fixture
def recorded(record: Record, monkeypatch: pytest.MonkeyPatch) -> Record:
    """Return what runs a program that may import `vision`, a library like those that have pretrained weights."""
    library = Path.cwd() / "site-packages"
    library.mkdir()
    (library / "vision.py").write_text(VISION)
    monkeypatch.setattr(sys, "path", [*sys.path, str(library)])  # the first place is that of the script's folder
    monkeypatch.delitem(sys.modules, "vision", raising=False)

    def run(program: str, train: str = TRAIN) -> Recording:
        return record("import vision\n" + textwrap.dedent(program) + train, steps=2, budget=1.0)

    return run


def inputs(run: Recording) -> dict[str, LoadedInput]:
    assert not [e for e in run.rows(Event) if e.kind in ("instrument", "exception")]
    return {row.at: row for row in run.rows(LoadedInput)}


@pytest.mark.parametrize(
    "program",
    [
        "model = vision.net(weights=vision.Net_Weights.V1)",
        """
        weights = vision.Net_Weights.V1
        model = vision.Net(10)
        model.load_state_dict(weights.get_state_dict(progress=True), strict=False)
        """,
    ],
)
def test_weights_with_transforms(recorded: Record, program: str) -> None:
    rows = inputs(recorded(program))
    assert set(rows) == {"input", "layer"}
    row = rows["layer"]
    assert (row.source, row.size, row.got_size) == ("Net_Weights.V1", (8, 8), (8, 8))
    assert row.mean == (0.485, 0.456, 0.406)
    assert (row.module, row.layer) == ("Net", "conv")
    assert row.minimum >= 0
    assert 250 < row.got_high[0] <= 255


def test_a_model_that_standardises_inside(recorded: Record) -> None:
    rows = inputs(
        recorded(
            """
            class Whole(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.body = vision.net(weights=vision.Net_Weights.V1)
                def forward(self, x):
                    return self.body(x / 127.5 - 1)
            model = Whole()
            """
        )
    )
    assert rows["input"].module == "body"
    assert rows["input"].maximum <= 1


def test_a_pretrained_cfg(recorded: Record) -> None:
    row = inputs(recorded("model = vision.create_model('net18', pretrained=True)"))["input"]
    assert (row.source, row.mean, row.size) == ("the pretrained_cfg of net18.in1k", (0.5, 0.5, 0.5), (8, 8))


@pytest.mark.parametrize(
    "program",
    [
        pytest.param("model = vision.create_model('net18')", id="weights that were not loaded"),
        pytest.param(
            "model = vision.net(weights=vision.Net_Weights.V1)\nmodel.load_state_dict(vision.Net(10).state_dict())",
            id="a checkpoint of one's own over them",
        ),
        pytest.param(
            "weights = vision.Net_Weights.V1\nmodel = vision.Net(10)\nmodel.load_state_dict(model.state_dict())",
            id="weights that are only at hand",
        ),
    ],
)
def test_nothing_is_declared(recorded: Record, program: str) -> None:
    assert inputs(recorded(program)) == {}


def test_built_by_name(recorded: Record) -> None:
    """Weights that come by `from_pretrained` are loaded: who freezes them does so on purpose."""
    program = """
    model = vision.Named.from_pretrained("anything")
    for parameter in model.conv.parameters():
        parameter.requires_grad = False
    """
    run = recorded(program)
    assert {p.name: p.loaded for p in run.rows(Parameter)} == {
        "conv.weight": True,
        "conv.bias": True,
        "fc.weight": False,
        "fc.bias": False,
    }
    [row] = run.rows(LoadedWeights)
    assert (row.module, row.matched, row.own) == ("Named", 2, 4)
    assert inputs(run) == {}


def test_an_image_processor_that_the_script_holds(recorded: Record) -> None:
    program = """
    class Processor:
        def __init__(self):
            self.image_mean, self.image_std = [0.4, 0.4, 0.4], [0.2, 0.2, 0.2]
            self.do_rescale, self.rescale_factor, self.size = True, 1 / 255, {"height": 8, "width": 8}
    processor = Processor()
    model = vision.Named.from_pretrained("anything")
    """
    row = inputs(recorded(program))["input"]
    assert (row.source, row.mean, row.top, row.size) == ("Processor", (0.4, 0.4, 0.4), 1.0, (8, 8))


def test_the_real_transformers(recorded: Record, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    config: Any = transformers.ViTConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, image_size=8, patch_size=4
    )
    transformers.ViTForImageClassification(config).save_pretrained(tmp_path / "vit")
    (tmp_path / "vit" / "preprocessor_config.json").write_text(
        '{"do_rescale": false, "image_mean": [10, 10, 10], "image_std": [5, 5, 5], "size": {"height": 8, "width": 8}}'
    )
    program = f"""
    from transformers import AutoModelForImageClassification
    model = AutoModelForImageClassification.from_pretrained({str(tmp_path / "vit")!r}, num_labels=2)
    """
    run = recorded(program, TRAIN.replace("model(x)", "model(pixel_values=x).logits"))
    row = inputs(run)["layer"]
    assert row.source.startswith("preprocessor_config.json of ")
    assert (row.mean, row.top, row.size) == ((10.0, 10.0, 10.0), 255.0, (8, 8))
    loaded = {p.name: p.loaded for p in run.rows(Parameter)}
    assert loaded["vit.embeddings.cls_token"]
