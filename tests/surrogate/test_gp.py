"""The Gaussian process: what is known decides what is said, and the shortcuts give the same."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from sweeps.surrogate.gp import CurveGP
from sweeps.surrogate.points import Points
from sweeps.surrogate.posterior import Posterior

GROUPS = np.array([0, 1, 1, 2])


def some_points(n: int = 60, seed: int = 0) -> Points:
    rng = np.random.default_rng(seed)
    trials = rng.integers(0, 12, n)
    features = rng.random((12, 4))[trials]
    times = rng.random(n)
    values = np.sin(4 * features[:, 0]) + features[:, 3] ** 2 - times + 0.05 * rng.standard_normal(n)
    return Points(trials, features, times, values)


def test_the_gradient_is_that_of_the_value():
    gp, points = CurveGP(GROUPS), some_points()
    posterior = Posterior(points, gp.layout)
    theta = gp.theta + 0.2 * np.random.default_rng(1).standard_normal(len(gp.theta))
    numeric = approx_fprime(theta, lambda t: posterior(t)[0], 1e-6)
    assert posterior(theta)[1] == pytest.approx(numeric, rel=1e-3, abs=1e-3)


def test_knowing_more_of_a_trial_is_the_same_as_conditioning_on_it():
    points = some_points()
    gp = CurveGP(GROUPS)
    gp.fit(points)
    own = points.trials == points.trials[0]
    late = own & (points.times > 0.4)
    assert late.sum() > 1

    def part(mask: np.ndarray) -> Points:
        return Points(
            *(column[mask] for column in (points.trials, points.features, points.times, points.values))
        )

    end = Points(points.trials[:1], points.features[:1], np.ones(1), np.zeros(1))
    gp.condition(points)
    at_once = gp.predict_after(end)
    gp.condition(part(~late))
    more = part(late)
    joined = Points(
        *(
            np.concatenate([getattr(more, name), getattr(end, name)])
            for name in ("trials", "features", "times", "values")
        )
    )
    assert gp.predict_after(joined) == pytest.approx(at_once, rel=1e-6)


def test_it_predicts_held_out_ends_within_what_it_says():
    rng = np.random.default_rng(5)
    features = rng.random((80, 2))
    ends = (features[:, 0] - 0.3) ** 2 * 4 + features[:, 1]

    def curve(at: int, time: float) -> float:
        return ends[at] + 1.5 * (1.0 - time)

    rows = [(i, t) for i in range(40) for t in np.linspace(0, rng.uniform(0.2, 1.0), 4)]
    points = Points(
        np.array([i for i, _ in rows]),
        features[[i for i, _ in rows]],
        np.array([t for _, t in rows]),
        np.array([curve(i, t) for i, t in rows]) - 1.0,
    )
    gp = CurveGP(np.array([0, 1]))
    gp.fit(points, iterations=40)
    gp.condition(points)
    mean, deviation = gp.predict(features[40:], np.ones(len(features) - 40))
    errors = ends[40:] - 1.0 - mean
    assert np.abs(errors).mean() < 0.1
    assert (np.abs(errors) < 3 * deviation).mean() > 0.9


def test_hyperparameters_that_are_none_are_not_accepted():
    gp = CurveGP(GROUPS)
    good = gp.theta.tolist()
    assert gp.accepts(good)
    for bad in (None, good[1:], [*good[:-1], float("nan")], [*good[:-1], 1e9], [*good[:-1], "x"], "theta"):
        assert not gp.accepts(bad)
