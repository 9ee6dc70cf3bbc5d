"""What an operator is: an edit of a source, and the checks that name the fault rightly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from faults.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Edit = Callable[[Source], None]


@dataclass(frozen=True, slots=True)
class Operator:
    """One fault. `accepts`: the checks whose finding a user would take for the cause."""

    name: str
    accepts: frozenset[str]
    edit: Edit
    theme: str

    @property
    def summary(self) -> str:
        """What it does, in one line."""
        return (self.edit.__doc__ or "").strip().partition("\n")[0]

    def apply(self, project: Mapping[str, str]) -> dict[str, str] | None:
        """Return the files of a project with the fault; None if it does not apply, or leaves no valid program."""
        changed = {}
        for file, text in project.items():
            source = Source(text, "\n".join(project.values()))
            self.edit(source)
            changed[file] = source.render()
        if changed == dict(project):
            return None
        try:
            for file, text in changed.items():
                compile(text, file, "exec")
        except SyntaxError:
            return None
        return changed


def theme(module: str, operators: list[Operator]) -> Callable[..., Callable[[Edit], Edit]]:
    """Return the decorator that adds operators of one theme to a list."""

    def fault(name: str, *accepts: str) -> Callable[[Edit], Edit]:
        def add(edit: Edit) -> Edit:
            operators.append(Operator(name, frozenset(accepts), edit, module.rpartition(".")[2]))
            return edit

        return add

    return fault
