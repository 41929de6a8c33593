"""Domains: which values they hold, how many, and how they are drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sweeps.space import Choice, Float, Integer

DOMAINS = [
    Float(-1.5, 2.5),
    Float(1e-6, 1e2, log=True),
    Float(0.0, 1.0, step=0.1),
    Float(0.1, 1.0, step=0.4),
    Integer(-3, 5),
    Integer(1, 1000, log=True),
    Integer(2, 11, step=4),
    Choice((1, 1.0, True, "1", None)),
]


def test_float_steps_are_decimal():
    assert list(Float(0.0, 0.5, step=0.1).points()) == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    assert list(Float(0.1, 0.5, step=0.1).points()) == [0.1, 0.2, 0.3, 0.4, 0.5]


def test_the_last_point_lies_at_or_below_max():
    assert list(Float(0.1, 1.0, step=0.4).points()) == [0.1, 0.5, 0.9]
    assert Float(0.1, 1.0, step=0.4).last == 0.9
    assert Float(0.1, 1.0).last == 1.0
    assert list(Integer(2, 11, step=4).points()) == [2, 6, 10]
    assert Integer(2, 11, step=4).last == 10


@pytest.mark.parametrize("domain", DOMAINS, ids=str)
def test_every_draw_and_every_point_is_inside(domain):
    rng = np.random.default_rng(0)
    drawn = [domain.sample(rng) for _ in range(500)]
    assert all(domain.contains(value) for value in drawn)
    if domain.count() is not None:
        points = list(domain.points())
        assert len(points) == domain.count()
        assert all(domain.contains(point) for point in points)
    if domain.count() is not None and domain.count() < 20:
        assert {(type(value), value) for value in drawn} == {(type(point), point) for point in points}


@pytest.mark.parametrize(
    ("domain", "value"),
    [
        (Float(0.0, 1.0), 1),
        (Float(0.0, 1.0), 1.1),
        (Float(0.0, 1.0), math.nan),
        (Float(0.0, 1.0), "0.5"),
        (Float(0.0, 1.0), True),
        (Float(0.0, 1.0, step=0.1), 0.25),
        (Float(0.0, 1.0, step=0.3), 1.0),
        (Integer(0, 10), 5.0),
        (Integer(0, 10), True),
        (Integer(0, 10), 11),
        (Integer(0, 10, step=2), 5),
        (Integer(0, 10), None),
        (Choice((1, "a")), 1.0),
        (Choice((1, "a")), True),
        (Choice((1, "a")), "1"),
    ],
)
def test_types_and_grids_count(domain, value):
    assert not domain.contains(value)


def test_log_draws_are_even_over_orders_of_magnitude():
    rng = np.random.default_rng(1)
    drawn = [Float(1e-4, 1.0, log=True).sample(rng) for _ in range(4000)]
    below = sum(value < 1e-2 for value in drawn)
    assert 1800 < below < 2200
    ones = [Integer(1, 10, log=True).sample(rng) for _ in range(4000)].count(1)
    share = math.log(1.5 / 0.5) / math.log(10.5 / 0.5)
    assert abs(ones / 4000 - share) < 0.05


def test_choices_are_equal_only_with_equal_types():
    assert Choice((1, 2)) == Choice((1, 2))
    assert hash(Choice((1, 2))) == hash(Choice((1, 2)))
    assert Choice((1, 2)) != Choice((1.0, 2))
    assert Choice((1, 2)) != Choice((True, 2))
    assert Choice((1, 2)) != Choice((2, 1))


def test_an_integer_means_a_float_in_a_range_of_floats_only():
    assert type(Float(0.0, 1.0).coerce(1)) is float
    assert Float(0.0, 1.0).coerce(True) is True
    assert type(Integer(0, 3).coerce(1.0)) is float
    assert type(Choice((1.0,)).coerce(1)) is int
