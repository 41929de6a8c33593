"""What ``auto`` stands for, by the kind of sweep.

Chosen by benchmarks/search: see docs/search.md for the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sweeps.spec import SweepSpec


class Choice(NamedTuple):
    """A sampler or a pruner with its options, as in a YAML."""

    name: str
    options: Mapping[str, Any]


def sampler_of(spec: SweepSpec) -> Choice:
    """The model of the curves, save where it has nothing to learn from or to say:

    - several metrics, or constraints on them: it knows one of them only; TPE knows them all.
    - a population (``pruner: pbt``): its members' curves are not those of their configurations.
    """
    asked = spec.sampler
    if asked.name != "auto":
        return Choice(asked.name, asked.options)
    if not _one_metric(spec):
        return Choice("tpe", asked.options)
    return Choice("random" if spec.pruner.name == "pbt" else "multifidelity", asked.options)


def pruner_of(spec: SweepSpec) -> Choice:
    """The model's judgement with any sampler. Of several metrics the leading one alone would end the trials
    that are best by the others, so they are halved by hypervolume, the first epoch and trials apart.
    """
    asked = spec.pruner
    if asked.name != "auto":
        return Choice(asked.name, asked.options)
    if spec.metric.further:
        halving = {"min_epochs": min(2, spec.epochs), "startup_trials": 4, "by": "hypervolume"}
        return Choice("asha", halving)
    return Choice("multifidelity", {})


def _one_metric(spec: SweepSpec) -> bool:
    return not spec.metric.further and not spec.metric_constraints
