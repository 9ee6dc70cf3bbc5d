"""A few samples of the first training batch: what the first layer really gets, and the targets that go with it.

After transforms, normalisation, permutations and reshapes: what arrives is what the network learns from, whatever the
data set holds. Copies are small and made once in a segment.
"""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from nndoctor.feeds.tree import leaves
from nndoctor.probes.vocabulary import vocabulary
from nndoctor.records import OBSERVE, Sample
from nndoctor.records.exhibits import INPUT, TARGET
from nndoctor.session import Call, Listener, Session

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST_SAMPLES = 16
SIDE = 64
"""Pixels of an image in each direction; larger ones are thinned."""
STEPS = 128
CHANNELS = 3
"""Of a series."""
NUMBERS = 32
"""Values of a row of a table."""
TOKENS = 64


@dataclass(frozen=True, slots=True)
class Entered:
    """What the first layer got."""

    layer: str
    module: nn.Module
    values: Tensor
    model_shape: tuple[int, ...]
    layer_shape: tuple[int, ...]
    same: bool
    words: list[str] | None
    """The vocabulary, by token."""


class Samples(Listener):
    """Records `Sample`."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._outer: list[Tensor] | None = None
        self._entered: Entered | None = None
        self._target: Tensor | None = None
        self._done = -1
        """The segment whose samples are written."""

    def _wanted(self) -> bool:
        return self.session.experiment == OBSERVE and self._done != self.session.segment

    def outer_call(self, call: Call) -> None:
        """Hold what a model is called with, until its first layer has run."""
        if self._outer is None and call.grad and self._wanted() and next(call.module.parameters(), None) is not None:
            self._outer = [tensor for _, tensor in (*leaves(call.args), *leaves(call.kwargs)) if tensor.dim() > 0]

    def module_done(self, call: Call, output: Any) -> None:
        """Take a copy of what the first layer with parameters got."""
        if (
            self._outer is None
            or not self._wanted()
            or not any(p is not None for p in call.module._parameters.values())
        ):
            return
        if self._entered is not None and self._entered.same:
            return
        given = next((t for _, t in (*leaves(call.args), *leaves(call.kwargs)) if t.dim() > 0), None)
        if given is None:
            return
        twin = next((t for t in self._outer if _equal(t, given)), None)
        if self._entered is not None and twin is None:
            return  # a later layer replaces the first only if it, and not the first, got the data itself
        shown = given if twin is None else twin
        self._entered = Entered(
            layer=self.session.names.path(call.module),
            module=call.module,
            values=shown[:MOST_SAMPLES].detach().clone(),
            model_shape=tuple(twin.shape) if twin is not None else tuple(self._outer[0].shape) if self._outer else (),
            layer_shape=tuple(given.shape),
            same=twin is not None,
            words=vocabulary(call.module.num_embeddings) if isinstance(call.module, nn.Embedding) else None,
        )

    def target(self, tensor: Tensor, _predictions: Sequence[Tensor]) -> None:
        """Take a copy of what a loss took as target; `tensor` is whole."""
        if self._target is None and self._outer is not None and self._wanted() and tensor.dim() > 0:
            self._target = tensor.detach().clone() if tensor.numel() <= MOST_SAMPLES * SIDE**2 * 3 else tensor.detach()

    def step_ended(self) -> None:
        """Write what was taken."""
        self._write()

    def broken_off(self) -> None:
        """Write it also where the first step raised: the shapes may be the reason."""
        self._write()

    def new_data(self) -> None:
        """What was held belongs to a call that no training step followed."""
        self._outer, self._entered, self._target = None, None, None

    def _write(self) -> None:
        entered, target = self._entered, self._target
        self.new_data()
        if entered is None or not self._wanted():
            return
        self._done = self.session.segment
        words = entered.words or []
        base = Sample(
            layer=entered.layer,
            layer_type=type(entered.module).__name__,
            model_shape=entered.model_shape,
            layer_shape=entered.layer_shape,
            same=entered.same,
        )
        flat = entered.same and len(entered.layer_shape) == 2
        for row in exhibits(replace(base, role=INPUT), entered.values, entered.module, flat=flat):
            self.session.add(_in_words(row, words))
        if target is not None:
            count = entered.model_shape[0] if entered.model_shape else 0
            # The targets of tokens are often one long vector.
            if count and target.shape[0] != count and target.numel() % count == 0:
                target = target.reshape(count, -1)
            for row in exhibits(replace(base, role=TARGET), target[:MOST_SAMPLES], None, flat=False):
                self.session.add(_in_words(row, words))


def _in_words(row: Sample, words: list[str]) -> Sample:
    if row.form != "tokens" or not words:
        return row
    return replace(row, words=tuple(words[int(v)][:40] if 0 <= v < len(words) else "" for v in row.values))


def _equal(outer: Tensor, given: Tensor) -> bool:
    """Whether a layer got the values that the model was called with, be it in another shape."""
    if outer is given:
        return True
    if outer.numel() != given.numel() or outer.dtype != given.dtype or outer.shape[0] != given.shape[0]:
        return False
    return torch.equal(outer[:1].reshape(-1), given[:1].reshape(-1))


def exhibits(base: Sample, batch: Tensor, layer: nn.Module | None, *, flat: bool) -> Iterator[Sample]:
    """Yield one row per sample of a batch. `flat`: the layer takes each sample as one vector."""
    base = replace(base, shape=tuple(batch.shape[1:]), dtype=str(batch.dtype).removeprefix("torch."))
    values = batch.detach().cpu()
    if values.is_complex():
        values = values.abs()
    picture = _as_image(values, layer, flat=flat)
    if picture is not None:
        yield from _images(base, picture)
        return
    for index, sample in enumerate(values):
        if not values.is_floating_point():
            most = TOKENS
            form = "label" if sample.numel() == 1 else "tokens"
        elif values.dim() == 3 and sample.numel() > NUMBERS:
            yield _series(replace(base, index=index), sample, layer)
            continue
        else:
            most, form = NUMBERS, "label" if base.role == TARGET and sample.numel() == 1 else "table"
        numbers = sample.reshape(-1)[:most].double().tolist()
        yield replace(base, index=index, form=form, values=tuple(_short(v) for v in numbers), cut=sample.numel() > most)


def _as_image(values: Tensor, layer: nn.Module | None, *, flat: bool) -> Tensor | None:
    """Return the batch as (samples, height, width, channels), None where it holds no images."""
    if values.dim() == 5:
        values = values[:, :, values.shape[2] // 2]  # the middle slice of a volume or clip
    if values.dim() == 3 and min(values.shape[1:]) >= 8 and (flat or (layer is None and values.is_floating_point())):
        values = values[:, None]
    if values.dim() == 3 and layer is None and min(values.shape[1:]) >= 8 and not values.is_floating_point():
        values = values[:, None]  # a mask
    if values.dim() != 4 or min(values.shape) == 0:
        return None
    last = values.shape[-1] in (1, 3) and values.shape[1] not in (1, 3)
    picture = values if last and not isinstance(layer, nn.Conv2d) else values.permute(0, 2, 3, 1)
    if picture.shape[-1] != 3:
        picture = picture[..., :1]
    return picture


def _images(base: Sample, batch: Tensor) -> Iterator[Sample]:
    height, width = batch.shape[1:3]
    rows, columns = max(1, math.ceil(height / SIDE)), max(1, math.ceil(width / SIDE))
    small = batch[:, ::rows, ::columns].float()
    finite = small[torch.isfinite(small)]
    low, high = (float(finite.min()), float(finite.max())) if finite.numel() else (0.0, 0.0)
    scale = 255 / (high - low) if high > low else 0.0
    bytes_ = ((torch.nan_to_num(small, low, high, low) - low) * scale).round().to(torch.uint8)
    for index, picture in enumerate(bytes_):
        yield replace(
            base,
            index=index,
            form="image",
            size=tuple(picture.shape),
            low=low,
            high=high,
            pixels=base64.b64encode(picture.contiguous().numpy().tobytes()).decode(),
            cut=rows > 1 or columns > 1 or base.shape[-3:-2] not in ((), (1,), (3,)),
        )


def _series(base: Sample, sample: Tensor, layer: nn.Module | None) -> Sample:
    lines = sample if isinstance(layer, nn.Conv1d) else sample.T  # channels first
    stride = max(1, math.ceil(lines.shape[1] / STEPS))
    kept = lines[:CHANNELS, ::stride]
    return replace(
        base,
        form="series",
        size=tuple(kept.shape),
        values=tuple(_short(v) for v in kept.reshape(-1).double().tolist()),
        cut=kept.numel() < sample.numel(),
    )


def _short(value: float) -> float:
    return float(f"{value:.5g}")
