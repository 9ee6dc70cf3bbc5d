"""nndoctor under torchrun: every rank is a patient, rank 0 reports, and nobody waits for ever.

The scripts of `tests/distributed` say in their first line what is expected; two processes on the CPU run each.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from accuracy import RANKS, ROOT, Case, cases
from forked import start_nndoctor

from nndoctor.catalogue import load_catalogue
from nndoctor.patching import Patches
from nndoctor.ranks import Ranks
from nndoctor.ranks_merged import culprit
from nndoctor.recording import Recording
from nndoctor.records import Event, RankEnd, Step, TensorStats

if TYPE_CHECKING:
    from pathlib import Path

CASES = cases(folders=[RANKS])
DISTRIBUTED = {name for name, check in load_catalogue().items() if check.reason == "D"}


def launched(work: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Start two processes by torchrun."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return subprocess.run(
        [*command, *arguments],
        cwd=work,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def forked(work: Path, *arguments: str) -> tuple[str, str]:
    """Start two processes of nndoctor as torchrun would; return what each has printed."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    settings = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": str(port)}
    both = [start_nndoctor(*arguments, cwd=work, **settings, RANK=rank, LOCAL_RANK=rank) for rank in ("0", "1")]
    ended = [each.ended() for each in both]
    return ended[0].stdout + ended[0].stderr, ended[1].stdout + ended[1].stderr


def run(script: str, work: Path, *options: str, by_torchrun: bool = True) -> tuple[dict[str, Any], str]:
    """Check a script on two ranks; return findings.json and what was printed."""
    arguments = ("check", "-q", "--steps", "20", *options, str(ROOT / RANKS / script))
    if by_torchrun:
        done = launched(work, "-m", "nndoctor", *arguments)
        printed = done.stdout + done.stderr
    else:
        printed = "".join(forked(work, *arguments))
    [found] = work.rglob("findings.json")
    content: dict[str, Any] = json.loads(found.read_text())
    assert not list((work / "nndoctor-runs").glob(".ranks-*")), "the note of where the run's folder is stays behind"
    assert not (work / "model.pt").exists(), "a checkpoint was really written"
    return content, printed


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=[case.script.stem for case in CASES])
def test_the_ranks_are_judged_together(case: Case, tmp_path: Path) -> None:
    found, printed = run(case.script.name, tmp_path, by_torchrun=case.script.stem == "healthy_ddp")
    errors = [entry["check"] for entry in found["diagnosis"] if entry["severity"] == "error"]
    warnings = [entry["check"] for entry in found["diagnosis"] if entry["severity"] == "warning"]
    level, _, mild = case.expectation.partition(" ")
    assert errors[:1] == ([] if level in ("nothing", "warning") else [case.expectation]), printed
    symptoms = {check for entry in found["diagnosis"] for check in entry["explains"]}
    assert [check for check in warnings if check in DISTRIBUTED - symptoms] == ([mild] if mild else []), printed
    crashed = [row["check"] for row in found["outcomes"] if row["outcome"] == "crashed"]
    assert not crashed


@pytest.mark.slow
def test_a_rank_that_dies_is_named(tmp_path: Path) -> None:
    found, printed = run("rank_dies.py", tmp_path)
    assert found["status"] == "crashed"
    assert "rank 1: ValueError: no such file: shard-1.npy" in " ".join(printed.split())


@pytest.mark.slow
def test_a_rank_that_hangs_is_named(tmp_path: Path) -> None:
    found, printed = run("rank_hangs.py", tmp_path, "--patience", "15", by_torchrun=False)
    assert found["status"] == "crashed"
    assert "rank 1: hung: no progress for 15 s" in " ".join(printed.split())


def test_what_is_heard_of_collectives_is_put_back() -> None:
    from torch import distributed
    from torch.distributed import distributed_c10d

    from nndoctor.probes.rank_evaluations import COMBINING, RankEvaluations

    def now() -> list[object]:
        return [vars(module).get(name) for module in (distributed, distributed_c10d) for name in COMBINING]

    before, instrument = now(), object.__new__(RankEvaluations)
    with Patches() as patches:
        instrument.install(patches)
        assert distributed.all_reduce is not before[COMBINING.index("all_reduce")]
        assert distributed.broadcast is distributed_c10d.broadcast  # one rank's numbers, and left alone
    assert now() == before


