"""pretrained-preprocessing, on recordings typed by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from nndoctor import Finding, Recording, Severity, Skip
from nndoctor.records import LoadedInput, LoadedNorm, Record
from nndoctor_checks.normalisation.pretrained_preprocessing import pretrained_preprocessing

ROW = LoadedNorm(module="bn1", channels=64, values=9000, shift=40.0, spread=60.0, low=0.0, high=255.0)


def found(*rows: Record) -> list[Finding]:
    return pretrained_preprocessing(Recording.of(rows))


def test_another_range() -> None:
    [finding] = found(ROW)
    assert "40.0 standard deviations away" in finding.message
    assert "from 0 to 255" in finding.message


@pytest.mark.parametrize("row", [replace(ROW, shift=0.5), replace(ROW, spread=1.0), replace(ROW, low=math.nan)])
def test_either_is_enough(row: LoadedNorm) -> None:
    assert found(row)


def test_other_images_are_silent() -> None:
    assert found(replace(ROW, shift=0.6, spread=1.7)) == []


@pytest.mark.parametrize("row", [replace(ROW, values=16), replace(ROW, shift=math.nan)])
def test_too_few_or_unknown_values_are_not_judged(row: LoadedNorm) -> None:
    with pytest.raises(Skip, match="no BatchNorm at the front and declare no preprocessing"):
        found(row)


# ---- the declared transform

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


def given(low: float, high: float, **fields: object) -> LoadedInput:
    """Return a model with weights of ImageNet that gets images from `low` to `high`."""
    known: dict[str, object] = {
        "module": "ResNet",
        "layer": "conv1",
        "source": "ResNet18_Weights.IMAGENET1K_V1",
        **IMAGENET,
        "size": (224, 224),
        "got_mean": ((low + high) / 2,) * 3,
        "got_std": ((high - low) / 4,) * 3,
        "got_low": (low,) * 3,
        "got_high": (high,) * 3,
        "minimum": low,
        "maximum": high,
        "got_size": (224, 224),
        "values": 20000,
        "file": "train.py",
        "line": 30,
    }
    return LoadedInput(**{**known, **fields})


@pytest.mark.parametrize(
    ("row", "severity"),
    [
        pytest.param(given(0.0, 255.0), None, id="bytes"),
        pytest.param(given(-80.0, 0.0), None, id="decibels"),
        pytest.param(given(20.0, 22.0), None, id="outside altogether"),
        pytest.param(given(-9.0, 9.0), Severity.WARNING, id="four times as wide"),
        pytest.param(given(0.0, 1.0), Severity.WARNING, id="not standardised"),
        pytest.param(given(0.0, 255.0, mean=(0.5,), std=(0.5,)), None, id="one number for all channels"),
        pytest.param(given(-2.1, 2.6, mean=(0.0,), std=(1.0,)), Severity.WARNING, id="standardised for no reason"),
    ],
)
def test_contradicts_the_declared_transform(row: LoadedInput, severity: Severity | None) -> None:
    [finding] = found(row)
    assert finding.severity is severity
    assert "ResNet18_Weights.IMAGENET1K_V1" in finding.message
    assert finding.where is not None


def test_says_what_to_write() -> None:
    [finding] = found(given(0.0, 255.0))
    assert finding.message.endswith("pixels from -2.04 to 2.43, and what reaches conv1 goes from 0 to 255.")
    assert "take off the mean [0.485, 0.456, 0.406] and divide by [0.229, 0.224, 0.225]" in finding.advice


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([given(-2.1, 2.6)], id="as declared"),
        pytest.param([given(-2.4, 2.9)], id="resizing overshoots"),
        pytest.param([given(-1.0, 1.0)], id="another mean and deviation"),
        pytest.param([given(-0.2, 0.3)], id="pictures without contrast"),
        pytest.param([given(0.0, 1.0, mean=(0.0,), std=(1.0,), top=255.0)], id="dark: for a BatchNorm to say"),
        pytest.param([given(0.1, 0.6)], id="pictures of one brightness"),
        pytest.param([given(-1.0, 1.0, mean=(0.5,), std=(0.5,))], id="from -1 to 1 as declared"),
        pytest.param([given(0.0, 255.0), given(-2.1, 2.6, at="layer")], id="the model standardises inside"),
        pytest.param([given(-2.1, 2.6), given(-90.0, 90.0, at="layer")], id="a layer of its own before"),
        pytest.param(
            [given(-80.0, 0.0), replace(ROW, shift=0.3, spread=1.2)], id="the statistics know data of this kind"
        ),
    ],
)
def test_is_silent_on_what_fits(rows: list[Record]) -> None:
    assert found(*rows) == []


def test_one_event_is_told_once() -> None:
    [finding] = found(given(0.0, 255.0), replace(ROW, file="train.py", line=30))
    assert "declare" in finding.message


def test_small_images_are_a_note() -> None:
    [finding] = found(given(-2.1, 2.6, got_size=(32, 32)))
    assert finding.severity is Severity.NOTE
    assert "gets images of 32x32" in finding.message
    assert found(given(-2.1, 2.6, got_size=(160, 160))) == []
    assert found(given(-2.1, 2.6, got_size=(32, 32), size=())) == []


@pytest.mark.parametrize(
    "row",
    [
        given(0.0, 255.0, std=(0.0, 0.2, 0.2)),
        given(0.0, math.nan),
        given(0.0, 255.0, mean=(0.5, 0.5)),
        given(0.0, 255.0, got_mean=()),
        given(0.0, 255.0, values=9),
    ],
)
def test_numbers_that_make_no_sense_are_not_judged(row: LoadedInput) -> None:
    with pytest.raises(Skip):
        found(row)
