"""report.html: one self-contained page, from the recording and the diagnosis alone. It needs no network and no torch.

Light on imports: jinja2, Pillow and markdown-it are imported when a page is rendered.
"""

from nndoctor.reports.html.page import render

__all__ = ["render"]
