"""A spec written back loads to an equal one, and differences name what differs."""

from __future__ import annotations

import keyword
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.spec.helpers import HEAD, SMALL, load, problems
from tests.spec.test_load import FULL

# Names of parameters that YAML 1.1 or 1.2 reads as something else are among them.
NAMES = st.sampled_from(["a", "b", "lr", "no", "null", "on", "y", "true", "e1", "_", "x_1"])
NUMBERS = st.floats(-1e6, 1e6, allow_nan=False).filter(lambda number: number == 0 or abs(number) > 1e-9)
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Co", "Cn"]), max_size=8)
TRICKY = st.sampled_from(
    ["1e-4", "no", "yes", "010", "0x1F", "~", "1_0", "<<", "=", "2024-01-31", "a: b", "# c", " x ", "'"]
)
SCALARS = st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | NUMBERS | TEXT | TRICKY


@st.composite
def domains(draw):
    which = draw(st.sampled_from(["int", "float", "log", "step", "values"]))
    if which == "values":
        return {"values": draw(st.lists(SCALARS, min_size=1, max_size=4, unique_by=lambda v: (type(v), v)))}
    if which == "int":
        low = draw(st.integers(-50, 50))
        return {"min": low, "max": low + draw(st.integers(1, 50)), "log": False, "step": 1}
    if which == "log":
        return {"min": draw(st.floats(1e-8, 0.5)), "max": draw(st.floats(1.0, 1e3)), "log": True}
    low = float(draw(st.integers(-5, 5)))
    step = {"step": draw(st.sampled_from([0.1, 0.25, 0.3]))} if which == "step" else {}
    return {"min": low, "max": low + draw(st.floats(0.5, 9.0)), **step}


def as_flow(value: object) -> str:
    """``value`` as YAML of one line, written by other means than the package's own."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{as_flow(key)}: {as_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_flow, value)) + "]"
    if isinstance(value, str):
        return '"' + "".join(c if c.isascii() and c.isalnum() else f"\\U{ord(c):08X}" for c in value) + '"'
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    parameters=st.dictionaries(NAMES, domains(), min_size=1, max_size=4),
    fixed=st.dictionaries(NAMES.map("fixed_{}".format), SCALARS, max_size=3),
    seed=st.integers(0, 2**32 - 1),
    wall=st.floats(0.001, 1e6),
)
def test_resolved_loads_to_an_equal_spec(tmp_path, parameters, fixed, seed, wall):
    plain = f"{HEAD}seed: {seed}\ntimeout: {{trial: {wall!r}}}\n"
    spec = load(tmp_path, f"{plain}parameters: {as_flow(parameters)}\nfixed: {as_flow(fixed)}\n")
    again = load(tmp_path, spec.resolved())
    assert spec.difference(again) == []
    assert again == spec
    assert again.space == spec.space
    assert again.resolved() == spec.resolved()
    assert {name: (type(value), value) for name, value in again.space.fixed.items()} == {
        name: (type(value), value) for name, value in fixed.items()
    }


def test_a_full_file_resolves_to_an_equal_spec(tmp_path):
    spec = load(tmp_path, FULL)
    again = load(tmp_path, spec.resolved())
    assert again == spec
    assert hash(again) == hash(spec)
    assert again.enqueue == spec.enqueue


def test_lists_among_a_components_options_survive(tmp_path):
    pruner = "pruner: {name: pbt, interval: 2, explore: [lr]}\n"
    spec = load(tmp_path, SMALL + pruner)
    again = load(tmp_path, spec.resolved())
    assert again == spec and again.pruner == spec.pruner
    assert load(tmp_path, SMALL + pruner.replace(", explore: [lr]", ""), ["pruner.explore=[lr]"]) == spec


def test_conditions_of_groups_survive(tmp_path):
    text = f"""{HEAD}parameters:
  a:
    when: {{k: [1, 2, 3]}}
    parameters:
      a: {{parameters: {{x: {{values: [1, 2]}}}}}}
      x: {{values: [1, 2], when: {{k: [2, 3]}}}}
      z: {{values: [1], when: {{a.x: 1, k: 3}}}}
  k: {{values: [1, 2, 3, 4]}}
