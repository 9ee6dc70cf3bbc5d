"""The same finding in several phases of a script (folds, pre-training and fine-tuning) is told once."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from nndoctor.finding import Finding, Table

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

_NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(\.\d+)?(e[-+]?\d+)?")
"""A measured number or a count (`Adam#1`), not a part of a name (`net.1`, `conv2`)."""
_COUNT = re.compile(r"#\d+$")


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings, those that differ in their numbers only as one: the first, with what the others measured.

    They must be about the same line of code. Without a line, only what is the same to the letter is the same.
    """
    groups: dict[Hashable, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(_key(finding), []).append(finding)
    return [_one(group) for group in groups.values()]


def _key(finding: Finding) -> Hashable:
    told = (finding.title, finding.message, finding.advice)
    if finding.where is not None:
        told = (_masked(finding.title), _masked(finding.message), _masked(finding.advice))
    names = tuple(_COUNT.sub("#", name) for name in finding.names)
    return finding.where, finding.severity, finding.certain, finding.explains, names, told


def _masked(text: str) -> str:
    return _NUMBER.sub("0", text)


def _one(group: list[Finding]) -> Finding:
    first, *others = group
    if not others:
        return first
    messages = tuple((each.message,) for each in others)
    place = " at this line" if first.where is not None else ""
    return replace(
        first,
        message=f"{first.message} The same was found {len(group)} times{place}.",
        names=tuple(dict.fromkeys(name for each in group for name in each.names)),
        evidence=(*first.evidence, Table("found also", ("what",), messages)),
    )
