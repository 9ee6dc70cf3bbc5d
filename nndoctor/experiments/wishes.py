"""What is to be tried, and what is compared for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nndoctor.experiments.bench import PLAIN


@dataclass(frozen=True, slots=True)
class Wish:
    """A treatment that is to be tried in a segment, for the findings of some checks."""

    treatment: str
    checks: tuple[str, ...] = ()
    segment: int = 0
    names: tuple[str, ...] = ()
    symptom: bool = False
    """Only for findings that others explain."""

    @classmethod
    def read(cls, content: dict[str, Any]) -> Wish:
        """Read what the doctor wrote."""
        return cls(
            content["treatment"],
            tuple(content.get("checks", ())),
            int(content.get("segment", 0)),
            tuple(content.get("names", ())),
            bool(content.get("symptom", False)),
        )


@dataclass(frozen=True, slots=True)
class Pair:
    """What is compared: the treatments on either side, and the lens under which both are measured."""

    base: tuple[str, ...]
    treated: tuple[str, ...]
    lens: str

    @property
    def lens_base(self) -> str:
        """A run that is treated in the way of the lens sees it without one."""
        return PLAIN if self.lens in self.base else self.lens

    @property
    def lens_treated(self) -> str:
        """As above."""
        return PLAIN if self.lens in self.treated else self.lens


def rivals(one: str, other: str) -> bool:
    """Whether two treatments set the same thing to different values."""
    kinds = ("learning-rate", "usual-learning-rate", "adamw", "sgd-momentum")
    return one == other or (one.startswith(kinds) and other.startswith(kinds))
