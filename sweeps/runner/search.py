"""What searches: the sampler and the pruner that a spec asks for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sweeps.pruners import Pruner, build_pruner
from sweeps.runner.auto import pruner_of, sampler_of
from sweeps.samplers import Sampler, build_sampler
from sweeps.spec import SweepSpec
from sweeps.study import StudyStore
from sweeps.surrogate import CurveModel


def build_search(
    spec: SweepSpec, store: StudyStore, workers: int, search_path: Sequence[Path] = ()
) -> tuple[Sampler, Pruner]:
    """The sampler and the pruner of ``spec``, for ``workers`` trials at once.

    Raises:
        TargetError: a user's factory cannot be imported from ``search_path``.
        UsageError: wrong options, or a factory that gives something else.
    """
    model = CurveModel(spec.space, spec.metric.goal, spec.epochs, spec.infeasible)
    sampler = build_sampler(
        *sampler_of(spec),
        space=spec.space,
        seed=spec.seed,
        parallel=workers > 1,
        store=store,
        model=model,
        search_path=search_path,
        infeasible=spec.infeasible,
    )
    pruner = build_pruner(
        *pruner_of(spec),
        goal=spec.metric.goal,
        epochs=spec.epochs,
        store=store,
        model=model,
        objectives=spec.objectives,
        search_path=search_path,
    )
    return sampler, pruner
