"""benchmarks/search: its problems are what they say, its measure is right, and it goes on where it stood."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks.search import cells, drive_ours, foresight, methods, plot, report, run, warm_start
from benchmarks.search.cells import Cell, Key
from benchmarks.search.clock import Simulation
from benchmarks.search.problems import DEVELOPMENT, JUDGING, METRIC, SETS, Problem, names, problem
from benchmarks.search.regret import GRID, Known, Trace, known, regret
from benchmarks.search.space import decode, encode, rows
from sweeps.controller import TrialStarted

SYNTHETIC = SETS["synthetic"]


def ranks(values):
    return np.argsort(np.argsort(values))


def rank_correlation(left, right):
    """Spearman's."""
    return float(np.corrcoef(ranks(left), ranks(right))[0, 1])


def drawn(name, n=500, seed=0):
    """``n`` random configurations with their curves."""
    searched = problem(name)
    configs = decode(searched.space, np.random.default_rng(seed).random((n, len(searched.space))))
    return searched, configs, *searched.batch(configs)


@pytest.mark.parametrize("name", SYNTHETIC)
def test_a_curve_is_the_same_alone_and_among_others(name):
    searched, configs, losses, seconds = drawn(name, 5)
    assert losses.shape == seconds.shape == (5, searched.epochs) and (seconds > 0).all()
    for number, config in enumerate(rows(configs)):
        metrics, took = searched.curve({**config, "problem": name}, seed=3, epochs=20)
        assert metrics[METRIC] == pytest.approx(losses[number, :20]) and took == pytest.approx(
            seconds[number, :20]
        )


@pytest.mark.parametrize("name", SETS["deceptive"])
def test_early_epochs_of_the_deceptive_family_anti_correlate_with_the_last(name):
    _, _, losses, _ = drawn(name)
    found = rank_correlation(losses[:, 0], losses[:, -1])
    print(f"{name}: rank correlation of the first and the last epoch {found:.2f}")
    assert found <= -0.5
    half = losses.shape[1] // 2
    assert rank_correlation(losses[:, half], losses[:, -1]) < 0
    assert losses[:, :half].min() > np.median(losses[:, -1])  # nothing is found before the end


def test_the_best_of_what_misleads_is_bad():
    _, configs, losses, _ = drawn("branin:0")
    assert rank_correlation(problem("inverted:branin:0").batch(configs)[0][:, -1], losses[:, -1]) < -0.99
    searched = problem("mirrored:branin:0")
    again = decode(searched.space, 1.0 - encode(searched.space, configs))
    assert searched.batch(again)[0] == pytest.approx(losses)


def test_a_table_of_earlier_sweeps_compares_equal_tasks_and_seeds():
    jobs = list(warm_start.jobs(["a", "b"], 2, ["same", "other"]))
    assert len(jobs) == 12 and jobs[2] == warm_start.Job("a", 0, "other", "b")
    found = {job: [0.2 if job.relation == "same" else 0.4 + job.seed] * 4 for job in jobs if job.task == "a"}
    same, other = warm_start.table(found)
    assert (same["searches"], same["regret"][0], same["without"][0]) == (2, 0.2, 0.9)
    assert other["ratio"] == [1.0] * 4


@pytest.mark.parametrize("name", SETS["hartmann"] + SETS["branin"])
def test_the_other_families_curves_cross(name):
    _, _, losses, _ = drawn(name)
    correlations = [rank_correlation(losses[:, epoch], losses[:, -1]) for epoch in (2, 12, 40)]
    assert correlations[0] < 0.6 < 0.9 < correlations[2]


def test_instances_differ():
    assert not np.allclose(drawn("hartmann:0")[2], drawn("hartmann:1")[2])


@pytest.mark.parametrize("name", SYNTHETIC)
def test_what_is_best_known_is_reached_and_not_beaten_by_random_search(name):
    searched, _, losses, seconds = drawn(name, 20_000, seed=1)
    found, kept = known(name), json.loads((cells.FILE.parent / "best_known.json").read_text())[name]
    at_best, _ = searched.curve(kept["config"], 0, kept["epoch"])
    assert at_best[METRIC][-1] == pytest.approx(found.best)
    assert found.best < losses.min() and kept["random"] == 100_000
    assert np.median(losses.min(axis=1)) == pytest.approx(found.median, rel=0.02)
    assert np.median(seconds.sum(axis=1)) == pytest.approx(found.seconds, rel=0.02)


