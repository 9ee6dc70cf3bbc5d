"""A script cannot tell that it was not started by Python: what it prints natively, it prints under the launcher."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from nndoctor.launcher import clean_traceback

if TYPE_CHECKING:
    from pathlib import Path

LAUNCH = """
import sys
from nndoctor.errors import UsageError
from nndoctor.launcher import clean_traceback, run_module, run_script
arguments = sys.argv[1:]
try:
    if arguments[0] == "-m":
        run_module(arguments[1], arguments[2:])
    else:
        run_script(arguments[0], arguments[1:])
except UsageError as error:
    print("usage:", error)
except Exception as error:
    error.__traceback__ = error.__traceback__.tb_next  # the frame of this file, which is none of nndoctor
    sys.stderr.write(clean_traceback(error))
    sys.exit(1)
"""
SELF_PORTRAIT = """
    '''Documentation.'''
    import sys, neighbour
    x: int = 3
    main = sys.modules["__main__"]
    print(list(globals()), main.__dict__ is globals())
    print(sys.argv, sys.orig_argv[1:], sys.path)
    print(__name__, __file__, __doc__, __cached__, repr(__package__), __annotations__, __builtins__)
    print(type(__loader__), __loader__.name, __loader__.path, __spec__ and (__spec__.name, __spec__.origin))
    print(neighbour.__file__, neighbour.first)
    print(sys._getframe().f_code.co_filename, sys._getframe().f_code.co_flags)
