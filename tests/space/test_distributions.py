"""Domains and values through Optuna and back."""

from __future__ import annotations

import numpy as np
import optuna
import pytest

from sweeps.space import Choice, Float
from sweeps.space.distributions import distribution, from_optuna, to_optuna
from tests.space.test_domains import DOMAINS


@pytest.mark.parametrize("domain", DOMAINS, ids=str)
def test_values_come_back_with_their_types(domain):
    rng = np.random.default_rng(0)
    optunas = distribution(domain)
    for value in [domain.sample(rng) for _ in range(200)]:
        stored = to_optuna(domain, value)
        through = optunas.to_external_repr(optunas.to_internal_repr(stored))
        back = from_optuna(domain, through)
        assert (type(back), back) == (type(value), value)


@pytest.mark.parametrize("domain", DOMAINS, ids=str)
@pytest.mark.parametrize(
    "sampler", [optuna.samplers.RandomSampler(seed=0), optuna.samplers.TPESampler(seed=0)]
)
def test_what_optuna_proposes_is_in_the_domain(domain, sampler):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=sampler)
    for number in range(15):
        trial = study.ask({"x": distribution(domain)})
        assert domain.contains(from_optuna(domain, trial.params["x"]))
        study.tell(trial, float(number))


def test_choices_are_stored_by_index():
    domain = Choice((1, 1.0, True, "1", None))
    assert [to_optuna(domain, value) for value in domain.values] == [0, 1, 2, 3, 4]
    assert distribution(domain) == optuna.distributions.CategoricalDistribution((0, 1, 2, 3, 4))


def test_stepped_floats_snap_to_the_decimal_grid():
    assert from_optuna(Float(0.0, 1.0, step=0.1), 0.1 * 3) == 0.3


def test_a_grid_that_misses_max_makes_optuna_complain_of_nothing(recwarn):
    distribution(Float(0.1, 1.0, step=0.4))
    assert list(recwarn) == []
