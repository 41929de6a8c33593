"""What every engine does alike. Each engine's test is a subclass that says how to make one: of `EngineSuite`,
or, where nothing is trained, of `DecisionSuite`.
"""

from __future__ import annotations

import time

import pytest

from sweeps.controller import EpochReported, TrialEnded, TrialStarted
from sweeps.engines import Engine, EngineSettings, Job
from sweeps.errors import TargetError
from sweeps.messages import Died, Raised, Returned, TrialSpec
from tests.engines.harness import Sweep, states

FINISHED = ("COMPLETE", "finished")


class DecisionSuite:
    """What the controller is told, and what comes of it. Runs real sweeps through ``make(settings)``."""

    has_checkpoints = True
    hung_for = 8.0  # seconds: the most that a sweep may take with a function in it that hangs for a minute

    def create(self, settings: EngineSettings) -> Engine:
        raise NotImplementedError

    @pytest.fixture
    def make(self):
        """``create``, closed in the end."""
        engines = []

        def make(settings):
            engines.append(self.create(settings))
            return engines[-1]

        make.engines = engines
        yield make
        for engine in engines:
            engine.close()

    @pytest.fixture
    def run(self, tmp_path, make):
        """Run a sweep of one function and return it with its records."""

        def run(function: str, folder: str = "sweep", watch=lambda controller, event: None, **keys):
            sweep = Sweep(tmp_path / folder, function, **keys)
            return sweep, sweep.run(make(sweep.settings), watch)

        return run

    def test_trials_run_to_their_end(self, run):
        sweep, records = run("falling")
        assert states(records) == [FINISHED] * 3
        for record in records:
            assert record.value == pytest.approx(record.params["x"] + 1 / 4)
            assert (record.best_epoch, record.epochs, record.attempt) == (4, 4, 1)
            rows = sweep.metrics(record.number)
            assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
            assert [row["metrics"]["epoch_again"] for row in rows] == [1, 2, 3, 4]

    def test_a_function_without_the_loop(self, run):
        _, records = run("free_form")
        assert [(record.state, record.epochs) for record in records] == [("COMPLETE", 4)] * 3

    def test_pruned(self, run):
        pruner = {"name": "threshold", "upper": 0.9, "n_warmup_steps": 0}
        _, records = run("falling", pruner=pruner, budget={"trials": 4})
        assert states(records) == [("PRUNED", "threshold")] * 4
        assert [record.epochs for record in records] == [1] * 4

    def test_pruned_without_the_loop(self, run):
        _, records = run("free_form", pruner={"name": "threshold", "upper": 0.9})
        assert [(record.state, record.epochs) for record in records] == [("PRUNED", 1)] * 3

    def test_stopped_early(self, run):
        _, records = run("worse_after_two", epochs=9, early_stopping={"patience": 2})
        assert states(records) == [("COMPLETE", "early_stopping")] * 3
        assert [(record.value, record.best_epoch, record.epochs) for record in records] == [(0.0, 2, 4)] * 3

    def test_a_function_that_raises_costs_one_trial(self, run):
        sweep, records = run("raises_in_trial_one")
        assert states(records) == [FINISHED, ("FAILED", "error"), FINISHED]
        assert records[1].error == "ValueError: hidden size must be positive"
        log = sweep.log(1)
        assert "in raises_in_trial_one" in log
        assert "ValueError: hidden size must be positive" in log
        assert "run_attempt" not in log

    def test_out_of_memory(self, run):
        _, records = run("memory_error", budget={"trials": 1})
        assert states(records) == [("FAILED", "oom")]

    def test_a_function_that_exits(self, run):
        _, records = run("system_exit", budget={"trials": 2})
        assert states(records) == [("FAILED", "error")] * 2
        assert records[0].error == "called sys.exit(3)"

    def test_not_a_number(self, run):
        _, records = run("not_a_number")
        assert states(records) == [FINISHED, ("FAILED", "nonfinite"), FINISHED]
        assert records[1].epochs == 1

    def test_a_hung_function(self, run):
        began = time.monotonic()
        _, records = run("hangs_in_trial_one", timeout={"report": 0.5})
        assert states(records) == [FINISHED, ("FAILED", "hang"), FINISHED]
        assert records[1].error == "no report for 0.5 s"
        assert time.monotonic() - began < self.hung_for

    def test_a_function_that_takes_too_long_altogether(self, run):
        _, records = run("slow", epochs=100, timeout={"trial": 0.5}, budget={"trials": 1})
        assert states(records) == [("FAILED", "hang")]
        assert records[0].error == "ran for 0.5 s without ending"
        assert records[0].epochs < 50  # of 100, 0.1 s each: reports do not put the end off

    def test_the_budget_is_met_exactly(self, run):
        _, records = run("falling", budget={"trials": 11})
        assert len(records) == 11

    def test_the_same_seed_gives_the_same_trials(self, run):
        tables = [
            [(record.params, record.values) for record in run("trains", folder, seed=3, workers=1)[1]]
            for folder in ("first", "second")
        ]
        assert tables[0] == tables[1]
        assert len({record["x"] for record, _ in tables[0]}) == 3

    def test_interrupted_trials_go_on_where_they_stood(self, tmp_path, make, run):
        def interrupt(controller, event):
            if isinstance(event, EpochReported) and (event.number, event.epoch) == (1, 2):
                controller.interrupt()

        sweep = Sweep(tmp_path / "parts", "trains", seed=3, workers=1)
        cut = sweep.run(make(sweep.settings), interrupt)
        assert states(cut) == [FINISHED, ("INTERRUPTED", "interrupted")]
        assert (sweep.paths.trial(1).directory / "last.pt").exists() == self.has_checkpoints
        resumed = sweep.run(make(sweep.settings))
        assert states(resumed) == [FINISHED] * 3
        assert [(row["attempt"], row["epoch"]) for row in sweep.metrics(1)] == [
            *((1, epoch) for epoch in range(1, cut[1].epochs + 1)),
            *((2, epoch) for epoch in range(cut[1].epochs + 1, 5)),
        ]
        _, whole = run("trains", "whole", seed=3, workers=1)
        assert [(record.params, record.values) for record in resumed] == [
            (record.params, record.values) for record in whole
        ]

    def test_kill_ends_what_runs_within_two_seconds(self, tmp_path, make):
        sweep = Sweep(tmp_path, "hangs_in_trial_one", budget={"trials": 9})
        engine = make(sweep.settings)
        killed = []

        def kill(controller, event):
            if isinstance(event, EpochReported) and (event.number, event.epoch) == (1, 1):
                controller.interrupt()
                killed.append(time.monotonic())
                engine.kill()

        records = sweep.run(engine, kill)
        assert time.monotonic() - killed[0] < 2.5
        assert records[1].state == "INTERRUPTED"
        assert len(records) < 9


