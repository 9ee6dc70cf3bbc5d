"""Words and numbers as the reports write them."""

from __future__ import annotations

import math


def clean(text: str) -> str:
    """Return text without control characters (escape sequences of the user's), which would steer the terminal."""
    return "".join(
        c if c.isprintable() or c == "\n" else " " if c == "\t" else "\N{REPLACEMENT CHARACTER}" for c in text
    )


def plural(count: int, noun: str) -> str:
    """Return `1 warning`, `2 warnings`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def number(value: float) -> str:
    """Return a number with four significant digits, whole ones in full."""
    if math.isfinite(value) and value == int(value) and abs(value) < 1e9:
        return f"{int(value):,}"
    return f"{value:.4g}"


def seconds(value: float) -> str:
    """Return `4.2 s`, `3 min 10 s`."""
    if not value >= 100:
        return f"{value:.3g} s"
    return f"{int(value) // 60} min {int(value) % 60} s"
