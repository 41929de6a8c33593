"""`--edit`: which trials an edited sweep keeps, what it refuses, and what its sampler and pruner see."""

from __future__ import annotations

import json
import shutil

import optuna
import pandas as pd
import pytest

import sweeps
from sweeps import runner
from sweeps.controller import Edited
from sweeps.errors import RefusedError, SpecError, UsageError

X, KIND = {"min": 0.0, "max": 1.0}, {"values": ["a", "b"]}

POPULATION = """
import torch


def train(trial):
    for epoch in trial.epochs(weights=torch.nn.Linear(1, 1)):
        trial.report(val_loss=trial.config["x"] + 1.0 / epoch)
"""


def outside(results) -> list[int]:
    trials = results.trials
    return trials.loc[trials["outside"], "number"].tolist()


def optuna_study(toy) -> optuna.Study:
    """The toy's study as plain Optuna sees a copy of it."""
    copy = toy.path / "copy.journal"
    copy.write_bytes((toy.folder / "study.journal").read_bytes())
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(copy)))
    return optuna.load_study(study_name="toy", storage=storage)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"x": X, "kind": {"values": ["c", "b", "a"]}}, []),
        ({"x": X, "kind": {"values": ["b"]}}, [0, 1]),
        ({"x": {"min": -1.0, "max": 5.0}, "kind": KIND}, []),
        ({"x": {"min": 0.15, "max": 0.85}, "kind": KIND}, [0, 1]),
        ({"x": {"min": 0.01, "max": 1.0, "log": True}, "kind": KIND}, []),
        ({"x": {"min": 0.0, "max": 1.0, "step": 0.4}, "kind": KIND}, [0, 1, 2]),
        ({"x": {"min": 0, "max": 1}, "kind": KIND}, [0, 1, 2, 3]),
        ({"x": {"values": [0.1, 2.0, 3.0]}, "kind": KIND}, [1, 2, 3]),
        ({"x": X}, [0, 1, 2, 3]),
        ({"x": X, "kind": KIND, "y": {"values": [1, 2]}}, [0, 1, 2, 3]),
        ({"x": X, "kind": KIND, "y": {"values": [1, 2], "when": {"kind": "b"}}}, [2, 3]),
    ],
)
def test_a_trial_is_kept_where_the_new_space_contains_it(toy, parameters, expected):
    before = toy.run().trials
    edited = toy.edit(parameters=parameters, enqueue=None, sampler="tpe", set={"budget.trials": 7})
    assert outside(edited) == expected
    assert edited.trials["number"].tolist() == list(range(7)), "what is outside has been started, too"
    kept = ["number", "state", "stop_reason", "metric", "best_epoch", "epochs", "seconds", "started"]
    assert edited.trials.loc[:3, kept].equals(before[kept])
    assert edited.best.number not in expected
    sweeps.check_invariants(toy.folder)


def test_the_difference_is_told_and_the_old_files_are_kept(toy):
    toy.run()
    old = toy.files()
    told = []
    file = toy.spec("edited.yaml", parameters={"x": X, "kind": {"values": ["a"]}}, enqueue=None)
    sweeps.resume(toy.folder, edit=file, observers=[told.append])
    (edited,) = [event for event in told if isinstance(event, Edited)]
    assert 'parameters.kind.values: ["a", "b"] -> ["a"]' in edited.differences
    assert (edited.inside, edited.outside) == (2, (2, 3))
    for name in ("study.journal", "sweep.yaml", "resolved.yaml", "manifest.json"):
        assert (toy.folder / f"{name}.1").read_bytes() == old[name]
    assert (toy.folder / "sweep.yaml").read_bytes() == file.read_bytes()
    events = [json.loads(line) for line in (toy.folder / "events.jsonl").read_text().splitlines()]
    assert [event["outside"] for event in events if event["event"] == "Edited"] == [[2, 3]]
    told.clear()
    again = runner.resume(toy.folder, edit=file, observers=[told.append])
    assert not any(isinstance(event, Edited) for event in told), "nothing differs any more"
    assert f"nothing was edited: {file} says what results/toy holds already" in again.notes
    toy.edit()  # back again: all trials are inside, the second edit's predecessors are kept too
    assert outside(sweeps.load(toy.folder)) == []
    assert (toy.folder / "study.journal.2").exists() and not (toy.folder / "edit").exists()