class EngineSuite(DecisionSuite):
    """And what becomes of the user's function, and of its process."""

    def test_a_retry_is_another_attempt_of_the_same_number(self, run):
        ended = []

        def watch(controller, event):
            if isinstance(event, TrialStarted | TrialEnded):
                ended.append(event.time)

        retries = {"error": 1, "backoff": 0.4}
        sweep, records = run("raises_once", "backoff", watch, budget={"trials": 1}, retries=retries)
        assert states(records) == [FINISHED]
        assert ended[2] - ended[1] >= 0.4, "it waits, though nothing else runs"
        sweep, records = run("raises_once", retries={"error": 1})
        assert states(records) == [FINISHED] * 3
        assert [record.attempt for record in records] == [2, 2, 2]
        assert [row["attempt"] for row in sweep.metrics(0)] == [1, 1, 2, 2, 2, 2]

    def test_a_forked_child_that_falls_out_of_the_function_ends(self, run):
        sweep, records = run("forks_and_falls_out")
        assert states(records) == [FINISHED] * 3
        for record in records:
            rows = sweep.metrics(record.number)
            assert [row["metrics"]["status"] for row in rows] == [0, 0, 1, 0]

    def test_a_folder_the_function_enters_is_left_again(self, run):
        _, records = run("changes_its_folder", epochs=1, workers=1)
        assert [record.value for record in records] == [0.0, 0.0, 0.0]

    def test_a_trial_finds_the_process_as_the_first_one_did(self, run):
        sweep, records = run("changes_the_process_it_trains", epochs=1, workers=1)
        told = [sweep.metrics(record.number)[0]["metrics"] for record in records]
        assert len({row["pid"] for row in told}) == 1
        fresh = {"threads": 1, "grad": 1, "float32": 1, "deterministic": 0, "left": 0, "home": 0}
        assert [{name: row[name] for name in fresh} for row in told] == [fresh] * 3

    def test_output_goes_to_each_trials_log(self, run):
        sweep, _ = run("talks")
        for number in range(3):
            lines = sweep.log(number).splitlines()
            assert f"print of {number}" in lines
            assert f"error of {number}" in lines
            assert any(line.endswith(f"  log of {number}") for line in lines)
            assert sum("print of" in line for line in lines) == 1

    def test_a_logging_handler_outlives_the_trial_that_made_it(self, run, capsys):
        sweep, _ = run("logs", workers=1)
        for number in range(3):
            assert [line for line in sweep.log(number).splitlines() if "logg" in line.lower()] == [
                f"logged by {number}"
            ]
        assert "Logging error" not in capsys.readouterr().err

    def test_what_the_driver_prints_is_in_no_log(self, run, capsys):
        def say(controller, event):
            print("the driver speaks")

        sweep, _ = run("talks", watch=say)
        assert "the driver speaks" in capsys.readouterr().out
        assert not any("the driver speaks" in sweep.log(number) for number in range(3))

    def test_a_log_keeps_its_end_only(self, run):
        sweep, records = run("prints_a_lot", budget={"trials": 1})
        assert states(records) == [FINISHED]
        logs = list(sweep.paths.trial(0).directory.glob("log*"))
        assert sum(path.stat().st_size for path in logs) < 11_000_000
        kept = sum(path.read_text().count("one of the last lines") for path in logs)
        assert kept >= 499  # the log was cut while they were printed, which can cost the one of that moment

    def test_a_population_hands_on_its_best(self, run):
        pruner = {"name": "pbt", "interval": 2}
        budget, pruner = {"trials": 4}, {"name": "pbt", "interval": 2}
        sweep, records = run("population_trains", epochs=6, budget=budget, pruner=pruner)
        assert states(records) == [FINISHED] * 4
        assert [record.attempt for record in records] == [3] * 4
        told = [{row["epoch"]: row["metrics"] for row in sweep.metrics(n)} for n in range(4)]
        heirs = [(r.number, inherited) for r in records for inherited in r.inherited]
        assert sorted(inherited.epoch for _, inherited in heirs) == [2, 4]
        for number, inherited in heirs:
            epoch, parent = inherited.epoch, told[inherited.parent]
            losses = [rows[epoch]["val_loss"] for rows in told]
            assert (told[number][epoch]["val_loss"], parent[epoch]["val_loss"]) == (max(losses), min(losses))
            first = told[number][epoch + 1]
            assert first["before"] == parent[epoch]["after"]
            assert first["rate"] == pytest.approx(inherited.params["x"] / 10 * 0.5**epoch)
        best = sorted(records, key=lambda record: record.value)
        for record in records:  # only the three best of the ended trials keep a checkpoint
            kept = {path.name for path in sweep.paths.trial(record.number).directory.glob("*.pt")}
            assert kept == ({"best.pt"} if record in best[:3] else set())

    @pytest.mark.parametrize(
        ("target", "message"),
        [
            ("no_such_module:train", "no module 'no_such_module'"),
            ("functions:fallin", r"has no function 'fallin'; did you mean 'falling'\?"),
            ("broken_module:train", "cannot be imported: ZeroDivisionError"),
        ],
    )
    def test_a_function_that_cannot_be_imported_spends_no_trial(self, tmp_path, make, target, message):
        (tmp_path / "broken_module.py").write_text("1 / 0")
        sweep = Sweep(tmp_path, target)
        with pytest.raises(TargetError, match=message):
            sweep.run(make(sweep.settings))
        assert sweep.records() == []

    def test_a_job_calls_the_test_function(self, tmp_path, make):
        engine = make(Sweep(tmp_path, "falling").settings)
        result = engine.call(self.job(tmp_path, "functions:measure"))
        assert result.outcome == Returned()
        assert result.value["test"] == {"accuracy": 0.75}
        assert "testing" in (tmp_path / "trial" / "log.txt").read_text()

    def test_a_forked_child_that_falls_out_of_a_test_function_ends(self, tmp_path, make):
        engine = make(Sweep(tmp_path, "falling").settings)
        result = engine.call(self.job(tmp_path, "functions:forking_test"))
        assert result.value["test"] == {"accuracy": 1.0}

    def test_a_job_that_takes_too_long_hangs(self, tmp_path, make):
        engine = make(Sweep(tmp_path, "falling", timeout={"trial": 0.3}).settings)
        result = engine.call(self.job(tmp_path, "functions:slow_test"))
        assert (result.value, result.outcome) == (None, Died("hang", "ran for 0.3 s without ending"))

    def test_an_import_that_hangs_is_late(self, tmp_path, make):
        (tmp_path / "sleepy.py").write_text("import time\ntime.sleep(60)")
        sweep = Sweep(tmp_path, "sleepy:train", timeout={"report": 0.3}, workers=1)
        began = time.monotonic()
        with pytest.raises(TargetError, match=r"importing 'sleepy:train' took over 0\.3 s") as refused:
            sweep.run(make(sweep.settings))
        first, *stack = str(refused.value).splitlines()
        assert "raise timeout.report" in first and len(stack) <= 21
        assert not any("forkserver" in line or "<frozen importlib" in line for line in stack)
        assert sweep.records() == []
        assert time.monotonic() - began < 8

    def test_a_job_that_fails_says_how(self, tmp_path, make):
        engine = make(Sweep(tmp_path, "falling").settings)
        result = engine.call(self.job(tmp_path, "functions:broken_test"))
        assert result.value is None
        assert isinstance(result.outcome, Raised)
        assert result.outcome.message == "KeyError: 'no such split'"
        assert "in broken_test" in (tmp_path / "trial" / "log.txt").read_text()

    def job(self, folder, test) -> Job:
        spec = TrialSpec(0, 1, {"x": 0.25}, 5, 4, "val_loss", "minimize", folder / "trial")
        return Job(spec, test, folder / "best", ())
