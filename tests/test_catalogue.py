"""The catalogue, linted; and how checks are found and chosen."""

from __future__ import annotations

import ast
import math
import re
import sys
from typing import TYPE_CHECKING, Any, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nndoctor import Check, Finding, Measure, Recording, Status
from nndoctor.catalogue import checks_of, choose, find, load_catalogue
from nndoctor.causes import closure
from nndoctor.diagnose import examine
from nndoctor.errors import NndoctorError, UsageError
from nndoctor.reasons import NUMBERED, REASONS
from nndoctor.records import (
    COAST,
    KINDS,
    OBSERVE,
    OVERFIT,
    RANDOM_INPUT,
    TRAIN,
    VALIDATION,
    Event,
    Experiment,
    NonFinite,
    Record,
    Step,
)
from nndoctor.treatments.names import TREATMENTS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CATALOGUE = load_catalogue()
every_check = pytest.mark.parametrize("check", CATALOGUE.values(), ids=CATALOGUE.keys())
SLUGS = {
    "non-finite-input",
    "constant-input",
    "repeated-batch",
    "ignores-input",
    "unshuffled-data",
    "class-imbalance",
    "single-label-batches",
    "unstandardised-input",
    "train-val-leakage",
    "train-val-shift",
    "missing-zero-grad",
    "gradients-cleared-before-step",
    "optimizer-never-steps",
    "backward-never-called",
    "initial-loss",
    "loss-detached",
    "loss-flat",
    "softmax-into-cross-entropy",
    "logits-into-nll",
    "sigmoid-into-bce-with-logits",
    "loss-broadcast",
    "frozen-parameters",
    "parameters-not-in-optimizer",
    "no-gradient",
    "parameters-not-updating",
    "unregistered-parameters",
    "unused-module",
    "batch-mixing",
    "softmax-wrong-dim",
    "cannot-overfit-batch",
    "symmetric-initialisation",
    "initialisation-scale",
    "eval-mode-in-training",
    "train-mode-in-validation",
    "update-ratio",
    "vanishing-gradient",
    "exploding-gradient",
    "dead-relu",
    "saturated-activation",
    "learning-rate-too-high",
    "learning-rate-too-low",
    "collapsed-predictions",
    "non-finite",
}
"""Names that are stable: users have them in their configurations, so none may go."""
SECTIONS = ["What it does", "Why is this bad?", "Example", "Known problems", "References"]


@every_check
def test_name_reason_and_place(check: Check) -> None:
    assert check.reason in REASONS
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", check.name)
    assert getattr(check.function, "__name__", "") == check.name.replace("-", "_")
    assert check.function.__module__.endswith(f".{check.name.replace('-', '_')}")


@every_check
def test_documentation_has_every_section_in_order(check: Check) -> None:
    assert check.title.endswith(".")
    assert re.findall(r"^## (.+)$", check.documentation, re.MULTILINE) == SECTIONS
    sections = re.split(r"^## .+$", check.documentation, flags=re.MULTILINE)[1:]
    assert all(section.strip() for section in sections)


@every_check
def test_examples_parse(check: Check) -> None:
    blocks = re.findall(r"```python\n(.*?)```", check.documentation, re.DOTALL)
    assert len(blocks) >= 2
    assert "Use instead:" in check.documentation
    for block in blocks:
        ast.parse(block)


@every_check
def test_names_treatments_that_exist(check: Check) -> None:
    named = [*check.treatments, *check.relief]
    assert set(named) <= TREATMENTS.keys()
    assert len(set(named)) == len(named)


@every_check
def test_explains_checks_that_exist_and_not_itself(check: Check) -> None:
    assert check.explains <= (CATALOGUE.keys() | SLUGS) - {check.name}


def test_explanations_have_no_circle() -> None:
    reach = closure({name: set(check.explains) for name, check in CATALOGUE.items()})
    circles = {name: sorted(o for o in reached if name in reach.get(o, set())) for name, reached in reach.items()}
    assert {name: others for name, others in circles.items() if name in reach[name]} == {}


WORDS = ["", "a", "b", OBSERVE, COAST, OVERFIT, RANDOM_INPUT, TRAIN, VALIDATION, "input", "target", "activation"]
WORDS += ["gradient", "weight", "update", "accuracy", "r2", "cross_entropy", "mse_loss", "softmax", "forward", "exit"]
SMALL: dict[Any, st.SearchStrategy[Any]] = {
    str: st.sampled_from(WORDS),  # few names, so that one layer gets many rows, and those that checks ask for
    int: st.integers(-1, 50),
    bool: st.booleans(),
    float: st.sampled_from([0.0, 1.0, -1.0, 1e-30, 1e30, math.nan, math.inf]) | st.floats(),
    tuple[int, ...]: st.lists(st.integers(-1, 9), max_size=9).map(tuple),
    tuple[float, ...]: st.lists(st.floats(), max_size=3).map(tuple),
    tuple[str, ...]: st.lists(st.sampled_from(["SoftmaxBackward0", "b"]), max_size=3).map(tuple),
}


