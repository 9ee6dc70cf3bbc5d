"""unused-module, on recordings typed by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nndoctor import Finding, Recording
from nndoctor.records import Module, Parameter, Record
from nndoctor_checks.implementation.unused_module import unused_module

ROOT = Module(name="Net", root="Net", calls=40, all_calls=50, children=2)
USED = Module(name="conv1", root="Net", calls=40, all_calls=50, parameters=100)
IDLE = Module(name="conv3", root="Net", parameters=300, file="model.py", line=8)
WEIGHT = Parameter(name="conv3.weight", module="conv3", root="Net", walked=9, reached=0, changed=False)


def found(*records: Record) -> list[Finding]:
    return unused_module(Recording.of([ROOT, USED, *records]))


def test_reports_the_forgotten_layer() -> None:
    [finding] = found(IDLE, WEIGHT)
    assert finding.names == ("conv3",)
    assert "75%" in finding.message
    assert str(finding.where) == "model.py:8"


def test_reports_the_topmost_module() -> None:
    rows: list[Record] = [Module(name="decoder", root="Net", children=2)]
    for name in ("decoder.0", "decoder.1"):
        rows += [replace(IDLE, name=name), replace(WEIGHT, name=f"{name}.weight", module=name)]
    [finding] = found(*rows)
    assert finding.names == ("decoder",)


def test_weights_behind_a_detach_are_not_known_to_be_unused() -> None:
    """The output projection of an attention is never called; the graph leads to none of the attention's weights."""
    attention = replace(USED, name="block.attention")
    output = replace(IDLE, name="block.attention.out_proj")
    weight = replace(WEIGHT, name="block.attention.out_proj.weight", module=output.name)
    inputs = replace(WEIGHT, name="block.attention.in_proj_weight", module=attention.name)
    assert found(attention, output, weight, inputs) == []
    [finding] = found(attention, output, weight, replace(inputs, reached=9))
    assert finding.names == ("block.attention.out_proj",)


def test_a_half_used_list_is_not_the_topmost() -> None:
    heads = Module(name="heads", root="Net", children=2)
    one = replace(USED, name="heads.value")
    [finding] = found(heads, one, replace(IDLE, name="heads.count"), replace(WEIGHT, module="heads.count"))
    assert finding.names == ("heads.count",)


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([replace(IDLE, calls=1), WEIGHT], id="called in training"),
        pytest.param([replace(IDLE, all_calls=1), WEIGHT], id="called in validation"),
        pytest.param([IDLE, replace(WEIGHT, reached=9)], id="weights used directly"),
        pytest.param([IDLE], id="its weights are known under another name: tied"),
        pytest.param([IDLE, replace(WEIGHT, walked=0)], id="graph not walked"),
        pytest.param([IDLE, replace(WEIGHT, requires_grad=False)], id="frozen: the graph cannot tell"),
        pytest.param([replace(IDLE, parameters=0), WEIGHT], id="an activation"),
        pytest.param([replace(IDLE, root="Other"), WEIGHT], id="its model is not called"),
        pytest.param([IDLE, replace(IDLE, segment=1, calls=5), WEIGHT], id="used in a later phase"),
        pytest.param([IDLE, replace(WEIGHT, changed=True)], id="changed by hand"),
    ],
)
def test_is_silent(records: list[Record]) -> None:
    assert found(*records) == []
