"""The experiment `alone`: where the loop cannot learn and its loss has several terms, each of them by itself.

Where one small batch could not be fitted, each term gets that batch; where it could, but the loss on the script's own
batches does not fall, each gets those, for as many steps as all together had.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from nndoctor.experiments.diet import Diet, Result
from nndoctor.experiments.further import learns
from nndoctor.experiments.parts import LEAST, stays
from nndoctor.records import ALONE, OBSERVE, OVERFIT, Experiment

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from nndoctor.conductor import Conductor
    from nndoctor.experiments.parts import Parts

SHARE = 0.2
"""Greatest share of the budget for all of them."""


@dataclass(slots=True)
class Fitting:
    """What came of one small batch: whether it was fitted at any rate, and the run at the script's own."""

    fitted: bool = False
    diet: Diet | None = None
    result: Result = field(default_factory=Result)

    def take(self, diet: Diet, result: Result, *, fits: bool) -> None:
        """Take in a run."""
        self.fitted = self.fitted or fits
        if diet.name == OVERFIT:
            self.diet, self.result = diet, result


def alone(
    conductor: Conductor,
    parts: Parts,
    observed: Result,
    fitting: Fitting,
    *,
    runs: Callable[[Conductor, str], bool],
) -> Generator[Diet, Result, None]:
    """Yield a diet for each part of the objective, if it has several and they do not learn together."""
    on_one_batch = not fitting.fitted and (stays(fitting.result.losses) or parts.some_stay(OVERFIT))
    if len(parts.keys) < 2 or not (on_one_batch or not learns(observed)):
        return
    why = parts.why
    if observed.objectives > 1:
        why = "several objectives are minimised in turn"
    elif observed.non_finite_at >= 0:
        why = "the run did not stay finite"
    if why:
        conductor.session.add(Experiment(name=ALONE, outcome="skipped", why=why))
        return
    seconds = max(0.2, min(conductor.left(), SHARE * conductor.session.config.budget) / len(parts.keys))
    for index, key in enumerate(parts.keys):
        name = f"{ALONE}{index}"
        if not runs(conductor, name):
            continue
        parts.choose(key, beside=OVERFIT if on_one_batch else OBSERVE)
        if on_one_batch and fitting.diet is not None:
            yield replace(fitting.diet, name=name, wanted=len(fitting.result.losses), least=LEAST, seconds=seconds,
                          enough=parts.has_fallen)  # fmt: skip
        else:
            steps = len(observed.losses)
            yield Diet(name=name, wanted=steps, least=steps, seconds=seconds)
