"""Which line of the user's code are we at?"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch

from nndoctor import places
from nndoctor.places import source_line, user_place

HERE = str(Path(__file__).absolute().relative_to(Path.cwd()))


def test_the_caller_is_found() -> None:
    file, line, function = user_place()
    assert (file, function) == (HERE, "test_the_caller_is_found")
    assert source_line(file, line) == "file, line, function = user_place()"


def test_frames_can_be_skipped() -> None:
    def inner() -> tuple[str, int, str]:
        return user_place(1)

    assert inner()[2] == "test_frames_can_be_skipped"


def test_more_frames_are_skipped_than_there_are() -> None:
    assert user_place(10**6) == ("", 0, "")


def test_libraries_are_passed_over() -> None:
    seen: list[tuple[str, int, str]] = []
    module = torch.nn.Sequential(torch.nn.ReLU())
    with torch.no_grad():
        module.register_forward_pre_hook(lambda *_: seen.append(user_place(1)))
        module(torch.ones(1))
    assert seen[0][0] == HERE
    assert seen[0][2] == "test_libraries_are_passed_over"


def test_the_standard_library_is_passed_over() -> None:
    seen: list[tuple[str, int, str]] = []

    class Encoder(json.JSONEncoder):
        def default(self, _: object) -> int:
            seen.append(user_place(1))
            return 1

    json.dumps(object(), cls=Encoder)
    assert seen[0][2] == "test_the_standard_library_is_passed_over"


def test_generated_methods_are_passed_over() -> None:
    @dataclass
    class Made:
        place: tuple[str, int, str] = field(default_factory=user_place)

    assert Made().place[2] == "test_generated_methods_are_passed_over"


@pytest.mark.parametrize("name", ["<string>", "<stdin>", "<ipython-input-3-0a1b>"])
def test_code_without_a_file_is_the_users(name: str) -> None:
    space: dict[str, object] = {"user_place": user_place}
    exec(compile("def cell():\n    return user_place()", name, "exec"), space)
    assert space["cell"]() == (name, 2, "cell")  # type: ignore[operator]


@pytest.mark.parametrize(
    "name",
    [
        "<frozen importlib._bootstrap>",
        "<eval_with_key>.3",
        json.__file__,
        torch.nn.__file__,
        str(torch.__file__),
        places.__file__,
        "/venv/lib/python3.11/site-packages/some/thing.py",
        "/usr/lib/python3/dist-packages/thing.py",
        "/checkout/checks/nndoctor_checks/dataset/thing.py",
    ],
)
def test_what_is_not_the_users(name: str) -> None:
    assert places.shown_file(name) == ""


def test_files_elsewhere_are_shown_whole() -> None:
    assert places.shown_file("/somewhere/else/train.py") == "/somewhere/else/train.py"


def test_a_source_that_cannot_be_read_is_empty() -> None:
    assert source_line("no/such/file.py", 3) == ""
    assert source_line(HERE, 10**6) == ""
    assert source_line("<string>", 1) == ""


def test_places_stay_relative_to_the_start_after_a_change_of_folder(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "late.py").write_text("from nndoctor.places import *\ndef f(): return user_place()\n")
    (work / "train.py").write_text(
        "import os\nfrom nndoctor.places import *\nimport late\n"
        "os.chdir('/')\nplace = late.f()\nprint(place)\nprint(source_line(*place[:2]))\n"
    )
    done = subprocess.run([sys.executable, "train.py"], cwd=work, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["('late.py', 2, 'f')", "def f(): return user_place()"]
