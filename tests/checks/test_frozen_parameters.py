"""frozen-parameters, on recordings typed by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nndoctor import Finding, Recording, Severity
from nndoctor.records import Parameter, Record
from nndoctor_checks.implementation.frozen_parameters import frozen_parameters


def weight(name: str, *shape: int, frozen: bool = False, root: str = "Net", segment: int = 0) -> Parameter:
    size = 1
    for n in shape:
        size *= n
    return Parameter(
        name=name,
        module=name.rpartition(".")[0],
        module_type="Linear",
        root=root,
        shape=shape,
        numel=size,
        requires_grad=not frozen,
        changed=not frozen,
        segment=segment,
        file="model.py",
        line=4,
    )


BACKBONE = [weight("body.0.weight", 32, 8, frozen=True), weight("body.1.weight", 32, 32, frozen=True)]
HEAD = weight("head.weight", 10, 32)


def found(*records: Record) -> list[Finding]:
    return frozen_parameters(Recording.of(records))


def test_reports_a_random_backbone() -> None:
    [finding] = found(*BACKBONE, HEAD)
    assert finding.severity is None
    assert finding.names == ("body.0.weight", "body.1.weight")
    assert "80%" in finding.message


def test_reports_a_model_that_is_all_frozen() -> None:
    [finding] = found(*BACKBONE)
    assert finding.severity is None


def test_loaded_weights_are_a_note() -> None:
    [finding] = found(*[replace(p, loaded=True) for p in BACKBONE], HEAD)
    assert finding.severity is Severity.NOTE


def test_a_fixed_random_projection_is_a_warning() -> None:
    [finding] = found(BACKBONE[0], HEAD)
    assert finding.severity is Severity.WARNING


def test_fixed_positions_and_given_embeddings_are_a_note() -> None:
    [finding] = found(weight("position", 4, 4, frozen=True), HEAD)
    assert finding.severity is Severity.NOTE
    [finding] = found(replace(weight("embed.weight", 1000, 32, frozen=True), module_type="Embedding"), HEAD)
    assert finding.severity is Severity.NOTE


def test_a_small_layer_as_torch_drew_it_is_a_warning() -> None:
    drawn = {"fan_in": 9, "absmax": 0.33, "std": 0.19}
    kernel = replace(weight("conv1.weight", 16, 1, 3, 3, frozen=True), module_type="Conv2d", **drawn)
    bias = replace(weight("conv1.bias", 16, frozen=True), module_type="Conv2d", absmax=0.31, std=0.19)
    rest = weight("fc.weight", 512, 32)
    for warning in ([kernel, bias], [kernel]):
        [finding] = found(*warning, rest)
        assert finding.severity is Severity.WARNING
    for note in (
        [kernel, replace(bias, absmax=6.2, std=1.8)],  # the phases of random Fourier features
        [replace(kernel, absmax=2.0, std=0.7), bias],  # a Sobel filter
    ):
        [finding] = found(*note, rest)
        assert finding.severity is Severity.NOTE


def test_a_frozen_network_beside_the_trained_one_is_a_warning() -> None:
    [finding] = found(*[replace(p, root="Teacher") for p in BACKBONE], HEAD)
    assert finding.severity is Severity.WARNING


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([HEAD], id="nothing is frozen"),
        pytest.param([*[replace(p, changed=True) for p in BACKBONE], HEAD], id="momentum encoder"),
        pytest.param([*[replace(p, called=False) for p in BACKBONE], HEAD], id="not in use"),
        pytest.param(
            [
                *[replace(p, name="Target." + p.name, module="Target." + p.module, root="Target") for p in BACKBONE],
                *[weight(p.name, *p.shape) for p in BACKBONE],
            ],
            id="target network",
        ),
        pytest.param(
            [*BACKBONE, weight("online.0.weight", 32, 8), weight("online.1.weight", 32, 32), HEAD],
            id="target network within the model",
        ),
    ],
)
def test_is_silent(records: list[Record]) -> None:
    assert found(*records) == []


def test_weights_of_an_earlier_phase_are_no_fault() -> None:
    earlier = [weight("auto." + p.name, *p.shape) for p in BACKBONE]
    assert not found(*earlier, *[replace(p, segment=1) for p in BACKBONE], replace(HEAD, segment=1))