def test_the_tasks_for_judging_are_known_and_are_no_others():
    assert len(JUDGING) == 8 and not set(JUDGING) & set(DEVELOPMENT)
    for task in names(["judging", "development:8"]):
        found = known(task)
        assert 0 < found.best < found.median and found.seconds > 0


def test_configurations_survive_the_unit_cube():
    searched, configs, _, _ = drawn("branin:0", 50)
    back = decode(searched.space, encode(searched.space, configs))
    assert (back["optimizer"] == configs["optimizer"]).all()
    assert back["lr"] == pytest.approx(configs["lr"])


def test_regret_is_0_at_the_best_known_and_1_at_a_median_training():
    scale = Known(best=0.2, median=1.2, seconds=60.0)
    assert (
        regret(0.2, scale) == 0.0 and regret(1.2, scale) == 1.0 and regret(0.7, scale) == pytest.approx(0.5)
    )
    assert regret(9.0, scale) == regret(None, scale) == 1.0
    assert regret(0.1, scale) < 0.0


def test_the_budget_is_the_time_of_ten_full_median_trainings():
    scale = Known(best=0.0, median=1.0, seconds=60.0)
    assert scale.budget == 600.0
    trace = Trace([30.0, 60.0, 599.0, 601.0], [0.9, 0.5, 0.4, 0.3])
    found = dict(zip(GRID, trace.on_grid(scale.budget), strict=True))
    assert [found[0.025], found[0.05], found[0.1], found[0.975], found[1.0]] == [None, 0.9, 0.5, 0.5, 0.4]


class Scripted:
    """A method that is told what to do, and remembers what it was asked."""

    def __init__(self, levels, stops):
        self.levels, self.stops, self.ended = iter(levels), stops, []

    def suggest(self, number):
        return {"level": next(self.levels)}

    def report(self, number, epoch, loss):
        return (number, epoch) in self.stops

    def finish(self, number, complete):
        self.ended.append((number, complete))


def flat(configs):
    """Three epochs of a second for each unit of the level, at that level."""
    level = configs["level"].astype(float)
    return np.repeat(level[:, None], 3, axis=1), np.repeat(level[:, None], 3, axis=1)


def test_the_virtual_clock_gives_a_worker_that_is_free_the_next_trial_at_once():
    searched = Problem("flat", {"level": {"min": 1.0, "max": 9.0}}, 3, flat)
    method = Scripted([4.0, 2.0, 1.0, 3.0, 9.0], stops={(1, 1)})
    outcome = Simulation(searched, method, workers=2, budget=12.0).run()
    # trial 0: 4, 8, 12; trial 1: 2, stopped; trial 2: 3, 4, 5; trial 3: 8, 11, then too late; trial 4: at 12
    assert method.ended == [(1, False), (2, True), (0, True)]
    assert outcome.trials == 5 and outcome.epochs == 9
    assert outcome.trace == Trace([2.0, 3.0], [2.0, 1.0])


def test_ours_is_a_real_sweep_on_the_same_clock():
    first = methods.search("ours:random+none", "hartmann:0", 4, 0)
    budget = known("hartmann:0").budget
    assert 20 < first.trials < 80 and first.epochs > 25 * (first.trials - 4)
    assert 0 < first.trace.seconds[0] < first.trace.seconds[-1] <= budget
    assert list(first.trace.losses) == sorted(first.trace.losses, reverse=True)
    assert first.sampler_ms > 0
    again = methods.search("ours:random+none", "hartmann:0", 4, 0)
    assert again.trace.losses == first.trace.losses


class Replay:
    """Proposes what a sweep proposed, and stops nothing."""

    def __init__(self, params):
        self.params = params

    def suggest(self, number):
        return self.params[number]

    def report(self, number, epoch, loss):
        return False

    def finish(self, number, complete):
        pass


def test_the_peers_clock_is_that_of_the_simulated_engine():
    params = []

    def started(event):
        if isinstance(event, TrialStarted):
            params.append(dict(event.params))

    searched, budget = problem("branin:1"), known("branin:1").budget
    ours = drive_ours.run("random+none", searched, 1, 3, budget, observers=[started])
    theirs = Simulation(searched, Replay(params), workers=1, budget=budget).run()
    assert theirs.trace == ours.trace
    assert (theirs.trials, theirs.epochs) == (ours.trials, ours.epochs)


