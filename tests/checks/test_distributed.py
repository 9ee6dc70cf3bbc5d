"""The checks of several processes, on recordings typed by hand."""

from __future__ import annotations

from typing import Any

import pytest

from nndoctor import Recording, Severity, Skip
from nndoctor.records import TRAIN, Loader, Rank, RankBatch, RankState, SamplerPass
from nndoctor_checks.distributed.gradients_not_synchronised import gradients_not_synchronised
from nndoctor_checks.distributed.rank_divergence import rank_divergence
from nndoctor_checks.distributed.same_data_on_all_ranks import same_data_on_all_ranks
from nndoctor_checks.distributed.sampler_epoch_not_set import sampler_epoch_not_set

NAMES = ("0.weight", "0.bias")


def ranks(**facts: Any) -> list[Rank]:
    facts = {"names": NAMES, "shapes": ("(4, 4)", "(4,)"), "numel": 20, "wrapped": True, **facts}
    return [Rank(rank=rank, world=2, **facts) for rank in (0, 1)]


def states(gradients: tuple[float, float], weights: tuple[float, float], steps: int = 6) -> list[RankState]:
    """Return two ranks whose first parameter has these norms, one for each rank."""
    return [
        RankState(rank=rank, step=step, gradients=(gradients[rank], 1.0), weights=(weights[rank], 1.0))
        for step in range(steps)
        for rank in (0, 1)
    ]


def batches(*pairs: tuple[str, str]) -> list[RankBatch]:
    return [RankBatch(rank=r, step=s, content=pair[r]) for s, pair in enumerate(pairs) for r in (0, 1)]


def passes(*epochs: int, **facts: Any) -> Recording:
    facts = {"loader": "L#0", "replicas": 2, "shuffle": True, "sampler": "DistributedSampler", **facts}
    rows = [SamplerPass(number=number, epoch=epoch, **facts) for number, epoch in enumerate(epochs)]
    return Recording.of([Loader(name="L#0", split=TRAIN), *rows])


def test_gradients_that_differ_in_every_step_are_reported() -> None:
    [finding] = gradients_not_synchronised(Recording.of([*ranks(), *states((1.0, 2.0), (1.0, 1.5))]))
    assert "6 of 6 steps" in finding.message
    assert finding.names == ("0.weight",)
    assert (
        "no_sync"
        in gradients_not_synchronised(Recording.of([*ranks(through_wrapper=True), *states((1.0, 2.0), (1.0, 1.5))]))[
            0
        ].advice
    )


def test_what_only_rounding_tells_apart_is_the_same() -> None:
    run = Recording.of([*ranks(), *states((1.0, 1.0001), (1.0, 1.0001))])
    assert not gradients_not_synchronised(run)
    assert not rank_divergence(run)


def test_a_script_that_sends_much_by_itself_may_average_in_another_way() -> None:
    run = Recording.of([*ranks(wrapped=False, communicated=20 * 6), *states((1.0, 2.0), (1.0, 1.5))])
    [finding] = gradients_not_synchronised(run)
    assert finding.severity is Severity.WARNING


def test_parameters_that_differ_at_the_end_are_reported() -> None:
    [finding] = rank_divergence(Recording.of([*ranks(), *states((1.0, 1.0), (1.0, 1.5))]))
    assert "1 of 2 parameters" in finding.message


def test_ranks_that_share_no_wrapper_may_hold_parts_of_one_model() -> None:
    [finding] = rank_divergence(Recording.of([*ranks(wrapped=False), *states((1.0, 1.0), (1.0, 1.5))]))
    assert finding.severity is Severity.WARNING


def test_parameters_that_were_averaged_again_are_no_divergence() -> None:
    together = [RankState(rank=rank, step=6, gradients=(1.0, 1.0), weights=(1.0, 1.0)) for rank in (0, 1)]
    assert not rank_divergence(Recording.of([*ranks(), *states((1.0, 1.0), (1.0, 1.5)), *together]))


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(ranks()[:1], id="one rank recorded nothing"),
        pytest.param(ranks(sharded=True), id="sharded"),
        pytest.param([ranks()[0], Rank(rank=1, world=2, names=("other",))], id="a pipeline"),
    ],
)
def test_ranks_that_cannot_be_compared_are_not_judged(rows: list[Rank]) -> None:
    run = Recording.of([*rows, *states((1.0, 2.0), (1.0, 2.0))])
    for check in (gradients_not_synchronised, rank_divergence):
        with pytest.raises(Skip):
            check(run)


def test_the_same_batches_on_all_ranks_are_reported() -> None:
    [finding] = same_data_on_all_ranks(Recording.of([*ranks(), *batches(("a", "a"), ("b", "b"), ("c", "c"))]))
    assert "3 of 3 steps all 2 ranks" in finding.message
    assert finding.severity is None


def test_the_same_batches_of_a_model_in_parts_are_no_error() -> None:
    run = Recording.of([*ranks(wrapped=False), *batches(("a", "a"), ("b", "b"), ("c", "c"))])
    assert [f.severity for f in same_data_on_all_ranks(run)] == [Severity.WARNING]


def test_batches_that_differ_are_fine_and_one_batch_for_ever_is_not_judged() -> None:
    assert not same_data_on_all_ranks(Recording.of([*ranks(), *batches(("a", "b"), ("c", "d"), ("e", "e"))]))
    with pytest.raises(Skip):
        same_data_on_all_ranks(Recording.of([*ranks(), *batches(("a", "a"), ("a", "a"), ("a", "a"))]))


def test_a_sampler_that_is_never_told_the_epoch() -> None:
    [finding] = sampler_epoch_not_set(passes(0, 0, 0))
    assert "All 3 passes" in finding.message


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(passes(0, 1, 2), id="told"),
        pytest.param(passes(0), id="one epoch"),
        pytest.param(passes(0, 0, shuffle=False), id="in order on purpose"),
        pytest.param(passes(0, 0, replicas=1), id="one process"),
        pytest.param(passes(0, 0, loader="val"), id="validation"),
    ],
)
def test_other_samplers_are_fine(run: Recording) -> None:
    assert not sampler_epoch_not_set(run)
