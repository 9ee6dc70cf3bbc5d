"""The pytest plugin: the fixture `nndoctor_check`. Loaded in every pytest run, so it imports next to nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nndoctor.diagnose import Diagnosis


@pytest.fixture
def nndoctor_check(tmp_path: Path) -> Callable[..., Diagnosis]:
    """Return `nndoctor.check` with the recording kept below the test's `tmp_path`."""

    def check(*parts: Any, **options: Any) -> Diagnosis:
        from nndoctor.library.checkup import check as examine

        number = len(list(tmp_path.glob("nndoctor-*")))
        return examine(*parts, **{"out": tmp_path / f"nndoctor-{number}", **options})

    return check
