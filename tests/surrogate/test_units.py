"""Between configurations and units."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeps.seeding import generator
from sweeps.space import Choice, Condition, Float, Integer, Parameter, Space
from sweeps.surrogate import Units

SPACE = Space(
    (
        Parameter("lr", Float(1e-4, 1e-1, log=True)),
        Parameter("momentum", Float(0.0, 0.99)),
        Parameter("dropout", Float(0.0, 0.55, step=0.1)),
        Parameter("layers", Integer(1, 5)),
        Parameter("width", Integer(16, 512, log=True)),
        Parameter("even", Integer(2, 9, step=2)),
        Parameter("batch", Choice((128, 32, 64))),
        Parameter("norm", Choice(("batch", None, True, 1))),
        Parameter("flag", Choice((True, False))),
        Parameter("beta", Float(0.5, 0.9), when=(Condition("norm", ("batch", None)),)),
        Parameter("gamma", Float(0.1, 0.2), when=(Condition("beta", (0.7,)),)),
        Parameter("heads", Integer(1, 4), when=(Condition("layers", (2, 3)),)),
    )
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.integers(0, 10**6))
def test_a_configuration_comes_back_from_its_units(seed):
    units = Units(SPACE)
    params = SPACE.uniform(generator(seed))
    row = units.of(params)
    assert ((row >= 0) & (row <= 1)).all()
    assert np.allclose(units.snap(row[None, :], {})[0], row, atol=1e-9)
    back = units.params(row)
    assert back.keys() == params.keys()
    for name, value in params.items():
        assert type(back[name]) is type(value)
        assert back[name] == (pytest.approx(value, rel=1e-9) if isinstance(value, float) else value)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.integers(0, 10**6))
def test_any_row_that_is_snapped_is_a_configuration(seed):
    units = Units(SPACE)
    row = units.snap(generator(seed).random((1, len(units))) * 1.4 - 0.2, {})[0]
    params = units.params(row)
    assert SPACE.contains(params)
    assert np.allclose(units.of(params), row, atol=1e-9)


def test_each_value_of_a_countable_domain_comes_as_often_as_in_the_space():
    units = Units(SPACE)
    rows = units.snap(generator(0).random((4000, len(units))), {})
    drawn = [SPACE.uniform(generator(1, i)) for i in range(4000)]
    for name in ("layers", "even", "batch", "norm", "width"):
        at = SPACE.names.index(name)
        ours = np.sort(rows[:, at])
        theirs = np.sort([units.of(params)[at] for params in drawn])
        assert np.abs(ours - theirs).mean() < 0.03  # the distance of the two distributions


def test_what_is_given_stays_and_decides_what_is_active():
    units = Units(SPACE)
    rows = units.snap(generator(0).random((50, len(units))), {"norm": True, "layers": 2})
    for row in rows:
        params = units.params(row)
        assert params["norm"] is True and params["layers"] == 2
        assert "beta" not in params and "heads" in params


def test_labels_are_equally_far_apart_and_numbers_keep_their_order():
    units = Units(SPACE)
    base = SPACE.uniform(generator(3)) | {"norm": True}
    of = {
        value: units.features(units.of(base | {"norm": value})[None, :])[0] for value in ("batch", None, True)
    }
    gaps = [np.linalg.norm(of["batch"] - of[None]), np.linalg.norm(of[None] - of[True])]
    assert gaps == pytest.approx([1.0, 1.0])
    at = SPACE.names.index("batch")
    assert [units.of(base | {"batch": size})[at] for size in (32, 64, 128)] == pytest.approx(
        [1 / 6, 3 / 6, 5 / 6]
    )
