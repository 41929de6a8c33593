"""Samplers by name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.samplers import BaseSampler

from sweeps.components import (
    Entry,
    Problem,
    call_factory,
    check_least,
    find_problems,
    is_user_factory,
    user_entry,
)
from sweeps.errors import UsageError
from sweeps.samplers.base import Draw, Proposal, Sampler
from sweeps.samplers.multifidelity import ATTRIBUTE, EXPLORATION, STARTUP_TRIALS, MultiFidelitySampler
from sweeps.samplers.native import GridSampler, QmcSampler, RandomSampler, check_qmc_type
from sweeps.samplers.optuna import OptunaSampler
from sweeps.space import Space
from sweeps.space.wording import show
from sweeps.study.quiet import quiet
from sweeps.study.store import StudyStore
from sweeps.surrogate import CurveModel


def _qmc(*, qmc_type: str = "sobol", scramble: bool = True) -> dict[str, Any]:
    check_qmc_type(qmc_type)
    return {"qmc_type": qmc_type, "scramble": scramble}


def _multifidelity(
    *, n_startup_trials: int = STARTUP_TRIALS, exploration: float = EXPLORATION
) -> dict[str, Any]:
    check_least(1, n_startup_trials=n_startup_trials)
    if not 0.0 <= exploration <= 1.0:
        raise UsageError(f"exploration must be from 0 to 1, not {exploration}")
    return {"n_startup_trials": n_startup_trials, "exploration": exploration}


def _none() -> dict[str, Any]:
    return {}


def _tpe(
    *,
    seed: int,
    parallel: bool,
    n_startup_trials: int = 10,
    n_ei_candidates: int = 24,
    multivariate: bool = False,
    group: bool = False,
    constant_liar: bool | None = None,
) -> BaseSampler:
    """Optuna's TPE; running trials count as bad ones (constant liar) as soon as several run at once.

    Of several objectives it takes the better trials by front, and within one by hypervolume: Ozaki et al.,
    "Multiobjective Tree-Structured Parzen Estimator", JAIR 73, 2022.
    """
    check_least(0, n_startup_trials=n_startup_trials)
    check_least(1, n_ei_candidates=n_ei_candidates)
    return optuna.samplers.TPESampler(
        seed=seed,
        n_startup_trials=n_startup_trials,
        n_ei_candidates=n_ei_candidates,
        multivariate=multivariate,
        group=group,
        constant_liar=parallel if constant_liar is None else constant_liar,
    )


def _cmaes(
    *,
    seed: int,
    n_startup_trials: int = 1,
    sigma0: float | None = None,
    popsize: int | None = None,
    consider_pruned_trials: bool = False,
    use_separable_cma: bool = False,
    with_margin: bool = False,
    lr_adapt: bool = False,
) -> BaseSampler:
    """Optuna's CMA-ES; conditional parameters and choices are drawn at random."""
    check_least(2, popsize=popsize)
    if sigma0 is not None and sigma0 <= 0:
        raise UsageError(f"sigma0 must be above 0, not {sigma0}")
    return optuna.samplers.CmaEsSampler(
        seed=seed,
        n_startup_trials=n_startup_trials,
        sigma0=sigma0,
        popsize=popsize,
        consider_pruned_trials=consider_pruned_trials,
        use_separable_cma=use_separable_cma,
        with_margin=with_margin,
        lr_adapt=lr_adapt,
        warn_independent_sampling=False,
    )


_OBJECTS = {"independent_sampler", "constraints_func", "warn_independent_sampling"}  # no YAML can write them

# name -> the options a YAML may give; natives take (space, seed) besides
_NATIVE: Mapping[str, tuple[Entry, Callable[..., Sampler]]] = {
    "random": (Entry(_none), RandomSampler),
    "grid": (Entry(_none), GridSampler),
    "qmc": (Entry(_qmc), QmcSampler),
}
_OPTUNA: Mapping[str, Entry] = {
    "tpe": Entry(_tpe),
    "motpe": Entry(_tpe),  # the name that TPE went by where it had several objectives
    "cmaes": Entry(_cmaes),
    "gp": Entry(optuna.samplers.GPSampler, frozenset(_OBJECTS)),
    "nsga2": Entry(
        optuna.samplers.NSGAIISampler,
        frozenset({*_OBJECTS, "mutation", "crossover", "elite_population_selection_strategy"})
        | {"child_generation_strategy", "after_trial_strategy"},
    ),
}
ONE_METRIC = frozenset({"cmaes", "multifidelity"})  # these learn from the leading metric alone
REGISTRY: Mapping[str, Entry] = {
    "auto": Entry(_none),  # stands for another: sweeps/runner/auto.py
    "multifidelity": Entry(_multifidelity),
    **{name: entry for name, (entry, _) in _NATIVE.items()},
    **_OPTUNA,
}


