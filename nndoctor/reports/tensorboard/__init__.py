"""The run in TensorBoard: `tensorboard --logdir nndoctor-runs`.

Curves, distributions, pictures and texts go to `RUN/tensorboard`; hyper-parameters with the verdict to the run
`RUN/tensorboard/verdict`, so that the HParams tab has the verdict for its columns and not the curves of every layer.
Event files are only ever added to: what was written is kept in `written.json`, and the next call writes what is new.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from nndoctor.finding import Severity
from nndoctor.records import OBSERVE, TRAIN, Histogram, Loader, Optimizer, Sample, Step
from nndoctor.reports.tensorboard import curves
from nndoctor.reports.tensorboard.curves import GROUPS, phase, tag_of
from nndoctor.reports.tensorboard.texts import texts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from PIL.Image import Image

    from nndoctor.diagnose import Diagnosis
    from nndoctor.recording import Recording
    from nndoctor.reports.tensorboard.events import Writer

STATE = "written.json"
VERDICT = "verdict"
PICTURES = 16
DISTRIBUTIONS = 2000
"""Most histograms: those of a model of some 300 layers, at two steps."""
SMALLEST = 64
"""Pixels of the longer side below which a picture is enlarged: TensorBoard shows it as large as it is."""


@dataclass(slots=True)
class Written:
    """What the event files hold so far."""

    steps: dict[str, int] = field(default_factory=dict)
    """The last step of each curve."""
    contents: dict[str, str] = field(default_factory=dict)
    """A hash of what was last written under each other tag."""
    updates: int = 0

    @classmethod
    def read(cls, path: Path) -> Written:
        """Read what an earlier call left; nothing if it is missing or spoilt."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return cls()

    def is_new(self, tag: str, content: object) -> bool:
        """Return whether this is not what was last written under the tag, and note it."""
        digest = hashlib.sha256(repr(content).encode("utf-8", "replace")).hexdigest()[:16]
        if self.contents.get(tag) == digest:
            return False
        self.contents[tag] = digest
        return True


def update(run: Recording, diagnosis: Diagnosis, folder: Path, *, final: bool = True) -> None:
    """Write what is new since the last call. `final`: the run has ended, so nothing more needs to be waited for."""
    from nndoctor.reports.tensorboard.events import Writer

    folder.mkdir(parents=True, exist_ok=True)
    written = Written.read(folder / STATE)
    with Writer(folder) as writer:
        loop, layers = curves.of_the_loop(run), curves.of_the_layers(run)
        for group, buckets in ((loop, curves.BUCKETS_OF_THE_LOOP), (layers, curves.buckets_of_layers(layers))):
            for tag, point in curves.news(group, written.steps, buckets=buckets, final=final):
                writer.scalar(tag, point.value, point.step)
        _histograms(run, writer, written)
        _pictures(run, writer, written)
        for tag, text in texts(run, diagnosis).items():
            # Numbers in messages change all the time; while the run goes on, only what is found is news.
            news = text if final or tag != "diagnosis" else [(e.check.name, str(e.where)) for e in diagnosis.entries]
            if written.is_new(tag, news):
                writer.text(tag, text, written.updates)
    with Writer(folder / VERDICT) as writer:
        parameters = hyper_parameters(run)
        if parameters and written.is_new("hyper-parameters", parameters):
            writer.hyper_parameters(parameters)
        measures = dict(metrics(run, diagnosis))
        if written.is_new("metrics", measures):
            for tag, value in measures.items():
                writer.scalar(tag, value, written.updates)
        if parameters and final and written.is_new("end", "success"):
            writer.end_of_session()
    written.updates += 1
    (folder / STATE).write_text(json.dumps(asdict(written)), encoding="utf-8")


def hyper_parameters(run: Recording) -> dict[str, float | str | bool]:
    """Return what a user sets and may want to compare: the optimizers' options, the batch size, seed, arguments."""
    found: dict[str, float | str | bool] = {}
    for index, optimizer in enumerate(run.rows(Optimizer)):
        prefix = f"{optimizer.name}." if index else ""
        found[f"{prefix}optimizer"] = optimizer.type
        for name in ("lr", "momentum", "weight_decay", "eps", "beta1", "beta2"):
            value = getattr(optimizer, name)
            if math.isfinite(value):
                found[f"{prefix}{name}"] = value
    loaders = [row for row in run.rows(Loader) if row.split == TRAIN]
    if loaders:
        found |= {"batch_size": float(loaders[0].batch_size), "order": loaders[0].order}
    for name in ("script", "arguments", "seed"):
        if value := run.environment(name):
            found[name] = value
    return found


def metrics(run: Recording, diagnosis: Diagnosis) -> Iterator[tuple[str, float]]:
    """Yield the columns of the HParams tab: the verdict as numbers, and what became of the loss."""
    severities = [entry.severity for entry in diagnosis.entries]
    yield "verdict/healthy", float(diagnosis.verdict.status == "healthy")
    yield "verdict/errors", float(severities.count(Severity.ERROR))
    yield "verdict/warnings", float(severities.count(Severity.WARNING))
    losses = [s.loss for s in run.rows(Step) if s.experiment == OBSERVE and math.isfinite(s.loss)]
    if losses:
        yield "loss/first", losses[0]
        yield "loss/last", losses[-1]


def _histograms(run: Recording, writer: Writer, written: Written) -> None:
    rows = [r for r in run.rows(Histogram) if r.counts and math.isfinite(r.low) and math.isfinite(r.high)]
    for row in rows[:DISTRIBUTIONS]:
        tag = f"{GROUPS.get(row.kind, row.kind)}/{tag_of(row.name)}{phase(row.segment)}"
        if written.is_new(f"{tag}/{row.moment}", row):
            writer.histogram(tag, row.low, row.high, row.counts, row.at)


def _pictures(run: Recording, writer: Writer, written: Written) -> None:
    for row in [r for r in run.rows(Sample) if r.form == "image"][:PICTURES]:
        tag = f"samples/{row.role}/{row.index:02}{phase(row.segment)}"
        picture = _picture(row)
        if picture is not None and written.is_new(tag, row):
            buffer = io.BytesIO()
            picture.save(buffer, "PNG")
            writer.image(tag, buffer.getvalue(), (picture.height, picture.width), len(picture.getbands()), 0)


def _picture(sample: Sample) -> Image | None:
    """Return a sample as a picture, enlarged by a whole number where it is tiny; None where it is damaged."""
    from PIL import Image

    height, width, channels = (*sample.size, 1, 1, 1)[:3]
    pixels = base64.b64decode(sample.pixels)
    if len(pixels) != height * width * channels or not pixels or channels not in (1, 3):
        return None
    picture = Image.frombytes("L" if channels == 1 else "RGB", (width, height), pixels)
    scale = max(1, SMALLEST // max(height, width))
    return picture.resize((width * scale, height * scale), Image.Resampling.NEAREST)
