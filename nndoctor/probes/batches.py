"""What the loop was given: statistics of every leaf of every batch, and which leaves are inputs and which targets.

A leaf is followed from the batch to where it is used: what is computed from it without a gradient (a cast, a view, a
normalisation) inherits its mark. Where it meets a parameter inside a model it is an input; where a loss takes it as
target, a target.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from nndoctor.feeds.tree import batch_size, leaves
from nndoctor.fingerprint import content_hash, row_hashes
from nndoctor.probes.labels import labels_of
from nndoctor.records import COAST, OBSERVE, OVERFIT, TRAIN, VALIDATION, Batch, Labels, Loader, Overlap
from nndoctor.session import Call, Listener, Session

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nndoctor.conductor import Conductor
    from nndoctor.feeds.call import Slot
    from nndoctor.feeds.loader import Served
    from nndoctor.names import Place
    from nndoctor.probes.era import Era

MIXERS = frozenset(
    {
        "linear",
        "conv1d",
        "conv2d",
        "conv3d",
        "conv_transpose1d",
        "conv_transpose2d",
        "conv_transpose3d",
        "embedding",
        "embedding_bag",
        "matmul",
        "__matmul__",
        "__rmatmul__",
        "mm",
        "bmm",
        "addmm",
        "einsum",
        "lstm",
        "gru",
        "rnn_tanh",
        "rnn_relu",
        "batch_norm",
        "layer_norm",
        "multi_head_attention_forward",
        "bilinear",
    }
)
"""Functions in which data meets parameters."""
CLOSELY = 16
"""Batches of an experiment of which all statistics are taken; of later ones only in sampled steps."""
CLOSELY_SAMPLES = 64
"""So many samples are looked at closely in any case: where batches are small, in more of them."""
TABLE_COLUMNS = 256
ORDERS = {
    "SequentialSampler": "sequential",
    "RandomSampler": "shuffled",
    "SeedableRandomSampler": "shuffled",
    "SubsetRandomSampler": "shuffled",
    "WeightedRandomSampler": "weighted",
}
MOST_CELLS = 2_000_000
"""Values of a leaf that statistics are taken over; more are strided."""


@dataclass(slots=True)
class Leaf:
    """One leaf of the batch at hand and what became of it."""

    path: str
    source: str
    row: Batch
    labels: Labels | None
    numel: int
    hashes: frozenset[bytes] = frozenset()
    input: bool = False
    target: bool = False
    argument: bool = False


class Batches(Listener):
    """Records `Batch`, `Labels` and `Loader`."""

    def __init__(self, session: Session, conductor: Conductor, era: Era) -> None:
        self.session = session
        self.conductor = conductor
        self.era = era
        self._marks: Any = WeakIdKeyDictionary()
        self._loaders: dict[str, Loader] = {}
        self._medians: dict[str, float] = {}
        self._data: dict[str, Any] = {}
        self._objects: dict[str, Any] = {}
        self._given: defaultdict[str, int] = defaultdict(int)
        self.left_after: defaultdict[str, list[int]] = defaultdict(list)
        """By loader: after how many batches the loop left its observed passes without need."""
        self._roles: defaultdict[str, dict[str, str]] = defaultdict(dict)
        self._rows: dict[str, defaultdict[str, set[bytes]]] = {TRAIN: defaultdict(set), VALIDATION: defaultdict(set)}
        self.on_target: list[Callable[[Tensor, Sequence[Tensor]], None]] = []
        """Called with a target and the predictions that a loss compares it with."""
        conductor.on_batch = self.batch
        conductor.on_slot = self.slot
        conductor.on_loader = self.loader
        conductor.on_op = self.follow

    # ---- what comes in

    def loader(self, served: Served) -> None:
        """A pass over a loader begins."""
        name = self.session.names.numbered(served.loader)
        row = self._loaders.get(name) or describe(served, name, self.session.names.numbered)
        self._loaders[name] = replace(row, passes=row.passes + 1)
        self.session.add(self._loaders[name])
        if 0 < self._given[name] < row.batches and self.session.experiment == OBSERVE:
            self.left_after[name].append(self._given[name])
        self._given[name] = 0
        self._data[name] = getattr(served.loader, "dataset", None)
        self._objects[name] = served.loader

    def batch(self, batch: Any, served: Served | None) -> None:
        """A loader's batch goes to the loop; `served` is None for one that an experiment made."""
        source = self.session.names.numbered(served.loader) if served is not None else "experiment"
        self._given[source] += 1
        size = batch_size(batch)
        for path, tensor in leaves(batch):
            self._enter(path, tensor, source, size, own=served is not None)

    def slot(self, slot: Slot, tensor: Tensor) -> None:
        """A tensor enters the graph in a loop without a loader."""
        if self.conductor.feed == "loader" or tensor in self._marks:
            return
        size = self.conductor.store.batch_size or (tensor.shape[0] if tensor.dim() else 0)
        self._enter(f"{slot[0]}:{slot[2]}", tensor, "call", size, own=self.session.experiment in (OBSERVE, COAST))

    def _enter(self, path: str, tensor: Tensor, source: str, size: int, *, own: bool, grad: bool = True) -> None:
        fed_by_us = source == "experiment" or (source == "call" and grad)
        if fed_by_us and self.session.experiment.startswith(OVERFIT) and self.session.step > 1:
            leaf = Leaf(path, source, Batch(), None, tensor.numel())  # the same batch again: only its role is needed
        else:
            labels = self._labels(path, tensor, source, size)
            step = self.session.step
            closely = self.session.sampled or step < CLOSELY or step * max(1, size) < CLOSELY_SAMPLES
            row = described(path, tensor, source, own=own, closely=closely)
            leaf = Leaf(path, source, row, labels, tensor.numel())
            # Windows of tokens repeat by nature: equal ones are no sign of a leak.
            if (
                source == "call"
                and own
                and tensor.dim() > 1
                and tensor.is_floating_point()
                and tensor.numel() < MOST_CELLS
            ):
                leaf.hashes = frozenset(row_hashes(tensor))
        self._marks[tensor] = leaf
        self.era.hold(lambda split: self._settle(leaf, split), grad=grad)

    def _labels(self, path: str, tensor: Tensor, source: str, size: int) -> Labels | None:
        median = self._medians.get(path)
        found, self._medians[path] = labels_of(tensor, size, median)
        return None if found is None else replace(found, source=source, leaf=path)

    # ---- what becomes of it

    def outer_call(self, call: Call) -> None:
        """Marked tensors among the arguments of a model are candidates for inputs."""
        if next(call.module.parameters(), None) is None:
            return
        for path, tensor in (*leaves(call.args), *leaves(call.kwargs)):
            leaf = self._marks.get(tensor)
            if leaf is not None:
                leaf.argument = True
            elif self.conductor.feed != "loader" and not tensor.requires_grad and not call.grad and tensor.dim():
                name = self.session.names.path(call.module)
                self._enter(f"call {name}:{path}", tensor, "call", tensor.shape[0], own=True, grad=False)
                self._marks[tensor].argument = True

    def follow(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        """Hand marks on, and see what meets a parameter."""
        if not self._marks:
            return
        marked: Leaf | None = None
        graph = False
        for tensor in _tensors(args, kwargs):
            if tensor.requires_grad:
                graph = True
            else:
                marked = marked or self._marks.get(tensor)
        if marked is None:
            return
        if isinstance(output, Tensor):
            if not output.requires_grad:
                self._marks.setdefault(output, marked)
            elif graph and name in MIXERS:
                marked.input = True
        elif graph and name in MIXERS:
            marked.input = True
        elif isinstance(output, tuple | list):
            for part in output:
                if isinstance(part, Tensor) and not part.requires_grad:
                    self._marks.setdefault(part, marked)

    def is_target(self, tensor: Tensor, predictions: Sequence[Tensor]) -> None:
        """A loss took this tensor as the target of predictions."""
        for tell in self.on_target:
            tell(tensor, predictions)
        leaf = self._marks.get(tensor)
        # A label computed from the input inside the loop (synthetic data) does not make the input a target.
        if leaf is not None and (not leaf.input or tensor.numel() == leaf.numel):
            leaf.target = True

    def is_input(self, tensor: Tensor) -> bool:
        """Whether a tensor is data that also went into a model, whole."""
        leaf = self._marks.get(tensor)
        return leaf is not None and leaf.input and tensor.numel() == leaf.numel

    def of(self, tensor: Tensor) -> Leaf | None:
        """Return the leaf that a tensor is, or was computed from without a gradient."""
        found: Leaf | None = self._marks.get(tensor)
        return found

    # ---- what the comparison of splits asks

    def data_sets(self) -> dict[str, tuple[str, Any]]:
        """Return split and data set of every loader that was iterated, by the loader's name."""
        return {name: (self._loaders[name].split, data) for name, data in self._data.items()}

    def training_loaders(self) -> dict[str, Any]:
        """Return the loaders whose batches were trained on, by name."""
        return {name: loader for name, loader in self._objects.items() if self._loaders[name].split == TRAIN}

    def place_of(self, name: str) -> Place:
        """Return the line on which the loop asks a loader."""
        row = self._loaders[name]
        return (row.file, row.line, row.function)

    def roles(self) -> dict[str, dict[str, str]]:
        """Return what every leaf of the training batches was used as, by the loader's name."""
        return self._roles

    def overlap_of_calls(self) -> list[Overlap]:
        """Compare what models were called with in training and in validation, in loops without a loader."""
        found = []
        for path, train in self._rows[TRAIN].items():
            other = self._rows[VALIDATION].get(path)
            if other:
                shared = sum(h in train for h in other)
                found.append(
                    Overlap(
                        train="training calls",
                        validation="validation calls",
                        by="content",
                        train_samples=len(train),
                        compared=len(other),
                        shared=shared,
                        distinct=len(other),
                    )
                )
        return found

    # ---- what is recorded

    def _settle(self, leaf: Leaf, split: str) -> None:
        used = leaf.input or (leaf.argument and not leaf.target)
        role = "+".join(word for word, true in (("input", used), ("target", leaf.target)) if true)
        if leaf.source not in ("call", "experiment"):
            self._split_known(leaf.source, split, used=bool(role))
            if role and split == TRAIN:
                self._roles[leaf.source][leaf.path] = role
                self.conductor.store.roles[leaf.path] = role
        elif role and split == TRAIN and leaf.source == "call":
            self._roles["call"][leaf.path] = role
        if used and not leaf.target and split == TRAIN and self.session.experiment == OBSERVE:
            self.conductor.store.input_paths.add(leaf.path)
        elif leaf.target:
            self.conductor.store.input_paths.discard(leaf.path)
            self.conductor.store.target_paths.add(leaf.path)
        if used and leaf.hashes:
            self._rows[split][leaf.path] |= leaf.hashes
        if leaf.row.shape or leaf.row.dtype:
            self.session.add(replace(leaf.row, split=split, role=role))
        if leaf.labels is not None and not leaf.input and (leaf.target or leaf.source != "call"):
            self.session.add(replace(leaf.labels, split=split))

    def _split_known(self, name: str, split: str, *, used: bool) -> None:
        row = self._loaders.get(name)
        if row is not None and used and row.split not in (TRAIN, split):
            self._loaders[name] = replace(row, split=split)
            self.session.add(self._loaders[name])


def described(path: str, tensor: Tensor, source: str, *, own: bool, closely: bool = True) -> Batch:
    """Return the statistics of one leaf; not `closely`, only its kind, hash and range."""
    row = Batch(
        leaf=path,
        source=source,
        shape=tuple(tensor.shape),
        dtype=str(tensor.dtype).removeprefix("torch."),
        content=content_hash(tensor) if own else "",
        own=own,
    )
    if tensor.numel() == 0 or tensor.is_complex():
        return row
    if not closely:
        low, high = (float(v) for v in torch.aminmax(tensor.detach().float()))
        if math.isfinite(low) and math.isfinite(high):  # aminmax passes a NaN on
            return replace(row, min=low, max=high, constant=low == high)
    values = tensor.detach().float().reshape(tensor.shape[0] if tensor.dim() else 1, -1)
    if values.numel() > MOST_CELLS:
        values = values[:, :: values.numel() // MOST_CELLS + 1]
    good = torch.isfinite(values)
    bad = int(values.numel() - good.sum())
    first_bad = int((~good).any(dim=1).nonzero()[0]) if bad else -1
    finite = values[good] if bad else values
    if finite.numel() == 0:
        return replace(row, non_finite=bad, first_bad=first_bad)
    low, high = (float(v) for v in torch.aminmax(finite))
    table = tensor.dim() == 2 and tensor.shape[1] <= TABLE_COLUMNS and tensor.is_floating_point() and len(values) > 1
    return replace(
        row,
        min=low,
        max=high,
        mean=float(finite.mean()),
        std=float(finite.std()) if finite.numel() > 1 else 0.0,
        non_finite=bad,
        first_bad=first_bad,
        constant=low == high and not bad,
        identical_samples=len(values) > 1 and bool((values == values[:1]).all()),
        integral=tensor.is_floating_point() and bool((finite == finite.round()).all()),
        dim_mean=tuple(values.mean(dim=0).tolist()) if table else (),
        dim_std=tuple(values.std(dim=0).tolist()) if table else (),
    )


def describe(served: Served, name: str, numbered: Any) -> Loader:
    """Return what is known of a loader."""
    loader = served.loader
    dataset = getattr(loader, "dataset", None)
    sampler, batches = _samplers(loader)
    kind = type(sampler).__name__
    order = ORDERS.get(kind, "unknown")
    if kind == "DistributedSampler":
        order = "shuffled" if getattr(sampler, "shuffle", True) else "sequential"
    if type(batches).__name__ not in ("BatchSampler", "NoneType"):
        order = "unknown"
    file, line, function = served.place
    return Loader(
        name=name,
        dataset=numbered(dataset, holder=loader) if dataset is not None else "",
        dataset_type=type(dataset).__name__,
        size=_length(dataset),
        batch_size=getattr(loader, "batch_size", None) or getattr(batches, "batch_size", None) or -1,
        batches=_length(loader),
        order=order,
        workers=int(getattr(loader, "num_workers", 0) or 0),
        drop_last=bool(getattr(loader, "drop_last", False) or getattr(batches, "drop_last", False)),
        drawn=_length(sampler),
        weights=_length(getattr(sampler, "weights", None)) if kind == "WeightedRandomSampler" else -1,
        file=file,
        line=line,
        function=function,
    )


def _samplers(loader: Any) -> tuple[Any, Any]:
    """Return what picks the samples and what groups them. A loader built with a batch sampler has the first in it."""
    sampler, batches = getattr(loader, "sampler", None), getattr(loader, "batch_sampler", None)
    if getattr(loader, "batch_size", None) is None and batches is not None:
        batches = getattr(batches, "batch_sampler", batches)  # one process's share of another (accelerate)
        sampler = getattr(batches, "sampler", sampler)
    return sampler, batches


def _length(thing: Any) -> int:
    try:
        return len(thing)
    except Exception:  # noqa: BLE001 - iterable data sets raise what they like
        return -1


def _tensors(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Tensor]:
    found = []
    for value in (*args, *kwargs.values()):
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, tuple | list):
            found.extend(item for item in value if isinstance(item, Tensor))
    return found
