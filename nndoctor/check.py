"""How a check is declared, and what is known of it besides its logic."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from nndoctor.finding import Finding, Severity
    from nndoctor.recording import Recording
    from nndoctor.records import Record


@dataclass(frozen=True, slots=True)
class Check:
    """One entry of the catalogue. Call it to run it."""

    name: str
    reason: str
    severity: Severity
    needs: tuple[type[Record], ...]
    explains: frozenset[str]
    function: Callable[..., Iterator[Finding]]
    treatments: tuple[str, ...] = ()
    relief: tuple[str, ...] = ()

    def __call__(self, run: Recording, **options: Any) -> list[Finding]:
        """Run the check on one recording. Raises `Skip` where it cannot judge it."""
        return list(self.function(run, **options))

    @property
    def documentation(self) -> str:
        """The docstring, as Markdown. `nndoctor explain` prints it."""
        return inspect.getdoc(self.function) or ""

    @property
    def title(self) -> str:
        """The first line of the documentation."""
        return self.documentation.partition("\n")[0]

    @property
    def options(self) -> dict[str, Any]:
        """Name and default of every option, read from the function's signature."""
        parameters = inspect.signature(self.function).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


def check(
    name: str,
    *,
    reason: str,
    severity: Severity,
    needs: Sequence[type[Record]],
    explains: Sequence[str] = (),
    treatments: Sequence[str] = (),
    relief: Sequence[str] = (),
) -> Callable[[Callable[..., Iterator[Finding]]], Check]:
    """Declare a check: a generator that takes a recording and yields findings.

    Its keyword-only parameters are its options, and its docstring is its documentation. Without rows of every kind in
    `needs` it is skipped. `explains` names the checks that may fire as mere symptoms of this one. `treatments`
    names what the engine may do to the loop to take the cause away, the likeliest first; `relief` what may help
    without that: if it does not, nothing is refuted.
    """

    def declare(function: Callable[..., Iterator[Finding]]) -> Check:
        return Check(
            name, reason, severity, tuple(needs), frozenset(explains), function, tuple(treatments), tuple(relief)
        )

    return declare
