"""What is compared of the rows of tokens and their targets."""

from __future__ import annotations

import pytest
import torch

from nndoctor.probes.tokens import MOST_ROWS, _elsewhere

ROWS = torch.arange(40).reshape(4, 10)


@pytest.mark.parametrize(
    ("target", "share"),
    [
        pytest.param(ROWS, 0.0, id="their own"),
        pytest.param(ROWS.roll(1, 0), 1.0, id="each of the row before"),
        pytest.param(ROWS[[1, 0, 2, 3]], 0.5, id="two exchanged"),
        pytest.param(ROWS + 1, 0.0, id="of no row"),
        pytest.param(ROWS[:1].expand(4, 10), 0.75, id="all of the first"),
    ],
)
def test_next_tokens_of_another_row(target: torch.Tensor, share: float) -> None:
    assert _elsewhere(target, ROWS) == share


def test_equal_rows_are_their_own() -> None:
    assert _elsewhere(torch.zeros(8, 5), torch.zeros(8, 5)) == 0.0


def test_a_large_batch_is_looked_at_in_part() -> None:
    rows = torch.arange(10 * MOST_ROWS)[:, None].expand(-1, 5)
    assert _elsewhere(rows, rows) == 0.0
