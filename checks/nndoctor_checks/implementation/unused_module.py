"""R22 unused-module."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, check, names_shown
from nndoctor.records import Module, Parameter

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence


@check(
    "unused-module",
    reason="R22",
    severity=Severity.WARNING,
    needs=[Module, Parameter],
    explains=["no-gradient", "update-ratio"],
)
def unused_module(
    run: Recording,
    *,
    min_walked: int = 2,  # steps whose graph was followed: only then is it known that weights are not used directly
) -> Iterator[Finding]:
    """A part of the model is registered and never used.

    ## What it does
    Reports modules with trainable parameters that were called neither in training nor anywhere else in the run, while
    the model they belong to was, and to whose parameters the graph of the loss led in none of at least `min_walked`
    steps. Weights that are used without calling the module (tied weights, `F.linear(x, layer.weight)`, the output
    projection of `nn.MultiheadAttention`) are therefore left alone, and so is what stands in a module of whose weights
    the graph leads to none. Nested modules are reported as one.

    ## Why is this bad?
    Somebody wrote this layer to be used. If forward does not call it, the network is not the one that was meant; often
    the wrong attribute is called twice, or the line got lost. Otherwise it costs memory and confuses the reader.

    ## Example
    ```python
    def forward(self, x):
        x = self.relu(self.conv1(x))
        x = self.relu(self.conv2(x))
        return self.fc(x.flatten(1))  # self.conv3 is never called
    ```

    Use instead:
    ```python
    def forward(self, x):
        x = self.relu(self.conv1(x))
        x = self.relu(self.conv2(x))
        x = self.relu(self.conv3(x))
        return self.fc(x.flatten(1))
    ```

    ## Known problems
    A head for a task that comes up only later in the training is reported.

    ## References
    - Humbatova et al., Taxonomy of Real Faults in Deep Learning Systems, ICSE 2020 (missing layer)
    """
    rows = run.rows(Module)
    called = {m.name for m in rows if m.calls > 0 or m.all_calls > 0}
    parameters = run.rows(Parameter)
    owners = {m.name: m for m in rows if m.parameters > 0}
    unused = {
        m.name: m
        for m in owners.values()
        if m.registered and m.name not in called and m.root in called and _untouched(m, parameters, min_walked)
        if _would_show(m, parameters, called)
    }
    for root in sorted({m.root for m in unused.values()}):
        parts = [m for m in unused.values() if m.root == root]
        weights = sum(m.parameters for m in parts)
        total = sum(m.parameters for m in owners.values() if m.root == root)
        names = _topmost(parts, rows, owners, called)
        first = next((m for m in rows if m.name == names[0]), parts[0])
        verb = "is never called, and its" if len(names) == 1 else "are never called, and their"
        yield Finding(
            message=f"{names_shown(names)} ({weights} weights, {weights / total:.0%} of {root}) {verb} weights are not "
            "used otherwise.",
            advice=f"Call `self.{names[0].removeprefix(root + '.')}(...)` in forward, or remove it.",
            where=SourceLine.of(first) or SourceLine.of(parts[0]),
            names=names,
            evidence=(Measure("calls", 0, "> 0"), Measure("unused weights", weights, "0")),
        )


def _untouched(module: Module, parameters: Sequence[Parameter], min_walked: int) -> bool:
    """Whether it is known of all of its parameters that the loss does not depend on them."""
    own = [p for p in parameters if p.module == module.name]
    return bool(own) and all(
        p.requires_grad and p.reached == 0 and p.walked >= min_walked and p.gradient_steps == 0 and not p.changed
        for p in own
    )


def _would_show(module: Module, parameters: Sequence[Parameter], called: Collection[str]) -> bool:
    """Whether the graph of the loss would lead to its weights if they were used without calling the module.

    Where it leads to nothing else of what they stand in either, as behind a `detach`, it does not tell.
    """
    branch = module.name
    while "." in branch:
        branch = branch.rpartition(".")[0]
        inside = [p for p in parameters if p.root == module.root and p.name.startswith(f"{branch}.")]
        beside = [p for p in inside if not p.name.startswith(f"{module.name}.")]
        if branch in called and beside:
            return any(p.reached > 0 for p in beside)
    return True


def _topmost(
    parts: Sequence[Module], rows: Sequence[Module], owners: Collection[str], called: Collection[str]
) -> tuple[str, ...]:
    """Return the names with whole unused branches named by their uppermost module, in the order of the model."""
    unused = {m.name for m in parts}
    known = {m.name for m in rows if m.registered and m.name not in called}

    def all_unused(branch: str) -> bool:
        return branch in known and all(n in unused for n in owners if n == branch or n.startswith(branch + "."))

    names: list[str] = []
    for part in parts:
        name = part.name
        while "." in name and all_unused(name.rpartition(".")[0]):
            name = name.rpartition(".")[0]
        names.append(name)
    return tuple(dict.fromkeys(names))
