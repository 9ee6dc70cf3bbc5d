"""Words and numbers as the reports write them."""

from __future__ import annotations

import codecs
import io
import math


def clean(text: str) -> str:
    """Return text without control characters (escape sequences of the user's), which would steer the terminal."""
    return "".join(
        c if c.isprintable() or c == "\n" else " " if c == "\t" else "\N{REPLACEMENT CHARACTER}" for c in text
    )


def soften(*streams: object) -> None:
    """Let streams that cannot write a character write one that looks like it, not fail."""
    codecs.register_error("look-alike", _look_alike)
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="look-alike")


def _look_alike(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return error.object[error.start : error.end].translate(_PLAIN), error.end


class _Plain(dict[int, str]):
    """Characters by code point; whatever is not known becomes a question mark."""

    def __missing__(self, _code: int) -> str:
        return "?"


_FANCY = "\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588\u2500\u2026\u00a0\u00b1"
_PLAIN = _Plain({ord(fancy): plain for fancy, plain in zip(_FANCY, "_.,-=+*#-~ ~", strict=True)})


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
