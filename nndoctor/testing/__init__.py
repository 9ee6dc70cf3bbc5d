"""Assertions for a project's own tests: `from nndoctor.testing import assert_overfits`.

Each trains the given parts for some steps, with their state put back afterwards, and fails with the evidence of the
check that found something. One that could not judge fails too, and says why: a test that saw nothing proves nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nndoctor.diagnose import Diagnosis

NOTHING = ("observe",)
"""No experiment besides observing."""


def assert_trainable(
    model: Any,
    train_loader: Any,
    loss_fn: Any = None,
    optimizer: Any = None,
    val_loader: Any = None,
    *,
    ignore: Sequence[str] = (),
    budget: float = 30.0,
    steps: int = 40,
) -> None:
    """Assert that no check of the catalogue finds an error. Raises `AssertionError` with all that are found."""
    __tracebackhide__ = True
    parts = (model, train_loader, loss_fn, optimizer, val_loader)
    _checked(*parts, ignore=ignore, budget=budget, steps=steps).raise_for_findings()


def assert_overfits(model: Any, train_loader: Any, loss_fn: Any = None, optimizer: Any = None, **options: Any) -> None:
    """Assert that one small batch can be learned by heart."""
    __tracebackhide__ = True
    names = ("cannot-overfit-batch",)
    _assert(names, (model, train_loader, loss_fn, optimizer), ("overfit", "overfit:x0.1", "overfit:x10"), options)


def assert_batch_independent(
    model: Any, train_loader: Any, loss_fn: Any = None, optimizer: Any = None, **options: Any
) -> None:
    """Assert that the output for one sample does not depend on the others of its batch (BatchNorm aside)."""
    __tracebackhide__ = True
    _assert(("batch-mixing",), (model, train_loader, loss_fn, optimizer), NOTHING, options)


def assert_no_dead_parameters(
    model: Any, train_loader: Any, loss_fn: Any = None, optimizer: Any = None, **options: Any
) -> None:
    """Assert that every trainable parameter is used, gets a gradient, is in the optimizer and changes."""
    __tracebackhide__ = True
    names = ("unused-module", "no-gradient", "parameters-not-in-optimizer", "parameters-not-updating")
    _assert(names, (model, train_loader, loss_fn, optimizer), NOTHING, options)


def assert_loss_at_chance(
    model: Any, train_loader: Any, loss_fn: Any = None, optimizer: Any = None, **options: Any
) -> None:
    """Assert that the first loss is that of predicting the labels' shares, or the targets' mean."""
    __tracebackhide__ = True
    _assert(("initial-loss",), (model, train_loader, loss_fn, optimizer), NOTHING, options)


def assert_uses_input(
    model: Any, train_loader: Any, loss_fn: Any = None, optimizer: Any = None, **options: Any
) -> None:
    """Assert that the input reaches the output, and that training on noise goes worse than on the input."""
    __tracebackhide__ = True
    names = ("input-disconnected", "ignores-input")
    _assert(names, (model, train_loader, loss_fn, optimizer), ("random-input",), options)


def assert_finite(model: Any, train_loader: Any, loss_fn: Any = None, optimizer: Any = None, **options: Any) -> None:
    """Assert that neither the data nor the first steps of the training hold NaN or infinity."""
    __tracebackhide__ = True
    names = ("non-finite-input", "non-finite")
    _assert(names, (model, train_loader, loss_fn, optimizer), ("trace",), options)


def _assert(names: tuple[str, ...], parts: tuple[Any, ...], only: tuple[str, ...], options: dict[str, Any]) -> None:
    __tracebackhide__ = True
    from nndoctor.errors import FindingsError
    from nndoctor.finding import Severity, Status

    settings = {"budget": 30.0, "steps": 20, **options}
    diagnosis = _checked(*parts, select=names, only=only, **settings)
    diagnosis.raise_for_findings(Severity.WARNING)
    undecided = [row for row in diagnosis.outcomes if row.check in names and row.status is Status.SKIPPED]
    if len(undecided) == len(names):
        raise FindingsError("could not be judged: " + "; ".join(f"{row.check}: {row.why}" for row in undecided))


def _checked(*parts: Any, **options: Any) -> Diagnosis:
    from nndoctor.library.checkup import check

    return check(*parts, **options)