def records(kind: type[Record]) -> st.SearchStrategy[Record]:
    hints = get_type_hints(kind)
    hints.pop("KEY")
    drawn = {name: SMALL[hint] for name, hint in hints.items()}
    # Mostly the experiment and segment that nearly all checks read: else nearly every row is ignored.
    mostly = {"experiment": st.just(OBSERVE) | SMALL[str], "segment": st.just(0) | st.integers(0, 1)}
    return st.builds(kind, **{**drawn, **mostly})


ALWAYS = (Step, Experiment, Event, NonFinite)
"""What many checks read without needing it."""


def said_by(check: Check, run: Recording) -> Sequence[Finding]:
    outcome, findings = examine(check, run)
    assert outcome.status is not Status.CRASHED, outcome.why
    assert outcome.why or outcome.status is Status.PASSED
    return findings


@pytest.mark.slow
@every_check
@settings(deadline=None, derandomize=True, max_examples=15, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_survives_any_recording(check: Check, data: st.DataObject) -> None:
    """NaN, infinity, one row, a hundred: a check may find nothing, but it says no nonsense."""
    needed = [data.draw(records(kind)) for kind in check.needs]
    kinds = {*check.needs, *ALWAYS}
    rows = needed + data.draw(st.lists(st.one_of(*(records(k) for k in KINDS if k in kinds)), max_size=25))
    for finding in said_by(check, Recording.of(rows)):
        numbers = [e.value for e in finding.evidence if isinstance(e, Measure)]
        assert all(map(math.isfinite, numbers)), finding
        assert finding.message
        assert finding.advice


@every_check
def test_survives_an_empty_recording(check: Check) -> None:
    assert not said_by(check, Recording.of([]))


def test_there_are_37_reasons() -> None:
    assert [reason.code for reason in NUMBERED] == [f"R{number:02d}" for number in range(1, 38)]
    assert len({reason.title for reason in REASONS.values()}) == len(REASONS)


def test_importing_the_catalogue_imports_no_heavy_library() -> None:
    import subprocess

    code = "import sys; from nndoctor.catalogue import load_catalogue; load_catalogue(); print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not [name for name in ("torch", "pandas", "sklearn", "scipy") if f"'{name}'" in loaded]


# ---- found and chosen


def named(*names: str) -> list[Check]:
    return [Check(name, reason, CATALOGUE_SEVERITY, (), frozenset(), iter) for name, reason in map(_split, names)]


def _split(text: str) -> tuple[str, str]:
    name, _, reason = text.partition("@")
    return name, reason


CATALOGUE_SEVERITY = next(iter(CATALOGUE.values())).severity
SOME = named("dead-relu@R35", "non-finite@R37", "exploding-gradient@R35", "missing-zero-grad@T")


def names(checks: list[Check]) -> list[str]:
    return [check.name for check in checks]


def test_choose_by_slug_and_by_reason() -> None:
    assert names(choose(SOME, select=["R35"])) == ["dead-relu", "exploding-gradient"]
    assert names(choose(SOME, select=["r35,non-finite"], ignore=["dead-relu"])) == ["non-finite", "exploding-gradient"]
    assert names(choose(SOME, select=["t"])) == ["missing-zero-grad"]
    assert names(choose(SOME, ignore=["R01"])) == names(SOME)
    assert choose([], ignore=[]) == []


@pytest.mark.parametrize(
    ("term", "hint"),
    [
        ("dead-rellu", "did you mean dead-relu?"),
        ("zero-grad", "did you mean missing-zero-grad?"),
        ("R38", "reasons go from R01 to R37"),
        ("R0", "reasons go from R01 to R37"),
        ("xyzzy", "`nndoctor checks` lists them"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_right_one(term: str, hint: str) -> None:
    with pytest.raises(UsageError, match=re.escape(hint)):
        choose(SOME, select=[term])


def test_choosing_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="no check is left"):
        choose(SOME, select=["R01"])


def test_find_takes_numbers_as_users_write_them() -> None:
    assert names(find("35", SOME)) == names(find("R35", SOME)) == ["dead-relu", "exploding-gradient"]
    assert find("R7", SOME) == []


THIRD_PARTY = '''
from nndoctor import Finding, Severity, check
from nndoctor_checks import *

@check("house-rule", reason="X", severity=Severity.NOTE, needs=[])
def house_rule(run):
    """Follow the rule of the house."""
    yield Finding("m", "a")
'''


def test_a_package_of_a_third_party_is_walked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "house_rules" / "inner"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").touch()
    (package / "__init__.py").touch()
    (package / "rule.py").write_text(THIRD_PARTY)
    monkeypatch.syspath_prepend(tmp_path)
    assert [check.name for check in checks_of("house_rules")] == ["house-rule"]


def test_a_broken_package_is_one_line_that_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_rules.py").write_text("import does_not_exist")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(NndoctorError, match="the checks of broken_rules cannot be loaded: ModuleNotFoundError") as info:
        list(checks_of("broken_rules"))
    assert "\n" not in str(info.value)
