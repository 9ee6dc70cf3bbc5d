"""The catalogue as one Markdown page: what `docs/checks.md` holds, made from the checks' own docstrings."""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING

from nndoctor.reasons import CHAPTER_TITLES, REASONS, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nndoctor.check import Check

INTRODUCTION = """\
# All checks

Made by `make docs` from the checks themselves; `nndoctor explain NAME` prints the same text. `R01` to `R37` are the
numbered reasons of the checklist "37 reasons why your neural network is not working"; the letters hold what lectures
on optimisation add.
"""


def render(checks: Iterable[Check]) -> str:
    """Return the page. The checks come in the order of the catalogue: by reason, then by name."""
    known = list(checks)
    lines = [INTRODUCTION, *_table(known)]
    for reason, group in groupby(known, key=lambda check: check.reason):
        meant = REASONS.get(reason, Reason(reason, "Checks of other packages", ""))
        heading = meant.title if meant.chapter in CHAPTER_TITLES else reason
        lines += ["", f"## {meant.code}: {heading}"]
        for check in group:
            lines += _section(check)
    return "\n".join(lines).rstrip() + "\n"


def _table(checks: list[Check]) -> Iterator[str]:
    yield "| reason | check | severity | what it reports |"
    yield "|---|---|---|---|"
    for check in checks:
        title = check.title.rstrip(".").replace("|", "\\|")
        yield f"| {check.reason} | [`{check.name}`](#{check.name}) | {check.severity.label} | {title} |"


def _section(check: Check) -> Iterator[str]:
    title, _, body = check.documentation.partition("\n")
    yield ""
    yield f"### {check.name}"
    yield ""
    yield f"**{title.rstrip('.')}.** ({check.reason}, {check.severity.label})"
    yield ""
    # The docstring's sections become headings below the check's own.
    yield re.sub(r"^## (.+)$", r"#### \1", body.strip(), flags=re.MULTILINE)
    if check.options:
        yield ""
        yield "#### Thresholds"
        yield ""
        yield ", ".join(f"`{name} = {value!r}`" for name, value in check.options.items())
