"""The multifidelity sampler and pruner in whole sweeps, on learning curves under a virtual clock."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import sweeps

CURVES = '''
import math

import numpy as np

import sweeps


def smooth():
    """The optimum lies off the middle; a choice and two numbers matter; what is fast at first ends worse."""

    def curve(config, seed, epochs):
        x, y = math.log10(config["lr"]), config["momentum"]
        off = (x + 2.2) ** 2 + 3 * (y - 0.8) ** 2 + (0.3 if config["norm"] == "none" else 0.0)
        t = np.arange(1, epochs + 1)
        slow = 0.5 + 4 * y
        losses = 0.05 + off + np.exp(-t / slow / 3)
        noise = np.random.default_rng(seed).normal(0, 0.01, epochs)
        return sweeps.Curve({"val_loss": list(losses * np.exp(noise))}, [60.0] * epochs)

    return curve


def accurate():
    inner = smooth()

    def curve(config, seed, epochs):
        losses = inner(config, seed, epochs).metrics["val_loss"]
        return sweeps.Curve({"accuracy": [max(0.0, 1 - loss / 3) for loss in losses]}, [60.0] * epochs)

    return curve


def failing():
    """What would be best cannot be trained."""
    inner = smooth()

    def curve(config, seed, epochs):
        if config["momentum"] > 0.7:
            raise sweeps.Infeasible("it does not fit")
        return inner(config, seed, epochs)

    return curve


def below_zero():
    """A loss that is positive at first and negative in the end, falling at a pace of its own."""

    def curve(config, seed, epochs):
        pace = np.random.default_rng(seed).uniform(4, 12)
        t = np.arange(1, epochs + 1)
        losses = 4 * np.exp(-t / pace) - 2 + 4 * (config["momentum"] - 0.5) ** 2
        return sweeps.Curve({"val_loss": list(losses)}, [60.0] * epochs)

    return curve


def valley():
    """Its least lies near an end of a range, and little is worse at that end."""

    def curve(config, seed, epochs):
        floor = 0.3 + (math.log10(config["lr"]) + 2) ** 2 / 10 + 2 * (config["momentum"] - 0.9) ** 2
        losses = floor + np.exp(-0.3 * np.arange(1, epochs + 1))
        return sweeps.Curve({"val_loss": list(losses)}, [10.0] * epochs)

    return curve


def collapsing():
    """What looks best by far comes to nothing."""
    inner = smooth()

    def curve(config, seed, epochs):
        if config["momentum"] > 0.8:
            losses = [0.5, 0.02, 0.001] + [math.nan] * (epochs - 3)
            return sweeps.Curve({"val_loss": losses}, [60.0] * epochs)
        return inner(config, seed, epochs)

    return curve
'''
SPEC = """
version: 1
name: search
train: none:train
engine: simulated
epochs: 27
parameters:
  lr: {min: 1e-5, max: 1e-1, log: true}
  momentum: {min: 0.0, max: 0.99}
  norm: {values: [none, batch, layer]}
  unused: {min: 0.0, max: 1.0}
  width: {min: 8, max: 64}
workers: 4
budget: {wall: 10000}
"""
MODEL = {"sampler": "multifidelity", "pruner": "multifidelity"}


@pytest.fixture
def run(tmp_path):
    (tmp_path / "curves.py").write_text(CURVES)
    (tmp_path / "search.yaml").write_text(SPEC)
    count = 0

    def run(curves: str = "smooth", **keys) -> sweeps.Results:
        nonlocal count
        count += 1
        given = {"curves": f"{tmp_path / 'curves.py'}:{curves}", "breaker": None, **keys}
        return sweeps.run(tmp_path / "search.yaml", set=given, results=Path(tmp_path / f"results{count}"))

    return run


def test_it_finds_better_ones_than_halving_random_ones(run):
    seeds = range(2)
    ours = [run(seed=seed, **MODEL).best.value for seed in seeds]
    random = [run(seed=seed, sampler="random", pruner="asha").best.value for seed in seeds]
    floor = 0.13  # the least there is, noise included
    assert sum(ours) - 2 * floor < 0.5 * (sum(random) - 2 * floor)


def test_a_smooth_valley_is_found_exactly(run):
    """A model that is too sure of what lies between its points stays at the end of the range: 0.316."""
    space = {"lr": {"min": 1e-5, "max": 0.1, "log": True}, "momentum": {"min": 0.0, "max": 0.99}}
    keys = {"parameters": space, "epochs": 20, "workers": 1, "budget": {"trials": 40}}
    for seed in (3, 4):
        assert run("valley", seed=seed, **keys, **MODEL).best.value < 0.3035  # 0.3025 is the least


def test_it_searches_for_what_is_greatest_too(run):
    metric = {"metric": {"name": "accuracy", "goal": "maximize"}}
    ours = run("accurate", **metric, **MODEL).best.value
    assert ours > run("accurate", **metric, sampler="random", pruner="asha").best.value


def test_the_pruner_helps_other_samplers_and_spares_the_best(run):
    results = run(sampler="random", pruner="multifidelity")
    trials = results.trials
    stopped = trials[trials["stop_reason"] == "multifidelity"]
    assert len(stopped) > len(trials) / 2
    assert results.best.value <= stopped["metric"].min()


def test_many_workers_do_not_crowd_each_other_into_the_corners(run):
    """When all of them look where it is good, there is still more to be found there than far from it."""
    trials = run(**MODEL, workers=64, budget={"trials": 160}).trials
    assert trials["metric"][100:].median() < 1.0  # of random ones half are above 2


def test_it_learns_where_trials_cannot_be_trained(run):
    searches = [run("failing", seed=seed, **MODEL, **{"budget.wall": 4000}).trials for seed in range(3)]
    late = pd.concat([trials[len(trials) // 2 :] for trials in searches])
    failed = (late["stop_reason"] == "infeasible").mean()
    assert failed < 0.6  # the border is probed: without being told, nearly all would fail
    best = [trials["metric"].min() for trials in searches]
    assert sum(best) / 3 < 0.2  # random ones under the same pruner come to 0.24; the best that fits has 0.14


@pytest.mark.parametrize("sampler", ["multifidelity", "random"])
def test_of_trials_that_all_start_at_once_the_best_is_spared(run, sampler):
    """The model is told of curves that grow, too, and of losses that fall below what it thought possible."""
    for seed in range(2):
        keys = {"sampler": sampler, "pruner": "multifidelity", "workers": 16, "budget": {"trials": 16}}
        results = run("below_zero", seed=seed, epochs=50, canary=False, **keys)
        least = -2 + 4 * ((results.trials["params.momentum"] - 0.5) ** 2).min()
        assert results.best.value < least + 0.1  # what the slowest lack after 50 epochs is 0.06


def test_a_trial_that_failed_is_no_bar_to_the_others(run):
    keys = {"sampler": "random", "pruner": "multifidelity", "workers": 1, "budget": {"trials": 30}}
    for seed in range(2):
        trials = run("collapsing", seed=seed, **keys).trials
        first = trials.index[trials["stop_reason"] == "nonfinite"][0]
        assert (trials["stop_reason"][first:] == "finished").any()


def test_a_space_is_searched_to_its_end(run):
    small = {"parameters": {"lr": {"values": [1e-3, 1e-2]}, "momentum": {"values": [0.5, 0.8, 0.9]}}}
    results = run(**MODEL, **small, fixed={"norm": "batch"}, budget={"trials": 50})
    assert results.reason == "space exhausted" and len(results.trials) == 6