def test_a_cell_of_optuna_is_kept_and_not_run_again(tmp_path, capsys):
    path = tmp_path / "cells.jsonl"
    words = ["--methods", "optuna:random+median", "--tasks", "branin:0", "--workers", "2", "--seeds", "1"]
    words += ["--cells", str(path)]
    assert run.main(words) == 0
    (cell,) = cells.read(path).values()
    assert cell.key == Key("optuna:random+median", "branin:0", 2, 0) and cell.trials > 10
    assert cell.best[-1] < cell.best[4] and "1/1" in capsys.readouterr().out

    with path.open("a") as file:
        file.write('{"method": "optuna:random+me')  # cut short by a kill
    more = [*words, "--seeds", "2"]
    assert run.main([*more, "--keep", str(tmp_path / "k.json"), "--plot", str(tmp_path / "p.png")]) == 0
    assert "1/1" in capsys.readouterr().out  # the second seed only
    assert [key.seed for key in cells.read(path)] == [0, 1]
    kept = json.loads((tmp_path / "k.json").read_text())["methods"]["2 workers"]["optuna:random+median"]
    assert kept["searches"] == 2 and len(kept["regret"]) == 4 and (tmp_path / "p.png").stat().st_size > 1000


def cell(seed, best, name="deceptive:0", budget=None):
    curve = [best] * len(GRID)
    return Cell("m", name, 4, seed, budget or known(name).budget, curve, 10, 100, 1.0, 0.1, 1.0)


def test_a_cell_under_another_budget_is_stale(tmp_path):
    path = tmp_path / "cells.jsonl"
    cells.append(path, cell(0, 0.1))
    cells.append(path, cell(1, 0.1, budget=5.0))
    assert [key.seed for key in cells.read(path)] == [0]


def test_the_table_has_the_mean_over_tasks_and_its_standard_error():
    scale = Known(best=0.0, median=1.0, seconds=1.0)
    found = [cell(0, 0.1), cell(1, 0.3), cell(0, 0.5, "deceptive:1"), cell(1, 0.7, "deceptive:1")]
    (row,) = report.rows(found, lambda name: scale)
    assert row.regret[-1] == pytest.approx((0.2 + 0.6) / 2)
    # each task's mean of two has a standard error of 0.1; the mean of both has 0.1 * sqrt(2) / 2
    assert row.error[-1] == pytest.approx(0.1 * 2**0.5 / 2)
    assert (
        "0.400 ±0.071" in report.table([row])
        and "deceptive:1" in report.summary([row])["4 workers"]["m"]["tasks"]
    )


def test_the_plot_has_a_panel_for_each_number_of_workers(tmp_path):
    from PIL import Image

    scale = Known(best=0.0, median=1.0, seconds=1.0)
    (row,) = report.rows([cell(0, 0.1)], lambda name: scale)
    plot.plot([row], tmp_path / "one.png")
    other = report.rows([Cell(**{**vars_of(cell(0, 0.1)), "workers": 16})], lambda name: scale)
    plot.plot([row, *other], tmp_path / "two.png")
    sizes = [Image.open(tmp_path / name).size for name in ("one.png", "two.png")]
    assert sizes[1][0] == sizes[0][0] + plot.WIDTH


def vars_of(one):
    return {name: getattr(one, name) for name in Cell.__dataclass_fields__}


def test_names_that_are_none_are_refused(capsys):
    assert run.main(["--methods", "hyperopt:tpe", "--report"]) == 2
    assert "hyperopt" in capsys.readouterr().err
    assert run.main(["--tasks", "ackley:0", "--report"]) == 2
    assert "ackley:0" in capsys.readouterr().err
    assert names(["development:3", "hartmann:1"]) == [*SETS["development"][:3], "hartmann:1"]


def test_a_recorded_search_is_replayed_to_the_model():
    line = foresight.record(("branin:0", 1, 0))
    looks = foresight.replay(line)
    assert looks == foresight.replay(line)
    assert any(look.wins for look in looks) and not all(look.wins for look in looks)
    assert all(0.0 <= look.chance <= 1.0 for look in looks)
    found = foresight.summary(looks)
    assert found["looks"] == len(looks) and found["low"] == sum(
        look.chance < foresight.CHANCE for look in looks
    )
    wins = [look.chance for look in looks if look.wins]
    assert np.mean(wins) > np.mean([look.chance for look in looks if not look.wins])


def test_what_happened_costs_the_less_the_more_it_was_expected():
    expected, surprising = foresight.Look(False, 0.9, True), foresight.Look(False, 0.9, False)
    assert expected.loss == pytest.approx(-np.log(0.9)) and surprising.loss == pytest.approx(-np.log(0.1))
    assert foresight.Look(False, 0.0, True).loss == pytest.approx(-np.log(1e-4))
