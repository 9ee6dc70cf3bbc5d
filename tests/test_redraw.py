"""What several draws of the same samples tell of the augmentation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from nndoctor.experiments.redraw import redraws

if TYPE_CHECKING:
    from collections.abc import Callable

    from nndoctor.records import Redraw

    Augment = Callable[[torch.Tensor], torch.Tensor]

ROLES = {"0": "input", "1": "target"}


class Images:
    """Smooth images of different contrast, each with a label."""

    def __init__(self, augment: Augment, *, smooth: bool = True) -> None:
        draw = np.random.default_rng(0)
        images = draw.standard_normal((40, 3, 24, 24))
        if smooth:
            for axis in (2, 3):
                images = np.stack([np.roll(images, shift, axis) for shift in range(6)]).sum(0)
        contrast = draw.uniform(0.3, 3.0, (40, 1, 1, 1))
        self.images = torch.tensor(contrast * images / images.std(), dtype=torch.float32)
        self.augment = augment

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.augment(self.images[index]), torch.tensor(index % 3)


def drawn(augment: Augment, *, smooth: bool = True) -> Redraw:
    torch.manual_seed(0)
    [row] = redraws("loader", Images(augment, smooth=smooth), ROLES, math.inf)
    return row


def noisy(image: torch.Tensor, amount: float) -> torch.Tensor:
    return image + amount * image.std() * torch.randn_like(image)


def moved(image: torch.Tensor) -> torch.Tensor:
    shifts = tuple(torch.randint(0, 24, (2,)).tolist())
    turned = image.roll(shifts, (1, 2))
    return turned.flip(2) if torch.rand(()) < 0.5 else turned


def test_noise_in_proportion_to_the_contrast() -> None:
    row = drawn(lambda image: noisy(image, 5.0))
    assert row.values > 10
    assert row.shades < 1
    assert row.kept == pytest.approx(1, abs=0.15)


def test_little_noise_and_images_that_are_moved() -> None:
    little, shifted = drawn(lambda image: noisy(image, 0.3)), drawn(moved)
    assert little.values < 0.3
    assert shifted.values > 1
    assert shifted.shades < 0.1
    assert shifted.kept < 0.6
    assert drawn(lambda image: noisy(moved(image), 1.0)).kept < 0.7


def test_neighbours_that_have_nothing_in_common_tell_nothing() -> None:
    assert math.isnan(drawn(lambda image: noisy(image, 1.0), smooth=False).kept)


def permuted(image: torch.Tensor) -> torch.Tensor:
    return image.flatten()[torch.randperm(image.numel())].view_as(image)


def test_values_in_an_order_of_their_own() -> None:
    assert drawn(permuted).scattered == 1.0


@pytest.mark.parametrize(
    "augment",
    [
        pytest.param(moved, id="shifts and flips"),
        pytest.param(lambda x: x.rot90(int(torch.randint(0, 4, ())), (1, 2)), id="turns"),
        pytest.param(lambda x: x.flatten(1)[:, torch.randperm(576)].view_as(x), id="points with three coordinates"),
        pytest.param(lambda x: x[:, torch.randperm(24)], id="rows change places"),
        pytest.param(lambda x: noisy(x, 0.5), id="noise"),
    ],
)
def test_neighbours_stay_together_or_points_whole(augment: Augment) -> None:
    assert drawn(augment).scattered < 0.1


def test_of_equal_values_no_order_is_known() -> None:
    assert math.isnan(drawn(lambda x: permuted((x > 0).float())).scattered)
