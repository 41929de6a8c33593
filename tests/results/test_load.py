"""`sweeps.load`: tables, winner and model of a results folder, while nothing in it changes."""

from __future__ import annotations

import json
import sys

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from sweeps.errors import CheckpointError, NoUsableTrialError, RefusedError, UsageError
from sweeps.results import load
from sweeps.results.winner import choose
from sweeps.study import TrialRecord


def content(folder):
    return {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.rglob("*") if p.is_file()}


def test_a_folder_that_no_sweep_wrote_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"resolved\.yaml.*results/cnn"):
        load(tmp_path)


def test_the_tables_show_every_trial_and_epoch(make_sweep):
    sweep = make_sweep(0.9, 0.4, 1.0).run()
    results = load(sweep.paths.root)
    assert results.trials["state"].tolist() == ["COMPLETE", "COMPLETE", "FAILED"]
    assert results.trials["metric"].tolist()[:2] == pytest.approx([0.5, 0.2])
    assert results.trials["best.accuracy"].tolist()[:2] == [0.2, 0.2]
    assert results.trials["last.accuracy"].tolist()[:2] == [0.3, 0.3]
    assert "x is too large" in results.trials["error"].iloc[2]
    assert results.trials["params.depth"].isna().all()
    assert results.epochs[["number", "epoch"]].to_numpy().tolist() == [
        [n, e] for n in (0, 1) for e in (1, 2, 3)
    ]


def test_loading_changes_nothing_and_gives_the_same_without_its_caches(make_sweep):
    sweep = make_sweep(0.9, 0.4).run()
    before = content(sweep.paths.root)
    cached = load(sweep.paths.root)
    trials, epochs = cached.trials, cached.epochs
    assert cached.best.number == 1
    assert content(sweep.paths.root) == before
    for path in (sweep.paths.trials_parquet, sweep.paths.epochs_parquet, sweep.paths.trials_csv):
        path.unlink()
    rebuilt = load(sweep.paths.root)
    pd.testing.assert_frame_equal(rebuilt.trials, trials)
    pd.testing.assert_frame_equal(rebuilt.epochs, epochs)
    assert not sweep.paths.trials_parquet.exists()


def test_facts_and_diagnoses_are_in_the_tables_and_in_rebuilt_ones(make_sweep):
    sweep = make_sweep(0.9, 1.0, train="train_noted").run()
    cached = load(sweep.paths.root).trials
    assert cached["state"].tolist() == ["COMPLETE", "FAILED"]
    assert cached["info.parameters"].tolist() == [10, 11]
    assert cached["info.split"].tolist() == ["a1b2", "a1b2"]
    assert cached["info.baseline_loss"].dtype == float
    for path in (sweep.paths.trials_parquet, sweep.paths.epochs_parquet):
        path.unlink()
    pd.testing.assert_frame_equal(load(sweep.paths.root).trials, cached)


def test_the_winner_has_its_diagnosis(make_sweep):
    sweep = make_sweep(0.4, train="train_plain")
    assert load(sweep.run().paths.root).best.diagnosis is None  # three epochs tell nothing
    sweep.paths.root.rename(sweep.root / "old")
    sweep.yaml.write_text(sweep.yaml.read_text().replace("epochs: 3", "epochs: 5"))
    results = load(sweep.run().paths.root)
    assert results.best.diagnosis == results.trials["diagnosis"].iloc[0] == "diverged"


def test_tables_older_than_the_study_are_not_believed(make_sweep):
    sweep = make_sweep(0.9, 0.4).run(1)
    old = sweep.paths.trials_parquet.read_bytes(), sweep.paths.epochs_parquet.read_bytes()
    sweep.run(2)
    sweep.paths.trials_parquet.write_bytes(old[0])
    sweep.paths.epochs_parquet.write_bytes(old[1])
    assert load(sweep.paths.root).trials["number"].tolist() == [0, 1]


def test_a_running_sweep_can_be_read(make_sweep):
    sweep = make_sweep(0.9, 0.4, train="train_watched").run()
    seen = (sweep.paths.trial(1).directory / "seen.jsonl").read_text().splitlines()
    assert json.loads(seen[1]) == [["COMPLETE", "RUNNING"], [1, 2, 3, 1, 2]]


def test_a_study_in_a_database_is_read_afresh_each_time(make_sweep, tmp_path):
    sweep = make_sweep(0.9, 0.4, more=f"storage: sqlite:///{tmp_path}/study.db\n").run(1)
    assert load(sweep.paths.root).trials["number"].tolist() == [0]
    sweep.run(2)
    assert load(sweep.paths.root).trials["number"].tolist() == [0, 1]
    assert load(sweep.paths.root).best.number == 1