def test_outside_trials_cannot_win_and_count_for_the_budget(toy):
    assert toy.run().best.number == 0
    edited = toy.edit(parameters={"x": {"min": 0.5, "max": 1.0}, "kind": KIND}, enqueue=None)
    assert outside(edited) == [0, 2] and len(edited.trials) == 4
    assert edited.best.number == 3


def test_a_winner_that_two_edits_bring_back_was_tested_once_and_first(toy):
    tested = {"test": "toy:test", "enqueue": None}
    assert toy.run(test="toy:test").best.number == 0
    toy.edit(parameters={"x": {"min": 0.5, "max": 1.0}, "kind": KIND}, **tested)
    assert runner.test(toy.folder, again="another space").number == 3
    back = toy.edit(**tested)
    assert back.best.number == 0 and back.best.test == {"accuracy": 0.5}
    sweeps.check_invariants(toy.folder)
    toy.edit(parameters={"x": {"min": 0.5, "max": 1.0}, "kind": KIND}, **tested)
    assert sweeps.load(toy.folder).best.test == {"accuracy": 0.5}
    sweeps.check_invariants(toy.folder)


@pytest.mark.parametrize(
    ("most", "state", "reason"), [(1.0, "COMPLETE", "finished"), (0.5, "PRUNED", "edited")]
)
def test_an_interrupted_trial_goes_on_inside_and_ends_outside(toy, monkeypatch, most, state, reason):
    monkeypatch.setenv("STOP", "1.2")
    with pytest.raises(KeyboardInterrupt):
        toy.run()
    monkeypatch.delenv("STOP")
    assert sweeps.load(toy.folder).trials["state"].tolist() == ["COMPLETE", "INTERRUPTED"]
    trials = toy.edit(parameters={"x": {"min": 0.0, "max": most}, "kind": KIND}, enqueue=None).trials
    assert (trials.at[1, "state"], trials.at[1, "stop_reason"]) == (state, reason)
    assert trials.at[1, "epochs"] == (3 if state == "COMPLETE" else 2)
    assert trials["state"].tolist().count("COMPLETE") == (4 if state == "COMPLETE" else 3)
    sweeps.check_invariants(toy.folder)


def test_to_optuna_an_outside_trial_is_a_failure_without_parameters(toy):
    toy.run()
    toy.edit(parameters={"x": {"min": 0.5, "max": 1.0}, "kind": {"values": ["b", "a"]}}, enqueue=None)
    trials = optuna_study(toy).get_trials()
    assert [trial.state.name for trial in trials] == ["FAIL", "COMPLETE", "FAIL", "COMPLETE"]
    assert [trial.params for trial in trials] == [{}, {"x": 0.9, "kind": 1}, {}, {"x": 0.8, "kind": 0}]
    assert list(trials[0].intermediate_values) == [1, 2, 3], "its curve is kept"


WATCHED = """
import optuna
import sweeps


class Watching(optuna.samplers.RandomSampler):
    def sample_relative(self, study, trial, search_space):
        with open("seen", "a") as file:
            print([t.number for t in study.get_trials() if t.state.name == "COMPLETE"], file=file)
        return {}


def sampler(seed):
    return Watching(seed=seed)


def train(trial):
    if trial.config["kind"] == "b":
        raise sweeps.Infeasible("too large")
    trial.report(val_loss=trial.config["x"], epoch=1)
"""


def test_a_sampler_learns_nothing_of_trials_outside_and_patience_does_not_count_them(toy):
    (toy.path / "toy.py").write_text(WATCHED)
    toy.run(sampler="toy:sampler")
    narrow = {"x": {"min": 0.0, "max": 0.85}, "kind": KIND}
    enqueue = [{"x": 0.3, "kind": "a"}]
    edited = toy.edit(
        sampler="toy:sampler", parameters=narrow, enqueue=enqueue, budget={"trials": 6, "patience": 2}
    )
    assert edited.trials["state"].tolist()[:4] == ["COMPLETE", "COMPLETE", "FAILED", "FAILED"]
    assert outside(edited) == [1] and len(edited.trials) == 6
    # The infeasible trials 2 and 3 are inside, and count as bad ones.
    assert json.loads((toy.path / "seen").read_text().splitlines()[-1]) == [0, 2, 3, 4]
    apart = {"x": {"min": 0.0, "max": 0.15}, "kind": KIND}
    toy.edit(sampler="toy:sampler", parameters=apart, enqueue=None, budget={"trials": 7, "patience": 2})
    assert outside(sweeps.load(toy.folder)) == [1, 2, 3, 4, 5]
    assert json.loads((toy.path / "seen").read_text().splitlines()[-1]) == [0]
    sweeps.check_invariants(toy.folder)


