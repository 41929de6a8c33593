"""What searches: the sampler and the pruner that a spec asks for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sweeps.pruners import Pruner, build_pruner
from sweeps.runner.auto import pruner_of, sampler_of
from sweeps.samplers import Sampler, build_sampler
from sweeps.samplers.first import FirstSampler
from sweeps.spec import SweepSpec
from sweeps.study import StudyStore
from sweeps.surrogate import CurveModel
from sweeps.surrogate.earlier import Earlier, best_of
from sweeps.surrogate.landscape import landscapes


def build_search(
    spec: SweepSpec,
    store: StudyStore,
    workers: int,
    search_path: Sequence[Path] = (),
    earlier: Sequence[Earlier] = (),
) -> tuple[Sampler, Pruner]:
    """The sampler and the pruner of ``spec``, for ``workers`` trials at once, with what was taken of
    ``earlier`` sweeps.

    Raises:
        TargetError: a user's factory cannot be imported from ``search_path``.
        UsageError: wrong options, or a factory that gives something else.
    """
    goal = spec.metric.goal
    trends = landscapes(earlier, spec.space, goal)
    model = CurveModel(spec.space, goal, spec.epochs, spec.infeasible, earlier=trends)
    chosen, judge = sampler_of(spec), pruner_of(spec)
    sampler = build_sampler(
        chosen.name,
        chosen.options,
        space=spec.space,
        seed=spec.seed,
        parallel=workers > 1,
        store=store,
        model=model,
        search_path=search_path,
        infeasible=spec.infeasible,
    )
    pruner = build_pruner(
        judge.name,
        judge.options,
        goal=goal,
        epochs=spec.epochs,
        store=store,
        model=model,
        objectives=spec.objectives,
        search_path=search_path,
    )
    if firsts := best_of(earlier, spec.space, goal):
        start = len(spec.enqueue)
        sampler = FirstSampler(sampler, space=spec.space, firsts=firsts, start=start, seed=spec.seed)
    return sampler, pruner
