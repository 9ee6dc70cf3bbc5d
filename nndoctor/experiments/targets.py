"""Other labels, same batches: does the loss depend on a part of the batch that nothing was seen to use?

Asked only where no leaf of the batch reached a loss as its target, though one looks like labels. Two short diets from
the start state: the batches as they were, then the same with those leaves drawn anew. Any use of them shows in the
losses; the first diet is the control, because fetching data may have moved the random generators in `observe`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor.experiments.diet import Diet
from nndoctor.feeds.tree import leaves
from nndoctor.records.objective import OTHER_TARGETS, SAME_TARGETS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from nndoctor.feeds.store import Store

STEPS = 4
"""At equal logits the first loss may not tell one label from another; after a few updates it would."""


def unused_labels(store: Store) -> frozenset[str]:
    """Return the leaves that look like labels, if nothing of the batch was seen to reach a loss as its target."""
    if any("target" in role for role in store.roles.values()) or not store.roles or not store.content:
        return frozenset()
    first = store.content[0]
    found = leaves(first[0] if len(first) == 1 else ())
    return frozenset(path for path, t in found if path not in store.roles and _varies(t, store.batch_size))


def diets(labels: frozenset[str], seconds: float) -> Iterator[Diet]:
    """Yield the control and the treatment."""
    yield Diet(name=SAME_TARGETS, wanted=STEPS, least=STEPS, seconds=seconds)
    yield Diet(name=OTHER_TARGETS, wanted=STEPS, least=STEPS, seconds=seconds, redraw=labels)


def _varies(tensor: Tensor, batch_size: int) -> bool:
    """Whether a leaf holds one label (or row of labels) for each sample, and not the same one for all."""
    if tensor.dim() == 0 or batch_size < 2 or tensor.shape[0] != batch_size or tensor.is_complex():
        return False
    return not bool((tensor == tensor[:1]).all())
