"""The configuration: where it is found, what it may say, and what is told of a wrong one."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

import pytest

from nndoctor import Finding, Recording, Severity, check
from nndoctor.catalogue import load_catalogue
from nndoctor.commands.init import TEMPLATE
from nndoctor.configuration import KEYS, OWN_KEYS, Configuration, found_from, read
from nndoctor.errors import UsageError
from nndoctor.thresholds import with_thresholds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def written(folder: Path, text: str, name: str = "nndoctor.toml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


# ---- found


def test_found_upwards_and_the_nearest_wins(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    written(tmp_path, "steps = 1")
    written(tmp_path / "a", "[tool.nndoctor]\nsteps = 2", "pyproject.toml")
    written(tmp_path / "a" / "b", "[project]\nname = 'x'", "pyproject.toml")
    (tmp_path / "c").mkdir()
    assert found_from(tmp_path / "a" / "b").options == {"steps": 2}
    assert found_from(tmp_path / "c").options == {"steps": 1}


def test_nndoctor_toml_wins_over_pyproject_beside_it(tmp_path: Path) -> None:
    written(tmp_path, "steps = 1")
    written(tmp_path, "[tool.nndoctor]\nsteps = 2", "pyproject.toml")
    assert found_from(tmp_path).options == {"steps": 1}


def test_not_looked_for_beyond_the_repository(tmp_path: Path) -> None:
    written(tmp_path, "steps = 1")
    (tmp_path / "inner" / ".git").mkdir(parents=True)
    assert found_from(tmp_path / "inner") == Configuration()


# ---- read


FULL = """
select = ["R18"]
ignore = "class-imbalance"
fail-on = "warning"
format = ["json", "sarif:reports/x.sarif"]
out = "runs/ci"
budget = 20
steps = 9
scan = 100
seed = 0
patience = 10.5
quick = true
baseline = "known.json"
checks = ["mine"]
quiet = true
verbose = false
[thresholds]
class-imbalance = 50
[[target]]
script = "a.py"
args = ["--epochs", "1"]
steps = 3
[[target]]
module = "pkg.train"
name = "other"
folder = "sub"
"""


def test_every_key(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    found = read(written(tmp_path, FULL))
    assert found.options.keys() == {parameter for parameter, _ in KEYS.values()}
    assert found.options["ignore"] == ["class-imbalance"]
    assert found.options["formats"] == ["json", f"sarif:{tmp_path / 'reports/x.sarif'}"]
    assert found.options["baseline"] == tmp_path / "known.json"
    first, second = found.targets
    assert (first.name, first.arguments, first.options) == ("a.py --epochs 1", ("--epochs", "1"), {"steps": 3})
    assert (second.name, second.is_module, second.folder) == ("other", True, tmp_path / "sub")
    assert found.of_script(tmp_path / "a.py") is first
    assert found.of_script(tmp_path / "b.py") is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("stepz = 3", "unknown key 'stepz'; did you mean steps?"),
        ("fail_on = 'error'", "unknown key 'fail_on'; did you mean fail-on?"),
        ("xyzzy = 3", "known keys: select, ignore"),
        ("steps = '3'", "steps must be a whole number, not '3'"),
        ("steps = true", "steps must be a whole number"),
        ("budget = nan", "budget must be a number"),
        ("budget = 'soon'", "budget must be a number"),
        ("fail-on = 'sometimes'", "fail-on must be one of error, warning, never"),
        ("select = [1]", "select must be a list of texts"),
        ("quick = 1", "quick must be true or false"),
        ("out = 3", "out must be a path"),
        ("thresholds = 3", "thresholds must be a table"),
        ("target = 3", "target must be a list of tables"),
        ("[[target]]\nname = 'x'", "target 1 must have either script"),
        ("[[target]]\nscript = 'x'\nmodule = 'y'", "target 1 must have either script"),
        ("[[target]]\nscript = 3", "script of target 1 must be a text"),
        ("[[target]]\nscript = 'x'\nargs = 'y'", "args of target 1 must be a list of texts"),
        ("[[target]]\nscript = 'x'\narguments = ['y']", "unknown key 'arguments' of target 1; did you mean args?"),
        ("[[target]]\nscript = 'x'\nfolder = 'nowhere'", "the folder of target 1 does not exist"),
        ("[[target]]\nscript = 'x'\n[[target]]\nscript = 'x'", "two targets are called 'x'"),
        ("steps = 3\nsteps = \n", "is not valid TOML: Invalid value (at line 2"),
    ],
)
def test_what_is_wrong_is_one_line_that_names_the_file(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=re.escape(told)) as info:
        read(written(tmp_path, text))
    assert str(tmp_path / "nndoctor.toml") in str(info.value)
    assert "\n" not in str(info.value)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "nndoctor.toml").write_bytes(b"a = '\xff'")
    with pytest.raises(UsageError, match="not text in UTF-8"):
        found_from(tmp_path)


def test_a_folder_of_that_name_is_no_configuration(tmp_path: Path) -> None:
    (tmp_path / "nndoctor.toml").mkdir()
    (tmp_path / ".git").mkdir()
    assert found_from(tmp_path) == Configuration()


# ---- thresholds


@check("two-options", reason="R01", severity=Severity.ERROR, needs=[])
def two_options(
    _run: Recording, *, ratio: float = 10.0, min_labels: int = 200, names: tuple[str, ...] = ("a",)
) -> Iterator[Finding]:
    """Say what the options are."""
    yield Finding(message=f"{ratio} {min_labels} {names}", advice="a")


@check("no-options", reason="R01", severity=Severity.ERROR, needs=[])
def no_options(_run: Recording) -> Iterator[Finding]:
    """Have none."""
    yield Finding("m", "a")


def said(table: dict[str, object]) -> str:
    first, _ = with_thresholds([two_options, no_options], table)
    assert first.title == two_options.title
    return first(Recording.of([]))[0].message


def test_thresholds_reach_the_check() -> None:
    assert said({}) == "10.0 200 ('a',)"
    assert said({"two-options": 50}) == "50.0 200 ('a',)"
    assert said({"two-options": {"ratio": 2, "min-labels": 3, "names": ["b", "c"]}}) == "2.0 3 ('b', 'c')"
    [changed] = with_thresholds([two_options], {"two-options": 50})
    assert changed.options == {"ratio": 50.0, "min_labels": 200, "names": ("a",)}
    assert two_options.options["ratio"] == 10.0


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"two-option": 3}, "no check is named 'two-option'; did you mean two-options?"),
        ({"two-options": {"ratios": 3}}, "has no option 'ratios'; did you mean ratio?"),
        ({"two-options": {"min_labels": 2.5}}, "two-options.min_labels must be a whole number, not 2.5"),
        ({"two-options": "x"}, "two-options.ratio must be a number, not 'x'"),
        ({"two-options": float("inf")}, "must be a number"),
        ({"two-options": {"names": [3]}}, "must be a list like ['a']"),
        ({"no-options": 3}, "no-options has no threshold to set"),
    ],
)
def test_wrong_thresholds(table: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=re.escape(told)):
        with_thresholds([two_options, no_options], table)


# ---- init


def test_the_template_is_valid_as_it_is_and_with_everything_switched_on(tmp_path: Path) -> None:
    assert tomllib.loads(TEMPLATE) == {}
    lines = [line.removeprefix("# ") for line in TEMPLATE.splitlines() if re.match(r"# ([a-z-]+ = |\[)", line)]
    found = read(written(tmp_path, "\n".join(lines)))
    assert found.options.keys() == {parameter for parameter, _ in KEYS.values()}
    assert [target.name for target in found.targets] == ["small"]
    [own] = tomllib.loads("\n".join(lines))["target"]
    assert own.keys() >= set(OWN_KEYS) - {"module"}
    with_thresholds(load_catalogue().values(), found.options["thresholds"])
