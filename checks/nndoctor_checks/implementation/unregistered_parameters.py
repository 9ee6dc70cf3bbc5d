"""R22 unregistered-parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, check, names_shown
from nndoctor.records import TRAIN, Batch, Module, Parameter
from nndoctor_checks.observed import by_segment, observed
from nndoctor_checks.wiring import NOT_TRAINED_SYMPTOMS, elements

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@check(
    "unregistered-parameters",
    reason="R22",
    severity=Severity.ERROR,
    needs=[Module],
    explains=[
        *NOT_TRAINED_SYMPTOMS,
        "batch-mixing",  # by a BatchNorm that `model.eval()` does not reach
        "no-gradient",
        "parameters-not-in-optimizer",
        "parameters-not-updating",
        "train-mode-in-validation",
    ],
    treatments=["unfreeze"],
)
def unregistered_parameters(
    run: Recording,
    *,
    min_reached: int = 2,  # steps; a leaf made anew for one step (gradient penalty, adversarial noise) is no weight
    min_share: float = 0.5,  # of the steps, for a tensor of nobody: memory that is used again may look like one leaf
) -> Iterator[Finding]:
    """The model uses weights that it does not know of.

    ## What it does
    Reports modules that run inside the model's forward, and tensors of the model that require a gradient and on which
    the loss depended in at least `min_reached` steps, that are not among `model.parameters()`. It is an error if no
    optimizer holds them and nothing changes them, a warning if one does: then they are trained, but neither saved nor
    moved with the model. A tensor whose module is not known must be in use in more than `min_share` of the steps, and
    must not look like an input; a single number of this kind is a warning.

    ## Why is this bad?
    A plain list or dict hides its layers from the module that holds it, and a plain tensor is not a parameter. So the
    optimizer does not get them, `state_dict` does not save them, `.to(device)` leaves them behind, and `eval()` does
    not reach their dropout.

    ## Example
    ```python
    self.hidden = [nn.Linear(64, 64) for _ in range(3)]
    self.position = torch.zeros(16, 48, requires_grad=True)
    ```

    Use instead:
    ```python
    self.hidden = nn.ModuleList(nn.Linear(64, 64) for _ in range(3))
    self.position = nn.Parameter(torch.zeros(16, 48))
    ```

    ## Known problems
    A layer that is shared with the caller and passed into forward, and trained by an optimizer, is a warning.

    ## References
    - [PyTorch, ModuleList](https://pytorch.org/docs/stable/generated/torch.nn.ModuleList.html)
    """
    for segment, modules in by_segment(run.rows(Module)).items():
        rows = [p for p in run.rows(Parameter) if p.segment == segment]
        hidden = [p for p in rows if not p.registered and p.requires_grad and p.reached >= min_reached]
        hidden = [p for p in hidden if p.module or p.root or _steady(run, p, min_share)]
        lost = [p for p in hidden if not p.optimizer and not p.changed and not p.loaded]
        bare = _without_rows(modules, rows)
        kept = [p for p in hidden if p.optimizer and (p.module or p.root)]
        if lost or bare:
            yield _lost(lost, bare, modules)
        if kept:
            yield Finding(
                message=f"{_list(kept)} are trained by {kept[0].optimizer}, but are not among the model's parameters: "
                "`state_dict` does not save them.",
                advice="Assign them to the module as `nn.Parameter`, or keep the layers in an `nn.ModuleList`.",
                where=SourceLine.of(kept[0]),
                names=tuple(p.name for p in kept),
                evidence=(Measure("unregistered parameters", len(kept), "0"),),
                severity=Severity.WARNING,
            )


def _lost(lost: Sequence[Parameter], bare: Sequence[Module], modules: Sequence[Module]) -> Finding:
    owners = [m for m in modules if m.name in {p.module for p in lost}] + list(bare)
    names = tuple(dict.fromkeys([p.name for p in lost] + [m.name for m in bare]))
    weights = elements(lost) + sum(max(0, m.parameters) for m in bare)
    roots = [m for m in modules if m.registered and m.name == m.root]  # hidden ones may not know their own place
    built = any(m.made_in_forward > 0 for m in owners)
    certain = bool(bare) or any(p.module or p.root or (p.shape and p.reached == p.walked) for p in lost)
    advice = (
        "Build the layer once, in `__init__`: in forward it starts from new random weights at every call."
        if built
        else "Keep layers in `nn.ModuleList` or `nn.ModuleDict` instead of a list or dict, and make tensors "
        "`nn.Parameter`, before the optimizer is built."
    )
    return Finding(
        message=f"{names_shown(names)} ({weights} weights) take part in the forward pass, but are not among the "
        "model's parameters, and no optimizer trains them.",
        advice=advice,
        where=next(filter(None, map(SourceLine.of, [*lost, *owners, *roots])), None),
        names=names,
        evidence=(Measure("weights outside of the model", weights, "0"),),
        severity=None if certain else Severity.WARNING,
        certain=certain,
    )


def _without_rows(modules: Sequence[Module], parameters: Sequence[Parameter]) -> list[Module]:
    """Return unregistered modules with weights of which no parameter was recorded one by one."""
    known = {p.module for p in parameters}
    return [
        m
        for m in modules
        if not m.registered and m.parameters > 0 and m.calls > 0 and not m.loaded and m.name not in known
    ]


def _steady(run: Recording, leaf: Parameter, min_share: float) -> bool:
    """Whether a tensor without an owner is used again and again, and is not data.

    The points of a physics-informed network and a recurrent network's first state require gradients too: they have a
    dimension as long as the batch.
    """
    batches = [b for b in observed(run, Batch) if b.split == TRAIN and b.segment == leaf.segment]
    lengths = {b.shape[0] for b in batches if b.shape}
    return bool(lengths) and leaf.reached > min_share * leaf.walked and lengths.isdisjoint(leaf.shape)


def _list(parameters: Sequence[Parameter]) -> str:
    return names_shown([p.name for p in parameters])
