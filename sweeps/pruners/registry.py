"""Pruners by name."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner

from sweeps.components import Entry, Problem, find_problems, is_user_factory, load_factory
from sweeps.errors import UsageError
from sweeps.messages import Goal
from sweeps.pruners.asha import Asha
from sweeps.pruners.base import NoPruner, Pruner
from sweeps.pruners.optuna import OptunaPruner
from sweeps.study.store import StudyStore

# Until a benchmark chooses by space and budget: halve, but not on the first epoch nor on the first trials.
_AUTO = {"min_epochs": 2, "reduction_factor": 3, "startup_trials": 4}


def _auto(*, goal: Goal, epochs: int) -> Asha:
    return Asha(goal=goal, epochs=epochs, **_AUTO)


def _hyperband(
    *, epochs: int, min_resource: int = 1, reduction_factor: int = 3, bootstrap_count: int = 0
) -> BasePruner:
    """Hyperband over this sweep's epochs; Optuna would otherwise guess them from the first trial."""
    return optuna.pruners.HyperbandPruner(min_resource, epochs, reduction_factor, bootstrap_count)


def _patient(*, patience: int, min_delta: float = 0.0, wrapped: str = "none") -> BasePruner:
    """Prune after ``patience`` epochs without progress, if the ``wrapped`` pruner (median or none) agrees."""
    choices: Mapping[str, BasePruner | None] = {"none": None, "median": optuna.pruners.MedianPruner()}
    if wrapped not in choices:
        raise UsageError(f"wrapped must be none or median, not {wrapped!r}")
    return optuna.pruners.PatientPruner(choices[wrapped], patience, min_delta)


REGISTRY: Mapping[str, Entry] = {
    "auto": Entry(_auto),
    "none": Entry(NoPruner),
    "asha": Entry(Asha),
    "median": Entry(optuna.pruners.MedianPruner),
    "percentile": Entry(optuna.pruners.PercentilePruner),
    "hyperband": Entry(_hyperband),
    "patient": Entry(_patient),
    "threshold": Entry(optuna.pruners.ThresholdPruner),
    "wilcoxon": Entry(optuna.pruners.WilcoxonPruner),
}


def problems(name: str, options: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with a pruner of the YAML; empty if nothing is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return find_problems("pruner", name, options, REGISTRY)


def build_pruner(
    name: str, options: Mapping[str, Any], *, goal: Goal, epochs: int, store: StudyStore
) -> Pruner:
    """The pruner of a sweep.

    Raises:
        UsageError: a user's factory cannot be imported or gives something that is no pruner.
    """
    entry = Entry(load_factory(name)) if is_user_factory(name) else REGISTRY[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        pruner = entry.build(options, {"goal": goal, "epochs": epochs})
    if isinstance(pruner, BasePruner):
        return OptunaPruner(name, pruner, store)
    if not all(hasattr(pruner, method) for method in ("report", "ended", "replay")):
        raise UsageError(
            f"pruner {name}: the factory must return a sweeps.pruners.Pruner or an optuna pruner, "
            f"not {type(pruner).__name__}"
        )
    if not hasattr(pruner, "name"):
        pruner.name = name
    chosen: Pruner = pruner
    return chosen
