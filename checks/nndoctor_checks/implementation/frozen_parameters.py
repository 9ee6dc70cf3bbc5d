"""R23 frozen-parameters."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, check, names_shown
from nndoctor.records import Parameter
from nndoctor_checks.observed import by_segment
from nndoctor_checks.tensors import is_layer
from nndoctor_checks.wiring import NOT_TRAINED_SYMPTOMS, elements, in_use, share_of, trained_before

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


@check(
    "frozen-parameters",
    reason="R23",
    severity=Severity.ERROR,
    needs=[Parameter],
    explains=[*NOT_TRAINED_SYMPTOMS, "loss-detached", "loss-flat"],
    treatments=["unfreeze"],
)
def frozen_parameters(
    run: Recording,
    *,
    min_share: float = 0.1,  # of the model's weights; fixed positions and random features are usually less
    min_matrices: int = 2,  # one fixed matrix is a design (embedding, random projection), two are a frozen network
) -> Iterator[Finding]:
    """Weights are frozen that were never trained.

    ## What it does
    Lists parameters with `requires_grad=False` in modules that run in training. It is an error if at least
    `min_matrices` weight matrices are frozen, hold `min_share` of the model's weights, and were neither loaded nor
    trained by an earlier phase of the script. Less is a note; but a layer that is frozen as PyTorch drew it (weight
    and bias uniform up to 1 / sqrt(fan in)) is a warning, however small it is. Loaded ones are a note. Parameters that
    change all the same (a momentum encoder) and frozen copies of a trained network (a target network)
    are left alone.

    ## Why is this bad?
    Freezing keeps what was learnt before. Where nothing was learnt before, it keeps random numbers: the rest of the
    network has to make do with a random projection of the input.

    ## Example
    ```python
    model = Classifier()
    for parameter in model.backbone.parameters():
        parameter.requires_grad = False
    ```

    Use instead:
    ```python
    model = Classifier()
    model.backbone.load_state_dict(torch.load("backbone.pt"))
    for parameter in model.backbone.parameters():
        parameter.requires_grad = False
    ```

    ## Known problems
    Weights that are copied in without `load_state_dict` may not be recognised as loaded. Random features that are
    frozen on purpose (echo state networks, random network distillation) look like the fault.

    ## References
    - [PyTorch, Autograd mechanics: Setting requires_grad](https://pytorch.org/docs/stable/notes/autograd.html)
    """
    for segment, rows in by_segment(run.rows(Parameter)).items():
        used = in_use(run, segment, rows)
        trains = _trains_any(rows)
        for parameters in _by_root(used).values() if trains else [used]:
            frozen = [p for p in parameters if not p.requires_grad and not p.changed]
            fresh = [p for p in _without_copies(frozen, used) if not p.loaded]
            if trained_before(run, segment, fresh):
                fresh = []
            loaded = [p for p in frozen if p.loaded]
            if fresh:
                beside = trains and not _trains_any(parameters)
                yield _fresh(fresh, parameters, min_share, min_matrices, beside=beside)
            elif loaded and _trains_any(parameters):
                yield _loaded(loaded, parameters)


def _fresh(
    fresh: Sequence[Parameter], model: Sequence[Parameter], min_share: float, min_matrices: int, *, beside: bool
) -> Finding:
    """Judge frozen weights without a past. `beside`: the whole network is frozen and another one is trained."""
    share = share_of(fresh, model)
    matrices = [p for p in fresh if len(p.shape) >= 2]
    severity, drawn = None, _as_drawn(fresh)
    if share < min_share or not matrices or all(p.module_type.startswith("Embedding") for p in matrices):
        severity = Severity.WARNING if drawn else Severity.NOTE
    elif beside or len(matrices) < min_matrices:
        severity = Severity.WARNING
    return Finding(
        message=f"{len(fresh)} of {len(model)} parameters ({share:.0%} of the weights) are frozen and were never "
        f"loaded or trained: {names_shown([p.name for p in fresh])}.",
        advice="Load the trained weights before freezing, or remove `requires_grad = False` for these layers and give "
        "them to the optimizer.",
        where=SourceLine.of(fresh[0]),
        names=tuple(p.name for p in fresh),
        evidence=(Measure("share of the weights", share, f"< {min_share:g}"), Measure("weights", elements(fresh))),
        severity=severity,
        certain=severity is None or drawn,  # random numbers of torch's, not a design: seen, not inferred
    )


def _as_drawn(fresh: Sequence[Parameter]) -> bool:
    """Whether a layer is among them just as torch initialises it. What is made to be fixed looks otherwise.

    A filter has values of its own, the bias of random Fourier features goes up to 2 pi.
    """
    biases = {p.module: p for p in fresh if p.name.endswith("bias")}
    layers = [w for w in fresh if is_layer(w) and w.fan_in > 0]
    return any(all(map(_uniform(w.fan_in), (w, biases.get(w.module, w)))) for w in layers)


def _uniform(fan_in: int) -> Callable[[Parameter], bool]:
    """Return whether a tensor looks drawn from torch's default for layers, by its bound and its spread."""
    bound = 1 / math.sqrt(fan_in)

    def drawn(p: Parameter) -> bool:
        return 0.5 * bound <= p.absmax <= 1.001 * bound and 0.3 * bound <= p.std <= 0.9 * bound

    return drawn


def _loaded(loaded: Sequence[Parameter], model: Sequence[Parameter]) -> Finding:
    share = share_of(loaded, model)
    return Finding(
        message=f"{len(loaded)} of {len(model)} parameters ({share:.0%} of the weights) were loaded and are frozen.",
        advice="Leave it so to fine-tune the rest; unfreeze them at a small learning rate if that is not enough.",
        where=SourceLine.of(loaded[0]),
        names=tuple(p.name for p in loaded),
        evidence=(Measure("share of the weights", share),),
        severity=Severity.NOTE,
    )


def _trains_any(parameters: Sequence[Parameter]) -> bool:
    return any(p.requires_grad for p in parameters)


def _by_root(parameters: Sequence[Parameter]) -> dict[str, list[Parameter]]:
    found: defaultdict[str, list[Parameter]] = defaultdict(list)
    for p in parameters:
        found[p.root].append(p)
    return dict(found)


def _without_copies(frozen: Sequence[Parameter], model: Sequence[Parameter]) -> list[Parameter]:
    """Leave out whole frozen networks that have the shapes of a trained one: they follow it by being copied."""
    networks: defaultdict[tuple[str, str], list[Parameter]] = defaultdict(list)
    for p in model:
        networks[_network(p)].append(p)
        networks[(p.root, "")].append(p)
    trained = [Counter(p.shape for p in net) for net in networks.values() if all(p.requires_grad for p in net)]

    def copied(p: Parameter) -> bool:
        for net in (networks[_network(p)], networks[(p.root, "")]):
            layers = {other.module for other in net}
            shapes = Counter(other.shape for other in net)
            if len(layers) >= 2 and not any(o.requires_grad for o in net) and shapes in trained:
                return True
        return False

    return [p for p in frozen if not copied(p)]


def _network(parameter: Parameter) -> tuple[str, str]:
    """Return the root and its child that holds the parameter: `encoder_k` of `encoder_k.layer1.weight`."""
    path = parameter.name.removeprefix(f"{parameter.root}.")
    return parameter.root, path.partition(".")[0]
