"""Comments by which a user accepts findings in the code: `# nndoctor: ignore[unshuffled-data, R07]`."""

from __future__ import annotations

import io
import re
import tokenize
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PRAGMA = re.compile(r"#\s*nndoctor:\s*ignore\[([^\]]*)\]")
_BARE = re.compile(r"#\s*nndoctor:\s*ignore(?!\s*\[[^\]]*\])")
_LAYOUT = {tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING, tokenize.ENDMARKER}


def accepted_by_line(source: str) -> dict[int, frozenset[str]]:
    """Return for each line of the source the checks and reasons that comments accept there, in lower case.

    A comment concerns the whole statement that it stands in, also where that spans several lines; one that stands
    alone concerns the next statement. In a file that cannot be read as Python no comment counts.
    """
    found: dict[int, frozenset[str]] = {}
    terms: set[str] = set()
    first = last = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                terms |= _terms(token.string)
                if not first:  # it stands alone, above a statement or at a block's end
                    found[token.start[0]] = frozenset(terms)
            elif token.type == tokenize.NEWLINE:
                found.update(dict.fromkeys(range(first, max(last, token.start[0]) + 1), frozenset(terms)))
                terms, first = set(), 0
            elif token.type not in _LAYOUT:
                first, last = first or token.start[0], token.end[0]
            elif token.type == tokenize.NL and not first and not token.line.strip():
                terms = set()  # an empty line parts a comment from what follows
    except (tokenize.TokenError, SyntaxError):
        return {}
    return {line: names for line, names in found.items() if names}


def written(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and name for all that comments accept; the name is empty where a comment names nothing.

    Raises `SyntaxError` (or `tokenize.TokenError`) for what cannot be read as Python.
    """
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            terms = sorted(_terms(token.string))
            yield from ((token.start[0], term) for term in terms)
            if _BARE.search(token.string) or (_PRAGMA.search(token.string) and not terms):
                yield token.start[0], ""


def _terms(comment: str) -> set[str]:
    return {term.strip().lower() for match in _PRAGMA.findall(comment) for term in match.split(",") if term.strip()}
