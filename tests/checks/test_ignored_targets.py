"""ignored-targets, on recordings typed by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from nndoctor import Finding, Recording
from nndoctor.records import LossCall, Step
from nndoctor_checks.implementation.ignored_targets import ignored_targets

TAGS = LossCall(
    function="cross_entropy",
    input_shape=(64, 9),
    target_shape=(64,),
    classes=9,
    ignored_share=0.98,
    file="a.py",
    line=5,
)
DIGITS = replace(TAGS, input_shape=(32, 10), target_shape=(32,), classes=10, ignored_share=0.1, ignore_index=0)


def found(call: LossCall) -> list[Finding]:
    steps = range(6)
    return ignored_targets(
        Recording.of([*(Step(step=i, batch_size=32) for i in steps), *(replace(call, step=i) for i in steps)])
    )


def test_nearly_all_ignored() -> None:
    [finding] = found(TAGS)
    assert "98.0% of its 384 targets" in finding.message
    assert str(finding.where) == "a.py:5"


def test_a_class_of_a_classifier() -> None:
    [finding] = found(DIGITS)
    assert "class 0 of 10" in finding.message


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(replace(TAGS, ignored_share=0.85), id="masked language model"),
        pytest.param(replace(TAGS, ignored_share=math.nan), id="NaN"),
        pytest.param(replace(TAGS, target_shape=(), ignored_share=0.5), id="single samples"),
        pytest.param(replace(DIGITS, ignore_index=-100), id="missing labels"),
        pytest.param(replace(DIGITS, ignore_index=255), id="no class"),
        pytest.param(replace(DIGITS, ignored_share=0.0), id="none ignored"),
        pytest.param(replace(DIGITS, input_shape=(512, 10), target_shape=(512,)), id="padding of sequences"),
        pytest.param(replace(DIGITS, input_shape=(32, 10, 8, 8), target_shape=(32, 8, 8)), id="background pixels"),
    ],
)
def test_is_silent(call: LossCall) -> None:
    assert found(call) == []
