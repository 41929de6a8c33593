"""``--set a.b=c`` is typed and checked as if it stood in the file."""

from __future__ import annotations

import pytest

from sweeps.space import Choice, Float
from sweeps.spec import Component
from tests.spec.helpers import HEAD, SMALL, load, problems


def test_values_are_typed_as_in_the_file(tmp_path):
    spec = load(
        tmp_path,
        SMALL,
        [
            "budget.trials=7",
            "parameters.lr.min=1e-3",
            "fixed.data=no",
            'fixed.n="3"',
            "budget.wall=1h",
            "name=other",
        ],
    )
    assert (spec.budget.trials, spec.budget.wall, spec.name) == (7, 3600.0, "other")
    assert spec.space.parameters[0].domain == Float(1e-3, 1.0)
    assert spec.space.fixed == {"data": "no", "n": "3"}


def test_maps_are_made_as_needed_and_lists_set_whole(tmp_path):
    spec = load(
        tmp_path, SMALL, ["parameters.width.values=[32, 64]", "constraints=['width < 50']", "fixed.a.b=1"]
    )
    assert spec.space.parameters[1].domain == Choice((32, 64))
    assert spec.space.fixed == {"a.b": 1}
    assert not spec.space.allows({"lr": 0.5, "width": 64})


@pytest.mark.parametrize("written", ["", "sampler: random\n", "sampler: {name: random}\n"])
def test_a_component_named_alone_takes_options(tmp_path, written):
    overrides = ["sampler.seed=5"] if written else ["sampler=random", "sampler.seed=5"]
    assert load(tmp_path, SMALL + written, overrides).sampler == Component(name="random", options={"seed": 5})


def test_a_component_can_be_replaced(tmp_path):
    text = SMALL + "pruner: {name: asha, min_epochs: 2}\n"
    assert load(tmp_path, text, ["pruner=none"]).pruner == Component(name="none")
    assert load(tmp_path, text, ["pruner=null"]).pruner == Component(name="none")


def test_later_ones_win(tmp_path):
    assert load(tmp_path, SMALL, ["seed=1", "seed=2"]).seed == 2


def test_an_override_can_mend_the_file(tmp_path):
    assert load(tmp_path, SMALL.replace("max: 1.0", "max: 0.01"), ["parameters.lr.max=1"]).seed == 0


def test_members_of_groups_are_reached_by_their_dotted_name(tmp_path):
    text = f"{HEAD}parameters:\n  opt:\n    parameters:\n      lr: {{min: 0.1, max: 1.0}}\n"
    for name in ("parameters.opt.lr.max=0.5", "parameters.opt.parameters.lr.max=0.5"):
        assert load(tmp_path, text, [name]).space.parameters[0].domain == Float(0.1, 0.5)
    assert load(tmp_path, text, ["parameters.opt.wd={values: [1]}"]).space.names == ("opt.lr", "opt.wd")


def test_the_resolved_file_takes_the_same_overrides(tmp_path):
    text = f"{HEAD}parameters:\n  opt:\n    parameters:\n      lr: {{min: 0.1, max: 1.0}}\n"
    resolved = load(tmp_path, text).resolved()
    assert load(tmp_path, resolved, ["parameters.opt.lr.max=0.5"]).space.parameters[0].domain == Float(
        0.1, 0.5
    )


@pytest.mark.parametrize(
    ("override", "found"),
    [
        ("budget.trials=x", 'budget.trials  must be a whole number ("x")'),
        ("budget.trails=3", 'budget.trails  is not a known key; did you mean "trials"?'),
        ("seed.x=3", "seed  must be a whole number ({x: 3})"),
        ("epochs.x=3", "epochs  is not a mapping (3): set epochs as a whole"),
        ("engine=remote", 'engine  is unknown ("remote"): one of local, inline, ray, simulated'),
        ("seed", 'is not a setting ("seed"): write key.path=value'),
        ("=3", 'is not a setting ("=3"): write key.path=value'),
        ("a..b=3", 'is not a setting ("a..b=3"): write key.path=value'),
        ("seed=", 'gives no value ("seed="): write null for none'),
        ("seed=*a", "is an alias (*a): write the value out"),
        ("seed=!!int 3", "has a tag (!!int): remove it, quotes make text of a value"),
    ],
)
def test_problems_are_placed_at_the_override(tmp_path, override, found):
    assert problems(tmp_path, SMALL, [override]) == [f"--set {override}  {found}"]


def test_what_an_override_breaks_elsewhere_is_placed_there(tmp_path):
    found = problems(tmp_path, SMALL, ["parameters.lr.max=0.01"])
    assert found == ["s.yaml:7:13  parameters.lr.min  must be below max (0.1 >= 0.01): swap them"]


def test_problems_of_file_and_overrides_come_together(tmp_path):
    found = problems(tmp_path, SMALL + "foo: 1\n", ["seed=-1", "name=[1", "bar=2"])
    places = [line.split("  ")[0] for line in found]
    assert places == ["s.yaml:8:1", "--set seed=-1", "--set name=[1", "--set bar=2"]


def test_bytes_that_are_no_text_are_shown_escaped(tmp_path):
    (line,) = problems(tmp_path, SMALL, ["name=\udcff"])
    assert line.startswith("--set name=\\udcff  name  is not well formed")


def test_null_switches_the_breaker_off(tmp_path):
    off = load(tmp_path, SMALL, ["breaker=null"])
    assert (off.breaker.in_a_row, off.breaker.fraction) == (None, None)
