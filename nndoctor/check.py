"""How a check is declared, and what is known of it besides its logic."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

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
    watched: bool = False
    """Whether a recording of `watch` is enough: no experiments, and a close look at sampled steps only."""
    bound: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Values of options that the user's configuration sets in place of the defaults."""
    treatments: tuple[str, ...] = ()
    relief: tuple[str, ...] = ()

    def __call__(self, run: Recording, **options: Any) -> list[Finding]:
        """Run the check on one recording. Raises `Skip` where it cannot judge it."""
        return list(self.function(run, **{**self.bound, **options}))

    def with_options(self, options: Mapping[str, Any]) -> Check:
        """Return the check with these values in place of its defaults."""
        return replace(self, bound={**self.bound, **options})

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
        """Name and value of every option: the default in the function's signature, or what the configuration says."""
        parameters = inspect.signature(self.function).parameters.values()
        return {p.name: self.bound.get(p.name, p.default) for p in parameters if p.kind is p.KEYWORD_ONLY}


def check(
    name: str,
    *,
    reason: str,
    severity: Severity,
    needs: Sequence[type[Record]],
    explains: Sequence[str] = (),
    watched: bool = False,
    treatments: Sequence[str] = (),
    relief: Sequence[str] = (),
) -> Callable[[Callable[..., Iterator[Finding]]], Check]:
    """Declare a check: a generator that takes a recording and yields findings.

    Its keyword-only parameters are its options, and its docstring is its documentation. Without rows of every kind in
    `needs` it is skipped. `explains` names the checks that may fire as mere symptoms of this one.
    `watched`: it can judge a recording of `nndoctor watch` as well; without it such a recording is skipped.
    `treatments` names what the engine may do to the loop to take the cause away, the likeliest first; `relief` what
    may help without that: if it does not, nothing is refuted.
    """

    def declare(function: Callable[..., Iterator[Finding]]) -> Check:
        return Check(
            name,
            reason,
            severity,
            tuple(needs),
            frozenset(explains),
            function,
            watched=watched,
            treatments=tuple(treatments),
            relief=tuple(relief),
        )

    return declare
