"""Two runs side by side: what was changed, and what came of it.

Pure, as a diagnosis is: two recordings in, a `Comparison` out. Code, arguments and surroundings are what a user
changes; hyper-parameters, model and data follow from these, and count as changes of their own only where none of them
explains the difference (a configuration file, say, which no recording holds).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nndoctor.comparing.code import CodeChange, code_changes
from nndoctor.comparing.curves import CurvePair, curve_pairs
from nndoctor.comparing.facts import Difference, arguments, data, environment, hyper_parameters, instruments, model

if TYPE_CHECKING:
    from nndoctor.diagnose import Diagnosis, Entry
    from nndoctor.recording import Recording

ONE_AT_A_TIME = "make only one change at a time, or what came of it cannot be told apart"


@dataclass(frozen=True, slots=True)
class Compared:
    """One of the two runs."""

    name: str
    run: Recording
    diagnosis: Diagnosis


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that differs between two runs, `before` and `after`."""

    before: Compared
    after: Compared
    code: tuple[CodeChange, ...]
    code_is_known: bool
    arguments: tuple[Difference, ...]
    environment: tuple[Difference, ...]
    instruments: tuple[Difference, ...]
    """What nndoctor itself was asked to do: it changes what is seen, not how the script trains."""
    hyper_parameters: tuple[Difference, ...]
    model: tuple[Difference, ...]
    data: tuple[Difference, ...]
    curves: tuple[CurvePair, ...]
    gained: tuple[Entry, ...]
    lost: tuple[Entry, ...]
    kept: tuple[Entry, ...]

    @property
    def changes(self) -> list[str]:
        """What was changed, one sentence each."""
        made = [change.told for change in self.code]
        made += [each.told for each in (*self.arguments, *self.environment)]
        if not (self.code or self.arguments):
            made += [each.told for each in (*self.hyper_parameters, *self.model, *self.data) if not each.by_chance]
        return made

    @property
    def verdict(self) -> str:
        """One sentence on the changes."""
        changes = self.changes
        unseen = "" if self.code_is_known else " (the code of one of them was not recorded)"
        if not changes:
            return f"Nothing that was recorded differs between the runs{unseen}."
        if len(changes) == 1:
            return f"One thing differs: {changes[0]}{unseen}."
        return f"{len(changes)} things differ{unseen}: {ONE_AT_A_TIME}."


def compare(before: Compared, after: Compared) -> Comparison:
    """Compare two runs."""
    pair = before.run, after.run
    code, known = code_changes(*pair)
    old = {_key(entry): entry for entry in before.diagnosis.entries}
    new = {_key(entry): entry for entry in after.diagnosis.entries}
    return Comparison(
        before=before,
        after=after,
        code=tuple(code),
        code_is_known=known,
        arguments=tuple(arguments(*pair)),
        environment=tuple(environment(*pair)),
        instruments=tuple(instruments(*pair)),
        hyper_parameters=tuple(hyper_parameters(*pair)),
        model=tuple(model(*pair)),
        data=tuple(data(*pair)),
        curves=tuple(curve_pairs(*pair)),
        gained=tuple(entry for key, entry in new.items() if key not in old),
        lost=tuple(entry for key, entry in old.items() if key not in new),
        kept=tuple(entry for key, entry in new.items() if key in old),
    )


def _key(entry: Entry) -> tuple[str, tuple[str, ...]]:
    # Not the line: it moves with every edit above it.
    return entry.check.name, entry.finding.names