def test_the_winner_is_the_best_complete_trial_and_the_first_of_equals(make_sweep):
    sweep = make_sweep(1.0, 0.125, 0.25, 0.75).run()
    best = load(sweep.paths.root).best
    assert (best.number, best.metric, best.epoch, best.test) == (2, "val_loss", 2, None)
    assert best.value == 0.35
    assert best.params == {"x": 0.25, "kind": "flat"}
    assert best.config == {"x": 0.25, "kind": "flat"}
    assert best.directory == sweep.paths.trial(2).directory


@pytest.mark.parametrize(("goal", "number"), [("minimize", 1), ("maximize", 3)])
def test_the_goal_decides_what_is_best_and_only_complete_trials_count(goal, number):
    states = ("PRUNED", "COMPLETE", "COMPLETE", "COMPLETE", "FAILED", "RUNNING", "INTERRUPTED")
    values = (0.1, 0.2, 0.2, 0.8, 0.9, 0.05, 0.95)
    records = [TrialRecord(n, {}, s, value=v) for n, (s, v) in enumerate(zip(states, values, strict=True))]
    assert choose(records, goal).number == number


def test_without_a_complete_trial_the_error_counts_the_states_and_names_the_cause(make_sweep):
    sweep = make_sweep(1.0).run()
    with pytest.raises(
        NoUsableTrialError, match=r"\(1 FAILED\).*trial 0.*x is too large.*trials/0000/log.txt"
    ) as error:
        _ = load(sweep.paths.root).best
    assert error.value.exit_code == 4


@pytest.mark.parametrize("final", [False, True])
def test_load_model_gives_the_weights_of_the_best_epoch(make_sweep, final):
    sweep = make_sweep(0.9, 0.4).run()
    if final:
        sweep.finalise()
        (sweep.paths.best.directory / "../trials/0001/best.pt").unlink()
    model = load(sweep.paths.root).load_model()
    assert model.weight.unique().tolist() == [102.0]
    assert not model.training
    assert load(sweep.paths.root).load_model(lambda config: torch.nn.Linear(2, 1)).bias.item() == 102.0


def test_load_model_does_not_give_the_model_of_an_earlier_winner(make_sweep):
    sweep = make_sweep(0.9, 0.4).run(1)
    sweep.finalise()
    sweep.run(2)
    assert load(sweep.paths.root).load_model().bias.item() == 102.0


def test_load_model_says_what_it_needs(make_sweep, monkeypatch):
    sweep = make_sweep(0.4).run()
    with pytest.raises(UsageError, match="must fit the weights of trial 0"):
        load(sweep.paths.root).load_model(lambda config: torch.nn.Linear(3, 1))
    module = sweep.spec.train.partition(":")[0]
    source = sweep.root / f"{module}.py"
    source.write_text(source.read_text().replace("def build_model", "def other"))
    monkeypatch.delitem(sys.modules, module)
    with pytest.raises(UsageError, match=r"define build_model\(config\) beside .*or pass build="):
        load(sweep.paths.root).load_model()


def test_a_sweep_that_saved_no_model_has_none_to_load(make_sweep):
    sweep = make_sweep(0.4, train="train_plain").run()
    with pytest.raises(CheckpointError, match=r"trial 0 has no model.*trial\.epochs\(model=\.\.\.\)"):
        load(sweep.paths.root).load_model()


@pytest.mark.parametrize("final", [False, True])
def test_export_puts_the_bundle_into_a_new_folder(make_sweep, tmp_path, final):
    sweep = make_sweep(0.9, 0.4).run()
    if final:
        sweep.finalise()
    target = load(sweep.paths.root).export(tmp_path / "out" / "bundle")
    names = {"model.safetensors", "config.json", "metrics.json"} | ({"test.json"} if final else set())
    assert {path.name for path in target.iterdir()} == names
    assert load_file(target / "model.safetensors")["bias"].item() == 102.0
    assert json.loads((target / "config.json").read_bytes()) == {"x": 0.4, "kind": "flat"}
    with pytest.raises(RefusedError, match="new folder"):
        load(sweep.paths.root).export(target)


def test_a_failed_export_leaves_nothing_behind(make_sweep, tmp_path):
    sweep = make_sweep(0.4).run()
    checkpoint = sweep.paths.trial(0).best
    checkpoint.write_bytes(checkpoint.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="damaged"):
        load(sweep.paths.root).export(tmp_path / "out" / "bundle")
    assert list((tmp_path / "out").iterdir()) == []
