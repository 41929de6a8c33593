"""Random edits of random spaces: what the new space contains is kept, all else is marked, nothing is lost."""

from __future__ import annotations

import itertools

import optuna
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sweeps
from sweeps.space.distributions import from_optuna

VALUES = ["a", "b", 1, 1.0, True, None, 2.5]
CONSTANT = "def constant(trial):\n    trial.report(val_loss=float(trial.number), epoch=1)\n"
_COUNT = itertools.count()


@st.composite
def ranges(draw):
    low = draw(st.sampled_from([0.1, 0.25, 0.5, 1, 2]))
    high = low + draw(st.sampled_from([1, 2, 4]))
    kind = draw(st.sampled_from(["plain", "log", "step"]))
    return {"min": low, "max": high} | {"plain": {}, "log": {"log": True}, "step": {"step": 1}}[kind]


choices = st.lists(st.sampled_from(VALUES), min_size=1, max_size=4, unique_by=repr).map(
    lambda v: {"values": v}
)


@st.composite
def edited(draw, parameter):
    """The parameter as it is, wider, narrower, on another scale, or quite another one."""
    if draw(st.booleans()):
        return parameter
    if "values" not in parameter:
        change = draw(st.sampled_from(["wider", "narrower", "log", "plain", "other"]))
        low, high = parameter["min"], parameter["max"]
        if change == "other":
            return draw(choices)
        if change in ("wider", "narrower"):
            return parameter | {"max": high + 1 if change == "wider" else (low + high) / 2}
        bare = {"min": low, "max": high} | ({"when": parameter["when"]} if "when" in parameter else {})
        return bare | ({"log": True} if change == "log" else {})
    more = draw(st.lists(st.sampled_from(VALUES), max_size=2))
    values = [*more, *parameter["values"][draw(st.integers(0, 1)) :]] or [3]
    return parameter | {"values": list({repr(value): value for value in values}.values())}


@st.composite
def edits(draw):
    """(parameters before, parameters after): `a` decides whether `c` is active, `b` may come or go."""
    a = {"values": ["a", "b", 1]}
    c = draw(ranges()) | {"when": {"a": ["a", 1]}}
    before = {"a": a, "b": draw(st.one_of(ranges(), choices)), "c": c}
    after = {"a": {"values": draw(st.permutations(["a", "b", 1, 2]))[: draw(st.integers(3, 4))]}}
    if draw(st.integers(0, 4)):
        after["b"] = draw(edited(before["b"]))
    if draw(st.integers(0, 4)):
        after["c"] = draw(edited(c)) | {"when": {"a": [v for v in after["a"]["values"] if v in ("a", 1)]}}
    if not draw(st.integers(0, 4)):
        after["d"] = {"values": [1, 2], "when": {"a": after["a"]["values"][0]}}
    return before, after


@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(edits(), st.sampled_from(["random", "tpe"]))
def test_a_trial_is_kept_exactly_where_the_new_space_contains_it(toy, both, sampler):
    before, after = both
    results = toy.path / f"results{next(_COUNT)}"
    constant = {"enqueue": None, "sampler": sampler, "train": "toy:constant"}
    (toy.path / "toy.py").write_text(
        "def constant(trial):\n    trial.report(val_loss=float(trial.number), epoch=1)\n"
    )
    old = sweeps.run(toy.spec(parameters=before, budget={"trials": 8}, **constant), results=results)
    file = toy.spec("edited.yaml", parameters=after, budget={"trials": 11}, **constant)
    new = sweeps.resume(results / "toy", edit=file)

    trained = old._read_records()
    records = new._read_records()
    space = new.spec.space
    assert [record.outside for record in records[: len(trained)]] == [
        not space.contains(record.params) for record in trained
    ]
    for one, other in zip(trained, records, strict=False):
        assert (one.params, one.values, one.state) == (other.params, other.values, other.state)
    inside = [record for record in records if not record.outside]
    assert all(space.contains(record.params) for record in inside)
    keys = [space.key(record.params) for record in inside]
    assert len(set(keys)) == len(keys), "a kept configuration was tried again"
    assert len(records) == 11 or len(keys) == space.size()
    _optuna_agrees(results / "toy", records, space)


def _optuna_agrees(folder, records, space) -> None:
    """What Optuna stores of the trials inside, decoded by the new space, is their configuration."""
    storage = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(str(folder / "study.journal"))
    )
    domains = {parameter.name: parameter.domain for parameter in space.parameters}
    for trial, record in zip(storage.get_all_trials(0), records, strict=True):
        decoded = {name: from_optuna(domains[name], value) for name, value in trial.params.items()}
        assert decoded == ({} if record.outside else record.params)
        assert list(map(type, decoded.values())) == (
            [] if record.outside else list(map(type, record.params.values()))
        )
