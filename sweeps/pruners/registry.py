"""Pruners by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import optuna
from optuna.pruners import BasePruner

from sweeps.components import (
    Entry,
    Problem,
    call_factory,
    find_problems,
    is_user_factory,
    user_entry,
)
from sweeps.errors import UsageError
from sweeps.messages import Goal
from sweeps.pruners.asha import Asha
from sweeps.pruners.base import NoPruner, Pruner
from sweeps.pruners.front import FrontAsha
from sweeps.pruners.hyperband import Hyperband
from sweeps.pruners.multifidelity import CHANCE, STARTUP_TRIALS, MultiFidelityPruner
from sweeps.pruners.optuna import OptunaPruner
from sweeps.pruners.pbt import Pbt
from sweeps.pruners.percentile import Median, Percentile
from sweeps.study.objectives import Objectives
from sweeps.study.quiet import quiet
from sweeps.study.record import TrialRecord
from sweeps.study.store import StudyStore
from sweeps.surrogate import CurveModel


def _asha(
    *,
    goal: Goal,
    epochs: int,
    min_epochs: int = 1,
    reduction_factor: int = 3,
    startup_trials: int = 0,
    by: str = "first",
    objectives: Objectives | None = None,
    records: Sequence[TrialRecord] = (),
) -> Pruner:
    """``by`` says what is compared: the first metric, or all of them."""
    options = {
        "min_epochs": min_epochs,
        "reduction_factor": reduction_factor,
        "startup_trials": startup_trials,
    }
    if by == "first":
        return Asha(goal=goal, epochs=epochs, **options)
    if by != "hypervolume":
        raise UsageError(f"by must be first or hypervolume, not {by!r}")
    return FrontAsha(objectives=objectives or Objectives(goal), records=records, epochs=epochs, **options)


def _multifidelity(
    *,
    epochs: int,
    model: CurveModel | None = None,
    records: Sequence[TrialRecord] = (),
    chance: float = CHANCE,
    startup_trials: int = STARTUP_TRIALS,
) -> MultiFidelityPruner:
    return MultiFidelityPruner(
        model=cast(CurveModel, model),  # None only where it is built as a check
        records=records,
        epochs=epochs,
        chance=chance,
        startup_trials=startup_trials,
    )


def _patient(*, patience: int, min_delta: float = 0.0, wrapped: str = "none") -> BasePruner:
    """Prune after ``patience`` epochs without progress, if the ``wrapped`` pruner (median or none) agrees."""
    choices: Mapping[str, BasePruner | None] = {"none": None, "median": optuna.pruners.MedianPruner()}
    if wrapped not in choices:
        raise UsageError(f"wrapped must be none or median, not {wrapped!r}")
    return optuna.pruners.PatientPruner(choices[wrapped], patience, min_delta)


def _threshold(
    *,
    lower: float | None = None,
    upper: float | None = None,
    n_warmup_steps: int = 0,
    interval_steps: int = 1,
) -> BasePruner:
    """Prune what is below ``lower`` or above ``upper``."""
    if lower is None and upper is None:
        raise UsageError("lower or upper must be given: write {name: threshold, upper: 10.0}")
    return optuna.pruners.ThresholdPruner(lower, upper, n_warmup_steps, interval_steps)


# Stop reasons that mean something else.
RESERVED = frozenset(
    {"finished", "early_stopping", "target", "budget", "edited", "interrupted", "paused"}
    | {"nonfinite", "stale"}
)
_LIVE = frozenset({"objectives", "records"})  # what the sweep gives
# Ours compare a trial's best so far with others'; Optuna's look at its own curve, at the latest value.
REGISTRY: Mapping[str, Entry] = {
    "auto": Entry(NoPruner),  # stands for another: sweeps/runner/auto.py
    "none": Entry(NoPruner),
    "asha": Entry(_asha, hidden=_LIVE),
    "median": Entry(Median),
    "percentile": Entry(Percentile),
    "hyperband": Entry(Hyperband, hidden=frozenset({"study"})),
    "patient": Entry(_patient),
    "threshold": Entry(_threshold),
    "wilcoxon": Entry(optuna.pruners.WilcoxonPruner),
    "pbt": Entry(Pbt),
    "multifidelity": Entry(_multifidelity, hidden=frozenset({"model", "records"})),
}


def problems(name: str, options: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with a pruner of the YAML; empty if nothing is."""
    with quiet():
        return find_problems("pruner", name, options, REGISTRY)


def make_pruner(
    name: str,
    options: Mapping[str, Any],
    *,
    goal: Goal,
    epochs: int,
    search_path: Sequence[Path] = (),
    parts: Mapping[str, Any] = MappingProxyType({}),
) -> Pruner | BasePruner:
    """What ``name`` and its options stand for; nothing is written, so it serves as a check.

    ``parts`` are what pruners of ours get of the sweep besides, and no factory of a user's.

    Raises:
        TargetError: a user's factory cannot be imported.
        UsageError: wrong options, or a factory that gives no pruner.
    """
    user = is_user_factory(name)
    entry = user_entry("pruner", name, options, search_path) if user else REGISTRY[name]
    supplied = {"goal": goal, "epochs": epochs, **({} if user else parts)}
    with quiet():
        pruner = call_factory("pruner", name, lambda: entry.build(options, supplied))
    if user:
        _check_made(name, pruner)
    made: Pruner | BasePruner = pruner
    return made


def _check_made(name: str, pruner: object) -> None:
    ours = all(hasattr(pruner, part) for part in ("name", "report", "ended", "replay"))
    if not ours and not isinstance(pruner, BasePruner):
        raise UsageError(
            f"pruner {name}: the factory must return a sweeps.pruners.Pruner (name, report, ended, replay) "
            f"or an Optuna pruner, not {type(pruner).__name__}"
        )
    if getattr(pruner, "name", "") in RESERVED:
        raise UsageError(f"pruner {name}: its name must not be {', '.join(sorted(RESERVED))}: rename it")


def build_pruner(
    name: str,
    options: Mapping[str, Any],
    *,
    goal: Goal,
    epochs: int,
    store: StudyStore,
    model: CurveModel,
    objectives: Objectives,
    search_path: Sequence[Path] = (),
) -> Pruner:
    """The pruner of a sweep, which may judge by ``model``; raises as `make_pruner` does."""
    parts = {"study": store.name, "model": model, "records": store.records, "objectives": objectives}
    pruner = make_pruner(name, options, goal=goal, epochs=epochs, search_path=search_path, parts=parts)
    return OptunaPruner(name, pruner, store) if isinstance(pruner, BasePruner) else pruner
