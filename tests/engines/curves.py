"""Learning curves of the functions in functions.py that have one, by the same names, and some more."""

from __future__ import annotations

import math
import os
import sys
import time

import numpy as np

import sweeps
from sweeps.seeding import trial_seed


def _of(loss, seconds=1.0, **others):
    """A factory of the curves whose objective at an epoch is ``loss(config, seed, epoch)``."""

    def curve(config, seed, epochs):
        every = range(1, epochs + 1)
        metrics = {"val_loss": [loss(config, seed, epoch) for epoch in every]}
        metrics |= {name: [value(epoch) for epoch in every] for name, value in others.items()}
        return sweeps.Curve(metrics, [seconds] * epochs)

    return lambda: curve


def _is(number, seed):
    return seed == trial_seed(0, number)


falling = _of(lambda config, seed, epoch: config.x + 1 / epoch, epoch_again=float)
worse_after_two = _of(lambda config, seed, epoch: abs(epoch - 2))
free_form = _of(lambda config, seed, epoch: 1 / epoch)
slow = _of(lambda config, seed, epoch: 1 / epoch, seconds=0.1)
an_hour = _of(lambda config, seed, epoch: config.x + 1 / epoch, seconds=3600.0)
not_a_number = _of(lambda config, seed, epoch: math.nan if epoch == 2 and _is(1, seed) else 1 / epoch)


def trains():
    def curve(config, seed, epochs):
        noise = np.random.default_rng(seed).normal(size=epochs)
        return sweeps.Curve({"val_loss": config["x"] + noise}, np.full(epochs, 0.5))

    return curve


def hangs_in_trial_one():
    def curve(config, seed, epochs):
        seconds = [1e6 if _is(1, seed) and epoch == 3 else 0.01 for epoch in range(1, epochs + 1)]
        return sweeps.Curve({"val_loss": [1 / epoch for epoch in range(1, epochs + 1)]}, seconds)

    return curve


def raises_in_trial_one():
    def raises_in_trial_one(config, seed, epochs):
        if _is(1, seed):
            raise ValueError("hidden size must be positive")
        return free_form()(config, seed, epochs)

    return raises_in_trial_one


def memory_error():
    def curve(config, seed, epochs):
        raise MemoryError

    return curve


def system_exit():
    return lambda config, seed, epochs: sys.exit(3)


def fails_once():
    """The first time that it is asked for a curve."""
    asked = []

    def curve(config, seed, epochs):
        asked.append(seed)
        if len(asked) == 1:
            raise ValueError("try again")
        return an_hour()(config, seed, epochs)

    return curve


def fails_on_the_first_worker():
    """Which worker it is for, the test says in the environment."""

    def curve(config, seed, epochs):
        if os.environ["WORKER"] == "sim0":
            raise RuntimeError("the GPU has fallen off the bus")
        return falling()(config, seed, epochs)

    return curve


def infeasible_above_half():
    def curve(config, seed, epochs):
        if config.x > 0.5:
            raise sweeps.Infeasible("x is too large")
        return falling()(config, seed, epochs)

    return curve


def broken():
    raise ZeroDivisionError("no table of curves")


def crossing():
    """Curves that cross. Two workers that begin with trials 0 and 1 never report at the same time."""
    period = 0.15

    def curve(config, seed, epochs):
        x = config["x"]
        loss = [abs(math.sin(9 * x)) + (1.1 - x) * 3.0 / epoch for epoch in range(1, epochs + 1)]
        seconds = [period] * epochs
        seconds[0] *= 1.5 if _is(1, seed) else 1.0
        return sweeps.Curve({"val_loss": loss}, seconds)

    return curve


def follows_crossing(trial):
    """A training function that reports what `crossing` says, when it says it: in step with its worker's first
    epoch, whatever else that lost time on.
    """
    global _begun
    curve = crossing()(trial.config, trial.seed, trial.max_epochs)
    for epoch in trial.epochs():
        if "HURRY" not in os.environ:
            now, seconds = time.monotonic(), curve.seconds[epoch - 1]
            _begun = max(_begun + seconds, now - seconds) if _begun else now + seconds
            time.sleep(max(0.0, _begun - now))
        trial.report({name: values[epoch - 1] for name, values in curve.metrics.items()})


_begun = 0.0
