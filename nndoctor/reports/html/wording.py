"""Text as the page shows it: whatever the user's strings hold, it is read as text and takes up bounded room."""

from __future__ import annotations

import base64
import json
import math
import re
import unicodedata
from typing import Any

from markupsafe import Markup, escape

LONGEST = 1_200
"""Characters of one string; of a longer one the middle is left out."""
_KEPT = frozenset("\n\t")
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that show nothing, or steer what is around them: controls, directions, lone surrogates."""
_CODE = re.compile(r"`([^`\n]+)`")
_IN_SCRIPT = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def visible(text: str, most: int = LONGEST) -> str:
    """Return text in which nothing is hidden: a control character or a direction mark is shown by its number."""
    if len(text) > most:
        half = most // 2
        text = f"{text[:half]} [... {len(text) - 2 * half:,} characters ...] {text[-half:]}"
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c in _KEPT or unicodedata.category(c) not in _UNSEEN else f"[U+{ord(c):04X}]" for c in text)


def whole(text: str) -> Markup:
    """Return a text that must not lose its middle, such as a command or a traceback, as HTML."""
    return escape(visible(text, 100_000))


def finalized(value: Any) -> Any:
    """Make visible what a template prints; jinja2 escapes it afterwards."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def inline(text: str) -> Markup:
    """Return a sentence as HTML: what stands between backticks is code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(visible(text)))))  # noqa: S704 - escaped just before


def as_json(value: Any) -> Markup:
    """Return JSON that can stand in a script element. NaN and infinity become null, bytes base64."""
    text = json.dumps(_strict(value), separators=(",", ":"), allow_nan=False, ensure_ascii=True)
    return Markup(text.translate(_IN_SCRIPT))  # noqa: S704 - the characters that could end the element are escaped


def _strict(value: Any) -> Any:
    match value:
        case float():
            return _rounded(value) if math.isfinite(value) else None
        case dict():
            return {str(key): _strict(each) for key, each in value.items()}
        case list() | tuple():
            return [_strict(each) for each in value]
        case str():
            return visible(value, 200)
        case bytes():
            return base64.b64encode(value).decode()
        case _:
            return value


def _rounded(value: float) -> float | int:
    short = float(f"{value:.5g}")
    return int(short) if short == int(short) and abs(short) < 1e9 else short
