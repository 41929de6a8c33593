"""Sweeps of several metrics and with constraints on them, from the YAML to the tables."""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

import optuna
import pandas as pd
import pytest
from optuna.storages.journal import JournalFileBackend

import sweeps
from sweeps.controller import EpochReported
from sweeps.errors import NoUsableTrialError, UsageError
from sweeps.verify import verify
from tests.cli.commands import sweep

CURVES = """
import math
import sweeps

def factory():
    def curve(config, seed, epochs):
        depth = config.width + abs(math.log10(config.lr) + 2) / 4
        floor = 2 / config.width + abs(math.log10(config.lr) + 2) / 5
        loss = [floor + 1 / epoch for epoch in range(1, epochs + 1)]
        metrics = {"val_loss": loss, "speed": [100 / depth] * epochs, "memory": [2.0 * config.width] * epochs}
        return sweeps.Curve(metrics, [1.0] * epochs)
    return curve

def sizeless():
    return lambda config, seed, epochs: sweeps.Curve({"val_loss": [1.0] * epochs}, [1.0] * epochs)
"""
TRAIN = """
import torch

def build_model(config):
    return torch.nn.Linear(1, 1)

def train(trial):
    model = build_model(trial.config)
    for epoch in trial.epochs(model=model):
        with torch.no_grad():
            model.weight.fill_(trial.number + epoch / 10)
        size = {} if "forgets" in trial.config else {"size": 100 * trial.config.x}
        nothing = float("nan") if trial.number == 0 and "nan" in trial.config else 0.0
        trial.report(val_loss=1 - trial.config.x + 1 / epoch, **{k: v + nothing for k, v in size.items()})
"""
SPEC = """
version: 1
name: toy
train: my_train:train
curves: my_curves:factory
epochs: 9
metric: [val_loss, {name: speed, goal: maximize}]
metric_constraints: ["memory <= 60"]
parameters:
  width: {min: 1, max: 64}
  lr: {min: 1e-4, max: 1e-1, log: true}
engine: simulated
budget: {trials: 40}
workers: 3
"""
REAL = """
version: 1
name: toy
train: my_train:train
epochs: 2
metric: [val_loss, size]
parameters:
  x: {values: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]}
pruner: none
keep: {top: 1}
engine: inline
"""
LOSS = {"name": "val_loss", "goal": "minimize"}
TOLD = ["number", "params.width", "params.lr", "state", "stop_reason", "metric", "best.speed", "epochs"]


@dataclass(frozen=True)
class Folder:
    path: Path

    def run(self, text=SPEC, results="results", observers=(), **keys) -> sweeps.Results:
        (self.path / "toy.yaml").write_text(text)
        overrides = {key.replace("__", "."): value for key, value in keys.items()}
        return sweeps.run(self.path / "toy.yaml", overrides, results=self.path / results, observers=observers)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "my_curves.py").write_text(CURVES)
    (tmp_path / "my_train.py").write_text(TRAIN)
    monkeypatch.chdir(tmp_path)
    return Folder(tmp_path)


def told(results: sweeps.Results):
    return results.trials[TOLD].values.tolist()


def brute(trials: pd.DataFrame) -> list[int]:
    """The numbers on the front, counted by hand from the trials' table."""
    usable = trials[(trials["state"] == "COMPLETE") & (trials["best.memory"] <= 60)]
    points = list(zip(usable["metric"], -usable["best.speed"], usable["number"], strict=True))
    beaten = {p for p in points for q in points if q[:2] != p[:2] and q[0] <= p[0] and q[1] <= p[1]}
    return [number for *_, number in sorted(set(points) - beaten)]


@pytest.mark.parametrize("sampler", ["auto", "motpe", "nsga2", "random", "qmc"])
def test_the_front_is_what_no_trial_beats(folder, sampler):
    results = folder.run(sampler=sampler if sampler != "nsga2" else {"name": "nsga2", "population_size": 8})
    trials, front = results.trials, results.pareto
    assert front["number"].tolist() == brute(trials) and len(front) > 1
    assert trials.loc[trials["front"], "number"].tolist() == sorted(front["number"])
    assert (trials["feasible"] == (trials["best.memory"] <= 60)).all()
    assert results.best.number == front["number"][0]
    assert results.best.further == {"speed": front["best.speed"][0]}
    columns = ["number", "best.val_loss", "best.speed", "best_epoch", "epochs", "seconds"]
    assert list(front) == [*columns, "params.width", "params.lr"]
    written = pd.read_csv(results.directory / "pareto.csv")
    pd.testing.assert_frame_equal(written, front, check_dtype=False)
    assert verify(results.directory) == []


def test_optuna_reads_the_study_as_one_of_several_directions(folder):
    results = folder.run(metric_constraints=[])
    backend = JournalFileBackend(str(results.directory / "study.journal"))
    study = optuna.load_study(study_name="toy", storage=optuna.storages.JournalStorage(backend))
    assert [direction.name for direction in study.directions] == ["MINIMIZE", "MAXIMIZE"]
    assert {trial.number for trial in study.best_trials} >= set(results.pareto["number"])
    complete = results.trials[results.trials["state"] == "COMPLETE"]
    values = {n: [value, speed] for n, value, speed in complete[["number", "metric", "best.speed"]].values}
    assert {t.number: t.values for t in study.trials if t.state.name == "COMPLETE"} == values