"""
    spec = load(tmp_path, text)
    again = load(tmp_path, spec.resolved())
    assert again == spec
    assert again.space.size() == spec.space.size() == len(list(spec.space.configurations()))
    assert {tuple(params.items()) for params in again.space.configurations()} == {
        tuple(params.items()) for params in spec.space.configurations()
    }


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("budget.trials=9", "budget.trials: 5 -> 9"),
        ("budget.wall=8h", 'budget.wall: null -> "8h"'),
        ("parameters.lr.max=0.5", "parameters.lr.max: 1.0 -> 0.5"),
        ("parameters.lr.log=true", "parameters.lr.log: (absent) -> true"),
        ("parameters.w.values=[1]", "parameters.w.values: (absent) -> [1]"),
        ("fixed.x=true", "fixed.x: 1 -> true"),
        ("fixed.x=1.0", "fixed.x: 1 -> 1.0"),
        ('fixed.x="1"', 'fixed.x: 1 -> "1"'),
        ("early_stopping.patience=3", "early_stopping.patience: (absent) -> 3"),
        ("constraints=['lr > 0.2']", 'constraints: [] -> ["lr > 0.2"]'),
        ("sampler=random", 'sampler: "auto" -> "random"'),
    ],
)
def test_differences_are_named_by_path(tmp_path, override, line):
    text = SMALL + "fixed: {x: 1}\n"
    mine, other = load(tmp_path, text), load(tmp_path, text, [override])
    assert line in mine.difference(other)
    assert mine != other


def test_spelling_place_and_comments_make_no_difference(tmp_path):
    other = (
        "# a comment\n" + SMALL.replace("0.1", "1e-1").replace("{trials: 5}", "\n  trials: 5") + "seed: 0\n"
    )
    mine = load(tmp_path, SMALL)
    (tmp_path / "elsewhere").mkdir()
    assert mine.difference(load(tmp_path / "elsewhere", other)) == []
    assert mine == load(tmp_path / "elsewhere", other)


def test_long_values_that_differ_at_their_end_differ(tmp_path):
    values = ", ".join(str(number) for number in range(100))
    mine = load(tmp_path, f"{HEAD}parameters: {{a: {{values: [{values}]}}}}")
    other = load(tmp_path, f"{HEAD}parameters: {{a: {{values: [{values}, 100]}}}}")
    assert len(mine.difference(other)) == 1


BREAKAGES = st.sampled_from(
    [
        "null",
        "[]",
        "{}",
        "-1",
        "0",
        "1.5",
        ".nan",
        ".inf",
        "true",
        "x",
        '"3"',
        "[1, {a: b}]",
        "{a: [1]}",
        "1e400",
        "9" * 30,
    ]
)


def paths(document: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """The dotted path of every key of nested mappings."""
    for key, value in document.items():
        yield f"{prefix}{key}"
        if isinstance(value, dict):
            yield from paths(value, f"{prefix}{key}.")


PLACES = st.sampled_from([*paths(yaml.safe_load(FULL)), "parameters.lr.step", "pruner.min_epochs"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(breakages=st.lists(st.tuples(PLACES, BREAKAGES), min_size=1, max_size=3))
def test_any_value_anywhere_loads_or_is_explained_in_our_words(tmp_path, breakages):
    for line in problems(tmp_path, FULL, [f"{place}={value}" for place, value in breakages]):
        assert not any(word in line for word in ("Input should", "valid", "validation", "type=", "NoneType"))
        assert line.startswith(("s.yaml:", "--set "))


def test_python_keywords_are_names_too(tmp_path):
    assert keyword.iskeyword("lambda")
    assert load(tmp_path, f"{HEAD}parameters: {{lambda: {{values: [1]}}}}").space.names == ("lambda",)
