"""The parts of the objective: what each of them is worth in every step, and training one of them alone.

A part is a summand of a loss on which backward is called; where there is but one, and the model has several outputs,
each of them. The gradient of the others is stopped where they enter the sum (or leave the model), so that the script's
own loop, its optimizer and its loss stay as they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from nndoctor.experiments import heads
from nndoctor.names import NOWHERE, Place
from nndoctor.places import terms_written, user_place
from nndoctor.probes.losses import FUNCTIONS
from nndoctor.probes.summands import SUMS, Summand, summands
from nndoctor.records import ALONE, OBSERVE, OVERFIT, LossPart
from nndoctor.session import Call, Listener, Pass, Session

if TYPE_CHECKING:
    from nndoctor.conductor import Conductor
    from nndoctor.experiments.diet import Result

MOST_PARTS = 6
ADDITIONS = frozenset(
    {
        "add",
        "__add__",
        "__radd__",
        "__iadd__",
        "add_",
        "sub",
        "__sub__",
        "__rsub__",
        "rsub",
        "__isub__",
        "sub_",
        "stack",
    }
)
"""What puts summands together."""
PENALTY = "penalty"
"""Name of the summands that depend on one tensor each: written as a sum over the parameters, they are one part."""
FALLEN = 0.05
"""Of its first value is left: no further step is needed."""
STAYS = 0.5
"""Of the loss is left on one batch: the mark of the check cannot-overfit-batch."""
LEAST = 40
"""Steps on one batch that tell something."""

Key = tuple[Place, int]
"""Where backward was called, and the number of the part in the sum."""
NO_KEY: Key = (NOWHERE, -1)


@dataclass(frozen=True, slots=True)
class Part:
    """The loss of torch's in which a part ends, empty for another; and what it is called."""

    function: str
    name: str
    head: bool = False


@dataclass(slots=True)
class Layout:
    """How the summands of one backward pass make up its parts: for each summand the number of its part."""

    functions: tuple[str, ...]
    part_of: tuple[int, ...]
    parts: tuple[Part, ...]


@dataclass(slots=True)
class Tally:
    """What the parts are worth in the iteration that is under way."""

    values: dict[Key, Tensor] = field(default_factory=dict)
    places: dict[Key, Place] = field(default_factory=dict)


