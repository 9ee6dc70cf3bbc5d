"""Faults of deep-learning programs as edits of their source: one operator per fault, in files by theme.

The operators follow the catalogues of mutation operators and of real faults: DeepMutation and DeepCrime (training
data, hyperparameters, activations, initialisation, losses, optimizers), and the fault taxonomies of Humbatova et al.
and Islam et al. (procedure, modes, shapes, wiring).
"""

from __future__ import annotations

from faults import data, evaluation, losses, networks, procedure, steps
from faults.operator import Operator
from faults.source import Source

OPERATORS: dict[str, Operator] = {
    operator.name: operator
    for theme in (procedure, steps, losses, data, networks, evaluation)
    for operator in theme.OPERATORS
}

__all__ = ["OPERATORS", "Operator", "Source"]
