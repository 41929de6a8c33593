"""The explore step: near the parent, in the space, and nothing but what is to be explored."""

from __future__ import annotations

import numpy as np
import pytest

from sweeps.controller.explore import Explorer, moved
from sweeps.controller.population import replaced
from sweeps.pruners import Pbt
from sweeps.space import Float, Integer
from tests.controller.harness import BASE, write_spec

SPACE = BASE.replace(
    "  x: {min: 0.0, max: 1.0}\n",
    "  lr: {min: 1e-4, max: 1e-1, log: true}\n"
    "  decay: {min: 0.0, max: 0.5, step: 0.1}\n"
    "  width: {min: 8, max: 64, step: 8}\n"
    "  noise: {min: 0.0, max: 1.0, when: {kind: a}}\n",
)
PARAMS = {"lr": 1e-2, "decay": 0.2, "width": 16, "noise": 0.5, "kind": "a", "depth": 2}


@pytest.mark.parametrize(
    ("domain", "value", "share", "expected"),
    [
        (Float(1e-4, 1e-1, log=True), 1e-2, 0.2, 1.2e-2),
        (Float(1e-4, 1e-1, log=True), 1e-2, -0.2, 0.8e-2),
        (Float(1e-4, 1e-1, log=True), 9e-2, 0.2, 1e-1),  # clipped
        (Float(-1.0, 1.0), -0.5, 0.2, -0.6),
        (Float(0.0, 2.0), 0.0, 0.2, 0.4),  # no factor moves it
        (Float(0.0, 2.0), 0.0, -0.2, 0.0),
        (Float(0.0, 0.5, step=0.1), 0.2, 0.2, 0.3),  # a step at least
        (Float(0.0, 0.5, step=0.1), 0.2, -0.2, 0.1),
        (Float(0.0, 0.5, step=0.1), 0.5, 0.2, 0.5),
        (Integer(1, 100), 50, 0.2, 60),
        (Integer(1, 100), 1, 0.2, 2),
        (Integer(1, 100), 1, -0.2, 1),
        (Integer(1, 1024, log=True), 512, -0.2, 410),
        (Integer(8, 64, step=8), 16, 0.2, 24),
        (Integer(8, 61, step=8), 56, 0.5, 56),  # the last value of the grid
    ],
)
def test_a_value_moves_by_a_factor_within_its_domain(domain, value, share, expected):
    result = moved(domain, value, share)
    assert result == pytest.approx(expected) and domain.contains(result)


@pytest.mark.parametrize(
    ("options", "changed"),
    [({}, {"lr", "decay"}), ({"explore": ("width", "noise")}, {"width", "noise"})],
)
def test_only_what_is_to_be_explored_changes(tmp_path, options, changed):
    space = write_spec(tmp_path, SPACE).space
    explorer = Explorer(space, Pbt(interval=1, **options))
    seen = set()
    for seed in range(50):
        params = explorer.explore(PARAMS, np.random.default_rng(seed))
        assert space.contains(params)
        seen |= {name for name in PARAMS if params[name] != PARAMS[name]}
    assert seen == changed


def test_a_share_of_the_values_is_drawn_anew(tmp_path):
    space = write_spec(tmp_path, SPACE).space
    rng = np.random.default_rng(0)

    def anew(resample: float) -> float:
        explorer = Explorer(space, Pbt(interval=1, resample=resample, explore=("lr",)))
        values = [explorer.explore(PARAMS, rng)["lr"] for _ in range(400)]
        return sum(value not in (pytest.approx(0.008), pytest.approx(0.012)) for value in values) / 400

    assert (anew(0.0), anew(1.0)) == (0.0, 1.0)
    assert anew(0.25) == pytest.approx(0.25, abs=0.07)


def test_constraints_hold_or_nothing_changes(tmp_path):
    space = write_spec(tmp_path, SPACE + 'constraints: ["lr <= 0.01"]\n').space
    explorer = Explorer(space, Pbt(interval=1))
    drawn = [explorer.explore(PARAMS, np.random.default_rng(seed))["lr"] for seed in range(20)]
    assert all(lr <= 0.01 for lr in drawn) and any(lr < 0.01 for lr in drawn)
    space = write_spec(tmp_path, SPACE + 'constraints: ["lr == 0.01"]\n').space
    assert Explorer(space, Pbt(interval=1)).explore(PARAMS, np.random.default_rng(0)) == PARAMS


@pytest.mark.parametrize(
    ("members", "quantile", "count"),
    [(1, 0.25, 0), (2, 0.25, 1), (3, 0.5, 1), (4, 0.25, 1), (5, 0.5, 2), (10, 0.25, 3), (30, 0.1, 3)],
)
def test_nobody_is_both_among_the_best_and_the_worst(members, quantile, count):
    assert replaced(members, quantile) == count
