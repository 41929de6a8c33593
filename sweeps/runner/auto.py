"""What ``auto`` stands for, by the kind of sweep.

Chosen by benchmarks/search: see docs/search.md for the table.
"""

from __future__ import annotations

from sweeps.spec import SweepSpec
from sweeps.spec.model import Component


def sampler_of(spec: SweepSpec) -> Component:
    """The model of the curves, save where it has nothing to learn from or to say:

    - several metrics, or constraints on them: it knows one of them only; TPE knows them all.
    - a population (``pruner: pbt``): its members' curves are not those of their configurations.
    """
    asked = spec.sampler
    if asked.name != "auto":
        return asked
    if spec.metric.further or spec.metric_constraints:
        name = "tpe"
    else:
        name = "random" if spec.pruner.name == "pbt" else "multifidelity"
    return Component(name=name, options=asked.options)


def pruner_of(spec: SweepSpec) -> Component:
    """The model's judgement with any sampler. Of several metrics the leading one alone would end the trials
    that are best by the others, so they are halved by hypervolume, the first epoch and trials apart.
    """
    asked = spec.pruner
    if asked.name != "auto":
        return asked
    if spec.metric.further:
        return Component(
            name="asha",
            options={"min_epochs": min(2, spec.epochs), "startup_trials": 4, "by": "hypervolume"},
        )
    return Component(name="multifidelity")
