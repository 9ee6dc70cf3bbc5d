"""R24 insufficient-capacity."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, Skip, SourceLine, Table, check, curve, names_shown
from nndoctor.records import OVERFIT, Chained, Experiment, LossCall, Parameter
from nndoctor_checks.descent import attempts, calls, objectives, same_target
from nndoctor_checks.tensors import is_layer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nndoctor_checks.descent import Descent

RATES = (OVERFIT, f"{OVERFIT}:x0.1", f"{OVERFIT}:x10")
ONE_UNIT_SYMPTOMS = frozenset(
    {
        "cannot-overfit-batch",
        "collapsed-predictions",
        "dead-relu",
        "fails-on-solvable-data",
        "ignores-input",
        "input-disconnected",
        "learning-rate-too-low",
        "loss-flat",
        "metric-at-chance",
        "needs-more-time",
        "no-gradient",
    }
)
"""Where there is one unit, it takes one dead unit to cut the network in two."""
RECURRENT = ("RNN", "GRU", "LSTM", "RNNCell", "GRUCell", "LSTMCell")


@check(
    "insufficient-capacity",
    reason="R24",
    severity=Severity.WARNING,
    needs=[Experiment, Parameter],
    explains=[
        "cannot-overfit-batch",
        "fails-on-solvable-data",
        "learning-rate-too-low",
        "metric-at-chance",
        "needs-more-time",
    ],
)
def insufficient_capacity(
    run: Recording,
    *,
    fitted: float = 0.9,  # accuracy on one batch of 16: two wrong are luck or patience, more are not
    fell: float = 0.2,  # share of the loss that went away: the network does learn something
    min_steps: int = 50,
    classes_per_unit: int = 5,  # two units can tell ten directions apart; one unit has two ends
) -> Iterator[Finding]:
    """The network is too narrow at one place to learn even one batch.

    ## What it does
    Looks at the experiment in which the loop gets the same few samples in every step. Reports if at none of three
    learning rates the accuracy reached `fitted`, although the loss fell, all trained parameters had gradients and
    changed, and there is a layer through which more than `classes_per_unit` classes pass for each of its units, both
    the layer before and the one after being wider.

    Warns of a hidden layer with a single unit, too, whatever was fitted: a linear layer that makes one number of
    several, with an activation behind it and a layer that takes this one number, or a recurrent layer with a state of
    one number. An autoencoder's code is left alone, and so is a scale that is learnt for the output.

    ## Why is this bad?
    What does not pass the narrowest layer is lost to all that follow. A network with a code of one number can put its
    classes in a row, and no more.

    ## Example
    ```python
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1), nn.ReLU(), nn.Linear(1, 10))
    ```

    Use instead:
    ```python
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    ```

    ## Known problems
    A hidden layer of one unit on purpose (one factor that explains all) looks like a slip.

    It is an inference: what is left when gradients and learning rates are not to blame. Other findings come first. Only
    class losses are judged, and only layers called one after the other; a wider network is not tried.

    ## References
    - Slav Ivanov, 37 Reasons why your Neural Network is not working, 2017 (reason 24)
    """
    judged = False
    for segment in dict.fromkeys(e.segment for e in run.rows(Experiment)):
        tried = attempts(run, segment)
        if not set(RATES) <= tried.keys() or objectives(run, segment) > 1:
            continue
        courses = [tried[name] for name in RATES]
        if not all(_long_enough(c, min_steps) for c in courses) or not same_target(run, tried[OVERFIT], segment):
            continue
        judged = True
        down = any(c.end <= (1 - fell) * c.start for c in courses if c.start > 0)
        if not down or any(max(c.scores[-5:]) >= fitted for c in courses) or not _healthy(run, segment):
            continue
        classes = max(c.distinct_targets for c in calls(run, OVERFIT, segment))
        narrow = _bottleneck(run, segment, classes / classes_per_unit)
        if narrow:
            yield _finding(run, segment, narrow, courses, classes)
            return
    for segment in dict.fromkeys(e.segment for e in run.rows(Experiment)):
        if single := _single_unit(run, segment):
            yield _of_one_unit(single)
            return
    if not judged:
        raise Skip("one batch was fitted, or not tried at three learning rates")


def _finding(run: Recording, segment: int, narrow: Parameter, courses: Sequence[Descent], classes: int) -> Finding:
    best = max(max(c.scores[-5:]) for c in courses)
    widths = tuple((p.name, str(p.fan_in), str(p.fan_out)) for p in _weights(run, segment))
    course = courses[0]
    return Finding(
        message=f"{narrow.module or narrow.name} passes {narrow.fan_out} of {narrow.fan_in} numbers on, for {classes} "
        f"classes in one batch; at most {best:.0%} were right at three learning rates, with healthy gradients.",
        advice=f"Widen it to at least the number of classes (now {narrow.fan_out}), and see if one batch is fitted "
        "then.",
        where=SourceLine.of(narrow),
        names=(narrow.module or narrow.name,),
        evidence=(
            Measure("units of the narrowest layer", narrow.fan_out, f">= {classes}"),
            Table("weights in the order of their calls", ("weight", "inputs", "outputs"), widths),
            curve("accuracy on one batch", list(course.steps[: len(course.scores)]), list(course.scores)),
        ),
        certain=False,
    )


def _single_unit(run: Recording, segment: int) -> list[Parameter]:
    """Return the weights of hidden layers with one unit: all that comes behind is a function of one number."""
    if any(c.target_is_input for c in run.rows(LossCall) if c.segment == segment):
        return []
    straight = {(c.first, c.second) for c in run.rows(Chained) if c.segment == segment and not c.through}
    weights = [p for p in _weights(run, segment) if p.requires_grad and not p.loaded]
    found = [p for p in weights if p.module_type in RECURRENT and "weight_hh" in p.name and p.fan_in == 1]
    for one, following in pairwise(weights):
        layers = is_layer(one) and is_layer(following) and one.root == following.root
        narrow = one.fan_in > 1 and one.fan_out == following.fan_in == 1
        if layers and narrow and (one.module, following.module) not in straight:
            found.append(one)
    return found


def _of_one_unit(single: Sequence[Parameter]) -> Finding:
    names = tuple(dict.fromkeys(p.module or p.name for p in single))
    return Finding(
        title="A hidden layer has a single unit.",
        message=f"{names_shown(names)} {'has' if len(names) == 1 else 'have'} one hidden unit: whatever the input, all "
        "that comes behind is a function of one number.",
        advice="Give it more units; 16 to 128 are usual for small data.",
        where=SourceLine.of(single[0]),
        names=names,
        evidence=(Measure("hidden units", 1, ">= 2"),),
        certain=False,
        explains=ONE_UNIT_SYMPTOMS,
    )


def _long_enough(course: Descent, min_steps: int) -> bool:
    return len(course.losses) >= min_steps and len(course.scores) >= min_steps and not course.diverged


def _weights(run: Recording, segment: int) -> list[Parameter]:
    rows = [p for p in run.rows(Parameter) if p.segment == segment and p.called and p.order >= 0]
    return sorted((p for p in rows if p.fan_in > 0 and p.fan_out > 0), key=lambda p: p.order)


def _healthy(run: Recording, segment: int) -> bool:
    """Whether every parameter that is trained had gradients and changed, and none is frozen or left out."""
    rows = [p for p in run.rows(Parameter) if p.segment == segment and p.called]
    return bool(rows) and all(p.requires_grad and p.gradient_steps > p.steps / 2 and p.changed for p in rows)


def _bottleneck(run: Recording, segment: int, least: float) -> Parameter | None:
    """Return the narrowest layer that the next one takes up as it is, if it is narrower than `least`."""
    found = [
        one
        for one, following in pairwise(_weights(run, segment))
        if one.fan_out == following.fan_in < min(one.fan_in, following.fan_out) and one.fan_out < least
    ]
    return min(found, key=lambda p: p.fan_out, default=None)