"""
NEIGHBOUR = "import sys\nfirst = sys.argv[0]\n"


# Nearly all of these start Python twice.
pytestmark = pytest.mark.slow


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))


def native(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return started(folder, [sys.executable, *arguments])


def launched(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    launch = folder.parent / "start" / "launch.py"
    write(launch, LAUNCH)
    return started(folder, [sys.executable, str(launch), *arguments])


def started(folder: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def same(folder: Path, *arguments: str) -> str:
    """Return what a script prints, having made sure that it is the same both ways."""
    by_python, by_us = native(folder, *arguments), launched(folder, *arguments)
    assert (by_us.stdout, by_us.stderr, by_us.returncode) == (by_python.stdout, by_python.stderr, by_python.returncode)
    return by_python.stdout


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    for place in ("", "sub/", "package/", "program/"):
        write(folder / f"{place}neighbour.py", NEIGHBOUR)
    for place in ("show", "sub/show", "package/part", "package/__main__", "program/__main__"):
        write(folder / f"{place}.py", SELF_PORTRAIT)
    write(folder / "package/__init__.py", "import sys; print('package', sys.argv)\n")
    (folder / "sub" / "link.py").symlink_to("../show.py")
    return folder


@pytest.mark.parametrize(
    "arguments",
    [
        ["show.py"],
        ["show.py", "--epochs", "3", ""],
        ["./show.py"],
        ["sub/show.py"],
        ["sub/../show.py"],
        ["sub//show.py"],
        ["sub/link.py"],
        ["program"],
        ["./program/", "x"],
        ["-m", "show"],
        ["-m", "package", "-v"],
        ["-m", "package.part"],
        ["-m", "sub.show"],
    ],
)
def test_the_script_sees_itself_as_natively(work: Path, arguments: list[str]) -> None:
    assert "neighbour.py" in same(work, *arguments)


def test_an_absolute_path_and_another_working_directory(work: Path) -> None:
    assert "neighbour.py" in same(work / "sub", str(work / "show.py"))
    assert "neighbour.py" in same(work / "sub", "../show.py")


@pytest.mark.parametrize("flag", ["", "1"])
def test_pythonpath_and_safe_path(work: Path, monkeypatch: pytest.MonkeyPatch, flag: str) -> None:
    write(work / "path.py", "import sys; print(sys.path)\n")
    monkeypatch.setenv("PYTHONPATH", str(work))
    monkeypatch.setenv("PYTHONSAFEPATH", flag)
    same(work, "path.py")
    same(work, "-m", "path")
    write(work / "program/__main__.py", "import sys; print(sys.path)\n")
    same(work, "program")


def test_a_start_that_removed_its_own_entry_of_the_path(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(work))
    write(work / "path.py", "import sys; print(sys.path)\n")
    start = work.parent / "start.py"
    write(start, f"import sys; sys.path.pop(0)\n{LAUNCH}")
    assert started(work, [sys.executable, str(start), "path.py"]).stdout == native(work, "path.py").stdout


def test_no_future_of_ours_leaks_into_the_script(work: Path) -> None:
    write(work / "hints.py", "def f(x: int): ...\nprint(f.__annotations__)\n")
    assert same(work, "hints.py") == "{'x': <class 'int'>}\n"


def test_an_archive_runs_by_its_main(work: Path) -> None:
    import zipfile

    with zipfile.ZipFile(work / "program.zip", "w") as archive:
        archive.writestr("__main__.py", "import sys, inner; print(sys.argv, sys.path[0], __file__, inner)\n")
        archive.writestr("inner.py", "")
    same(work, "program.zip", "1")


def test_dataclasses_and_pickles_of_main(work: Path) -> None:
    write(
        work / "pickles.py",
        """
        import copy, pickle
        from dataclasses import dataclass, asdict
        @dataclass
        class Settings:
            rate: float = 0.1
        text = pickle.dumps(Settings(0.2))
        print(b"__main__" in text, pickle.loads(text) == Settings(0.2), asdict(copy.deepcopy(Settings())), Settings)
        """,
    )
    same(work, "pickles.py")
    same(work, "-m", "pickles")


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("how", [["workers.py"], ["-m", "workers"]])
def test_workers_find_what_main_defines(work: Path, method: str, how: list[str]) -> None:
    write(
        work / "workers.py",
        """
        import multiprocessing, os, sys, neighbour
        class Item:
            def __init__(self, value):
                self.value = value
        def double(item):
            return Item(2 * item.value)
        if __name__ == "__main__":
            with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
                items = pool.map(double, [Item(1), Item(2)])
            print([item.value for item in items], type(items[0]) is Item)
        else:
            # In one piece: two workers print at the same time.
            os.write(1, f"imported as {__name__} {__spec__ is None} {sys.argv}\\n".encode())
        """,
    )
    by_python, by_us = native(work, *how, method), launched(work, *how, method)
    assert "[2, 4] True" in by_python.stdout, by_python.stderr
    # A pool may be done before its second worker has started: how many there were is no difference.
    assert set(by_us.stdout.splitlines()) == set(by_python.stdout.splitlines())


def test_exit_codes_and_messages(work: Path) -> None:
    write(
        work / "leave.py", "import sys, atexit\natexit.register(print, 'bye')\nsys.exit(sys.argv[1:] and 'no' or 7)\n"
    )
    same(work, "leave.py")
    same(work, "leave.py", "x")


@pytest.mark.parametrize(
    "end",
    [
        "raise ValueError('x')",
        "f(0)",
        "import json; json.loads('{')",
        "import broken",
        "import no_such_module",
        "eval('1 +')",
        "try:\n    f(0)\nexcept ZeroDivisionError as error:\n    raise RuntimeError('y') from error",
        "try:\n    f(0)\nexcept ZeroDivisionError:\n    raise KeyError('y')",
        "try:\n    f(0)\nexcept ZeroDivisionError:\n    raise KeyError('y') from None",
        "raise ExceptionGroup('several', [ValueError(1), TypeError(2)])",
        "def deep(): deep()\ndeep()",
    ],
)
def test_tracebacks_are_those_of_python(work: Path, end: str) -> None:
    write(work / "broken.py", "x = (\n")
    write(work / "fails.py", "def f(x):\n    return 1 / x\n\n" + end + "\n")
    by_python, by_us = native(work, "fails.py"), launched(work, "fails.py")
    assert (by_us.stdout, by_us.returncode) == ("", 1)
    # How often a frame is repeated depends on how deep the stack already was.
    repeated = re.compile(r"repeated \d+ more times")
    assert repeated.sub("", by_us.stderr) == repeated.sub("", by_python.stderr)


def test_frames_of_ours_in_the_middle_are_left_out_of_a_traceback() -> None:
    from nndoctor.patching import Patches
    from nndoctor.real_files import natural

    @natural
    def fails() -> None:
        raise FileNotFoundError("gone")

    with Patches(), pytest.raises(FileNotFoundError) as caught:
        fails()
    text = clean_traceback(caught.value)
    assert "real_files" not in text
    assert text.count("test_launcher.py") == 2
    assert text.endswith("FileNotFoundError: gone\n")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.py", None, "no such script: none.py"),
        ("bad.py", b"x = 1\ndef f(:\n", "bad.py is not valid Python: invalid syntax at bad.py:2: def f(:"),
        ("tabs.py", b"if 1:\n  x = 1\n\ty = 2\n", "tabs.py is not valid Python: inconsistent use of tabs"),
        ("latin.py", b'x = "\xff"\n', "latin.py is not text: 'utf-8' codec can't decode byte 0xff"),
        ("model.py", b"\x7fELF\0\0", "model.py is not a Python script (it holds binary data)"),
        ("empty/x.txt", b"", "empty has no __main__.py"),
        ("broken/__main__.py", b"x = (\n", "broken/__main__.py:1: x = ("),
    ],
)
def test_what_cannot_be_run_is_told_in_one_line(work: Path, name: str, content: bytes | None, message: str) -> None:
    path = work / name
    path.parent.mkdir(exist_ok=True)
    if content is not None:
        path.write_bytes(content)
    [line] = launched(work, name.split("/", maxsplit=1)[0]).stdout.splitlines()
    assert line.startswith("usage: ")
    assert message in line


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such", "No module named no_such"),
        ("package.no_such", "No module named package.no_such"),
        ("bare", "No module named bare.__main__; 'bare' is a package and cannot be directly executed"),
        ("bad", "bad.py:1: x = ("),
    ],
)
def test_a_module_that_cannot_be_run(work: Path, name: str, message: str) -> None:
    write(work / "bare/__init__.py", "")
    write(work / "bad.py", "x = (\n")
    done = launched(work, "-m", name)
    assert message in done.stdout.splitlines()[-1], done.stderr


def test_a_package_that_fails_while_it_is_imported_is_the_scripts_own_failure(work: Path) -> None:
    write(work / "package/__init__.py", "1 / 0\n")
    done = launched(work, "-m", "package")
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr


def test_other_encodings_are_read(work: Path) -> None:
    (work / "latin.py").write_bytes(b'# coding: latin-1\nprint(ascii("\xff"))\n')
    (work / "marked.py").write_bytes(b'\xef\xbb\xbfprint("x")\r\nprint("y")\r\n')
    same(work, "latin.py")
    same(work, "marked.py")


def test_warnings_are_shown_as_natively(work: Path) -> None:
    write(work / "warns.py", "import warnings\nwarnings.warn('old', DeprecationWarning)\nassert 1 is 1\n")
    same(work, "warns.py")


def test_an_interactive_name_survives_threads_and_exit_handlers(work: Path) -> None:
    write(
        work / "late.py",
        """
        import atexit, pickle, threading, time
        class Late: ...
        atexit.register(lambda: print(pickle.loads(pickle.dumps(Late())).__class__ is Late))
        threading.Thread(target=lambda: (time.sleep(0.2), print(Late.__module__))).start()
        """,
    )
    same(work, "late.py")