def problems(name: str, options: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with a sampler of the YAML; empty if nothing is. ``seed`` is an option of every one."""
    rest = _without_seed(options)
    found = _seed_problems(options)
    with quiet():
        return found + find_problems("sampler", name, rest, REGISTRY, besides=("seed",))


def _without_seed(options: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if key != "seed"}


def _seed_problems(options: Mapping[str, Any]) -> list[Problem]:
    seed = options.get("seed", 0)
    if type(seed) is int and 0 <= seed < 2**32:
        return []
    return [Problem("seed", f"seed must be a whole number from 0 to {2**32 - 1}, not {show(seed)}")]


def check_sampler(
    name: str, options: Mapping[str, Any], *, space: Space, seed: int, search_path: Sequence[Path]
) -> None:
    """Build a user's sampler and throw it away; ours are checked with the YAML.

    Raises:
        TargetError: the factory cannot be imported.
        UsageError: wrong options, or a factory that gives no sampler.
    """
    if is_user_factory(name):
        _from_user(name, _without_seed(options), space, seed, False, search_path)


def build_sampler(
    name: str,
    options: Mapping[str, Any],
    *,
    space: Space,
    seed: int,
    parallel: bool,
    store: StudyStore,
    model: CurveModel,
    search_path: Sequence[Path] = (),
    infeasible: Collection[str] = (),
) -> Sampler:
    """The sampler of a sweep. An option ``seed`` replaces the sweep's; ``parallel``: several trials at once;
    ``model``: what a sampler learns with; ``infeasible``: kinds of failures that Optuna's are told of.

    Raises as `check_sampler` does.
    """
    seed = options.get("seed", seed)
    rest = _without_seed(options)
    if name == "multifidelity":
        model.restore(*_latest(store, ATTRIBUTE))
        return MultiFidelitySampler(space=space, seed=seed, model=model, **rest)
    if name in _NATIVE:
        return _NATIVE[name][1](space=space, seed=seed, **rest)
    if name in _OPTUNA:
        return OptunaSampler(_maker(_OPTUNA[name], rest, parallel), space, seed, store, infeasible)
    entry, made = _from_user(name, rest, space, seed, parallel, search_path)
    if isinstance(made, BaseSampler):
        return OptunaSampler(_maker(entry, rest, parallel), space, seed, store, infeasible)
    return made if hasattr(made, "observe") else _Unlearning(made)


def _latest(store: StudyStore, attribute: str) -> tuple[int, Mapping[str, Any]]:
    """The number and the attribute of the latest trial that has it."""
    trials = (store.trial(record.number) for record in reversed(store.records))
    having = ((t.number, t.system_attrs[attribute]) for t in trials if attribute in t.system_attrs)
    return next(having, (0, {}))


class _Unlearning(Sampler):
    """A user's sampler that only suggests."""

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler

    def suggest(self, draw: Draw) -> Proposal:
        return self._sampler.suggest(draw)


def _maker(entry: Entry, options: Mapping[str, Any], parallel: bool) -> Callable[[int], BaseSampler]:
    def make(seed: int) -> BaseSampler:
        sampler: BaseSampler = entry.build(options, {"seed": seed, "parallel": parallel})
        return sampler

    return make


def _from_user(
    name: str,
    options: Mapping[str, Any],
    space: Space,
    seed: int,
    parallel: bool,
    search_path: Sequence[Path],
) -> tuple[Entry, Sampler | BaseSampler]:
    entry = user_entry("sampler", name, options, search_path)
    supplied = {"seed": seed, "parallel": parallel, "space": space}
    made: Sampler | BaseSampler = call_factory("sampler", name, lambda: entry.build(options, supplied))
    if not isinstance(made, BaseSampler) and not hasattr(made, "suggest"):
        raise UsageError(
            f"sampler {name}: the factory must return a sweeps.samplers.Sampler (suggest) or an Optuna "
            f"sampler, not {type(made).__name__}"
        )
    return entry, made
