"""Tests of a training: it takes seconds to know that a day of training will not be in vain."""

import pytest
from nndoctor.testing import (
    assert_batch_independent,
    assert_loss_at_chance,
    assert_no_dead_parameters,
    assert_overfits,
)

from training import make_training


@pytest.fixture
def parts():
    made = make_training()
    return made["model"], made["train_loader"], made["loss_fn"], made["optimizer"]


def test_one_batch_can_be_learned_by_heart(parts):
    assert_overfits(*parts)


def test_samples_do_not_mix(parts):
    assert_batch_independent(*parts)


def test_every_parameter_learns(parts):
    assert_no_dead_parameters(*parts)


def test_the_first_loss_is_that_of_a_guess(parts):
    assert_loss_at_chance(*parts)


def test_nothing_else_is_wrong(nndoctor_check):
    made = make_training()
    diagnosis = nndoctor_check(
        made["model"], made["train_loader"], made["loss_fn"], made["optimizer"], made["val_loader"]
    )
    diagnosis.raise_for_findings()
