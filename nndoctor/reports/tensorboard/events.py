"""Summaries as TensorBoard reads them, written through the same `EventFileWriter` as torch's `SummaryWriter` uses.

`torch.utils.tensorboard` itself would import torch into the process that only reports, and into the one that looks
after a watched training: seconds and hundreds of megabytes for building these few messages.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.histogram_pb2 import HistogramProto
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.plugins.hparams import metadata as hparams_metadata
from tensorboard.plugins.hparams.api_pb2 import STATUS_SUCCESS
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo
from tensorboard.plugins.text import metadata as text_metadata
from tensorboard.summary.writer.event_file_writer import EventFileWriter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class Writer:
    """Appends summaries to one event file, which is made when the first one comes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: EventFileWriter | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def scalar(self, tag: str, value: float, step: int) -> None:
        """Write a point of a curve."""
        self._write(Summary.Value(tag=tag, simple_value=value), step)

    def histogram(self, tag: str, low: float, high: float, counts: Sequence[int], step: int) -> None:
        """Write a distribution: counts of bins of equal width from `low` to `high`."""
        width = (high - low) / len(counts)
        centres = [low + (i + 0.5) * width for i in range(len(counts))]
        proto = HistogramProto(
            min=low,
            max=high,
            num=sum(counts),
            sum=sum(n * x for n, x in zip(counts, centres, strict=True)),
            sum_squares=sum(n * x * x for n, x in zip(counts, centres, strict=True)),
            # TensorBoard takes the first bucket to begin at its own limit, so it gets an empty one.
            bucket_limit=[low, *(low + (i + 1) * width for i in range(len(counts)))],
            bucket=[0, *counts],
        )
        self._write(Summary.Value(tag=tag, histo=proto), step)

    def image(self, tag: str, png: bytes, size: tuple[int, int], channels: int, step: int) -> None:
        """Write a picture of `size` (height, width), encoded as PNG."""
        height, width = size
        picture = Summary.Image(height=height, width=width, colorspace=channels, encoded_image_string=png)
        self._write(Summary.Value(tag=tag, image=picture), step)

    def text(self, tag: str, markdown: str, step: int) -> None:
        """Write a text, which TensorBoard renders as Markdown."""
        tensor = TensorProto(
            dtype="DT_STRING",
            string_val=[markdown.encode("utf-8", "replace")],
            tensor_shape=TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)]),
        )
        about = text_metadata.create_summary_metadata(display_name=tag, description="")
        self._write(Summary.Value(tag=tag, metadata=about, tensor=tensor), step)

    def hyper_parameters(self, values: Mapping[str, float | str | bool]) -> None:
        """Begin a session of the HParams tab.

        No `Experiment` summary is written: TensorBoard then makes the columns from all runs, also of other scripts.
        """
        start = SessionStartInfo()
        for name, value in values.items():
            match value:
                case bool():
                    start.hparams[name].bool_value = value
                case str():
                    start.hparams[name].string_value = value
                case _:
                    start.hparams[name].number_value = value
        self._hparams(hparams_metadata.SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=start))

    def end_of_session(self) -> None:
        """End the session of the HParams tab."""
        end = SessionEndInfo(status=STATUS_SUCCESS)
        self._hparams(hparams_metadata.SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=end))

    def _hparams(self, tag: str, data: HParamsPluginData) -> None:
        about: SummaryMetadata = hparams_metadata.create_summary_metadata(data)
        self._write(Summary.Value(tag=tag, metadata=about, tensor=hparams_metadata.NULL_TENSOR), 0)

    def _write(self, value: Summary.Value, step: int) -> None:
        if self._file is None:
            self._file = EventFileWriter(str(self._folder), max_queue_size=1000)
        self._file.add_event(Event(wall_time=time.time(), step=step, summary=Summary(value=[value])))
