"""The 37 reasons why a network does not work, by number, and the letters for what the lectures add.

After Slav Ivanov, "37 Reasons why your Neural Network is not working" (2017); the titles are our own words. Every
report has a row for each of them, whether or not a check exists.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

CHAPTERS = ("I", "II", "III", "IV", "T", "C", "D", "P")
"""Order of the chapters in every list: the four numbered ones, then the letters."""

CHAPTER_TITLES = {
    "I": "Data set",
    "II": "Normalisation",
    "III": "Implementation",
    "IV": "Training",
    "T": "Training procedure",
    "C": "Curves",
    "D": "Distributed",
    "P": "Speed",
}

_NUMBERED = {
    "I": (
        "Is the input data what you think it is?",
        "Does it learn more from the data than from noise?",
        "Does the data loader deliver what the data set holds?",
        "Does the input reach the output, and with its own target?",
        "Can the targets be told from the inputs at all?",
        "Are there many wrong labels?",
        "Are the samples shuffled?",
        "Are the classes balanced?",
        "Are there enough samples?",
        "Does each batch hold more than one class?",
        "Is the batch size reasonable?",
    ),
    "II": (
        "Are the features standardised?",
        "Is there too much augmentation?",
        "Is a pretrained model fed as in its pretraining?",
        "Are the splits separate and preprocessed alike?",
    ),
    "III": (
        "Does a simpler version of the problem work?",
        "Does the loss start at the level of chance?",
        "Is the loss function right?",
        "Does the loss get the input that it expects?",
        "Are the terms of the loss in balance?",
        "Do other metrics agree with the loss?",
        "Are custom layers wired as intended?",
        "Are layers or variables frozen by accident?",
        "Is the network large enough?",
        "Are dimensions mixed up on the way?",
        "Are hand-written gradients right?",
    ),
    "IV": (
        "Can it fit a really small data set?",
        "Is the initialisation sound?",
        "Are the hyper-parameters plausible?",
        "Is there too much regularisation?",
        "Did it have enough time?",
        "Is the mode right: train for training, eval for evaluation?",
        "Do activations, weights and updates look healthy?",
        "Does another optimizer do better?",
        "Do gradients explode or vanish?",
        "Is the learning rate right?",
        "Where do NaNs come from?",
    ),
}


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason: `code` is `R01` to `R37` or a letter, `chapter` one of `CHAPTERS`."""

    code: str
    title: str
    chapter: str


def _all() -> dict[str, Reason]:
    numbers = count(1)
    reasons = [
        Reason(f"R{next(numbers):02d}", title, chapter) for chapter, titles in _NUMBERED.items() for title in titles
    ]
    reasons += [Reason(letter, CHAPTER_TITLES[letter], letter) for letter in CHAPTERS if letter not in _NUMBERED]
    return {reason.code: reason for reason in reasons}


REASONS: dict[str, Reason] = _all()
"""All reasons by code, in order."""

NUMBERED: tuple[Reason, ...] = tuple(reason for reason in REASONS.values() if reason.code[1:].isdigit())
"""The 37."""


def position(code: str) -> int:
    """Return the place of a reason in the list; unknown codes (of third parties) come last."""
    return list(REASONS).index(code) if code in REASONS else len(REASONS)
