"""What a model with loaded weights really gets, beside what the weights declare of their preprocessing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet

import torch
from torch import Tensor, nn

from nndoctor.feeds.tree import leaves
from nndoctor.fingerprint import strided
from nndoctor.places import user_place
from nndoctor.probes import transforms
from nndoctor.records import COAST, OBSERVE, LoadedInput
from nndoctor.session import Call, Listener, Session

if TYPE_CHECKING:
    from nndoctor.probes.transforms import Transform

SAMPLE = 20_000
"""Values by channel from which quantiles are taken."""
EDGES = (0.01, 0.99)
"""Quantiles that count as the range: a few outliers say nothing of the preprocessing."""


class Declared(Listener):
    """Records `LoadedInput`, in the first training pass through loaded weights."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._transforms: WeakKeyDictionary[nn.Module, Transform] = WeakKeyDictionary()
        self._by_name: WeakSet[nn.Module] = WeakSet()
        """Built by `from_pretrained`, and nothing lay beside the weights."""
        self._inside: nn.Module | None = None
        self._done: WeakSet[nn.Module] = WeakSet()

    def state_loaded(self, module: nn.Module, state: Any) -> None:
        """Look for a declaration with the caller. What was loaded before is gone."""
        if self.session.experiment not in (OBSERVE, COAST):
            return
        for inner in module.modules():
            self._transforms.pop(inner, None)
        found = transforms.of_the_load(sys._getframe(1))
        if found is not None:
            self._transforms[module] = found

    def built_by_name(self, module: nn.Module) -> None:
        """Look beside the weights."""
        found = transforms.of_the_folder(module)
        if found is not None:
            self._transforms[module] = found
        else:
            self._by_name.add(module)

    def outer_call(self, call: Call) -> None:
        """An image processor that the script holds declares it as well."""
        self._inside = None
        if self._by_name and call.grad:
            held = [m for m in call.module.modules() if m in self._by_name]
            found = transforms.of_a_processor(sys._getframe(1)) if held else None
            for module in held:
                self._by_name.discard(module)
                if found is not None:
                    self._transforms[module] = found

    def module_done(self, call: Call, output: Any) -> None:
        """Measure what the loaded model got, and what reached the first layer with weights in it."""
        early = self.session.experiment == COAST or (self.session.experiment == OBSERVE and self.session.step == 0)
        if not self._transforms or not call.grad or not early:
            return
        if call.module in self._transforms:
            if call.module not in self._done:
                self._done.add(call.module)
                self._measure(call, call.module, "input")
            return
        around = next((c for c in self.session.stack if c.module in self._transforms), None)
        if around is None or around.module is self._inside or around.module in self._done:
            return
        if next(call.module.parameters(recurse=False), None) is not None:
            self._inside = around.module
            self._measure(call, around.module, "layer")

    def _measure(self, call: Call, loaded: nn.Module, at: str) -> None:
        declared = self._transforms[loaded]
        given = [t for _, t in leaves((call.args, call.kwargs)) if t.dim() in (4, 5) and t.numel()]
        images = next((t for t in given if len(declared.mean) in (1, t.shape[1])), None)
        if images is None or images.is_meta:
            return
        channels = images.detach().transpose(0, 1).reshape(images.shape[1], -1)
        values = torch.stack([strided(c, SAMPLE).float() for c in channels])
        edges = torch.quantile(values, torch.tensor(EDGES, device=values.device), dim=1)
        file, line, function = call.place if call.place[0] else user_place()
        self.session.add(
            LoadedInput(
                module=self.session.names.path(loaded),
                at=at,
                layer=self.session.names.path(call.module),
                source=declared.source,
                mean=declared.mean,
                std=declared.std,
                top=declared.top,
                size=declared.size,
                got_mean=_tuple(values.mean(dim=1)),
                got_std=_tuple(values.std(dim=1)) if values.shape[1] > 1 else (),
                got_low=_tuple(edges[0]),
                got_high=_tuple(edges[1]),
                minimum=float(values.min()),
                maximum=float(values.max()),
                got_size=tuple(images.shape[-2:]),
                values=values.shape[1],
                file=file,
                line=line,
                function=function,
            )
        )


def _tuple(values: Tensor) -> tuple[float, ...]:
    return tuple(round(float(v), 6) for v in values)
