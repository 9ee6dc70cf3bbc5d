"""Scalars of a folder of TensorBoard events, read by TensorBoard's own loader, images and graphs skipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from nndoctor.curves.readers.columns import Points

PATTERN = "*tfevents*"


def has_events(folder: Path) -> bool:
    """Whether event files lie in this very folder."""
    return any(folder.glob(PATTERN))


def read_events(folder: Path) -> dict[str, Points]:
    """Return the scalars of the event files of one folder, in the order of their names, which begin with their time."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    from tensorboard.util import tensor_util

    columns: dict[str, Points] = {}
    scalars: set[str] = set()
    for path in sorted(folder.glob(PATTERN)):
        try:
            for event in EventFileLoader(str(path)).Load():
                for value in event.summary.value:
                    # Only the first value of a tag says what kind it is.
                    if value.metadata.plugin_data.plugin_name == "scalars":
                        scalars.add(value.tag)
                    if value.tag in scalars:
                        number = float(tensor_util.make_ndarray(value.tensor).item())
                        columns.setdefault(value.tag, []).append((float(event.step), number))
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror or error}") from None
        except Exception as error:  # noqa: BLE001 - TensorBoard has errors of its own for files that are none
            raise UsageError(f"{path} cannot be read as TensorBoard events: {type(error).__name__}") from None
    return columns
