"""Spaces: order, conditions, drawing, membership, and counting against brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeps.space import Choice, Condition, Float, Integer, Parameter, Space
from sweeps.space.build import (
    DeclaredCondition,
    DeclaredConstraint,
    DeclaredParameter,
    build_space,
)


def declare(name, domain, /, _scope="", **when):
    conditions = tuple(
        DeclaredCondition(key.replace("__", "."), values, _scope, (name, "when", key))
        for key, values in when.items()
    )
    return DeclaredParameter(name, domain, conditions, (name,))


def build(*declared, constraints=(), fixed=None):
    space, found = build_space(
        declared,
        [DeclaredConstraint(source, ("constraints", index)) for index, source in enumerate(constraints)],
        fixed or {},
    )
    assert found == []
    assert space is not None
    return space


def brute_force(space):
    """All allowed configurations by trying every value, and "absent", for every parameter."""
    absent = object()
    found = []
    for values in itertools.product(*([*p.domain.points(), absent] for p in space.parameters)):
        params = {name: value for name, value in zip(space.names, values, strict=True) if value is not absent}
        if space.contains(params):
            found.append(params)
    return found


OPTIMISERS = (
    declare("momentum", Choice((0.0, 0.9)), optimizer=("sgd",)),
    declare("nesterov", Choice((True, False)), momentum=(0.9,)),
    declare("optimizer", Choice(("sgd", "adam", "adamw"))),
    declare("decay", Float(0.0, 0.2, step=0.1), optimizer=("sgd", "adamw")),
    declare("width", Integer(1, 4)),
)


def test_a_parent_stands_before_its_dependants_and_else_the_order_is_kept():
    assert build(*OPTIMISERS).names == ("optimizer", "momentum", "nesterov", "decay", "width")


def test_only_active_parameters_are_drawn_in_order():
    space = build(*OPTIMISERS)
    asked = []

    def choose(parameter: Parameter):
        asked.append(parameter.name)
        return {"optimizer": "adam", "width": 2}[parameter.name]

    assert space.draw(choose) == {"optimizer": "adam", "width": 2}
    assert asked == ["optimizer", "width"]


def test_a_dependant_of_an_inactive_parameter_is_inactive():
    space = build(*OPTIMISERS)
    rng = np.random.default_rng(0)
    for params in (space.uniform(rng) for _ in range(200)):
        assert ("momentum" in params) == (params["optimizer"] == "sgd")
        assert ("nesterov" in params) == (params.get("momentum") == 0.9)
        assert ("decay" in params) == (params["optimizer"] != "adam")
        assert space.contains(params)
        assert list(params) == [name for name in space.names if name in params]


def test_uniform_draws_follow_the_generator():
    space = build(*OPTIMISERS)
    draws = [
        [space.uniform(rng) for _ in range(20)]
        for rng in (np.random.default_rng(5), np.random.default_rng(5))
    ]
    assert draws[0] == draws[1]


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"optimizer": "adam"},
        {"optimizer": "adam", "width": 2.0},
        {"optimizer": "adam", "width": 9},
        {"optimizer": "adam", "width": 2, "momentum": 0.9},
        {"optimizer": "sgd", "width": 2, "decay": 0.1},
        {"optimizer": "adam", "width": 2, "other": 1},
        {"optimizer": "adam", "width": 4},
    ],
)
def test_contains_wants_exactly_the_active_names_and_allowed_values(params):
    space = build(*OPTIMISERS, constraints=["width < 4"])
    assert not space.contains(params)
    assert space.contains({"optimizer": "adam", "width": 2})


def test_the_violated_constraint_is_named():
    space = build(*OPTIMISERS, constraints=["width < 4", "decay < 0.2"], fixed={"data": "digits"})
    assert str(space.violated({"optimizer": "adamw", "decay": 0.2, "width": 1})) == "decay < 0.2"
    assert space.violated({"optimizer": "adam", "width": 1}) is None


def test_configurations_are_nested_with_the_fixed_values():
    space = build(
        declare("opt.lr", Float(0.1, 1.0)),
        declare("opt.sgd.momentum", Float(0.1, 1.0)),
        declare("width", Integer(1, 4)),
        fixed={"data": "digits", "opt.name": "sgd"},
    )
    assert space.config({"opt.lr": 0.5, "opt.sgd.momentum": 0.9, "width": 3}) == {
        "data": "digits",
        "opt": {"name": "sgd", "lr": 0.5, "sgd": {"momentum": 0.9}},
        "width": 3,
    }


def test_keys_tell_types_apart():
    space = build(declare("x", Choice((1, 1.0, True, "1"))))
    assert len({space.key({"x": value}) for value in (1, 1.0, True, "1")}) == 4
    assert space.key({"a": 1, "b": 2}) == space.key({"b": 2, "a": 1})


@pytest.mark.parametrize(
    "constraints",
    [
        [],
        ["width < 3"],
        ["width * decay <= 0.2"],
        ["momentum > 0 or width == 1", "width > 1"],
        ["optimizer != 'adam'", "nesterov or width > 2"],
        ["width > 5"],
        ["1 / (width - 1) > 0"],
    ],
)
def test_counting_agrees_with_brute_force(constraints):
    space = build(*OPTIMISERS, constraints=constraints)
    expected = brute_force(space)
    listed = list(space.configurations())
    assert space.size() == len(expected) == len(listed)
    assert {space.key(params) for params in listed} == {space.key(params) for params in expected}
    assert len({space.key(params) for params in listed}) == len(listed)
    assert all(list(params) == [name for name in space.names if name in params] for params in listed)
    assert space.size_bound() == 2 * 2 * 3 * 3 * 4


@st.composite
def spaces(draw):
    count = draw(st.integers(1, 4))
    declared = []
    for index in range(count):
        domain = draw(
            st.sampled_from([Choice((0, 1)), Choice((0, "a", 1.0)), Integer(0, 2), Float(0.0, 0.2, step=0.1)])
        )
        when = {}
        if index and draw(st.booleans()):
            parent = declared[draw(st.integers(0, index - 1))]
            when[parent.name] = tuple(
                draw(st.sets(st.sampled_from(list(parent.domain.points())), min_size=1, max_size=2))
            )
        declared.append(declare(f"p{index}", domain, **when))
    names = st.sampled_from([parameter.name for parameter in declared])
    comparison = st.builds(
        "{} {} {}".format, names, st.sampled_from(["<", "!=", ">="]), st.sampled_from(["0", "1"])
    )
    pairs = st.builds("{} + {} <= 1 or {} == 0".format, names, names, names)
    return declared, draw(st.lists(comparison | pairs, max_size=2))


@settings(max_examples=80, deadline=None)
@given(spaces())
def test_counting_random_spaces_agrees_with_brute_force(made):
    declared, constraints = made
    space = build(*declared, constraints=constraints)
    expected = brute_force(space)
    assert space.size() == len(expected)
    assert {space.key(params) for params in space.configurations()} == {
        space.key(params) for params in expected
    }


def test_the_last_parameter_changes_fastest():
    space = build(declare("a", Integer(0, 1)), declare("b", Choice(("x", "y"))))
    assert [tuple(params.values()) for params in space.configurations()] == [
        (0, "x"),
        (0, "y"),
        (1, "x"),
        (1, "y"),
    ]


def test_huge_spaces_without_ties_are_counted_exactly_and_walked_lazily():
    space = build(*(declare(f"p{index}", Integer(1, 1000)) for index in range(10)))
    assert space.size() == space.size_bound() == 1000**10
    assert next(space.configurations()) == {f"p{index}": 1 for index in range(10)}


def test_a_constraint_over_millions_of_combinations_is_not_counted():
    space = build(
        *(declare(f"p{index}", Integer(1, 1000)) for index in range(3)), constraints=["p0 + p1 + p2 > 5"]
    )
    assert space.size() is None
    assert space.size_bound() == 1000**3


def test_spaces_with_a_continuous_range_are_infinite():
    space = build(declare("a", Integer(1, 3)), declare("b", Float(0.0, 1.0)))
    assert (space.size(), space.size_bound(), space.finite) == (None, None, False)


def test_more_parameters_than_python_nests_calls():
    space = build(*(declare(f"p{index}", Choice((1,))) for index in range(1500)), constraints=["p0 == 1"])
    assert len(next(space.configurations())) == 1500
    assert space.size() == 1


def test_a_when_name_is_looked_up_among_siblings_first():
    space = build(
        declare("name", Choice((1, 2))),
        declare("g.name", Choice((3, 4))),
        declare("g.x", Choice((1,)), _scope="g", name=(3,)),
        declare("g.h.y", Choice((1,)), _scope="g.h", name=(4,)),
        declare("h.z", Choice((1,)), _scope="h", name=(1,)),
        declare("w", Choice((1,)), g__name=(3,)),
    )
    on = {
        parameter.name: [condition.parameter for condition in parameter.when]
        for parameter in space.parameters
    }
    assert (on["g.x"], on["g.h.y"], on["h.z"], on["w"]) == (["g.name"], ["g.name"], ["name"], ["g.name"])


def test_an_integer_in_a_condition_on_floats_is_a_float():
    space = build(declare("x", Float(0.0, 1.0, step=0.5)), declare("y", Choice((1,)), x=(1,)))
    assert space.parameters[1].when == (Condition("x", (1.0,)),)
    assert space.size() == 3


def test_an_empty_space_has_one_configuration():
    assert list(Space(()).configurations()) == [{}]
    assert Space(()).size() == 1
