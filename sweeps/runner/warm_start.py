"""``warm_start``: what is taken from earlier sweeps, once, when a sweep begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from sweeps.errors import SweepError, UsageError
from sweeps.paths import RunPaths, shown
from sweeps.space.wording import listed
from sweeps.spec import SweepSpec, load_resolved
from sweeps.study import read_records
from sweeps.surrogate.earlier import Earlier, earlier_trials
from sweeps.surrogate.landscape import landscapes


def take(spec: SweepSpec, places: Sequence[Path]) -> tuple[Earlier, ...]:
    """What ``spec`` takes from the sweeps it names, in their order; folders are looked up in ``places``.

    Raises:
        UsageError: one of them is no results folder, is named twice, has another metric or goal, or no trial
            of this space.
    """
    roots = {folder: _root(folder, places) for folder in spec.warm_start}
    _refuse_twice(spec.warm_start, roots)
    found = [_read(folder, root, spec) for folder, root in roots.items()]
    return tuple(landscape.condensed() for landscape in landscapes(found, spec.space, spec.metric.goal))


def _root(folder: str, places: Sequence[Path]) -> Path:
    """Where the results folder is."""
    roots = [place / folder for place in places]
    root = next((root for root in roots if RunPaths(root).resolved_yaml.is_file()), None)
    if root is None:
        looked = listed([shown(root) for root in dict.fromkeys(roots)])
        raise UsageError(
            f"warm_start: {folder} must be the results folder of an earlier sweep, and there is no "
            f"resolved.yaml in {looked}: give a folder such as results/cnn"
        )
    return root.absolute()


def _refuse_twice(folders: Sequence[str], roots: Mapping[str, Path]) -> None:
    """A sweep that is named twice would count twice."""
    seen: dict[Path, str] = {}
    for folder in folders:
        root = roots[folder].resolve()
        if root in seen:
            same = "twice" if seen[root] == folder else f"as {seen[root]} and as {folder}"
            raise UsageError(
                f"warm_start: each earlier sweep must be named once, and {shown(root)} is named {same}: "
                "leave one out"
            )
        seen[root] = folder


def _read(folder: str, root: Path, spec: SweepSpec) -> Earlier:
    paths = RunPaths(root)
    try:
        old = load_resolved(paths)
        metric = _further(folder, spec, old)
        records = read_records(paths, old.name, old.metric.goal, old.storage)
    except UsageError:
        raise
    except SweepError as error:
        raise UsageError(
            f"warm_start: {folder} must be a sweep that can be read, or be left out: {error}"
        ) from error
    trials = earlier_trials(records, old.epochs, metric)
    searched, fixed = frozenset(old.space.names), dict(old.space.fixed)
    sweep = Earlier(folder, old.epochs, searched, fixed, trials, found=len(trials), state={})
    if not sweep.within(spec.space):
        raise UsageError(_nothing(sweep, spec))
    return sweep


def _further(folder: str, spec: SweepSpec, old: SweepSpec) -> str | None:
    """This sweep's leading metric where it is not the earlier one's too, but one of its further ones."""
    mine, goals = spec.metric, {old.metric.name: old.metric.goal, **old.objectives.further}
    if goals.get(mine.name) != mine.goal:
        theirs = listed([f"{name} ({goal})" for name, goal in goals.items()])
        raise UsageError(
            f"warm_start: {folder} must be judged by this sweep's metric ({mine.name}, {mine.goal}), and "
            f"is by {theirs}: leave it out, or give both sweeps one metric"
        )
    return None if mine.name == old.metric.name else mine.name


def _nothing(sweep: Earlier, spec: SweepSpec) -> str:
    """What to say of a sweep of which no trial can be used."""
    head = f"warm_start: {sweep.folder} must have a trial inside this search space"
    if not sweep.trials:
        return f"{head}, and none of its trials has reported anything: leave it out"
    shared = [name for name in spec.space.names if name in sweep.searched or name in sweep.fixed]
    if not shared:
        names = listed(sorted(sweep.searched))
        return (
            f"{head}, and they have no parameter in common (it has {names}): leave it out, or name them alike"
        )
    outside = f"{len(sweep.trials)} have values of {listed(shared)} outside of it"
    return f"{head}, and all {outside}: leave it out, or widen the ranges"


def described(taken: Sequence[Earlier]) -> list[str]:
    """A line for the user on each sweep that something was taken from."""
    return [f"warm_start: {len(it.trials)} of {it.found} trials taken from {it.folder}" for it in taken]