@pytest.mark.parametrize("pruner", ["asha", {"name": "median", "n_startup_trials": 1}])
def test_the_pruner_does_not_compare_with_trials_outside(toy, pruner):
    """Old trials near 0 would prune every new one near 1 at its first epoch."""
    toy.run(pruner=pruner, budget={"trials": 1}, enqueue=[{"x": 0.0, "kind": "a"}])
    narrow = {"x": {"min": 0.9, "max": 1.0}, "kind": {"values": ["a"]}}
    best_first = [{"x": 0.9, "kind": "a"}]
    same_space = sweeps.resume(toy.folder, {"budget.trials": 1})
    assert len(same_space.trials) == 1
    trials = toy.edit(pruner=pruner, parameters=narrow, enqueue=best_first, budget={"trials": 2}).trials
    assert trials["state"].tolist() == ["COMPLETE", "COMPLETE"]
    wide = toy.edit(pruner=pruner, enqueue=[{"x": 1.0, "kind": "b"}], budget={"trials": 3}).trials
    assert wide["state"].tolist() == ["COMPLETE", "COMPLETE", "PRUNED"], "inside again, they are compared"


def test_what_a_sampler_kept_goes_where_the_distributions_stayed(toy):
    sampler = {"name": "cmaes", "popsize": 4}
    parameters = {"x": X, "y": X}
    toy.run(sampler=sampler, parameters=parameters, enqueue=None, budget={"trials": 6})

    def kept() -> int:
        return sum(bool(trial.system_attrs) for trial in optuna_study(toy).get_trials())

    learned = kept()
    assert learned
    same = {"sampler": sampler, "enqueue": None, "budget": {"trials": 6}}
    toy.edit(**same, parameters=parameters, early_stopping={"patience": 2})
    assert kept() == learned
    wider = {"x": X, "y": {"min": 0.0, "max": 2.0}}
    toy.edit(**same, parameters=wider)
    assert kept() == 0
    assert len(toy.edit(sampler=sampler, parameters=wider, enqueue=None, budget={"trials": 9}).trials) == 9


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"metric": {"name": "val_loss", "goal": "maximize"}},
            r'metric.goal: "minimize" -> "maximize".*judged',
        ),
        ({"metric": {"name": "loss", "goal": "minimize"}}, r'metric.name: "val_loss" -> "loss".*judged'),
        ({"fixed": {"data": "digits"}}, r"fixed\.data: \(absent\) -> \"digits\".*given these values"),
        ({"train": "toy:test"}, r'train: "toy:train" -> "toy:test".*two functions'),
        ({"name": "other"}, r'name: "toy" -> "other".*name'),
        ({"seed": 3}, r"seed: 0 -> 3.*draw"),
        ({"storage": "sqlite:///study.db"}, r"storage: null -> .*study.db.*the study is there"),
        ({"epochs": 4}, r"epochs: 3 -> 4.*trained 3 of 3"),
        ({"epochs": 2}, r"epochs: 3 -> 2.*trained 3 of 3"),
        ({"pruner": {"name": "pbt", "interval": 1}}, r"pruner.*population"),
    ],
)
def test_what_would_falsify_is_refused_with_the_rule_both_values_and_the_fix(toy, changes, message):
    toy.run()
    before = toy.files()
    with pytest.raises(RefusedError, match=f"(?s){message}.*start anew under another name.*--fresh"):
        toy.edit(parameters={"x": X, "kind": {"values": ["a"]}}, enqueue=None, **changes)
    assert toy.files() == before


def test_a_bad_file_is_bad_input_and_changes_nothing(toy):
    toy.run()
    before = toy.files()
    with pytest.raises(SpecError, match=r"edited\.yaml.*min"):
        toy.edit(parameters={"x": {"min": 3.0, "max": 1.0}, "kind": KIND})
    with pytest.raises(SpecError, match="cannot be read"):
        sweeps.resume(toy.folder, edit=toy.path / "nowhere.yaml")
    with pytest.raises(UsageError, match="at least one in 20,000"):
        toy.edit(constraints=["x > 5"], enqueue=None)
    assert toy.files() == before


