"""The checks of several processes, on recordings typed by hand."""

from __future__ import annotations

from typing import Any

import pytest

from nndoctor import Recording, Severity, Skip
from nndoctor.records import TRAIN, Loader, Rank, RankBatch, RankEvaluation, RankState, SamplerPass
from nndoctor_checks.distributed.gradients_not_synchronised import gradients_not_synchronised
from nndoctor_checks.distributed.rank_divergence import rank_divergence
from nndoctor_checks.distributed.rank_metrics_not_reduced import rank_metrics_not_reduced
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


# ---- rank-metrics-not-reduced


def evaluations(rank: int, *content: str, times: int = 2, **facts: Any) -> list[RankEvaluation]:
    """Return passes of one rank, all over the same batches; by default over all of 360 samples in order."""
    facts = {"file": "train.py", "line": 29, "order": "sequential", "reads": 1, **facts}
    facts = {"size": 360, "drawn": 360, "batch_size": 90, **facts}
    return [RankEvaluation(rank=rank, content=content, **facts) for _ in range(times)]


def shares(**facts: Any) -> list[RankEvaluation]:
    """Return two ranks with a DistributedSampler."""
    facts = {"replicas": 2, "drawn": 180, **facts}
    return [*evaluations(0, "a", "b", **facts), *evaluations(1, "c", "d", **facts)]


def slices(**facts: Any) -> list[RankEvaluation]:
    """Return two ranks with data sets of their own."""
    first, second = ({"size": size, "drawn": size, **facts} for size in (181, 180))
    return [*evaluations(0, "a", "b", **first), *evaluations(1, "c", "d", **second)]


def test_a_rank_that_reads_the_numbers_of_its_share_is_reported() -> None:
    [finding] = rank_metrics_not_reduced(Recording.of(shares()))
    assert "180 of the 360 samples" in finding.message
    assert finding.certain
    assert finding.where is not None
    assert finding.where.line == 29


def test_shares_are_told_by_their_content_too() -> None:
    [finding] = rank_metrics_not_reduced(Recording.of([*ranks(), *slices()]))
    assert "other samples than" in finding.message
    assert not finding.certain


def test_one_share_that_rank_0_alone_evaluates_is_none_the_better() -> None:
    [finding] = rank_metrics_not_reduced(Recording.of(evaluations(0, "a", replicas=2, drawn=180, times=1)))
    assert "In the one validation that was seen" in finding.message


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([*evaluations(0, "a", "b"), *evaluations(1, "a", "b")], id="every rank evaluates everything"),
        pytest.param(evaluations(0, "a", "b"), id="rank 0 alone evaluates everything"),
        pytest.param(shares(collectives=1), id="put together"),
        pytest.param([*shares(), *shares(collectives=1)], id="put together now and then"),
        pytest.param(slices(collectives=1), id="slices put together"),
        pytest.param(shares(reads=0), id="used for nothing"),
        pytest.param([*shares(), *evaluations(1, "e", replicas=2, drawn=180, writes=1)], id="handed on in files"),
        pytest.param(slices(order="shuffled"), id="everything, in an order of its own"),
        pytest.param(slices(times=1), id="once: may be drawn at random"),
        pytest.param([*slices(), *evaluations(1, "e", "f", size=180, drawn=180)], id="drawn at random"),
        pytest.param([*evaluations(0, "a"), *evaluations(1, "c", size=90, drawn=90)], id="tasks of their own"),
        pytest.param([*evaluations(0, "a"), *evaluations(1, "c", batch_size=45)], id="batches of other sizes"),
        pytest.param([*evaluations(0, "a"), *evaluations(1, "c", line=40)], id="at other places"),
        pytest.param([*evaluations(0, "a"), *evaluations(1, "")], id="nothing known of the content"),
    ],
)
def test_other_validations_are_fine(rows: list[RankEvaluation]) -> None:
    assert not rank_metrics_not_reduced(Recording.of([*ranks(), *rows]))


def test_ranks_that_train_a_model_each_have_data_of_their_own() -> None:
    assert not rank_metrics_not_reduced(Recording.of([*ranks(wrapped=False), *slices()]))


def test_of_two_data_sets_evaluated_at_one_place_each_is_judged_by_itself() -> None:
    whole = evaluations(0, "e", size=500, drawn=500)
    [finding] = rank_metrics_not_reduced(Recording.of([*shares(), *whole]))
    assert "180 of the 360 samples" in finding.message


def test_where_rank_0_evaluates_nothing_nothing_is_said() -> None:
    with pytest.raises(Skip):
        rank_metrics_not_reduced(Recording.of(evaluations(1, "a", replicas=2, drawn=180)))
