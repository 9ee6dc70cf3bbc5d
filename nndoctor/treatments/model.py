"""Treatments of the model: its mode, what of it is trained, its weights, its regularisation, its precision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from nndoctor.patching import Patches
from nndoctor.treatments.base import Arguments, Ground, Treatment
from nndoctor.treatments.optimisation import held_by

if TYPE_CHECKING:
    from nndoctor.session import Call

RECTIFIERS = frozenset({"relu", "relu_", "leaky_relu", "gelu", "silu", "elu"})
DROPOUTS = frozenset({"dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout"})
PROBABILITY = {"multi_head_attention_forward": "dropout_p", "scaled_dot_product_attention": "dropout_p"}


def trained_roots(ground: Ground) -> list[nn.Module]:
    """Return the models of which some optimizer holds a part; all where there is no optimizer."""
    owned = ground.conductor.owned
    return [root for root, _ in ground.conductor.session.names.roots() if not owned.is_foreign(root)]


class TrainMode(Treatment):
    """Puts the whole model in train mode before each call with gradients; what counts is how it does in eval mode."""

    lens = "eval-mode"

    def __init__(self, ground: Ground, *, training: bool = True) -> None:
        super().__init__(ground)
        self._training = training
        self._modes: dict[nn.Module, bool] = {}

    def against(self) -> str:
        """The modes may be wrong only after the first validation."""
        return "" if self.ground.eval_mode else "eval-mode"

    def outer_call(self, call: Call) -> None:
        """Switch the flags, without the user's own `train` method."""
        if not call.grad:
            return
        for module in call.module.modules():
            if module.training is not self._training:
                self._modes.setdefault(module, module.training)
                module.training = self._training

    def end(self) -> None:
        """Put the flags back."""
        for module, training in self._modes.items():
            module.training = training
        self._modes = {}


