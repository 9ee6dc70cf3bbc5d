"""optimizer-choice, on trials typed by hand."""

import pytest

from nndoctor import Recording, Skip
from nndoctor.records import Optimizer, Trial
from nndoctor_checks.training.optimizer_choice import optimizer_choice


def recording(treatment: str = "adamw", *, control: float = 2.3, treated: float = 0.2) -> Recording:
    row = Trial(treatment=treatment, start=2.3, steps=120, controls=(control,) * 3, treated=(treated,) * 3)
    return Recording.of([row, Optimizer(name="SGD#0", type="SGD", lr=1e-4, file="train.py", line=7)])


def test_names_both_optimizers_and_the_numbers() -> None:
    [finding] = optimizer_choice(recording())
    assert "0.2 with AdamW(lr=1e-3) and 2.3 with SGD with a learning rate of 0.0001" in finding.message
    assert finding.advice == "Try `torch.optim.AdamW(model.parameters(), lr=1e-3)`."
    assert str(finding.where) == "train.py:7"


def test_is_silent_where_the_other_one_is_no_better() -> None:
    assert optimizer_choice(recording(control=0.2, treated=0.19)) == []


@pytest.mark.parametrize("run", [recording("clear-gradients"), Recording.of([Trial(treatment="adamw", skipped="why")])])
def test_is_skipped_where_none_was_tried(run: Recording) -> None:
    with pytest.raises(Skip, match="no other optimizer was tried"):
        optimizer_choice(run)
