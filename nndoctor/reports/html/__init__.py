"""report.html: one self-contained page, from the recording and the diagnosis alone. It needs no network and no torch.

Light on imports: jinja2, Pillow and markdown-it are imported when a page is rendered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor.reports.html.page import render
from nndoctor.reports.words import clean

if TYPE_CHECKING:
    from nndoctor.diagnose import Diagnosis
    from nndoctor.prescription import Prescription
    from nndoctor.recording import Recording
    from nndoctor.run_folder import RunFolder

__all__ = ["render", "write"]


def write(run: Recording, diagnosis: Diagnosis, folder: RunFolder, prescription: Prescription | None = None) -> str:
    """Write report.html. A fault in the drawing costs the page, not the diagnosis: returns what it was, or nothing."""
    try:
        page = render(run, diagnosis, folder.path, prescription)
        folder.report.write_text(page, encoding="utf-8", errors="replace")
    except Exception as error:  # noqa: BLE001 - whatever it is, the verdict stands
        why = clean(" ".join(f"{type(error).__name__}: {error}".split()))
        return f"{folder.report.name} could not be written: {why}"
    return ""