def shards_fully() -> bool:
    try:
        from torch.distributed.fsdp import fully_shard  # noqa: F401
    except ImportError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.skipif(not shards_fully(), reason="FSDP2 came with torch 2.6: no torch.distributed.fsdp.fully_shard here")
def test_sharded_training_is_the_same_to_the_last_bit_when_watched(tmp_path: Path) -> None:
    script = str(ROOT / RANKS / "fully_sharded.py")
    for name, command in (("bare", []), ("watched", ["-m", "nndoctor", "watch", "-q", "--overhead", "every"])):
        (tmp_path / name).mkdir()
        done = launched(tmp_path / name, *command, script, "25")
        assert done.returncode == 0, done.stdout + done.stderr
    for rank in (0, 1):
        bare, watched = ((tmp_path / name / f"losses-{rank}.txt").read_text() for name in ("bare", "watched"))
        assert watched == bare
    recordings = [Recording.open(path) for path in (tmp_path / "watched").rglob("recording.sqlite")]
    assert len(recordings) == 2
    for recording in recordings:
        assert len(recording.rows(Step)) == 25
        gradients = {row.name: row for row in recording.rows(TensorStats) if row.kind == "gradient"}
        assert len(gradients) == 16  # of every parameter, what this rank holds of it
        assert not [row.text for row in recording.rows(Event) if row.kind == "instrument"]


@pytest.mark.slow
@pytest.mark.skipif(not shards_fully(), reason="FSDP2 came with torch 2.6: no torch.distributed.fsdp.fully_shard here")
def test_a_check_of_sharded_training_points_at_watch(tmp_path: Path) -> None:
    done = launched(tmp_path, "-m", "nndoctor", "check", "-q", str(ROOT / RANKS / "fully_sharded.py"), "25")
    assert "where only `nndoctor watch` can look" in " ".join(done.stdout.split())


def test_the_rank_that_died_first_is_to_blame_not_those_that_lost_it() -> None:
    lost = RankEnd(rank=0, how="failed", text="RuntimeError: Connection closed by peer [127.0.0.1]", at=1.0)
    died = RankEnd(rank=1, how="failed", text="ValueError: bad sample", at=2.0)
    also = RankEnd(rank=2, how="killed", text="killed by SIGKILL", at=3.0)
    assert culprit([lost, died, also]) is died


def test_of_ranks_that_hang_the_one_outside_of_a_collective_is_to_blame() -> None:
    waits = RankEnd(rank=0, how="hung", last_step=9, in_collective=True)
    sleeps = RankEnd(rank=1, how="hung", last_step=9)
    assert culprit([waits, sleeps]) is sleeps


def test_of_ranks_that_all_stand_in_collectives_the_slowest_is_to_blame() -> None:
    ends = [RankEnd(rank=rank, how="hung", last_step=9 - rank, in_collective=True) for rank in range(3)]
    assert culprit(ends) is ends[2]


def test_a_rank_of_which_nothing_is_heard_is_to_blame() -> None:
    silent = RankEnd(rank=1, how="missing")
    assert culprit([RankEnd(rank=0, how="waited"), silent]) is silent
    assert culprit([RankEnd(rank=0), RankEnd(rank=1)]) is None


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"RANK": "0"},
        {"RANK": "0", "WORLD_SIZE": "1"},
        {"RANK": "x", "WORLD_SIZE": "2"},
        {"RANK": "2", "WORLD_SIZE": "2"},
    ],
)
def test_one_process_alone(environment: dict[str, str]) -> None:
    assert Ranks.of(environment) == Ranks()


def test_ranks_of_one_launch_share_a_name() -> None:
    launch = {"WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500", "TORCHELASTIC_RUN_ID": "a/b"}
    one, other = (Ranks.of({**launch, "RANK": rank}) for rank in ("0", "1"))
    assert one.key == other.key
    assert "/" not in one.key