class Parts(Listener):
    """Records `LossPart`. `choose` says which part alone is to be trained."""

    def __init__(self, session: Session, conductor: Conductor) -> None:
        self.session = session
        self.conductor = conductor
        self.keys: list[Key] = []
        """The parts of the objective of this segment, as `observe` has shown them; empty unless there are several."""
        self.why = ""
        """Why they cannot be trained one by one, although there are several."""
        self._layouts: dict[Place, Layout] = {}
        self._seen: dict[Any, tuple[Tensor, Place]] = {}
        self._sums: dict[Any, Place] = {}
        self._tally = Tally()
        self._outputs: dict[str, heads.Edge] = {}
        self._heads: list[str] = []
        """Outputs that one loss takes together; empty where the loss has several terms."""
        self._alone: Key | None = None
        self._beside = ""
        self._courses: dict[str, dict[Key, list[float]]] = {}

    # ---- what the experiment asks

    def choose(self, key: Key | None, *, beside: str = "") -> None:
        """Stop the gradients of all other parts in the next diet, which is that of `beside` but for this."""
        self._alone, self._beside = key, beside

    def has_fallen(self, result: Result) -> bool:
        """Whether the part that is trained alone is done with."""
        course = self._courses.get(result.name, {}).get(self._alone or NO_KEY, [])
        return len(course) > 5 and course[0] > 0 and max(course[-5:]) <= FALLEN * course[0]

    def some_stay(self, experiment: str) -> bool:
        """Whether some part that compares with a target keeps most of its loss in an experiment."""
        left = STAYS / max(1, len(self._heads))  # each output has a part of the common value
        return any(
            stays(course, left)
            for key, course in self._courses.get(experiment, {}).items()
            if self._layouts[key[0]].parts[key[1]].function
        )

    # ---- events

    def diet_began(self, name: str) -> None:
        """A new phase may have another objective; only in its own diet is a part trained alone."""
        if name == OBSERVE:
            self._layouts, self._courses, self.keys, self.why, self._heads = {}, {}, [], "", []
        if not name.startswith(ALONE):
            self.choose(None)
        self._tally = Tally()

    def new_data(self) -> None:
        """Nothing that was seen belongs to what comes."""
        self._seen, self._sums, self._outputs = {}, {}, {}

    def broken_off(self) -> None:
        """The iteration is not complete."""
        self._seen, self._sums, self._tally = {}, {}, Tally()

    def op_done(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        """Remember what enters a sum, and what a loss function returned."""
        if not isinstance(output, Tensor) or output.grad_fn is None or not self._follows():
            return
        if name in FUNCTIONS and output.numel() == 1:
            self._seen[output.grad_fn] = (output.detach().clone(), user_place())
        elif name == "stack" and isinstance(args[0], tuple | list):
            self._remember(args[0])
        elif name in ADDITIONS and output.numel() == 1:
            self._remember(args)
            if not self._layouts:
                self._sums[output.grad_fn] = user_place()

    def module_done(self, call: Call, output: Any) -> None:
        """Remember the outputs of a model that has several."""
        if call.grad and not self.session.stack and (self._heads or not self._layouts) and self._follows():
            self._outputs = heads.outputs(output) or self._outputs

    def _remember(self, tensors: Any) -> None:
        for each in tensors:
            if isinstance(each, Tensor) and each.numel() == 1 and each.grad_fn is not None:
                _, place = self._seen.get(each.grad_fn, (None, NOWHERE))
                self._seen[each.grad_fn] = (each.detach().clone(), place)

    def backward_begins(self, this: Pass) -> None:
        """Take the objective apart, and stop what is not to be trained."""
        if not self._follows() or self.why:
            return
        if this.inputs or self.session.in_optimizer is not None:
            self.why = "its gradients are asked for in a way that leaves no room for stopping some of them"
            return
        roots = [root for root in this.roots if root.grad_fn is not None and root.numel() == 1]
        if len(roots) != len(this.roots):
            self.why = "it is not one number"
            return
        found = [each for root in roots for each in summands(root.grad_fn)]
        layout = self._layout(this.place, found)
        if layout is None:
            return
        if self.session.experiment == OBSERVE and self.session.step == 0 and len(layout.parts) == 1:
            self._heads = heads.behind(roots, self._outputs)
            one = layout.parts[0]
            layout.parts = tuple(Part(one.function, f"output {path}", head=True) for path in self._heads) or (one,)
        if self._heads:
            self._by_head(this.place, roots, found[0])
            return
        for summand, part in zip(found, layout.part_of, strict=True):
            self._add((this.place, part), summand, self._value(summand, found, roots))
        if self._alone is not None:
            kept = self._alone[1] if self._alone[0] == this.place else -1
            self._stop([s for s, part in zip(found, layout.part_of, strict=True) if part != kept])

    def _by_head(self, place: Place, roots: list[Tensor], summand: Summand) -> None:
        if not set(self._heads) <= self._outputs.keys():
            self.why = "its outputs are not the same in each step"
            return
        for index, _ in enumerate(self._heads):
            self._add((place, index), summand, roots[0].detach())
        if self._alone is not None:
            unwanted = [self._outputs[path] for i, path in enumerate(self._heads) if i != self._alone[1]]
            heads.stop(unwanted, zeros=not self.conductor.rates_reach())

    def backward_ended(self, this: Pass) -> None:
        """Let go of the graph."""
        self._outputs = {}
        self._seen, self._sums = {}, {}

    def step_ended(self) -> None:
        """Record what each part was worth."""
        tally, self._tally = self._tally, Tally()
        self._seen, self._sums = {}, {}
        if self.session.experiment == OBSERVE and self.session.step == 0:
            self.keys = list(tally.values) if 2 <= len(tally.values) <= MOST_PARTS else []
            if len(tally.values) > MOST_PARTS:
                self.why = f"it has {len(tally.values)} terms"
        if not self.keys or self.why or not self._follows():
            return
        courses = self._courses.setdefault(self.session.experiment, {})
        for index, key in enumerate(self.keys):
            value = float(tally.values[key]) if key in tally.values else math.nan
            courses.setdefault(key, []).append(value)
            part = self._layouts[key[0]].parts[key[1]]
            file, line, function = tally.places.get(key, key[0])
            self.session.add(
                LossPart(
                    index=index,
                    loss=part.function,
                    name=part.name,
                    value=value,
                    alone=key == self._alone,
                    head=part.head,
                    beside=self._beside,
                    file=file,
                    line=line,
                    function=function,
                )
            )

    # ---- parts

    def _follows(self) -> bool:
        experiment = self.session.experiment
        if experiment == OBSERVE and self.session.step == 0:
            return True
        return bool(self.keys) and (experiment in (OBSERVE, OVERFIT) or experiment.startswith(ALONE))

    def _layout(self, place: Place, found: list[Summand]) -> Layout | None:
        functions = tuple(type(each.node).__name__ for each in found)
        known = self._layouts.get(place)
        if known is None:
            self._layouts[place] = known = _grouped(functions, found, self._texts(found))
        elif known.functions != functions:
            self.why = "its terms are not the same in each step"
            return None
        return known

    def _texts(self, found: list[Summand]) -> list[str]:
        """Return how the script writes the summands; empty where it does not write them in one expression."""
        places = [self._sums[each.above] for each in found if each.above in self._sums]
        written = terms_written(*places[0][:2]) if places and len(set(places)) == 1 else []
        return written if len(written) == len(found) else [""] * len(found)

    def _add(self, key: Key, summand: Summand, value: Tensor | None) -> None:
        known = self._tally.values.get(key)
        amount = torch.tensor(math.nan) if value is None else value.reshape(())
        self._tally.values[key] = amount if known is None else known + amount
        place = self._seen.get(summand.node, (None, NOWHERE))[1]
        if place[0]:
            self._tally.places.setdefault(key, place)

    def _value(self, summand: Summand, found: list[Summand], roots: list[Tensor]) -> Tensor | None:
        """Return what a summand is worth: as it was seen, or what the others leave of the sum."""
        if summand.node in self._seen:
            return self._seen[summand.node][0]
        if len(found) == 1:
            return roots[0].detach()
        others = [self._seen[each.node][0] for each in found if each.node in self._seen]
        plain = type(roots[0].grad_fn).__name__ == SUMS[0] and all(type(s.above).__name__ == SUMS[0] for s in found)
        if len(roots) == 1 and plain and len(others) == len(found) - 1:
            return roots[0].detach() - sum(other.reshape(()) for other in others)
        return None

    def _stop(self, unwanted: list[Summand]) -> None:
        """Take the gradient off these edges: undefined, as if the term were not there; zero for a loop by hand."""
        undefined = self.conductor.rates_reach()
        edges: dict[Any, set[int]] = {}
        for each in unwanted:
            if each.above is None:
                each.node.register_prehook(lambda gradients: tuple(_none(g, undefined) for g in gradients))
            else:
                edges.setdefault(each.above, set()).add(each.place)
        for node, places in edges.items():

            def stopped(passed: Any, _arrived: Any, places: set[int] = places) -> Any:
                return tuple(_none(g, undefined) if place in places else g for place, g in enumerate(passed))

            node.register_hook(stopped)


def _none(gradient: Tensor | None, undefined: bool) -> Tensor | None:  # noqa: FBT001 - used in two lambdas above
    return None if undefined or gradient is None else torch.zeros_like(gradient)


def stays(course: list[float], left: float = STAYS) -> bool:
    """Whether more than this share of the first value is left, by the median of the last quarter."""
    known = [value for value in course if math.isfinite(value)]
    if len(known) < LEAST:
        return False
    return median(known[-max(1, len(known) // 4) :]) > known[0] - (1 - left) * abs(known[0])


def _grouped(functions: tuple[str, ...], found: list[Summand], texts: list[str]) -> Layout:
    parts: list[Part] = []
    part_of = []
    for each, text in zip(found, texts, strict=True):
        small = not each.function and _leaves(each.node, most=2) < 2
        part = Part(each.function, PENALTY if small else text or each.name)
        if not (small and part in parts):
            parts.append(part)
        part_of.append(parts.index(part) if small else len(parts) - 1)
    return Layout(functions, tuple(part_of), tuple(parts))


def _leaves(node: Any, most: int) -> int:
    """Return on how many leaves a node depends; counts to `most`."""
    seen, waiting, count = {node}, [node], 0
    while waiting and count < most:
        each = waiting.pop()
        count += hasattr(each, "variable")
        fresh = [above for above, _ in each.next_functions if above is not None and above not in seen]
        seen.update(fresh)
        waiting.extend(fresh)
    return count
