"""Whether what a model puts out depends on what goes into it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from nndoctor.records import OBSERVE, Independence, NonFinite, Parameter
from nndoctor_checks.wiring import share_of

if TYPE_CHECKING:
    from nndoctor import Recording


def disconnected(run: Recording) -> dict[tuple[int, str], list[Independence]]:
    """Return by phase and name the models whose output no input changed and that hold most of what is trained.

    A small helper (a table of positions) may look at no more than the shape of its input.
    """
    sick = {n.segment for n in run.rows(NonFinite) if n.experiment == OBSERVE and not n.harmless}
    calls: defaultdict[tuple[int, str], list[Independence]] = defaultdict(list)
    for row in run.rows(Independence):
        if row.segment not in sick:
            calls[row.segment, row.module].append(row)
    judged = {key: rows for key, rows in calls.items() if any(not row.why for row in rows)}
    found = {}
    for (segment, module), rows in judged.items():
        trained = [p for p in run.rows(Parameter) if p.segment == segment and p.requires_grad and p.optimizer]
        own = [p for p in trained if p.root == module]
        alone = not trained and sum(s == segment for s, _ in judged) == 1
        # What changes the loss alone is the target, given to a model that works out the loss itself.
        inputs = [row for row in rows if not row.loss_only]
        unused = bool(inputs) and not any(row.depends or row.depended for row in inputs)
        if unused and (alone or share_of(own, trained) >= 0.5):
            found[segment, module] = inputs
    return found
