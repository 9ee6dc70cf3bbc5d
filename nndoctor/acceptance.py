"""Between the diagnosis and the reports: findings that the user has accepted count no more, and stay visible."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from nndoctor.baseline import identity
from nndoctor.catalogue import reason_code
from nndoctor.causes import ordered
from nndoctor.diagnose import Accepted, Diagnosis, Entry, Outcome
from nndoctor.finding import Severity, Status
from nndoctor.pragmas import accepted_by_line
from nndoctor.verdict import decide

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Mapping

    from nndoctor.baseline import Identity
    from nndoctor.causes import Fired
    from nndoctor.locating import Locator
    from nndoctor.recording import Recording

BASELINE = "the baseline"


@dataclass(slots=True)
class Acceptance:
    """What was accepted: in comments of the code, which `source` reads, and in the baseline."""

    locator: Locator
    source: Callable[[str], str]
    """Returns the text of a file, empty where it cannot be read."""
    known: Counter[Identity]
    _comments: dict[str, Mapping[int, frozenset[str]]] = field(default_factory=dict)

    def by(self, entry: Entry) -> str:
        """Return how a finding was accepted, empty if it was not. Uses up one entry of the baseline."""
        if self._in_code(entry):
            return f"a comment at {entry.where}"
        key = identity(entry, self.locator)
        if self.known[key] > 0:
            self.known[key] -= 1
            return BASELINE
        return ""

    def _in_code(self, entry: Entry) -> bool:
        where = entry.where
        if where is None or where.file.startswith("<"):
            return False
        if where.file not in self._comments:
            self._comments[where.file] = accepted_by_line(self.source(where.file))
        terms = self._comments[where.file].get(where.line, frozenset())
        return any(term == entry.check.name or reason_code(term) == entry.check.reason for term in terms)


def accept(diagnosis: Diagnosis, run: Recording, acceptance: Acceptance, *, fail_on: Severity | None) -> Diagnosis:
    """Return the diagnosis without what was accepted, and what was accepted beside it.

    The verdict and the order of causes are those of the findings that are left: the symptoms of an accepted cause
    count, unless they are accepted as well.
    """
    judged = [(entry, acceptance.by(entry)) for entry in diagnosis.entries]
    accepted = tuple(Accepted(entry, by) for entry, by in judged if by)
    if not accepted:
        return diagnosis
    gone = {id(each.entry.finding) for each in accepted}
    fired = [each for cause in diagnosis.causes for each in (cause.root, *cause.symptoms)]
    left = [replace(f, findings=kept) for f in fired if (kept := tuple(x for x in f.findings if id(x) not in gone))]
    return Diagnosis(
        verdict=decide(run, max((f.severity for f in left), default=None), fail_on),
        causes=tuple(ordered(left)),
        outcomes=tuple(_outcome(each, accepted, left) for each in diagnosis.outcomes),
        accepted=accepted,
        proofs=diagnosis.proofs,
    )


def _outcome(outcome: Outcome, accepted: tuple[Accepted, ...], left: list[Fired]) -> Outcome:
    own = [each for each in accepted if outcome.check and each.entry.check.name == outcome.check]
    if not own:
        return outcome
    for fired in left:
        if fired.check.name == outcome.check:
            status = Status.NOTE if fired.severity is Severity.NOTE else Status.FINDING
            return replace(outcome, status=status, why=fired.findings[0].message, severity=fired.severity)
    why = f"accepted by {own[0].by}: {own[0].entry.finding.message}"
    return replace(outcome, status=Status.ACCEPTED, why=why, severity=None)
