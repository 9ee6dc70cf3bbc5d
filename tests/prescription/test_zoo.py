"""Whole scripts: check, patch, check again. `benchmarks/prescription.py` does it for all of the zoo."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from prescription import ZOO, examined

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
@pytest.mark.parametrize("script", ["missing-zero-grad/sick.py", "sigmoid-into-bce-with-logits/sick.py"])
def test_the_patch_makes_the_script_healthy(script: str, tmp_path: Path) -> None:
    assert examined(ZOO / script, tmp_path / "runs", tmp_path, again=True) == "healthy"
    assert "# the fault" in (ZOO / script).read_text()  # the original is as it was
