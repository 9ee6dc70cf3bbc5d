"""The data of the experiment `stand-in`: of the shape, type and range of the user's batches, but easy to learn.

The targets stay as they are; the inputs are written anew, so that they tell the target: each class has a pattern of
high and low values, a number is written as a height. A linear model can read them. Sequences of tokens repeat with a
fixed order, so that the next one is known. No random number is taken from the script's stream.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from nndoctor.feeds.tree import leaves, replaced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

CLEAR = 0.75
"""Share of a class's pattern in an input; the rest is noise, which never outweighs it."""
CLEAR_HEIGHT = 0.95
"""The same for a height: most of them lie close to one another, so that less noise hides them."""
BLOCKS = 4
"""A dimension of an image or a sequence is divided into so many blocks: what is pooled or strided stays visible."""
PERIOD = 6
"""Tokens in the sequence that repeats."""
MOST_CLASSES = 1000
TOKENS = (torch.int64, torch.int32)


class NotPossible(Exception):  # noqa: N818 - no error: there is no stand-in for such data, and the text says why
    """No solvable data can be made in the form of these batches."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The one input and the target (None where the script derives it from the input) of one call."""

    input_path: Any
    input: Tensor
    target_path: Any
    target: Tensor | None


class StandIns(Sequence[Any]):
    """Recorded iterations with other inputs, without end: written anew whenever asked for, so that none comes twice.

    Otherwise a network could learn the noise of some batches by heart. Raises `NotPossible` when it is made.
    """

    def __init__(self, content: list[Any], inputs: set[str], targets: set[str]) -> None:
        self._content = content
        self._with_slots = bool(content) and isinstance(content[0], dict)
        split = _of_slots if self._with_slots else _of_batch
        self._pairs = [list(split(iteration, inputs, targets)) for iteration in content]
        known = [pair for pairs in self._pairs for pair in pairs]
        if not known:
            raise NotPossible("no input of the model could be told from its targets")
        self._write = writer(known)

    def __len__(self) -> int:
        return sys.maxsize

    def __getitem__(self, number: Any) -> Any:
        """Return an iteration in the form in which it was recorded."""
        generator = torch.Generator().manual_seed(number)
        iteration = self._content[number % len(self._content)]
        new: dict[Any, Tensor] = {}
        for pair in self._pairs[number % len(self._content)]:
            written, answer = self._write(pair, generator)
            new[pair.input_path] = written
            if answer is not None:
                new[pair.target_path] = answer

        def exchanged(path: Any, tensor: Tensor) -> Tensor:
            return new[path].to(tensor) if path in new else tensor

        if self._with_slots:
            return {slot: exchanged(slot, tensor) for slot, tensor in iteration.items()}
        return [replaced(iteration[0], exchanged), *iteration[1:]]


def _of_batch(batches: list[Any], inputs: set[str], targets: set[str]) -> Iterable[Pair]:
    if len(batches) != 1:
        raise NotPossible("an iteration draws from several loaders")
    tensors = dict(leaves(batches[0]))
    yield _pair({p: t for p, t in tensors.items() if p in inputs}, {p: t for p, t in tensors.items() if p in targets})


def _of_slots(slots: dict[Any, Tensor], inputs: set[str], targets: set[str]) -> Iterable[Pair]:
    """Inputs and targets of the same turn belong together (micro-batches have several)."""
    for number in sorted({slot[1] for slot in slots}):
        here = {slot: t for slot, t in slots.items() if slot[1] == number}
        fed = {slot: t for slot, t in here.items() if f"{slot[0]}:{slot[2]}" in inputs}
        if fed:
            yield _pair(fed, {slot: t for slot, t in here.items() if f"{slot[0]}:{slot[2]}" in targets})


def _pair(inputs: dict[Any, Tensor], targets: dict[Any, Tensor]) -> Pair:
    """Return the input that carries the data, with its target."""
    widest = max((t.numel() for t in inputs.values()), default=0)
    main = {path: t for path, t in inputs.items() if t.numel() >= 0.1 * widest and t.dim() > 1}
    if len(main) != 1:
        raise NotPossible("the model takes several inputs" if main else "no input has values for each sample")
    if len(targets) > 1:
        raise NotPossible("there are several targets")
    ((path, tensor),) = main.items()
    target_path, target = next(iter(targets.items()), (None, None))
    return Pair(path, tensor.detach().cpu(), target_path, None if target is None else target.detach().cpu())


Written = tuple[Tensor, Tensor | None]


