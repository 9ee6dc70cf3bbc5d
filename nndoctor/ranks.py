"""Several doctors of one training: torchrun starts a process for each rank, and each of them starts its own patient.

They share the run's folder and nothing else: rank 0 makes it and leaves a note of where it is, the others put their
recordings in folders below, and each says in a file how its patient ended. Nobody waits for another without a limit.
"""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nndoctor import run_folder
from nndoctor.errors import UsageError
from nndoctor.records import RankEnd
from nndoctor.run_folder import RUNS, RunFolder, fitting

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nndoctor.settings import Settings

FOLDER_SECONDS = 60.0
"""How long the others wait for rank 0 to make the run's folder."""
PEERS_SECONDS = 60.0
"""How long rank 0 waits for the others when its own patient has ended; they give up sooner than that."""
NOTICE_SECONDS = 1.0
"""Between two looks at who is gone."""
STALE_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Ranks:
    """Which of how many processes this is, and by what name they know one another."""

    rank: int = 0
    world: int = 1
    key: str = ""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Ranks:
        """Read what torchrun (or whoever else) has set; one process alone where it has not."""
        try:
            rank, world = int(environment["RANK"]), int(environment["WORLD_SIZE"])
        except (KeyError, ValueError):
            return cls()
        if world < 2 or not 0 <= rank < world:
            return cls()
        names = ("TORCHELASTIC_RUN_ID", "MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_RESTART_COUNT")
        return cls(rank, world, fitting("-".join(environment.get(name, "") for name in names)))

    def folder(self, settings: Settings) -> RunFolder:
        """Return the folder of this rank's recording: the run's own for rank 0, one below it for the others."""
        if self.world == 1:
            return run_folder.create(settings.target.short, settings.out)
        note = self._note(settings)
        if self.rank == 0:
            note.unlink(missing_ok=True)
            folder = run_folder.create(settings.target.short, settings.out)
            (folder.path / "ranks").mkdir(exist_ok=True)
            _write(note, {"run": str(folder.path), "host": socket.gethostname(), "launcher": os.getppid()})
            return folder
        run = self._announced(note)
        folder = RunFolder(run / f"rank-{self.rank}")
        folder.path.mkdir(exist_ok=True)
        folder.log.touch()
        return folder

    @contextmanager
    def announced(self, settings: Settings) -> Iterator[None]:
        """Leave rank 0's note where it is while the run lasts."""
        try:
            yield
        finally:
            if self.world > 1 and self.rank == 0:
                self._note(settings).unlink(missing_ok=True)

    def _note(self, settings: Settings) -> Path:
        return (settings.out.parent if settings.out else Path(RUNS)) / f".ranks-{self.key}"

    def run_of(self, folder: RunFolder) -> Path:
        """Return the run's folder, given the one of this rank."""
        return folder.path if self.rank == 0 else folder.path.parent

    def _announced(self, note: Path) -> Path:
        """Wait for rank 0's note and return the folder that it names; notes of earlier runs are none."""
        until = time.monotonic() + FOLDER_SECONDS
        while time.monotonic() < until:
            with suppress(OSError, ValueError, KeyError):
                content = json.loads(note.read_text(encoding="utf-8"))
                same_host = content["host"] == socket.gethostname()
                fresh = time.time() - note.stat().st_mtime < STALE_SECONDS
                if fresh and (content["launcher"] == os.getppid() or not same_host) and Path(content["run"]).is_dir():
                    return Path(content["run"])
            time.sleep(0.05)
        raise UsageError(
            f"rank {self.rank} found no folder of rank 0 within {FOLDER_SECONDS:g} s; "
            "start all ranks in one folder that they share"
        )


class Peers:
    """The other ranks, as far as their files tell."""

    def __init__(self, ranks: Ranks, run: Path) -> None:
        self.ranks = ranks
        self._folder = run / "ranks"
        self._looked = 0.0
        self._gone = False

    def gone(self) -> bool:
        """Whether any other rank's patient has ended: this one may wait for it in vain."""
        now = time.monotonic()
        if self.ranks.world > 1 and not self._gone and now - self._looked > NOTICE_SECONDS:
            self._looked = now
            others = [rank for rank in range(self.ranks.world) if rank != self.ranks.rank]
            self._gone = any(self._file(rank).exists() for rank in others)
        return self._gone

    def tell(self, end: RankEnd) -> None:
        """Say how this rank's patient has ended."""
        _write(self._file(end.rank), asdict(end))

    def ends(self) -> list[RankEnd]:
        """Wait for the others, not for ever, and return how each has ended, by rank."""
        until = time.monotonic() + PEERS_SECONDS
        files = [self._file(rank) for rank in range(self.ranks.world)]
        while time.monotonic() < until and not all(file.exists() for file in files):
            time.sleep(0.05)
        return [self._end(rank) for rank in range(self.ranks.world)]

    def _end(self, rank: int) -> RankEnd:
        with suppress(OSError, ValueError, TypeError):
            content: dict[str, Any] = json.loads(self._file(rank).read_text(encoding="utf-8"))
            return RankEnd(**content)
        return RankEnd(rank=rank, how="missing", text="nothing was heard of it", at=time.time())

    def _file(self, rank: int) -> Path:
        return self._folder / f"{rank}.json"


def _write(path: Path, content: dict[str, Any]) -> None:
    """Write a file that others only ever see whole."""
    part = path.with_name(f"{path.name}.{os.getpid()}")
    part.write_text(json.dumps(content), encoding="utf-8")
    part.replace(path)
