"""Domains as Optuna's distributions, and values to and from what Optuna stores."""

from __future__ import annotations

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from sweeps.space.domains import Choice, Domain, Float, Integer
from sweeps.space.values import Value


def distribution(domain: Domain) -> BaseDistribution:
    """The distribution of ``domain``; a choice is one of its indices, as Optuna merges 1, 1.0 and true."""
    match domain:
        case Float():
            return FloatDistribution(domain.low, domain.last, log=domain.log, step=domain.step)
        case Integer():
            return IntDistribution(domain.low, domain.last, log=domain.log, step=domain.step)
        case Choice():
            return CategoricalDistribution(tuple(range(domain.count())))


def to_optuna(domain: Domain, value: Value) -> float | int:
    """What Optuna stores for ``value``, which ``domain`` contains: the index of a choice, else the number."""
    if isinstance(domain, Choice):
        return domain.index(value)
    assert isinstance(value, (int, float))
    return value


def from_optuna(domain: Domain, stored: float | int) -> Value:
    """The value of ``domain`` that ``stored`` stands for; stepped floats snap to the domain's own grid."""
    match domain:
        case Float():
            return domain.nearest(float(stored))
        case Integer():
            return int(stored)
        case Choice():
            return domain.values[int(stored)]
