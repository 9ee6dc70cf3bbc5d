"""R03 duplicate-worker-randomness."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndoctor import Finding, Measure, Recording, Severity, SourceLine, check
from nndoctor.records import Loader, WorkerRandomness

if TYPE_CHECKING:
    from collections.abc import Iterator


@check(
    "duplicate-worker-randomness",
    reason="R03",
    severity=Severity.WARNING,
    needs=[WorkerRandomness],
    explains=[],
)
def duplicate_worker_randomness(
    run: Recording,
    *,
    share: float = 0.75,  # of the samples compared: the same everywhere, but for one that is seldom augmented
) -> Iterator[Finding]:
    """Loader workers, or epochs, draw the same random numbers.

    ## What it does
    Looks for a random generator that the data set or its transform owns in a loader with workers. If samples depend on
    it, starts two workers as the loader does, asks both for the same samples in two epochs, and warns if they are the
    same although they change with every draw in one process.

    ## Why is this bad?
    A worker gets a copy of the data set, its generator in the state that it had in the main process. All workers then
    augment with the same sequence of numbers, and in the next epoch, with new copies, with the same once more: there
    is much less variety than the augmentation promises. PyTorch seeds only the global generators in each worker.

    ## Example
    ```python
    class Noisy(Dataset):
        def __init__(self, x):
            self.x, self.rng = x, np.random.default_rng(0)

        def __getitem__(self, i):
            return self.x[i] + self.rng.normal(size=64)
    ```

    Use instead:
    ```python
    def seed_worker(_):
        info = torch.utils.data.get_worker_info()
        info.dataset.rng = np.random.default_rng(info.seed)

    loader = DataLoader(data, num_workers=4, worker_init_fn=seed_worker)
    ```

    ## Known problems
    Generators that a transform holds in a closure or a global variable are not found.

    ## References
    - [PyTorch FAQ, My data loader workers return identical random numbers](
      https://pytorch.org/docs/stable/notes/faq.html#my-data-loader-workers-return-identical-random-numbers)
    - Tanel Parnamaa, Using PyTorch + NumPy? You're making a mistake, 2021
    """
    for row in run.rows(WorkerRandomness):
        workers = row.compared > 0 and row.workers > 1 and row.same_workers >= share * row.compared
        epochs = row.compared > 0 and row.same_epochs >= share * row.compared
        if not workers and not epochs:
            continue
        loader = next((r for r in run.rows(Loader) if r.name == row.loader), None)
        what = " and ".join(word for word, true in (("in every worker", workers), ("in every epoch", epochs)) if true)
        yield Finding(
            message=f"{row.owner} ({row.kind}) draws the same numbers {what}: each of the {row.workers} workers gets a "
            "copy of it.",
            advice="Give each worker its own: `worker_init_fn=seed_worker`, in which `info = get_worker_info()` and "
            "`info.dataset.rng = np.random.default_rng(info.seed)`; or draw from the global generators (`torch.rand`), "
            "which PyTorch seeds for each worker and epoch.",
            where=SourceLine.of(row) or SourceLine.of(loader),
            names=(row.owner,),
            evidence=(
                Measure("samples alike from two workers", row.same_workers, f"0 of {row.compared}"),
                Measure("samples alike in two epochs", row.same_epochs, f"0 of {row.compared}"),
            ),
        )
