"""R02 ignores-input."""

from __future__ import annotations

import math
from statistics import fmean
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, check, curve
from nndoctor.records import (
    OBSERVE,
    OVERFIT,
    RANDOM_INPUT,
    TRAIN,
    EvalGap,
    Experiment,
    LossCall,
    Step,
)
from nndoctor_checks.batches import inputs, is_float, training_batches
from nndoctor_checks.connection import disconnected
from nndoctor_checks.label_streams import adversarial
from nndoctor_checks.noise_control import Comparison, first_pass, scored
from nndoctor_checks.observed import observed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


@check(
    "ignores-input",
    reason="R02",
    severity=Severity.ERROR,
    needs=[Step],
    explains=["cannot-overfit-batch", "collapsed-predictions", "learning-rate-too-low"],
)
def ignores_input(
    run: Recording,
    *,
    min_steps: int = 16,  # half of them are compared; as many must change the parameters
    close: float = 0.15,  # relative distance to the loss of the best constant: there the plateau is
    better: float = 2.0,  # standard errors; less is not better than noise
    drowned: float = 1.25,  # train mode's change of the output over the output; one dropout of 0.5 makes 1 at most
) -> Iterator[Finding]:
    """The network learns nothing from its input that it would not learn from noise.

    ## What it does
    Trains once more from the same start on the same batches, each input feature permuted across the batch, so that it
    no longer belongs to its target. A warning is given if the real input leads to no lower loss and no higher score
    than the permuted one, the score is that of a constant, and the network could learn (it fits a single batch) or its
    own noise in train mode drowns the input. An output that does not depend on the input at all is the matter of
    input-disconnected.

    ## Why is this bad?
    A network that does as well on noise has learnt the distribution of the targets and nothing else. Either the signal
    is destroyed before it arrives (a transform, a placeholder left in, noise of the wrong scale, rows shuffled apart
    from their targets), or the forward pass does not use it.

    ## Example
    ```python
    def forward(self, x):
        x = torch.randn_like(x)  # was meant for a test
        return self.net(x)
    ```

    Use instead:
    ```python
    def forward(self, x):
        return self.net(x)
    ```

    ## Known problems
    Weak signals, slow starts (recurrent networks on long sequences) and accumulated gradients need more steps than are
    observed; raise `--steps`. Autoencoders, adversarial training and models that read tokens are not tested.

    ## References
    - Slav Ivanov, 37 Reasons why your Neural Network is not working, 2017 (reason 2: try random input)
    - Andrej Karpathy, A Recipe for Training Neural Networks, 2019 (input-independent baseline)
    """
    segments = sorted({s.segment for s in run.rows(Step) if s.experiment == RANDOM_INPUT})
    if not segments:
        raise Skip("the experiment with random input was not made")
    dead = {segment for segment, _ in disconnected(run)}  # input-disconnected tells of those
    for segment in (s for s in segments if s not in dead):
        real, noise = scored(run, segment, OBSERVE), scored(run, segment, RANDOM_INPUT)
        pair = Comparison(real, noise, first_pass(run, segment))
        if (
            _updates(run, segment, pair.steps) < min_steps
            or _exempt(run, segment)
            or not pair.at_chance(better)
            or pair.better(better)
        ):
            continue
        gap = _gap(run, segment)
        if pair.on_plateau(close) and _fits_a_batch(run, segment):
            yield _finding(pair, "It fits a single batch, so it can learn.", None)
        elif gap is not None and gap.difference >= drowned:
            why = f"In train mode its output differs from that in eval mode by {gap.difference:.1f} times its size."
            yield _finding(pair, why, gap)


def _updates(run: Recording, segment: int, steps: Collection[int]) -> int:
    """Return in how many steps parameters changed: where gradients are accumulated, little is learned in many."""
    rows = (s for s in observed(run, Step) if s.segment == segment and s.step in steps)
    return sum(s.parameters_changed for s in rows)


def _exempt(run: Recording, segment: int) -> bool:
    calls = [c for c in observed(run, LossCall) if c.split == TRAIN and c.segment == segment]
    if any(c.target_is_input or c.weighted for c in calls) or adversarial(run, segment):
        return True
    fed = inputs(training_batches(run).get(segment, ()))
    return any("target" in b.role for b in fed) or (bool(fed) and not any(is_float(b) for b in fed))


def _fits_a_batch(run: Recording, segment: int) -> bool:
    for row in run.rows(Experiment):
        if row.segment == segment and row.name.startswith(OVERFIT):
            scores = scored(run, segment, row.name)
            if scores and fmean(call.score for call in scores[max(scores)]) >= 0.9:
                return True
    return False


def _gap(run: Recording, segment: int) -> EvalGap | None:
    gaps = [g for g in run.rows(EvalGap) if g.segment == segment and not g.why and g.repeat < 0.1]
    return max((g for g in gaps if math.isfinite(g.difference)), key=lambda g: g.difference, default=None)


def _finding(pair: Comparison, why: str, gap: EvalGap | None) -> Finding:
    real, noise = pair.real, pair.noise
    advice = (
        "Lower the noise that the model adds to itself (dropout rate, scale of added noise) to the scale of its input."
        if gap is not None
        else "Look at the input as it enters the model (`x[0]`, plotted), beside its target: is it the data, and does "
        "the target belong to it? Check the data set's `__getitem__` and its transforms."
    )
    score, chance = pair.mean(real, "score"), pair.mean(real, "chance")
    return Finding(
        message=f"Over the last {len(pair.half)} steps, training on the input went no better than on permuted input: "
        f"loss {pair.mean(real, 'value'):.3g} against {pair.mean(noise, 'value'):.3g}, {pair.metric} {score:.3g} "
        f"against {pair.mean(noise, 'score'):.3g}. {why}",
        advice=advice,
        where=SourceLine.of(gap) or SourceLine.of(real[pair.steps[-1]][-1]),
        names=(gap.module,) if gap is not None and gap.module else (),
        evidence=(
            Measure(f"{pair.metric} on the input", score, f"> {chance:.3g}"),
            curve("loss on the input", pair.steps, [fmean(c.value for c in real[s]) for s in pair.steps]),
            curve("loss on permuted input", pair.steps, [fmean(c.value for c in noise[s]) for s in pair.steps]),
        ),
        severity=Severity.WARNING,
        certain=False,
    )
