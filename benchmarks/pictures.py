"""Takes the pictures of README.md and of the documentation: the report on a terminal, and report.html in a browser.

Run `make pictures`. Needs Chromium (Debian's package) for the page. The script is checked in a copy of its folder, so
that what is shown is what a user sees who starts nndoctor beside the script.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from nndoctor.commands import showing
from nndoctor.commands.asked import Asked
from nndoctor.reports import terminal
from nndoctor.run_folder import opened

if TYPE_CHECKING:
    from nndoctor.reports.examined import Examined

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
SAMPLE = ROOT / "sample_projects" / "zoo" / "missing-zero-grad"
SCRIPT = "sick.py"
COLUMNS = 100
WIDTH, HEIGHT = 1100, 1400
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
MOST = 300_000
"""Bytes of a picture: a repository keeps every version of it."""


def main() -> int:
    """Check the sample and write both pictures."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch, "project")
        shutil.copytree(SAMPLE, work, ignore=shutil.ignore_patterns("nndoctor-runs", "__pycache__"))
        os.chdir(work)
        command = [sys.executable, "-m", "nndoctor", "check", "-q", SCRIPT]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'checks'}"}
        subprocess.run(command, env=environment, check=False)
        [folder] = Path("nndoctor-runs").iterdir()
        found = showing.examined(opened(folder), showing.Chosen.by(Asked()))
        written = {"terminal.svg": capture(found), "report.png": screenshot(folder / "report.html")}
    for name, content in written.items():
        if len(content) > MOST:
            print(f"{name} is too large: {len(content):,} bytes")
            return 1
        (PICTURES / name).write_bytes(content)
        print(f"{PICTURES / name}: {len(content):,} bytes")
    return 0


def capture(found: Examined) -> bytes:
    """Return the report on a terminal as SVG."""
    console = Console(
        file=io.StringIO(), record=True, width=COLUMNS, force_terminal=True, highlight=False, markup=False, emoji=False
    )
    terminal.show(found.run, found.diagnosis, found.folder, console, found.prescription)
    picture = console.export_svg(title=f"nndoctor check {SCRIPT}")
    # Its fonts would come from the network; the reader's own monospaced one does as well.
    return re.sub(r"\s*@font-face \{.*?\}", "", picture, flags=re.DOTALL).encode()


def screenshot(page: Path) -> bytes:
    """Return the first screen of report.html as PNG, with a palette: it is a third of the size."""
    from PIL import Image
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        raise SystemExit(f"no browser: none of {', '.join(BROWSERS)} is installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        tab.goto(page.absolute().as_uri())
        tab.wait_for_timeout(3000)  # charts are drawn when the page is idle
        picture = Image.open(io.BytesIO(tab.screenshot()))
        browser.close()
    buffer = io.BytesIO()
    picture.convert("RGB").quantize(256).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


if __name__ == "__main__":
    sys.exit(main())
