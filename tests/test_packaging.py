"""The wheel holds the engine and the catalogue, nothing else, and works outside of the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    [path] = folder.glob("*.whl")
    return path


@pytest.mark.slow
def test_the_wheel_holds_only_our_two_packages(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"nndoctor", "nndoctor_checks"}
    assert not [
        name
        for name in names
        if not name.endswith((".py", ".j2", ".css", ".js", ".html", "py.typed")) and ".dist-info/" not in name
    ]
    assert {"nndoctor/cli.py", "nndoctor/reports/terminal.py", "nndoctor/commands/check.py"} <= set(names)
    assert {f"nndoctor/reports/html/templates/{name}" for name in ("page.html.j2", "style.css", "charts.js")} <= set(
        names
    )
    assert any(name.endswith("licenses/LICENSE") for name in names)


@pytest.mark.slow
def test_the_installed_wheel_works_outside_of_the_checkout(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    python = environment / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--quiet", str(wheel)]
    subprocess.run(install, check=True)
    # The dependencies of the running environment, so that torch need not be downloaded again.
    [packages] = (environment / "lib").glob("python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")

    bare: dict[str, Any] = {"capture_output": True, "text": True, "cwd": tmp_path}
    bare["env"] = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [str(environment / "bin" / "nndoctor"), "checks", "--format", "json"]
    listed = subprocess.run(command, check=True, **bare).stdout
    assert "loss-detached" in {row["check"] for row in json.loads(listed)}
    code = "import nndoctor, nndoctor_checks; print(nndoctor.__file__, nndoctor_checks.__file__)"
    places = subprocess.run([str(python), "-c", code], check=True, **bare).stdout
    assert all(place.startswith(str(packages)) for place in places.split())