def writer(pairs: list[Pair]) -> Callable[[Pair, torch.Generator], Written]:
    """Return what makes an input (and, for sequences, the target) for one pair, from what all of them look like."""
    first = pairs[0]
    if first.input.dtype in TOKENS:
        if first.input.dim() != 2:
            raise NotPossible("the input holds integers that are no rows of tokens")
        return _tokens(pairs)
    if not first.input.is_floating_point() and first.input.dtype != torch.uint8:
        raise NotPossible(f"the input is of type {first.input.dtype}")
    if first.target is None:
        raise NotPossible("no target belongs to the input")
    everything = torch.cat([_numbers(pair).reshape(len(pair.input), -1) for pair in pairs])
    low, high = _range([pair.input.float() for pair in pairs])
    code = _heights(first, everything)
    clear = CLEAR if _is_classes(first, everything) else CLEAR_HEIGHT
    return lambda pair, generator: (_mixed(code(pair), low, high, generator, clear), None)


def _heights(first: Pair, everything: Tensor) -> Callable[[Pair], Tensor]:
    """Return what writes the targets of a pair as heights in [-1, 1], one for each value of the input."""
    assert first.target is not None
    if _dense(first):
        scale = _scaled(everything.reshape(-1, 1), by_rank=not first.target.is_floating_point())

        def each_position(pair: Pair) -> Tensor:
            height = scale(_numbers(pair).reshape(-1, 1))
            same = pair.target is not None and pair.target.shape == pair.input.shape
            shape = pair.input.shape if same else (pair.input.shape[0], 1, *pair.input.shape[2:])
            return height.reshape(shape).expand(pair.input.shape)

        return each_position
    cells = _cells(tuple(first.input.shape[1:]))
    count = int(cells.max()) + 1
    classes = _classes(everything, floating=first.target.is_floating_point())
    if classes is not None:
        codes = _codes(len(classes), count)
        return lambda pair: codes[torch.searchsorted(classes, _labels(_rows(pair)))][:, cells]
    if everything.shape[1] > count:
        raise NotPossible(f"{everything.shape[1]} target values are too many for an input of this size")
    scale = _scaled(everything, by_rank=False)
    signs = torch.randint(0, 2, (count,), generator=torch.Generator().manual_seed(0)) * 2.0 - 1.0
    which = torch.arange(count) % everything.shape[1]
    return lambda pair: (scale(_rows(pair))[:, which] * signs)[:, cells]


def _is_classes(first: Pair, everything: Tensor) -> bool:
    assert first.target is not None
    return not _dense(first) and _classes(everything, floating=first.target.is_floating_point()) is not None


def _rows(pair: Pair) -> Tensor:
    return _numbers(pair).reshape(len(pair.input), -1)


def _numbers(pair: Pair) -> Tensor:
    assert pair.target is not None
    target = pair.target.float()
    if not pair.input.shape[0] or target.numel() % pair.input.shape[0]:
        raise NotPossible("the target does not have one entry for each sample")
    if not bool(torch.isfinite(target).all()):
        raise NotPossible("a target is not finite")
    return target


def _labels(numbers: Tensor) -> Tensor:
    """Return class labels of a column of them, or of one-hot rows."""
    return numbers[:, 0] if numbers.shape[1] == 1 else numbers.argmax(dim=1).float()


def _classes(numbers: Tensor, *, floating: bool) -> Tensor | None:
    """Return the classes that occur, sorted; None for targets that are numbers (or several labels a sample)."""
    binary = bool(((numbers == 0) | (numbers == 1)).all())
    one_hot = binary and numbers.shape[1] > 1 and bool((numbers.sum(dim=1) == 1).all())
    if not one_hot and (numbers.shape[1] > 1 or (floating and not binary)):
        return None
    found: Tensor = torch.unique(_labels(numbers))
    if len(found) > MOST_CLASSES:
        raise NotPossible(f"there are {len(found)} classes")
    if len(found) < 2:
        raise NotPossible("all targets are the same")
    return found


def _dense(pair: Pair) -> bool:
    """Whether each position of the input has a target of its own (segmentation, denoising)."""
    assert pair.target is not None
    shape, target = pair.input.shape, pair.target.shape
    if pair.input.dim() < 3:
        return False
    return target == shape or target in ((shape[0], *shape[2:]), (shape[0], 1, *shape[2:]))


def _scaled(numbers: Tensor, *, by_rank: bool) -> Callable[[Tensor], Tensor]:
    """Return what maps targets to [-1, 1], column by column; classes by their rank, so that they are evenly apart."""
    values = torch.unique(numbers)
    if len(values) < 2:
        raise NotPossible("all targets are the same")
    if by_rank:
        return lambda t: 2.0 * torch.searchsorted(values, t.contiguous()) / (len(values) - 1) - 1.0
    lows, highs = numbers.amin(dim=0), numbers.amax(dim=0)
    return lambda t: 2.0 * (t - lows) / (highs - lows).clamp_min(1e-30) - 1.0


