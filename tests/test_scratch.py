"""A script writes, replaces and removes files, reads them back, and the folder is as it was."""

from __future__ import annotations

import builtins
import io
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch

from nndoctor import real_files
from nndoctor.overlay import Overlay
from nndoctor.patching import Patches
from nndoctor.scratch import Scratch, remove_made_folders

START = """
import sys
from pathlib import Path
from nndoctor.launcher import run_script
from nndoctor.patching import Patches
from nndoctor.scratch import Scratch
notes = []
scratch = Scratch(Path(sys.argv[1]), lambda kind, text: notes.append((kind, text)))
scratch.install(Patches())
try:
    run_script(sys.argv[2], sys.argv[3:])
finally:
    scratch.close()
    real = sys.__stderr__
    real.write("".join(f"{kind} {text}\\n" for kind, text in notes))
"""
FILES = {
    "data.txt": "data",
    "log.csv": "one\n",
    "old.pt": "old",
    "locked.txt": "locked",
    "figures/a/b.txt": "b",
    "figures/c.txt": "c",
}


class Project:
    """A folder of the user's, and a script in it that is run twice: natively in a copy, and redirected."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.folder = base / "work"
        for name, text in FILES.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (self.folder / "locked.txt").chmod(0o444)
        self.temporary = base / "tmp"
        self.temporary.mkdir()

    def same(self, script: str) -> list[str]:
        """Run a script both ways; return its notes, having made sure of its output and of the folder."""
        (self.folder / "train.py").write_text(textwrap.dedent(script))
        copy = self.base / "native" / "work"
        shutil.copytree(self.folder, copy)
        before = self.state()
        by_python = self.run([sys.executable, "train.py"], copy)
        redirected = self.redirected()
        assert self.state() == before
        assert by_python.returncode == 0, by_python.stderr
        assert redirected.stdout == by_python.stdout, redirected.stderr
        return redirected.stderr.splitlines()

    def redirected(self) -> subprocess.CompletedProcess[str]:
        start = self.base / "start.py"
        start.write_text(START)
        run = self.base / "run" / "scratch"
        return self.run([sys.executable, str(start), str(run), "train.py"], self.folder)

    def run(self, command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
        surroundings = {**os.environ, "TMPDIR": str(self.temporary), "OMP_NUM_THREADS": "1", "HOME": str(self.base)}
        surroundings["PYTHONDONTWRITEBYTECODE"] = "1"
        return subprocess.run(
            command, cwd=folder, env=surroundings, capture_output=True, text=True, timeout=120, check=False
        )

    def state(self) -> dict[str, tuple[int, int, bytes]]:
        """Return mode, time and content of everything in the folder."""
        return {
            str(path.relative_to(self.folder)): (
                path.stat().st_mode,
                0 if path.is_dir() else path.stat().st_mtime_ns,
                b"" if path.is_dir() else path.read_bytes(),
            )
            for path in sorted(self.folder.rglob("*"))
        }


# Most of these start Python, and that torch, twice.
pytestmark = pytest.mark.slow


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_what_a_training_script_writes(project: Project) -> None:
    notes = project.same(
        """
        import json, os
        from pathlib import Path
        import numpy as np
        import torch
        from torch.utils.tensorboard import SummaryWriter

        os.makedirs("checkpoints/best", exist_ok=True)
        torch.save({"w": torch.ones(2)}, "checkpoints/model.pt")
        torch.save({"w": torch.zeros(2)}, "old.pt")
        print(torch.load("checkpoints/model.pt"), torch.load("old.pt"), torch.load("old.pt", mmap=True))
        with open("checkpoints/buffer.pt", "wb") as file:
            torch.save([1], file)
        print(torch.load(Path("checkpoints") / "buffer.pt"), os.path.getsize("checkpoints/buffer.pt") > 0)
        json.dump({"loss": 1.0}, open("metrics.json", "w"))
        print(json.load(open("metrics.json")))
        np.save("array.npy", np.arange(3))
        np.arange(3).tofile("array.bin")
        print(np.load("array.npy"), np.fromfile("array.bin", dtype=int))
        Path("note.txt").write_text("hello")
        print(Path("note.txt").read_text(), Path("note.txt").stat().st_size)
        Path("data.txt.tmp").write_text("final")
        os.replace("data.txt.tmp", "data.txt")
        print(open("data.txt").read(), os.path.exists("data.txt.tmp"))
        with SummaryWriter("runs/x") as writer:
            writer.add_scalar("loss", 1.0, 1)
        print(len(os.listdir("runs/x")), sorted(os.listdir("checkpoints")))
        torch.jit.save(torch.jit.script(torch.nn.ReLU()), "scripted.pt")
        print(torch.jit.load("scripted.pt")(torch.tensor(-1.0)))
        print(sorted(os.listdir(".")))
        """
    )
    said = [note.split(" -> ")[0].rpartition("/")[2] for note in notes]
    assert all(note.startswith("save ") for note in notes)
    assert {"model.pt", "old.pt", "metrics.json", "array.npy", "note.txt", "data.txt", "scripted.pt"} <= set(said)
    assert len(said) == len(set(said))
    assert (project.base / "run/scratch/1/checkpoints/model.pt").exists()


def test_other_writers_of_the_libraries(project: Project) -> None:
    project.same(
        """
        import bz2, csv, gzip, logging, lzma, pickle, tarfile, zipfile
        import numpy as np
        import pandas as pd
        with zipfile.ZipFile("z.zip", "w") as archive:
            archive.writestr("a", "b")
        print(zipfile.ZipFile("z.zip").read("a"))
        for module, name in ((gzip, "x.gz"), (bz2, "x.bz2"), (lzma, "x.xz")):
            with module.open(name, "wt") as file:
                file.write(name)
            print(module.open(name, "rt").read())
        with tarfile.open("t.tar.gz", "w:gz") as archive:
            archive.add("data.txt")
        print(tarfile.open("t.tar.gz").getnames())
        pd.DataFrame({"a": [1]}).to_csv("log.csv")
        print(pd.read_csv("log.csv"))
        logging.basicConfig(filename="run.log", level="INFO")
        logging.info("started")
        print(open("run.log").read())
        pickle.dump([1], open("p.pkl", "wb"))
        print(pickle.load(open("p.pkl", "rb")))
        memory = np.memmap("m.bin", dtype="i4", mode="w+", shape=(3,))
        memory[:] = 7
        memory.flush()
        print(np.memmap("m.bin", dtype="i4", mode="r+"))
        np.savez("s.npz", a=np.ones(1))
        print(np.load("s.npz")["a"])
        """
    )


def test_modes_of_opening(project: Project) -> None:
    project.same(
        """
        import os
        def tell(*arguments, **options):
            try:
                with open(*arguments, **options) as file:
                    if file.writable():
                        file.write("X")
                    print(file.name, file.mode, file.closed)
            except (OSError, LookupError, ValueError) as error:
                print(type(error).__name__, error)
        tell("log.csv", "a"); print(open("log.csv").read())
        tell("log.csv", "r+"); print(open("log.csv").read())
        tell("log.csv", "w"); print(open("log.csv").read())
        tell("log.csv", "x")
        tell("new.txt", "x"); tell("new.txt", "x"); tell("new.txt", "a+"); print(open("new.txt").read())
        tell("none.txt", "r+"); tell("none.txt"); tell("no/folder/x.txt", "w"); tell("figures", "w")
        tell("data.txt/x", "w"); tell("data.txt", "rw"); tell("bytes".encode(), "w"); tell("", "w")
        tell("odd.txt", "w", encoding="none"); print(os.path.exists("odd.txt"))
        descriptor = os.open("low.txt", os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
        os.write(descriptor, b"low"); os.close(descriptor)
        print(open("low.txt").read(), os.stat("low.txt").st_size)
        os.truncate("data.txt", 2); print(open("data.txt").read())
        descriptor = os.open("data.txt", os.O_WRONLY | os.O_APPEND); os.write(descriptor, b"++"); os.close(descriptor)
        print(open("data.txt").read())
        """
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_what_the_user_may_not_write_the_script_may_not_either(project: Project) -> None:
    project.same(
        """
        for mode in ("w", "a", "r+"):
            try:
                open("locked.txt", mode)
            except PermissionError as error:
                print(error)
        """
    )


def test_removing_and_renaming(project: Project) -> None:
    project.same(
        """
        import os, shutil
        from pathlib import Path
        def attempt(function, *arguments):
            try:
                print(function.__name__, function(*arguments))
            except OSError as error:
                print(function.__name__, error)
        os.remove("old.pt")
        print(os.path.exists("old.pt"), os.access("old.pt", os.R_OK), "old.pt" in os.listdir())
        attempt(os.remove, "old.pt"); attempt(os.stat, "old.pt"); attempt(open, "old.pt")
        attempt(os.rename, "old.pt", "x"); attempt(os.remove, "figures"); attempt(os.rmdir, "figures")
        Path("old.pt").write_text("again"); print(Path("old.pt").read_text())
        Path("old.pt").unlink(); attempt(Path("old.pt").unlink, True)
        os.rename("data.txt", "moved.txt"); print(open("moved.txt").read(), os.path.exists("data.txt"))
        with open("moved.txt", "a") as file:
            file.write("+")
        print(open("moved.txt").read())
        shutil.copy("moved.txt", "copy.txt"); shutil.copy2("log.csv", "figures"); shutil.move("copy.txt", "figures/a")
        print(sorted((str(p), p.is_dir()) for p in Path("figures").rglob("*")))
        os.rename("figures", "pictures"); attempt(os.listdir, "figures"); print(sorted(os.listdir("pictures/a")))
        print(open("pictures/c.txt").read(), os.path.isdir("figures"))
        shutil.rmtree("pictures"); print(os.path.exists("pictures"), os.path.exists("pictures/a/b.txt"))
        attempt(shutil.rmtree, "pictures"); shutil.rmtree("pictures", ignore_errors=True)
        os.makedirs("pictures/a"); print(list(os.walk("pictures"))); attempt(os.mkdir, "pictures")
        Path("pictures/a/new.txt").touch(); print(sorted(os.listdir("pictures/a"))); attempt(os.rmdir, "pictures/a")
        os.makedirs("figures"); print(os.listdir("figures"), os.path.exists("figures/c.txt"))
        os.remove("log.csv"); os.mkdir("log.csv"); Path("log.csv/x").write_text("y"); print(os.listdir("log.csv"))
        """
    )


def test_links(project: Project) -> None:
    project.same(
        """
        import os
        from pathlib import Path
        for number in (1, 2):
            Path(f"model_{number}.pt").write_text(str(number))
            if os.path.islink("latest.pt"):
                os.unlink("latest.pt")
            os.symlink(f"model_{number}.pt", "latest.pt")
            print(open("latest.pt").read(), os.readlink("latest.pt"), Path("latest.pt").resolve().name)
        Path("latest.pt").write_text("through"); print(Path("model_2.pt").read_text())
        os.link("data.txt", "second.txt"); print(open("second.txt").read())
        with open("second.txt", "w") as file:
            file.write("other")
        """
    )


def test_temporary_files(project: Project) -> None:
    project.same(
        """
        import os, shutil, tempfile
        from pathlib import Path
        with tempfile.NamedTemporaryFile("w", dir=".", delete=False) as file:
            file.write("atomic")
        os.replace(file.name, "data.txt"); print(open("data.txt").read(), os.path.exists(file.name))
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "a").write_text("a"); shutil.move(f"{folder}/a", "a.txt"); print(open("a.txt").read())
            os.makedirs(f"{folder}/deep/deeper"); Path(folder, "deep/deeper/x").write_text("x")
            shutil.move(f"{folder}/deep", "deep"); print(open("deep/deeper/x").read(), os.listdir(folder))
            shutil.copytree("deep", f"{folder}/back"); print(os.listdir(f"{folder}/back/deeper"))
        print(os.path.exists(folder))
        with tempfile.TemporaryFile() as file:
            file.write(b"x")
        """
    )


def test_modes_and_times_of_the_users_files_stay(project: Project) -> None:
    project.same(
        """
        import os
        from pathlib import Path
        os.utime("data.txt", (1, 1)); os.chmod("data.txt", 0o600); Path("log.csv").touch()
        Path("mine.txt").write_text("x"); os.utime("mine.txt", (1, 1)); print(os.path.getmtime("mine.txt"))
        try:
            os.chmod("none.txt", 0o600)
        except OSError as error:
            print(error)
        """
    )


def test_forked_workers_are_included(project: Project) -> None:
    project.same(
        """
        import multiprocessing, os
        from pathlib import Path
        def work(number):
            os.makedirs(f"parts/{number}", exist_ok=True)
            Path(f"parts/{number}/out.txt").write_text(Path("before.txt").read_text() + str(number))
            Path("data.txt").write_text("by a worker")
        Path("before.txt").write_text("before")
        with multiprocessing.get_context("fork").Pool(2) as pool:
            pool.map(work, range(2))
        print([Path(f"parts/{number}/out.txt").read_text() for number in range(2)], Path("data.txt").read_text())
        """
    )


def test_links_of_the_users_to_folders_elsewhere(project: Project) -> None:
    outside = project.base / "outside"
    outside.mkdir()
    (outside / "model.pt").write_text("precious")
    (project.folder / "out").symlink_to(outside)
    script = """
        from pathlib import Path
        Path("out/model.pt").write_text("new"); print(Path("out/model.pt").read_text())
        Path("out/other.pt").write_text("new"); print(Path("out/model.pt").resolve().read_text())
        """
    (project.folder / "train.py").write_text(textwrap.dedent(script))
    done = project.redirected()
    assert done.stdout == "new\nnew\n", done.stderr
    assert (outside / "model.pt").read_text() == "precious"
    assert [path.name for path in outside.iterdir()] == ["model.pt"]


def test_exit_handlers_are_included(project: Project) -> None:
    script = "import atexit, pathlib\natexit.register(lambda: pathlib.Path('data.txt').write_text('late'))\n"
    (project.folder / "train.py").write_text(script)
    assert project.redirected().returncode == 0
    assert (project.folder / "data.txt").read_text() == "data"


def test_a_second_attempt_does_not_see_the_first_ones_files(project: Project) -> None:
    script = "import pathlib\np = pathlib.Path('state.txt')\nprint(p.exists())\np.write_text('x')\n"
    (project.folder / "train.py").write_text(script)
    assert [project.redirected().stdout for _ in range(2)] == ["False\n", "False\n"]


def test_folders_are_tidied_up_after_a_process_that_died(project: Project) -> None:
    (project.folder / "train.py").write_text("import os\nos.makedirs('a/b/c')\nos._exit(9)\n")
    before = project.state().keys()
    assert project.redirected().returncode == 9
    assert (project.folder / "a/b/c").is_dir()
    remove_made_folders(project.base / "run" / "scratch")
    assert project.state().keys() == before


def test_a_project_below_the_folder_for_temporary_files_is_the_users(project: Project) -> None:
    project.temporary = project.base
    project.folder.joinpath("train.py").write_text(
        "import pathlib, tempfile\npathlib.Path('data.txt').write_text('x')\n"
        "open(tempfile.mkstemp()[1], 'w').write('y')\n"
    )
    done = project.redirected()
    assert done.returncode == 0, done.stderr
    assert (project.folder / "data.txt").read_text() == "data"
    assert any(path.read_text() == "y" for path in project.base.glob("tmp?*") if path.is_file())


def test_everything_is_put_back(tmp_path: Path) -> None:
    owners = (builtins, io, os, shutil, torch, torch.serialization, torch.jit, torch.export)
    before = [dict(vars(owner)) for owner in owners]
    with Patches() as patches:
        Scratch(tmp_path / "run" / "scratch", lambda *_: None).install(patches)
        assert os.stat in os.supports_dir_fd
        assert open is io.open
        assert open.__name__ == "open"
    assert [dict(vars(owner)) for owner in owners] == before


def test_a_fault_of_ours_never_writes_to_the_users_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data.txt").write_text("data")

    def fails(*_: object) -> None:
        raise KeyError

    with Patches() as patches:
        Scratch(tmp_path / "run" / "scratch", fails).install(patches)  # a note that fails is nobody's business
        Path("first.txt").write_text("x")
        patches.replace(Overlay, "_fresh_place", fails)
        with pytest.raises(OSError, match="Input/output error"):
            Path("data.txt").write_text("y")
        with pytest.raises(OSError, match="Input/output error"):
            Path("data.txt").rename("other.txt")
        assert Path("data.txt").read_text() == "data"
    assert Path("data.txt").read_text() == "data"
    assert not Path("first.txt").exists()


def test_a_place_that_may_not_be_written_to_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data.txt").write_text("data")
    monkeypatch.setattr(real_files, "access", lambda *_: False)
    with Patches() as patches:
        Scratch(tmp_path / "run" / "scratch", lambda *_: None).install(patches)
        for mode in ("w", "a", "r+"):
            with pytest.raises(PermissionError, match=r"Permission denied: .*data\.txt"):
                Path("data.txt").open(mode)  # noqa: SIM115 - it fails
        with pytest.raises(PermissionError):
            Path("new.txt").write_text("x")
        with pytest.raises(PermissionError):
            Path("data.txt").unlink()
