"""nndoctor: why does this network not learn?

The names below are what the author of a check needs. Importing this package imports no torch.
"""

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

__version__ = "0.1.0"

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
]