@pytest.mark.parametrize(
    ("sampler", "trials", "storage"),
    [("tpe", 24, None), ("nsga2", 24, None), ("random", 24, None), ("nsga2", 5, "sqlite:///toy.db")],
)
def test_a_sweep_that_was_cut_short_equals_one_that_was_not(folder, sampler, trials, storage):
    class Cut(Exception):
        pass

    def cut(event):
        if isinstance(event, EpochReported) and (event.number, event.epoch) == (3 * trials // 5, 1):
            raise Cut

    options = {"name": sampler, **({"population_size": 5} if sampler == "nsga2" else {})}
    keys = {"sampler": options, "budget__trials": trials, "workers": 1}
    keys |= {"storage": storage, "epochs": 3} if storage else {}
    with pytest.raises(Cut):
        folder.run(results="cut", observers=[cut], **keys)
    again = sweeps.resume(folder.path / "cut/toy")
    whole = folder.run(results="whole", **keys)
    assert told(again) == told(whole)
    assert again.pareto.equals(whole.pareto)


def test_samplers_learn_the_constraint(folder):
    """Half of the space is infeasible, and the better half by the first metric."""
    keys = {"pruner": "none", "budget__trials": 60, "metric_constraints": ["memory <= 64"], "workers": 1}
    shares = {}
    for sampler in ("random", "tpe"):
        results = folder.run(results=sampler, sampler=sampler, metric=LOSS, **keys)
        shares[sampler] = results.trials["feasible"][20:].mean()
        assert results.best.params["width"] <= 32
    assert shares["tpe"] > 0.7 > shares["random"]
    assert shares["random"] < 0.65


def test_one_metric_with_constraints_has_a_winner_that_holds_them(folder):
    results = folder.run(metric=LOSS, metric_constraints=["memory <= 20", "speed > 10"])
    holds = (results.trials["best.memory"] <= 20) & (results.trials["best.speed"] > 10)
    assert results.trials["feasible"].tolist() == holds.tolist()
    complete = results.trials[holds & (results.trials["state"] == "COMPLETE")]
    assert results.best.value == complete["metric"].min()
    assert "front" not in results.trials and not (results.directory / "pareto.csv").exists()
    assert results.pareto["number"].tolist() == [results.best.number]


def test_nothing_wins_where_nothing_holds_the_constraints(folder):
    results = folder.run(metric_constraints=["memory <= 1"], budget__trials=6)
    assert any("holds the metric_constraints, and there is none" in note for note in results.notes)
    assert len(results.pareto) == 0 and not results.trials["front"].any()
    with pytest.raises(NoUsableTrialError, match="loosen metric_constraints"):
        _ = results.best


def test_a_target_is_reached_by_what_holds_the_constraints(folder):
    results = folder.run(metric=LOSS, metric_constraints=["memory <= 20"], budget__target=0.5, pruner="none")
    reached = results.trials["metric"] <= 0.5
    assert results.reason == "budget.target"
    assert (reached & ~results.trials["feasible"]).sum() > 0, "others were as good before"
    assert (results.trials["stop_reason"] == "target").sum() >= 1
    assert results.best.value <= 0.5 and results.trials["feasible"][results.best.number]


def test_halving_by_fronts_keeps_those_that_are_best_by_another_metric(folder):
    """By the first metric alone the fast ones all end at the first rung."""
    fastest = {}
    for by in ("first", "hypervolume"):
        pruner = {"name": "asha", "min_epochs": 1, "startup_trials": 4, "by": by}
        results = folder.run(
            results=by, pruner=pruner, sampler="random", budget__trials=60, metric_constraints=[]
        )
        assert (results.trials["state"] == "PRUNED").sum() > 20
        fastest[by] = results.pareto["best.speed"].max()
    assert fastest["hypervolume"] > 2 * fastest["first"]


@pytest.mark.parametrize("pruner", ["median", {"name": "patient", "patience": 2}, "wilcoxon", "hyperband"])
def test_other_pruners_go_by_the_first_metric(folder, pruner):
    keys = {"pruner": pruner, "sampler": "random", "metric_constraints": [], "budget__trials": 15}
    alone, several = folder.run(results="alone", metric=LOSS, **keys), folder.run(results="several", **keys)
    assert told(several) == told(alone)


def test_three_metrics(folder):
    metric = ["val_loss", {"name": "speed", "goal": "maximize"}, "memory"]
    results = folder.run(metric=metric, metric_constraints=[], budget__trials=30)
    front = results.pareto
    assert front["number"].tolist() == [r.number for r in results.spec.objectives.front(results._records)]
    picture = ElementTree.parse(results.directory / "pareto.svg")
    circles = picture.findall(".//{http://www.w3.org/2000/svg}circle/{http://www.w3.org/2000/svg}title")
    ended = results.trials["state"].isin(["COMPLETE", "PRUNED"]).sum()
    assert len(circles) == 3 * ended, "every trial in each of the three panels"


def test_names_of_metrics_cannot_break_the_picture(folder):
    curves = CURVES.replace('"speed"', '"<script>&"')
    (folder.path / "other_curves.py").write_text(curves)
    metric = ["val_loss", {"name": "<script>&", "goal": "maximize"}]
    results = folder.run(
        metric=metric, curves="other_curves:factory", metric_constraints=[], budget__trials=5
    )
    texts = [element.text for element in ElementTree.parse(results.directory / "pareto.svg").iter()]
    assert "<script>& (maximize)" in texts


def test_what_is_compared_must_be_reported(folder):
    with pytest.raises(UsageError, match="every report must hold 'memory'"):
        folder.run(curves="my_curves:sizeless", metric=["val_loss", "memory"], metric_constraints=[])
    results = folder.run(REAL, fixed={"forgets": True}, budget__trials=2)
    assert set(results.trials["state"]) == {"FAILED"}
    assert "every report must hold 'size' (metric or metric_constraints" in results.trials["error"][0]


def test_a_further_objective_that_is_no_number_fails_the_trial(folder):
    results = folder.run(REAL, fixed={"nan": True}, sampler="grid")
    first = results.trials.iloc[0]
    assert (first["state"], first["stop_reason"]) == ("FAILED", "nonfinite")
    assert first["error"] == "size must be a finite number, and was nan at epoch 1"
    assert len(results.pareto) == 5


def test_the_fronts_checkpoints_stay_and_any_of_them_can_be_exported(folder):
    from safetensors.torch import load_file

    results = folder.run(REAL, sampler="grid")
    assert len(results.pareto) == 6, "each is smaller or better than the others"
    number = int(results.pareto["number"].iloc[-1])
    assert number != results.best.number
    done = sweep(["export", "results/toy", "other", "--trial", str(number)], folder.path, {})
    assert done.returncode == 0, done.stderr
    weight = load_file(folder.path / "other/model.safetensors")["weight"].item()
    assert math.isclose(weight, number + 0.2, rel_tol=1e-6)
    metrics = json.loads((folder.path / "other/metrics.json").read_text())
    assert metrics["trial"] == number and metrics["further"] == {"size": pytest.approx(10.0)}
    with pytest.raises(UsageError, match="trial 99 must be COMPLETE, and there is none of that number"):
        results.export("third", trial=99)
    shown = json.loads(sweep(["show", "results/toy", "--json"], folder.path, {}).stdout)
    assert [row["number"] for row in shown["front"]] == results.pareto["number"].tolist()
    table = sweep(["show", "results/toy"], folder.path, {}).stdout
    assert "complete (front)" in table and "front:  6 of 6 complete trials" in table
    assert f"winner: trial {results.best.number}, val_loss" in table and ", size 60" in table


def test_beaten_trials_lose_their_checkpoints(folder):
    text = REAL.replace("metric: [val_loss, size]", "metric: [val_loss, {name: size, goal: maximize}]")
    results = folder.run(text, sampler="grid")
    assert results.pareto["number"].tolist() == [results.best.number]
    kept = sorted(path.parent.name for path in (results.directory / "trials").glob("*/best.pt"))
    assert kept == [f"{results.best.number:04d}"]


def test_an_edit_keeps_what_the_front_is_made_of(folder):
    results = folder.run()
    (folder.path / "wider.yaml").write_text(SPEC.replace("max: 64", "max: 20"))
    edited = sweeps.resume(results.directory, edit=folder.path / "wider.yaml", set={"budget.trials": 45})
    inside = edited.trials[~edited.trials["outside"]]
    assert edited.trials["outside"].any() and edited.pareto["number"].tolist() == brute(inside)
    assert verify(results.directory) == []
    (folder.path / "other.yaml").write_text(SPEC.replace("memory <= 60", "memory <= 50"))
    with pytest.raises(sweeps.RefusedError, match="metric_constraints"):
        sweeps.resume(results.directory, edit=folder.path / "other.yaml")


@pytest.mark.parametrize(
    "stored",
    [
        {"metrics": {"speed": "fast"}, "excess": []},
        {"metrics": {"speed": 1.0}, "excess": [-1.0]},
        [],
        {"metrics": {}},
    ],
)
def test_a_study_of_somebody_else_is_checked(folder, stored):
    results = folder.run(budget__trials=3, engine="simulated")
    journal = results.directory / "study.journal"
    lines = journal.read_text().splitlines()
    place = next(i for i, line in enumerate(lines) if '"further.1"' in line)
    record = json.loads(lines[place])
    record["user_attr"]["further.1"] = stored
    lines[place] = json.dumps(record)
    journal.write_text("\n".join(lines) + "\n")
    with pytest.raises(sweeps.CorruptStudyError, match=r"trial 0: further\.1 must be metrics by name"):
        _ = sweeps.load(results.directory).trials
