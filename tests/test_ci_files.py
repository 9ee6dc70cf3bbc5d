"""The action, the hook and the documented workflows: read as the services read them, run as a runner does."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from junitparser import JUnitXml
from sarif_schema import checked

from nndoctor import cli

ROOT = Path(__file__).parents[1]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / ".github/actions/nndoctor/action.yml").read_text())
DOCS = (ROOT / "docs" / "ci.md").read_text()
HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
BLOCKS = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", DOCS, re.DOTALL)]


def step(name: str) -> dict[str, Any]:
    [found] = [each for each in ACTION["runs"]["steps"] if each["name"] == name]
    return dict(found)


def filled(text: str, inputs: dict[str, str]) -> str:
    return re.sub(r"\$\{\{ inputs\.([a-z-]+) \}\}", lambda match: inputs[match[1]], text)


def run_check(tmp_path: Path, nndoctor: str, **given: str) -> tuple[int, str, str]:
    """Run the step as GitHub's runner does. Returns the exit code, the step's outputs and what it printed."""
    inputs = {name: str(each.get("default", "")) for name, each in ACTION["inputs"].items()} | given
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "nndoctor").write_text(nndoctor)
    (tools / "nndoctor").chmod(0o755)
    outputs = tmp_path / "outputs"
    environment = {name: filled(value, inputs) for name, value in step("Check")["env"].items()}
    environment |= {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "GITHUB_OUTPUT": str(outputs), **environment}
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step("Check")["run"]]
    cwd = tmp_path / inputs["working-directory"]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, outputs.read_text(), done.stdout + done.stderr


ECHO = '#!/bin/sh\nfor each in "$@"; do echo "[$each]"; done\nexit 1\n'


def test_the_action_hands_its_inputs_on(tmp_path: Path) -> None:
    given = {"script": "my train.py", "args": "--epochs 1 $(touch hacked)", "options": "--quick --seed 0"}
    code, outputs, printed = run_check(tmp_path, ECHO, **given)
    arguments = re.findall(r"\[(.*)\]", printed)
    assert code == 1
    assert outputs == "exit-code=1\nsarif=./nndoctor.sarif\n"
    assert arguments[:4] == ["check", "--quick", "--seed", "0"]
    assert arguments[-5:] == ["my train.py", "--epochs", "1", "$(touch", "hacked)"]
    assert not (tmp_path / "hacked").exists()


def test_without_a_script_it_runs_all_targets(tmp_path: Path) -> None:
    assert run_check(tmp_path, ECHO)[2].endswith("[--all]\n")


@pytest.mark.slow
def test_the_action_with_the_real_nndoctor(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text((ROOT / "sample_projects/zoo/missing-zero-grad/sick.py").read_text())
    real = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m nndoctor "$@"\n'
    code, _, printed = run_check(tmp_path, real, script="train.py")
    assert code == 1
    assert "::error file=train.py,line=" in printed
    [run] = checked((tmp_path / "nndoctor.sarif").read_text())["runs"]
    assert "missing-zero-grad" in {result["ruleId"] for result in run["results"]}
    xml = JUnitXml.fromfile(str(tmp_path / "nndoctor.xml"))
    assert xml.failures
    assert "missing-zero-grad" in {case.name for suite in xml for case in suite if case.result}


NOTICE = """
import os, sys

class Notice:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            with open(os.environ["NOTICED"], "a") as file:
                file.write(f"{os.getpid()}\\n")

sys.meta_path.insert(0, Notice())
"""


@pytest.mark.slow
def test_all_samples_are_checked_with_one_import_of_torch_for_each(tmp_path: Path) -> None:
    """Every process that imports torch says so: the patients, once each, and not the doctor."""
    (tmp_path / "sitecustomize.py").write_text(NOTICE)
    names = ("cancer", "tabular")
    folders = {name: ROOT / "sample_projects" / name for name in names}
    targets = [f"[[target]]\nname = '{n}'\nfolder = '{path}'\nscript = 'train.py'\n" for n, path in folders.items()]
    (tmp_path / "nndoctor.toml").write_text("\n".join(targets))
    noticed = tmp_path / "noticed"
    paths = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": paths, "NOTICED": str(noticed), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "nndoctor", "check", "--all", "--quick", "-q", "--out", "run", "--format=sarif:s"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    processes = noticed.read_text().split()
    assert len(processes) == len(set(processes)) == len(names)
    assert len(checked((tmp_path / "s").read_text())["runs"][0]["invocations"]) == len(names)


def test_the_documented_workflow_uses_the_action_as_it_is() -> None:
    workflow, gitlab, pre_commit = BLOCKS[:3]
    steps = workflow["jobs"]["nndoctor"]["steps"]
    [ours] = [each for each in steps if "nndoctor/.github/actions/nndoctor@" in each.get("uses", "")]
    assert ours["with"].keys() <= ACTION["inputs"].keys()
    used = re.findall(r"steps\.nndoctor\.outputs\.([a-z-]+)", str(steps))
    assert set(used) <= ACTION["outputs"].keys()
    assert gitlab["nndoctor"]["artifacts"]["reports"]["junit"] == "nndoctor.xml"
    assert pre_commit["repos"][0]["hooks"] == [{"id": hook["id"]} for hook in HOOKS]


def commands() -> tuple[list[str], list[str]]:
    """Return the documented commands: those that want a script, and those that judge what is there."""
    shell = re.findall(r"```sh\n(.*?)```", DOCS, re.DOTALL)
    found = [line.partition("  #")[0].strip() for block in shell for line in block.splitlines()]
    found += [line for line in BLOCKS[1]["nndoctor"]["script"] if line.startswith("nndoctor")]
    found += [hook["entry"] for hook in HOOKS]
    static = [command for command in found if command.startswith("nndoctor validate")]
    return [command for command in found if command not in static], static


RUNNING, STATIC = commands()


@pytest.mark.parametrize("command", RUNNING)
def test_every_documented_command_is_understood(command: str, script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without the script, the command line is read to its end and refused for that alone."""
    script.unlink()
    Path("nndoctor-baseline.json").write_text('{"schema": 1, "accepted": []}')
    assert cli.run(shlex.split(command)[1:]) == 2
    assert re.search("no such script: train.py|no recording|has no \\[\\[target", capsys.readouterr().err)


@pytest.mark.parametrize("command", STATIC)
def test_every_documented_static_command_works(command: str, script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("nndoctor.toml").write_text(f"[[target]]\nscript = {script.name!r}\n")
    assert cli.run(shlex.split(command)[1:]) == 0
    assert "nndoctor.toml, 1 target" in capsys.readouterr().out


def test_the_documented_configuration_is_valid(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [text] = re.findall(r"```toml\n(.*?)```", DOCS, re.DOTALL)
    Path("nndoctor.toml").write_text(text)
    Path("nlp").mkdir()
    Path("nndoctor-baseline.json").write_text('{"schema": 1, "accepted": []}')
    rule = Path(ROOT / "sample_projects/own_check/checks/house_optimizer.py").read_text()
    Path("our_checks").mkdir()
    Path("our_checks/house_optimizer_of_docs.py").write_text(rule)
    assert cli.run(["check", "--all"]) == 2
    assert "no module named models" in capsys.readouterr().err
