"""Fills the captures and the table of checks in README.md with what the commands really print.

Run `make readme`. Each block stands between `<!-- capture: name -->` (or `table`) and `<!-- end -->`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from nndoctor.catalogue import load_catalogue
from nndoctor.reasons import REASONS

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"


def capture(folder: str, script: str) -> str:
    """Return what `nndoctor check` prints of a script, run in a copy-free way in its own folder."""
    with tempfile.TemporaryDirectory() as out:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "100", "NO_COLOR": "1"}
        command = [sys.executable, "-m", "nndoctor", "check", "--out", f"{out}/run", script]
        done = subprocess.run(command, cwd=ROOT / folder, env=environment, capture_output=True, text=True, check=False)
        said = done.stdout.replace(f"{out}/run", f"nndoctor-runs/{Path(script).stem}-20260102-030405")
    return f"```text\n$ nndoctor check {script}\n{_trimmed(said)}\n```"


def table() -> str:
    """Return a Markdown table: of each reason, the checks that decide it."""
    by_reason: dict[str, list[str]] = {code: [] for code in REASONS}
    for check in load_catalogue().values():
        by_reason.setdefault(check.reason, []).append(f"[`{check.name}`](docs/checks.md#{check.name})")
    lines = ["| reason | checks |", "|---|---|"]
    lines += [f"| {code} {REASONS[code].title} | {' '.join(names)} |" for code, names in by_reason.items() if names]
    return "\n".join(lines)


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def main() -> int:
    """Rewrite the blocks; only the table with `--table`."""
    blocks = {"table: checks": table}
    if "--table" not in sys.argv:
        blocks |= {
            "capture: sick": lambda: capture("sample_projects/zoo/missing-zero-grad", "sick.py"),
            "capture: healthy": lambda: capture("sample_projects/digits", "train.py"),
        }
    text = README.read_text()
    for name, make in blocks.items():
        begin, _, rest = text.partition(f"<!-- {name} -->\n")
        _, mark, after = rest.partition("<!-- end -->")
        text = f"{begin}<!-- {name} -->\n{make()}\n{mark}{after}"
    README.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
