"""Search spaces: domains, conditions, constraints, exact counting. Optuna stays in ``distributions``."""

from __future__ import annotations

from sweeps.space.conditions import Condition, Parameter
from sweeps.space.constraints import Constraint
from sweeps.space.domains import Choice, Domain, Float, Integer
from sweeps.space.space import Space
from sweeps.space.values import Params, Value, identity

__all__ = [
    "Choice",
    "Condition",
    "Constraint",
    "Domain",
    "Float",
    "Integer",
    "Parameter",
    "Params",
    "Space",
    "Value",
    "identity",
]