class NoDropout(Treatment):
    """Lets every dropout pass everything. The loss is a smaller one then, hence the control is measured likewise."""

    lens = "no-dropout"

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self._own: list[tuple[nn.Module, float]] = []

    def unfit(self) -> str:
        """There has to be some."""
        inner = any(getattr(m, "dropout", None) for m in self._modules())
        return "" if self.ground.dropouts or inner else "no dropout was applied"

    def begin(self) -> None:
        """Recurrent layers and attention hold a rate of their own."""
        self._own = [(m, m.dropout) for m in self._modules() if isinstance(m.dropout, float)]
        for module, _ in self._own:
            module.dropout = 0.0  # type: ignore[assignment]

    def end(self) -> None:
        """Put the rates back."""
        for module, rate in self._own:
            module.dropout = rate  # type: ignore[assignment]
        self._own = []

    def op(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
        """Set the probability to zero."""
        if name in DROPOUTS and len(args) > 1:
            return (args[0], 0.0, *args[2:]), kwargs
        if name in DROPOUTS:
            return args, {**kwargs, "p": 0.0}
        if name in PROBABILITY and PROBABILITY[name] in kwargs:
            return args, {**kwargs, PROBABILITY[name]: 0.0}
        return args, kwargs

    def _modules(self) -> list[Any]:
        kinds = (nn.RNNBase, nn.MultiheadAttention)
        return [m for root in trained_roots(self.ground) for m in root.modules() if isinstance(m, kinds)]


class Unfreeze(Treatment):
    """Lets the parameters that the finding names, and those behind the loss, take part, and be held by an optimizer."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self._frozen: list[Tensor] = []
        self._added: list[tuple[torch.optim.Optimizer, Tensor]] = []

    def unfit(self) -> str:
        """There has to be an optimizer, and something that it does not train."""
        if not self.ground.conductor.rates_reach():
            return "no torch optimizer steps in this loop"
        return "" if self._left_out() else "every parameter of the model is trained"

    def begin(self) -> None:
        """Add them to the first group of the optimizer that holds most."""
        left_out = self._left_out()
        self._frozen = [p for p in left_out if not p.requires_grad]
        for tensor in self._frozen:
            tensor.requires_grad = True
        held = self.ground.conductor.owned.held()
        optimizers = list(self.ground.conductor.owned.optimizers)
        largest = max(optimizers, key=lambda o: len(held_by(o)))
        for tensor in left_out:
            if id(tensor) not in held:
                largest.param_groups[0]["params"].append(tensor)
                self._added.append((largest, tensor))

    def end(self) -> None:
        """Take them out again."""
        for optimizer, tensor in self._added:
            parameters = optimizer.param_groups[0]["params"]
            parameters[:] = [p for p in parameters if p is not tensor]
            optimizer.state.pop(tensor, None)
        for tensor in self._frozen:
            tensor.requires_grad = False
            tensor.grad = None
        self._added, self._frozen = [], []

    def _left_out(self) -> list[Tensor]:
        names = self.ground.conductor.session.names
        held = self.ground.conductor.owned.held()
        found: dict[int, Tensor] = {}
        for module in list(names.modules):
            for tensor in module._parameters.values():
                known = None if tensor is None else names.parameter(tensor)
                if known is not None and tensor is not None and self._named(known[0]) and tensor.is_floating_point():
                    found[id(tensor)] = tensor
        found.update(self.ground.behind_loss)
        return [t for t in found.values() if id(t) not in held or not t.requires_grad]

    def _named(self, path: str) -> bool:
        return any(path == name or path.startswith(f"{name}.") for name in self.ground.names)


class Reinitialise(Treatment):
    """Draws the weights of linear, convolutional and recurrent layers anew: He before a rectifier, else Xavier.

    A normalisation that begins by passing nothing on gets its usual scale of one and shift of zero.
    """

    def unfit(self) -> str:
        """A loaded model is not drawn anew."""
        return "" if list(self._layers()) else "the model has no layer that could be drawn anew"

    def begin(self) -> None:
        """Draw from a generator of our own, another one in each repetition."""
        for layer in self._layers():
            for number, tensor in enumerate(layer.parameters(recurse=False)):
                generator = torch.Generator(tensor.device)
                generator.manual_seed(1000 * self.ground.repetition + seed_of(layer, self.ground) + number)
                self._draw(layer, tensor, generator)
        for norm in self._norms():
            norm.weight.data.fill_(1.0)
            if getattr(norm, "bias", None) is not None:
                norm.bias.data.zero_()

    def _draw(self, layer: nn.Module, tensor: Tensor, generator: torch.Generator) -> None:
        if tensor.dim() < 2:
            tensor.data.zero_()
        elif isinstance(layer, nn.RNNBase):
            for gate in torch.split(tensor.data, layer.hidden_size):
                nn.init.xavier_uniform_(gate, generator=generator)
        elif self.ground.followed_by.get(id(layer)) in RECTIFIERS:
            nn.init.kaiming_uniform_(tensor.data, nonlinearity="relu", generator=generator)
        else:
            nn.init.xavier_uniform_(tensor.data, generator=generator)

    def _norms(self) -> list[Any]:
        kinds = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm)
        norms: list[Any] = self._unloaded(kinds)
        return [m for m in norms if m.weight is not None and not bool(m.weight.any())]

    def _layers(self) -> list[nn.Module]:
        return self._unloaded((nn.Linear, nn.Bilinear, nn.modules.conv._ConvNd, nn.RNNBase))

    def _unloaded(self, kinds: tuple[type[nn.Module], ...]) -> list[nn.Module]:
        owned = self.ground.conductor.owned
        layers = [m for root in trained_roots(self.ground) for m in root.modules() if isinstance(m, kinds)]
        return [m for m in layers if not any(owned.is_loaded(p) for p in m.parameters(recurse=False))]


def seed_of(layer: nn.Module, ground: Ground) -> int:
    """Return a number for a layer that is the same in every process: it seeds what is drawn for it."""
    return sum(ord(letter) * (i + 1) for i, letter in enumerate(ground.conductor.session.names.path(layer)))


class Float32(Treatment):
    """Leaves autocast without effect."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self._patches = Patches()

    def begin(self) -> None:
        """Every context that is entered from now on is switched off."""

        def make(original: Any) -> Any:
            def __enter__(context: Any) -> Any:
                context._enabled = False
                return original(context)

            return __enter__

        self._patches.wrap(torch.amp.autocast_mode.autocast, "__enter__", make)

    def end(self) -> None:
        """Put torch back as it was."""
        self._patches.undo()