def test_in_a_database_the_edited_study_is_a_new_one_and_the_old_one_stays(toy):
    storage = f"sqlite:///{toy.path}/study.db"
    toy.run(storage=storage)
    edited = toy.edit(storage=storage, parameters={"x": X, "kind": {"values": ["b", "c"]}}, enqueue=None)
    assert outside(edited) == [0, 1]
    folder_id = json.loads((toy.folder / "manifest.json").read_bytes())["id"]
    assert sorted(optuna.get_all_study_names(storage)) == [f"toy-{folder_id}", f"toy-{folder_id}.1"]
    old = optuna.load_study(study_name=f"toy-{folder_id}", storage=storage)
    assert [trial.state.name for trial in old.trials] == ["COMPLETE"] * 4
    assert len(sweeps.resume(toy.folder, {"budget.trials": 5}).trials) == 5
    sweeps.check_invariants(toy.folder)


def test_in_a_database_an_edit_leaves_the_studies_of_a_copy_alone(toy):
    storage = f"sqlite:///{toy.path}/study.db"
    toy.run(storage=storage)
    copy = shutil.copytree(toy.folder, toy.path / "copy")
    narrow = {"x": {"min": 0.5, "max": 1.0}, "kind": KIND}
    toy.edit(storage=storage, parameters=narrow, enqueue=None)
    file = toy.spec(
        "other.yaml", storage=storage, parameters={"x": X, "kind": {"values": ["a"]}}, enqueue=None
    )
    assert outside(sweeps.resume(copy, {"budget.trials": 5}, edit=file)) == [2, 3]
    assert outside(sweeps.load(toy.folder)) == [0, 2]
    assert (copy / "resolved.yaml.2").exists() and not (copy / "resolved.yaml.1").exists()
    for folder in (copy, toy.folder):
        assert len(sweeps.resume(folder, {"budget.trials": 6}).trials) == 6
        sweeps.check_invariants(folder)


def test_a_population_goes_on_in_a_narrower_space(toy):
    parameters = {"x": X, "y": X}
    pruner = {"name": "pbt", "interval": 1, "quantile": 0.5}
    (toy.path / "toy.py").write_text(POPULATION)
    toy.run(pruner=pruner, parameters=parameters, enqueue=None)
    lineage = sweeps.load(toy.folder).lineage
    assert len(lineage)
    edited = toy.edit(
        pruner=pruner | {"perturb": 0.1}, parameters={"x": X, "y": {"min": 0.0, "max": 0.6}}, enqueue=None,
        budget={"trials": 6},
    )  # fmt: skip
    assert all(row in edited.lineage.to_dict("records") for row in lineage.to_dict("records"))
    records = edited._read_records()
    assert [not record.fits(edited.spec.space) for record in records] == [r.outside for r in records]
    assert any(record.outside for record in records) and len(records) == 6


@pytest.mark.parametrize(
    ("first", "then", "column"),
    [
        ({"values": ["low", "high"]}, {"min": 0.0, "max": 1.0}, ['"low"', '"high"', "0.5"]),
        ({"min": 1, "max": 3}, {"min": 0.25, "max": 3.5}, [1.0, 3.0, 0.5]),
        ({"values": [True, False]}, {"values": [0.5, 2.0]}, ["true", "false", "0.5"]),
    ],
)
def test_a_column_is_wide_enough_for_trials_outside(toy, first, then, column):
    two = first.get("values") or [first["min"], first["max"]]
    toy.run(parameters={"z": first, "gone": KIND}, budget={"trials": 2}, enqueue=[
        {"z": value, "gone": "a"} for value in two
    ])  # fmt: skip
    table = toy.edit(parameters={"z": then}, enqueue=[{"z": 0.5}], budget={"trials": 3}).trials
    parquet = pd.read_parquet(toy.folder / "trials.parquet")
    assert parquet["params.z"].tolist() == column
    assert table["params.gone"].tolist()[:2] == ["a", "a"] and table["outside"].tolist() == [
        True,
        True,
        False,
    ]
