"""nndoctor: why does this network not learn?

The names below are what the author of a check needs, and `watch` for loops of one's own. Importing this package imports
no torch.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, overload

from nndoctor.check import Check
from nndoctor.check import check as _declare
from nndoctor.finding import (
    Curve,
    Evidence,
    Finding,
    Measure,
    Quote,
    Severity,
    Skip,
    SourceLine,
    Status,
    Table,
    curve,
    names_shown,
)
from nndoctor.recording import Recording

if TYPE_CHECKING:
    from torch import nn

    from nndoctor.diagnose import Diagnosis
    from nndoctor.watching.library import Watch

__version__ = "0.1.0"


@overload
def check(subject: str, /, **declared: Any) -> Callable[[Callable[..., Any]], Check]: ...


@overload
def check(
    subject: "nn.Module",
    /,
    train_loader: Any,
    loss_fn: Any = None,
    optimizer: Any = None,
    val_loader: Any = None,
    **options: Any,
) -> "Diagnosis": ...


def check(subject: Any, /, *args: Any, **options: Any) -> Any:
    """Check a model with its data, loss and optimizer; or, given a name, declare a check of one's own.

    `check(model, train_loader, loss_fn, optimizer, val_loader)` is `nndoctor.library.checkup.check`, and
    `@check("my-check", reason=..., severity=..., needs=[...])` is `nndoctor.check.check`.
    """
    if isinstance(subject, str):
        return _declare(subject, *args, **options)
    from nndoctor.library.checkup import check as examine

    return examine(subject, *args, **options)


def watch(*parts: Any, **options: Any) -> "Watch":
    """Return a context that watches the training inside of it; see `nndoctor.watching.library.Watch`.

    `parts` are models and optimizers; options are `out`, `overhead` and `on_nan`.
    """
    from nndoctor.watching.library import Watch

    return Watch(*parts, **options)


__all__ = [
    "Check",
    "Curve",
    "Evidence",
    "Finding",
    "Measure",
    "Quote",
    "Recording",
    "Severity",
    "Skip",
    "SourceLine",
    "Status",
    "Table",
    "check",
    "curve",
    "names_shown",
    "watch",
]
