"""implausible-hyperparameter, on settings typed by hand."""

import math

import pytest

from nndoctor import Recording
from nndoctor.records import Clipping, LossCall, Module, Optimizer, Step
from nndoctor_checks.training.implausible_hyperparameter import implausible_hyperparameter


def found(*rows):
    return implausible_hyperparameter(Recording.of([Step(), *rows]))


@pytest.mark.parametrize(
    ("row", "name"),
    [
        (Optimizer(name="SGD#0", type="SGD", momentum=0.999, file="t.py", line=3), "momentum"),
        (Optimizer(name="SGD#0", type="SGD", weight_decay=0.5), "weight_decay"),
        (Optimizer(name="AdamW#0", type="AdamW", weight_decay=1.0), "weight_decay"),
        (Optimizer(name="Adam#0", type="Adam", eps=0.1), "eps"),
        (Optimizer(name="Adam#0", type="Adam", beta1=0.999, beta2=0.9), "beta1"),
        (Module(name="drop", type="Dropout", dropout=0.9, calls=5), "p"),
        (LossCall(function="cross_entropy", label_smoothing=0.9), "label_smoothing"),
        (Clipping(max_norm=1e-5, norm=2.0), "max_norm"),
    ],
)
def test_finds(row, name):
    [finding] = found(row)
    assert finding.evidence[0].label == name
    assert f"{name}=" in finding.message


@pytest.mark.parametrize(
    "row",
    [
        Optimizer(name="AdamW#0", type="AdamW", weight_decay=0.1, beta1=0.9, beta2=0.95, eps=1e-8),
        Optimizer(name="AdamW#0", type="AdamW", weight_decay=0.3, beta1=0.9, beta2=0.999),
        Optimizer(name="Adam#0", type="Adam", beta1=0.0, beta2=0.9),
        Optimizer(name="Lion#0", type="Lion", beta1=0.9, beta2=0.99, weight_decay=3.0),
        Optimizer(name="RMSprop#0", type="RMSprop", eps=1.0, momentum=0.9),
        Optimizer(name="SGD#0", type="SGD", momentum=0.99, weight_decay=0.1),
        Module(name="drop", type="Dropout", dropout=0.5, calls=5),
        Module(name="drop", type="Dropout", dropout=0.9, calls=0),
        LossCall(function="cross_entropy", label_smoothing=0.1),
        Clipping(max_norm=0.1, norm=2.0),
        Clipping(max_norm=math.nan),
    ],
)
def test_is_silent(row):
    assert found(row) == []
