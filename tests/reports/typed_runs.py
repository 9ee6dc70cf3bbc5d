"""Runs typed by hand for the tests of the page: an ordinary one, hostile ones, a huge one; checks that find things."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nndoctor import Curve, Finding, Measure, Quote, Recording, Severity, SourceLine, Table, check
from nndoctor.records import (
    Batch,
    Environment,
    Event,
    Experiment,
    Histogram,
    Labels,
    Loader,
    LossCall,
    Module,
    Parameter,
    Record,
    Sample,
    Source,
    Step,
    TensorStats,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

HOSTILE = (
    "<script>alert('x')</script>",
    "</script><script>document.title = 'broken in'</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }} {% raw %}",
    "\x1b[31mred\x00\x07",
    "user\u202etxt.exe\u2066",
    "'\"`&amp;<b>",
    "long" * 2500,
)


def layers_of(names: list[str], steps: range, *, file: str = "train.py") -> Iterator[Record]:
    """Yield a chain of linear layers with statistics at the given steps."""
    for order, name in enumerate(names):
        yield Module(
            name=name, type="Linear", root=names[0], order=order, all_calls=9, parameters=72, file=file, line=2
        )
        weight = f"{name}.weight"
        yield Parameter(name=weight, module=name, shape=(8, 8), numel=64, optimizer="SGD#0", order=order)
        counts = tuple(range(1, 33))
        for kind, full in (("activation", name), ("gradient", weight), ("weight", weight)):
            for moment, at in (("first", steps[0]), ("last", steps[-1])):
                yield Histogram(
                    kind=kind, name=full, moment=moment, at=at, order=order, numel=64, low=-1.0, high=1.0, counts=counts
                )
        for step in steps:
            wave = 1.0 + 0.5 * math.sin(order + step)
            yield TensorStats(step=step, name=name, order=order, numel=64, std=wave, norm=wave, zero_share=0.3)
            for kind, size in (("gradient", 1e-2), ("weight", 1.0), ("update", 1e-3)):
                norm = size * wave
                yield TensorStats(step=step, kind=kind, name=weight, order=order, numel=64, std=norm, norm=norm)


def records_of(name: str, *, steps: int = 20) -> Iterator[Record]:
    """Yield a run in which every string of the user's is `name`."""
    yield Environment(name="script", value=name)
    yield Environment(name="target", value=f"{name} --epochs 3")
    yield Environment(name="arguments", value="--epochs 3")
    yield Environment(name="cwd", value=name)
    for experiment in ("observe", "overfit", name):
        for step in range(steps):
            loss = 2.0 / (1 + step)
            yield Step(
                experiment=experiment, step=step, loss=loss, lr=0.1, parameters_changed=True, compute_seconds=0.01
            )
            for split in ("train", "validation"):
                yield LossCall(experiment=experiment, step=step, split=split, value=loss, metric="accuracy", score=0.5)
        yield Experiment(name=experiment, steps=steps, wanted=steps, why=name)
    yield from layers_of([name, f"{name}.1"], range(0, steps, 4), file=name)
    for index in range(3):
        yield Sample(index=index, layer=name, layer_type=name, form="image", size=(2, 2, 1), pixels="AEB/wA==")
        yield Sample(index=index, role="target", form="label", values=(float(index),))
    yield Batch(
        leaf=name, role="input", shape=(4, 8), dtype="float32", mean=0.0, dim_mean=(0.0, 1.0), dim_std=(1.0, 1.0)
    )
    yield Labels(values=(0, 1, 1, 2))
    yield Loader(name=name, split="train", dataset=name, dataset_type=name, size=9)
    yield Event(kind="note", text=name)
    yield Source(file=name, text=f"import torch\nx = {name!r}\n{name}\n")


@check("cause-of-it", reason="R19", severity=Severity.ERROR, needs=[], explains=["symptom-of-it"])
def cause_of_it(run: Recording) -> Iterator[Finding]:
    """Something is wrong at the root of it.

    ## What it does
    Shows what a page must bear: <script>alert(1)</script>, [a link](javascript:alert(1)).
    """
    name = run.environment("script")
    yield Finding(
        message=f"The layer {name} is wrong, call `{name}`.",
        advice=f"Mend {name}.",
        where=SourceLine(name, 2, name),
        names=(name,),
        evidence=(
            Measure(name, 1.0, name),
            Curve(f"{name}, one", (0, 1, 2), (2.3, 2.2, 2.1)),
            Curve(f"{name}, two", (0, 1, 2), (2.3, math.inf, 2.1)),
            Table(name, (name,), ((name,),) * 60),
            Quote(name, name),
        ),
        certain=False,
    )


@check("symptom-of-it", reason="R33", severity=Severity.WARNING, needs=[TensorStats])
def symptom_of_it(run: Recording) -> Iterator[Finding]:
    """Something follows from it."""
    yield Finding(message="It follows.", advice="Mend the cause.", names=(run.environment("script"),))


@check("worth-knowing", reason="R31", severity=Severity.NOTE, needs=[Labels])
def worth_knowing(_run: Recording) -> Iterator[Finding]:
    """Something is worth knowing."""
    yield Finding(message="It is so.", advice="Nothing.")


CHECKS = (cause_of_it, symptom_of_it, worth_knowing)


def huge_records() -> Iterator[Record]:
    """Yield 1,000 layers over 10,000 steps, of which 100 are sampled; the loss leaps once."""
    names = [f"encoder.layers.{i // 10}.block.{i % 10}" for i in range(1000)]
    yield from layers_of(names, range(0, 10_000, 100))
    for step in range(10_000):
        yield Step(step=step, loss=math.exp(-step / 4000) + (step == 5000) * 50, lr=0.1, parameters_changed=True)
