"""From the recordings of all ranks to one: rank 0's, with what tells the ranks apart, and who stopped the others."""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from nndoctor.attempt import in_collective
from nndoctor.errors import RecordingError
from nndoctor.recording import FILE_NAME, Recorder, Recording
from nndoctor.records import (
    COAST,
    OBSERVE,
    TRAIN,
    Batch,
    Event,
    Rank,
    RankBatch,
    RankEnd,
    RankEvaluation,
    RankState,
    SamplerPass,
)
from nndoctor.verdict import own_failure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from nndoctor.attempt import Ended
    from nndoctor.ranks import Peers
    from nndoctor.records import Record
    from nndoctor.run_folder import RunFolder

AFTERMATH = (
    "Connection closed by peer",
    "Connection reset by peer",
    "Broken pipe",
    "ncclRemoteError",
    "recvValue failed",
)
"""What torch.distributed says in a rank whose partner is gone."""
KINDS = {"failed": "exception", "killed": "killed", "missing": "killed", "hung": "timeout"}


def meet(folder: RunFolder, peers: Peers, ended: Ended) -> None:
    """Tell the other ranks how this one has ended; rank 0 adds what they have seen to its own recording."""
    peers.tell(_rank_end(peers.ranks.rank, folder, ended))
    if peers.ranks.rank == 0:
        merge(folder.path, peers.ends())


def _rank_end(rank: int, folder: RunFolder, ended: Ended) -> RankEnd:
    seen = Recording.open(folder.recording) if folder.recording.exists() else Recording.of([])
    failure = own_failure(seen)
    how = {"patience": "hung", "alone": "waited", "overdue": "waited"}.get(ended.by, "finished")
    if ended.by == "itself" and ended.signal_name:
        how = "killed"
    elif ended.by == "itself" and failure is not None:
        how = "failed"
    event = next((e for e in reversed(seen.rows(Event)) if e.kind == "timeout"), None) if how == "hung" else failure
    end = RankEnd(
        rank=rank,
        how=how,
        at=time.time(),
        last_step=int(ended.last.get("step", -1)),
        in_collective=in_collective(folder.log),
    )
    if event is None:
        return end
    return replace(
        end,
        text=event.text,
        experiment=event.experiment,
        file=event.file,
        line=event.line,
        function=event.function,
    )


def merge(run: Path, ends: Sequence[RankEnd]) -> None:
    """Add to rank 0's recording what the other ranks recorded, and the one failure that the others followed from."""
    own = Recording.open(run / FILE_NAME)
    recorder = Recorder(run / FILE_NAME)
    for batch in _batches(own, 0):
        recorder.add(batch)
    for end in ends[1:]:
        for row in _rows(run / f"rank-{end.rank}" / FILE_NAME, end.rank):
            recorder.add(row)
    guilty = culprit(ends)
    for end in ends:
        recorder.add(replace(end, culprit=end is guilty))
    if guilty is not None and guilty.rank != 0:
        event = _event(guilty)
        recorder.add(event)
        if event.kind == "timeout":  # it was ended for that, and rank 0 may have failed of losing it
            recorder.add(replace(event, kind="killed"))
    recorder.close()


def culprit(ends: Iterable[RankEnd]) -> RankEnd | None:
    """Return the rank that stopped first by itself: one that died, else one that hung while others waited for it."""
    ends = list(ends)
    died = [e for e in ends if e.how in ("failed", "killed") and not any(text in e.text for text in AFTERMATH)]
    if died:
        return min(died, key=lambda end: end.at)
    hung = [e for e in ends if e.how == "hung"]
    alone = [e for e in hung if not e.in_collective] or hung
    if alone:
        return min(alone, key=lambda end: (end.last_step, end.rank))
    return next((e for e in ends if e.how == "missing"), None)


def _rows(path: Path, rank: int) -> Iterator[Record]:
    try:
        recording = Recording.open(path)
    except RecordingError:
        return  # it died before it could record anything; its end says so
    for kind in (Rank, RankState, RankEvaluation, SamplerPass):
        yield from recording.rows(kind)
    yield from _batches(recording, rank)


def _batches(recording: Recording, rank: int) -> Iterator[RankBatch]:
    """Yield a hash of what was trained on in each step: the inputs, or all leaves where none was told apart."""
    steps: defaultdict[tuple[int, int], list[Batch]] = defaultdict(list)
    for row in recording.rows(Batch):
        if row.experiment == OBSERVE and row.split == TRAIN and row.own and row.content:
            steps[row.segment, row.step].append(row)
    for (segment, step), rows in sorted(steps.items()):
        inputs = [row.content for row in rows if "input" in row.role] or [row.content for row in rows]
        content = hashlib.blake2b("".join(inputs).encode(), digest_size=12).hexdigest()
        yield RankBatch(rank=rank, segment=segment, step=step, content=content)


def _event(end: RankEnd) -> Event:
    """Return the failure of another rank as one that the verdict knows."""
    return Event(
        kind=KINDS[end.how],
        text=f"rank {end.rank}: {end.text}",
        experiment=COAST if end.experiment == COAST else OBSERVE,
        step=max(0, end.last_step),
        file=end.file,
        line=end.line,
        function=end.function,
    )
