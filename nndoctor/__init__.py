"""nndoctor: why does this network not learn?

The names below are what the author of a check needs, and `watch` for loops of one's own. Importing this package imports
no torch.
"""

from typing import TYPE_CHECKING, Any

from nndoctor.check import Check, check
from nndoctor.finding import (
    Curve,
    Evidence,
    Finding,
    Measure,
    Quote,
    Severity,
    Skip,
    SourceLine,
    Status,
    Table,
    curve,
    names_shown,
)
from nndoctor.recording import Recording

if TYPE_CHECKING:
    from nndoctor.watching.library import Watch

__version__ = "0.1.0"


def watch(*models: Any, **options: Any) -> "Watch":
    """Return a context that watches the training inside of it; see `nndoctor.watching.library.Watch`."""
    from nndoctor.watching.library import Watch

    return Watch(*models, **options)


__all__ = [
    "Check",
    "Curve",
    "Evidence",
    "Finding",
    "Measure",
    "Quote",
    "Recording",
    "Severity",
    "Skip",
    "SourceLine",
    "Status",
    "Table",
    "check",
    "curve",
    "names_shown",
    "watch",
]