def _cells(shape: tuple[int, ...]) -> Tensor:
    """Return for each value of a sample in which block it lies; a row of features has a block for each."""
    index = torch.zeros(shape, dtype=torch.long)
    for dim, size in enumerate(shape):
        blocks = size if len(shape) == 1 else min(size, BLOCKS)
        place = torch.arange(size) * blocks // size
        index = index * blocks + place.reshape([-1 if d == dim else 1 for d in range(len(shape))])
    return index


def _codes(classes: int, count: int) -> Tensor:
    """Return a different row of -1 and 1 for each class: corners of a cube, which planes can tell apart."""
    if count < math.log2(classes):
        raise NotPossible(f"{classes} classes are too many for an input of {count} values")
    generator = torch.Generator().manual_seed(0)
    if count < 2 * math.log2(classes) + 4:  # too few for codes drawn at random to differ
        numbers = torch.arange(classes).unsqueeze(1)
        return (numbers >> (torch.arange(count) % max(1, math.ceil(math.log2(classes))))).bitwise_and(1) * 2.0 - 1.0
    for _ in range(100):
        codes = torch.randint(0, 2, (classes, count), generator=generator) * 2.0 - 1.0
        if len(torch.unique(codes, dim=0)) == classes:
            return codes
    raise NotPossible("no distinct patterns were found for the classes")


def _range(inputs: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Return lower and upper end of the usual values: of each column for rows of features, else of everything."""
    table = inputs[0].dim() == 2
    rows = torch.cat([t if table else t.reshape(-1, 1)[:: max(1, t.numel() // 10_000)] for t in inputs])
    rows = torch.nan_to_num(rows, posinf=0.0, neginf=0.0)
    low, high = rows.quantile(0.05, dim=0), rows.quantile(0.95, dim=0)
    same = high <= low
    low, high = torch.where(same, rows.amin(dim=0), low), torch.where(same, rows.amax(dim=0), high)
    if not bool((high > low).any()):
        raise NotPossible("all inputs are the same")
    return low, high


def _mixed(heights: Tensor, low: Tensor, high: Tensor, generator: torch.Generator, clear: float) -> Tensor:
    """Return inputs in the range of the user's, from heights in [-1, 1]."""
    noise = 2.0 * torch.rand(heights.shape, generator=generator) - 1.0
    mixed = clear * heights + (1.0 - clear) * noise
    return low + (high - low) * (mixed + 1.0) / 2.0


def _tokens(pairs: list[Pair]) -> Callable[[Pair, torch.Generator], Written]:
    words = torch.unique(torch.cat([pair.input.reshape(-1) for pair in pairs]))
    words = words[words != 0] if len(words) > PERIOD else words  # 0 is often the padding
    first = pairs[0]
    if first.target is None or _shifted(first):
        if len(words) < 3:
            raise NotPossible("there are fewer than three different tokens")
        cycle = words[torch.randperm(len(words), generator=torch.Generator().manual_seed(0))][:PERIOD]

        def write(pair: Pair, generator: torch.Generator) -> Written:
            rows, length = pair.input.shape
            begin = torch.randint(0, len(cycle), (rows, 1), generator=generator)
            sequence = cycle[(begin + torch.arange(length + 1)) % len(cycle)]
            answer = None if pair.target is None else sequence[:, 1:].reshape(pair.target.shape)
            return sequence[:, :-1], answer

        return write
    per_token = first.target.numel() == first.input.numel()
    classes = _classes(
        torch.cat([_numbers(p).reshape(-1, 1) for p in pairs]), floating=first.target.is_floating_point()
    )
    if classes is None or len(classes) > len(words):
        raise NotPossible("the targets are no classes that tokens could stand for")

    def write_class(pair: Pair, _generator: torch.Generator) -> Written:
        which = torch.searchsorted(classes, _numbers(pair).reshape(-1).contiguous())
        told = words[which].reshape(pair.input.shape) if per_token else words[which].unsqueeze(1)
        return torch.where(pair.input == 0, pair.input, told.expand(pair.input.shape)), None

    return write_class


def _shifted(pair: Pair) -> bool:
    """Whether the target at each position is the input at the next."""
    if pair.target is None or pair.target.numel() != pair.input.numel() or pair.input.shape[1] < 2:
        return False
    return bool((pair.target.reshape(pair.input.shape)[:, :-1] == pair.input[:, 1:]).float().mean() > 0.95)
