"""The controller through its protocol: ask, report, finish, over a real study on disk."""

from __future__ import annotations

import math
import os

import pytest

from sweeps.controller import MessageIgnored
from sweeps.errors import UsageError
from sweeps.messages import Continue, Died, Exhausted, Interrupted, Raised, Returned, Stop, Wait
from sweeps.paths import RunPaths
from sweeps.study import read_end, read_records
from tests.controller.harness import BASE, FakeTime, drain, opened, train, write_spec


def rows(records):
    return [(r.number, r.state, r.stop_reason, r.value, r.best_epoch, r.epochs, r.params) for r in records]


def read(folder, spec):
    return read_records(RunPaths(folder / "results"), spec.name, spec.metric.goal)


def test_budget_is_exact_and_the_study_says_what_happened(tmp_path):
    spec = write_spec(tmp_path)
    with opened(tmp_path, spec) as controller:
        assert drain(controller) == "budget.trials"
        live = rows(controller.records)
    stored = read(tmp_path, spec)
    assert rows(stored) == live
    assert [r.state for r in stored] == ["COMPLETE"] * 6
    assert [r.stop_reason for r in stored] == ["finished"] * 6
    assert all(r.best_epoch == 9 and r.value == pytest.approx(r.params["x"] + 1 / 9) for r in stored)
    assert all(type(r.params["kind"]) in (str, int, float, bool) for r in stored)


def test_the_same_seed_gives_the_same_configurations_and_another_seed_others(tmp_path):
    params = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / name).mkdir()
        spec = write_spec(tmp_path / name, BASE, (f"seed={seed}",))
        with opened(tmp_path / name, spec) as controller:
            drain(controller)
            params.append([r.params for r in controller.records])
    assert params[0] == params[1] != params[2]


@pytest.mark.parametrize("sampler", ["random", "qmc", "tpe", "cmaes", "nsga2", "gp", "multifidelity"])
def test_an_interrupted_sweep_equals_an_uninterrupted_one(tmp_path, sampler):
    text = BASE.replace("trials: 6", "trials: 14")
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
    spec = write_spec(tmp_path / "whole", text, (f"sampler={sampler}",))
    with opened(tmp_path / "whole", spec) as controller:
        drain(controller)
        whole = rows(controller.records)
    spec = write_spec(tmp_path / "cut", text, (f"sampler={sampler}",))
    for stop_at in (3, 7, 12):
        with opened(tmp_path / "cut", spec) as controller:
            while len(controller.records) < stop_at:
                trial = controller.ask()[0]
                if len(controller.records) < stop_at:
                    train(controller, trial)
            controller.report(trial.number, trial.attempt, 1, {"val_loss": trial.config["x"] + 1.0})
            # The driver dies here: nobody finishes the running trial.
    with opened(tmp_path / "cut", spec) as controller:
        drain(controller)
        assert rows(controller.records) == whole
        assert [r.attempt for r in controller.records if r.attempt > 1] == [2, 2, 2]


def test_choices_are_four_values_and_stored_by_index(tmp_path):
    text = BASE.replace("[a, b, 1, 1.0, true]", '[1, 1.0, true, "1"]').replace(
        "{kind: [a, b]}", '{kind: "1"}'
    )
    spec = write_spec(tmp_path, text.replace("trials: 6", "trials: 40"))
    with opened(tmp_path, spec) as controller:
        drain(controller)
    kinds = {(type(r.params["kind"]), r.params["kind"]) for r in read(tmp_path, spec)}
    assert kinds == {(int, 1), (float, 1.0), (bool, True), (str, "1")}
    assert all(("depth" in r.params) == (r.params["kind"] == "1") for r in read(tmp_path, spec))


FINITE = """
version: 1
name: toy
train: toy:train
epochs: 2
parameters:
  a: {values: [1, 2, 3]}
  b: {min: 1, max: 4}
constraints: ["a + b <= 5"]
pruner: none
"""


@pytest.mark.parametrize("sampler", ["random", "grid", "qmc", "tpe", "multifidelity"])
def test_a_finite_space_is_visited_once_each_and_then_exhausted(tmp_path, sampler):
    spec = write_spec(tmp_path, FINITE, (f"sampler={sampler}",))
    with opened(tmp_path, spec) as controller:
        assert drain(controller, lambda config: lambda epoch: float(config["a"])) == "space exhausted"
        seen = {(r.params["a"], r.params["b"]) for r in controller.records}
        assert len(controller.records) == len(seen) == spec.space.size() == 9
    assert all(a + b <= 5 for a, b in seen)


def test_proposals_turned_down_leave_no_number_and_no_row(tmp_path):
    text = BASE.replace("pruner: none", 'pruner: none\nconstraints: ["x <= 0.05"]')
    for sampler in ("random", "tpe", "qmc"):
        folder = tmp_path / sampler
        folder.mkdir()
        spec = write_spec(folder, text, (f"sampler={sampler}",))
        with opened(folder, spec) as controller:
            drain(controller)
            assert [r.number for r in controller.records] == list(range(6))
            assert all(r.params["x"] <= 0.05 for r in controller.records)
        assert len(read(folder, spec)) == 6


def test_constraints_that_leave_nothing_say_so(tmp_path):
    text = BASE.replace("pruner: none", 'pruner: none\nconstraints: ["x <= 0.0000001"]')
    with (
        opened(tmp_path, write_spec(tmp_path, text)) as controller,
        pytest.raises(UsageError, match="constraints: at least one in"),
    ):
        controller.ask()


def test_enqueued_configurations_come_first_and_count(tmp_path):
    text = BASE + "enqueue: [{x: 0.5, kind: 1}, {x: 0.25, kind: a, depth: 3}]\n"
    spec = write_spec(tmp_path, text)
    with opened(tmp_path, spec) as controller:
        drain(controller)
        params = [r.params for r in controller.records]
    assert params[0] == {"x": 0.5, "kind": 1}
    assert params[1] == {"x": 0.25, "kind": "a", "depth": 3}
    assert len(params) == 6


def test_within_fixes_parameters(tmp_path):
    spec = write_spec(tmp_path, BASE, ("sampler=tpe",))
    with opened(tmp_path, spec) as controller:
        trials = controller.ask(3, within={"kind": "b", "depth": 2})
        assert [t.config["kind"] for t in trials] == ["b"] * 3
        assert [t.config["depth"] for t in trials] == [2] * 3
        assert len({t.config["x"] for t in trials}) == 3


def test_early_stopping_completes_with_the_best_epoch(tmp_path):
    spec = write_spec(tmp_path, BASE + "early_stopping: {patience: 2}\n", ("budget.trials=1",))
    losses = [3.0, 2.0, 1.0, 1.5, 1.0, 0.5, 0.4, 0.3, 0.2]
    with opened(tmp_path, spec) as controller:
        drain(controller, lambda config: lambda epoch: losses[epoch - 1])
    record = read(tmp_path, spec)[0]
    assert (record.state, record.stop_reason) == ("COMPLETE", "early_stopping")
    assert (record.value, record.best_epoch, record.epochs) == (1.0, 3, 5)


def test_a_maximised_objective(tmp_path):
    text = BASE + "metric: {name: val_loss, goal: maximize}\nearly_stopping: {patience: 2, min_delta: 0.1}\n"
    spec = write_spec(tmp_path, text, ("budget.trials=1",))
    with opened(tmp_path, spec) as controller:
        drain(controller, lambda config: lambda epoch: {1: 0.5, 2: 0.55, 3: 0.58}.get(epoch, 0.9))
    record = read(tmp_path, spec)[0]
    assert (record.value, record.best_epoch, record.epochs) == (0.58, 3, 3)


def test_asha_prunes_and_keeps_the_good(tmp_path):
    spec = write_spec(tmp_path, BASE.replace("pruner: none", "pruner: {name: asha, min_epochs: 1}"))
    with opened(tmp_path, spec) as controller:
        drain(controller)
        states = {r.number: (r.state, r.stop_reason, r.epochs) for r in controller.records}
        best = min(controller.records, key=lambda r: r.params["x"])
    assert states[0] == ("COMPLETE", "finished", 9)
    assert states[best.number][0] == "COMPLETE"
    assert ("PRUNED", "asha", 1) in states.values()


@pytest.mark.parametrize(
    "pruner", ["median", "hyperband", "asha", "auto", "{name: percentile, percentile: 25.0}"]
)
def test_pruners_by_name_prune_something_bad(tmp_path, pruner):
    text = BASE.replace("pruner: none", f"pruner: {pruner}").replace("trials: 6", "trials: 30")
    spec = write_spec(tmp_path, text)
    with opened(tmp_path, spec) as controller:
        drain(controller)
        pruned = [r for r in controller.records if r.state == "PRUNED"]
        complete = [r for r in controller.records if r.state == "COMPLETE"]
    assert pruned and complete
    assert {r.stop_reason for r in pruned} == {spec.pruner.name} or spec.pruner.name == "auto"
    assert min(r.value for r in complete) <= min(r.value for r in pruned)


def test_nonfinite_fails_at_once_and_never_is_best(tmp_path):
    spec = write_spec(tmp_path, BASE, ("budget.trials=1",))
    with opened(tmp_path, spec) as controller:
        drain(controller, lambda config: lambda epoch: 1.0 if epoch < 3 else math.nan)
    record = read(tmp_path, spec)[0]
    assert (record.state, record.stop_reason, record.epochs) == ("FAILED", "nonfinite", 2)
    assert "epoch 3" in record.error


def test_failures_are_retried_as_often_as_allowed(tmp_path):
    spec = write_spec(tmp_path, BASE, ("budget.trials=1", "retries.error=1", "retries.crash=2"))
    outcomes = [
        Raised("error", "ValueError: no"),
        Died("crash", "killed by SIGKILL"),
        Raised("error", "again"),
    ]
    with opened(tmp_path, spec) as controller:
        for attempt, outcome in enumerate(outcomes, 1):
            trial = controller.ask()[0]
            assert (trial.number, trial.attempt) == (0, attempt)
            assert controller.ask() == Wait()
            controller.report(0, attempt, attempt, {"val_loss": 1.0})
            controller.finish(0, attempt, outcome)
        assert controller.ask() == Exhausted("budget.trials")
    record = read(tmp_path, spec)[0]
    assert (record.state, record.stop_reason, record.error) == ("FAILED", "error", "again")
    assert record.failures == {"error": 2, "crash": 1}


def test_returning_without_a_report_is_a_failure(tmp_path):
    spec = write_spec(tmp_path, BASE, ("budget.trials=1", "retries.crash=0"))
    with opened(tmp_path, spec) as controller:
        trial = controller.ask()[0]
        controller.finish(trial.number, trial.attempt, Returned())
        assert controller.records[0].state == "FAILED"
        assert "without any report" in controller.records[0].error


def test_a_late_word_of_a_replaced_worker_is_ignored(tmp_path):
    spec = write_spec(tmp_path, BASE, ("budget.trials=1",))
    with opened(tmp_path, spec) as controller:
        first = controller.ask()[0]
        controller.finish(0, 1, Died("crash", "killed"))
        second = controller.ask()[0]
        assert controller.report(0, first.attempt, 1, {"val_loss": -9.0}) == Stop("stale")
        controller.finish(0, first.attempt, Returned())
        train(controller, second)
        controller.finish(0, second.attempt, Raised("error", "too late"))
        ignored = [e.message for e in controller.events if isinstance(e, MessageIgnored)]
        assert ignored == ["report", "finish", "finish"]
        assert controller.records[0].state == "COMPLETE"
        assert -9.0 not in controller.records[0].values.values()


def test_a_lost_machine_costs_no_retry_but_not_for_ever(tmp_path):
    """Three losses, and one more for each epoch: a trial that takes down its machines must end, and no retry
    gives it another one.
    """
    spec = write_spec(tmp_path, BASE, ("budget.trials=1", "retries.crash=2"))
    with opened(tmp_path, spec) as controller:
        for attempt in range(1, 5):
            (trial,) = controller.ask()
            assert trial.attempt == attempt
            if attempt == 2:
                controller.report(0, attempt, 1, {"val_loss": 1.0})
            controller.finish(0, attempt, Died("lost", "the node is gone"))
            assert controller.records[0].state == "INTERRUPTED"
        controller.ask()
        controller.finish(0, 5, Died("lost", "the node is gone"))
        record = controller.records[0]
        assert (record.state, record.stop_reason) == ("FAILED", "crash")
        assert record.error.startswith(
            "the node is gone; a trial may lose its machine once an epoch and 3 times besides"
        )


def test_while_a_trial_runs_its_machine_may_still_be_lost(tmp_path):
    spec = write_spec(tmp_path, BASE, ("budget.trials=1", "retries.crash=0"))
    with opened(tmp_path, spec) as controller:
        controller.ask()
        assert controller.ask() == Wait()
        controller.finish(0, 1, Died("lost", "the node is gone"))
        assert controller.ask()[0].attempt == 2


def test_a_message_that_comes_twice_gets_the_same_answer(tmp_path):
    spec = write_spec(tmp_path, BASE + "early_stopping: {patience: 1}\n", ("budget.trials=1",))
    with opened(tmp_path, spec) as controller:
        controller.ask()
        for epoch, loss, answer in ((1, 1.0, Continue()), (2, 2.0, Stop("early_stopping"))):
            assert controller.report(0, 1, epoch, {"val_loss": loss}) == answer
            assert controller.report(0, 1, epoch, {"val_loss": loss}) == answer
        assert controller.report(0, 1, 3, {"val_loss": 0.0}) == Stop("early_stopping")
        assert controller.records[0].values == {1: 1.0, 2: 2.0}


def test_a_decision_outlives_the_driver(tmp_path):
    spec = write_spec(tmp_path, BASE + "early_stopping: {patience: 1}\n", ("budget.trials=1",))
    with opened(tmp_path, spec) as controller:
        controller.ask()
        controller.report(0, 1, 1, {"val_loss": 1.0})
        assert controller.report(0, 1, 2, {"val_loss": 2.0}) == Stop("early_stopping")
        # The driver dies before the worker has ended.
    with opened(tmp_path, spec) as controller:
        assert controller.ask() == Exhausted("budget.trials")
        record = controller.records[0]
        assert (record.state, record.stop_reason, record.attempt) == ("COMPLETE", "early_stopping", 1)


def test_an_interrupt_stops_every_trial_and_they_go_on_later(tmp_path):
    spec = write_spec(tmp_path, BASE, ("budget.trials=2",))
    with opened(tmp_path, spec, workers=2) as controller:
        controller.ask(2)
        controller.report(0, 1, 1, {"val_loss": 1.0})
        controller.interrupt()
        assert controller.ask() == Exhausted("interrupted")
        assert controller.report(0, 1, 2, {"val_loss": 0.9}) == Stop("interrupted")
        controller.finish(0, 1, Returned())
        controller.finish(1, 1, Interrupted())
    assert [(r.state, r.stop_reason) for r in read(tmp_path, spec)] == [("INTERRUPTED", "interrupted")] * 2
    with opened(tmp_path, spec) as controller:
        assert [(t.number, t.attempt) for t in controller.ask(2)] == [(0, 2), (1, 2)]
        assert controller.records[0].values == {1: 1.0, 2: 0.9}


def test_wall_is_a_total_over_resumes_and_stops_running_trials(tmp_path):
    spec = write_spec(tmp_path, BASE, ("budget.trials=9", "budget.wall=100"))
    time = FakeTime()
    with opened(tmp_path, spec, time) as controller:
        controller.ask()
        time.now += 60
        controller.tick()
        train(controller, controller.ask()[0])
        controller.close()
    with opened(tmp_path, spec, time) as controller:
        trial = controller.ask()[0]
        assert trial.number == 0
        assert controller.report(0, 2, 1, {"val_loss": 1.0}) == Continue()
        time.now += 41
        assert controller.report(0, 2, 2, {"val_loss": 1.0}) == Stop("budget")
        assert controller.ask() == Exhausted("budget.wall")
        controller.finish(0, 2, Returned())
        assert (controller.records[0].state, controller.records[0].stop_reason) == ("PRUNED", "budget")


def test_epochs_that_only_the_worker_wrote_are_taken_from_its_metrics(tmp_path):
    """A power cut may take the journal's last second; checkpoint and metrics.jsonl were on the disk."""
    spec = write_spec(tmp_path, BASE, ("budget.trials=1",))
    with opened(tmp_path, spec) as controller:
        trial = controller.ask()[0]
        controller.report(0, 1, 1, {"val_loss": 5.0})
    trial.directory.mkdir(parents=True)
    lines = [
        f'{{"number":0,"attempt":1,"epoch":{e},"time":0,"metrics":{{"val_loss":{6.0 - e}}}}}'
        for e in (1, 2, 3)
    ]
    (trial.directory / "metrics.jsonl").write_text("\n".join(lines) + '\n{"number":0,"att')
    with opened(tmp_path, spec) as controller:
        assert controller.records[0].values == {1: 5.0, 2: 4.0, 3: 3.0}


def test_that_a_trial_was_started_again_may_be_lost_and_its_epochs_are_not(tmp_path):
    """A power cut takes the restart and its reports; the checkpoint behind them is on the disk."""
    spec = write_spec(tmp_path, BASE, ("budget.trials=1",))
    journal = RunPaths(tmp_path / "results").journal
    with opened(tmp_path, spec) as controller:
        trial = controller.ask()[0]
        controller.report(0, 1, 1, {"val_loss": 5.0})
        controller.finish(0, 1, Interrupted())
    with opened(tmp_path, spec) as controller:
        size = journal.stat().st_size
        controller.ask()
        controller.report(0, 2, 2, {"val_loss": 4.0})
    trial.directory.mkdir(parents=True)
    line = '{"number":0,"attempt":2,"epoch":2,"time":0,"metrics":{"val_loss":4.0}}\n'
    (trial.directory / "metrics.jsonl").write_text(line)
    os.truncate(journal, size)
    with opened(tmp_path, spec) as controller:
        assert controller.records[0].values == {1: 5.0, 2: 4.0}
        assert read(tmp_path, spec) == controller.records
        assert [(t.number, t.attempt) for t in controller.ask()] == [(0, 3)], "attempt 2 has been"


def test_within_never_ends_the_sweep_while_other_shapes_are_left(tmp_path):
    spec = write_spec(tmp_path, BASE, ("budget.trials=2", "retries.crash=0"))
    with opened(tmp_path, spec) as controller:
        first = controller.ask(1, within={"kind": 1})[0]
        controller.finish(first.number, 1, Interrupted())
        train(controller, controller.ask(1, within={"kind": "b"})[0])
        assert controller.ask(1, within={"kind": "a"}) == Wait()  # trial 0 waits, in another shape
        assert controller.ask(1, within={"kind": True}) == Wait()  # 1 and true are two values
        assert controller.ask(1, within={"kind": 1})[0].number == 0


def test_within_what_is_not_there_is_a_wait_and_no_error(tmp_path):
    spec = write_spec(tmp_path)
    with opened(tmp_path, spec) as controller:
        assert controller.ask(1, within={"nothing": 7}) == Wait()
        assert controller.ask(1, within={"kind": 1, "depth": 2}) == Wait()  # depth is inactive there
        assert isinstance(controller.ask(1, within={"kind": "a", "depth": 2}), list)


def test_an_old_message_that_comes_again_changes_nothing(tmp_path):
    spec = write_spec(tmp_path, BASE, ("budget.trials=1",))
    with opened(tmp_path, spec) as controller:
        controller.ask()
        for epoch, loss in ((1, 3.0), (2, 2.0), (3, 1.0)):
            controller.report(0, 1, epoch, {"val_loss": loss})
        controller.report(0, 1, 1, {"val_loss": 9.0})
        controller.finish(0, 1, Returned())
        assert controller.records[0].values == {1: 3.0, 2: 2.0, 3: 1.0}


def test_epochs_of_an_earlier_attempt_beyond_the_last_one_do_not_count(tmp_path):
    spec = write_spec(tmp_path, BASE + "early_stopping: {patience: 1}\n", ("budget.trials=1",))
    with opened(tmp_path, spec) as controller:
        controller.ask()
        for epoch, loss in enumerate((1.0, 0.9, 0.5, 0.3, 0.2), 1):
            controller.report(0, 1, epoch, {"val_loss": loss})
        controller.finish(0, 1, Died("crash", "killed"))
        controller.ask()
        controller.report(0, 2, 1, {"val_loss": 1.0})
        assert controller.report(0, 2, 2, {"val_loss": 1.5}) == Stop("early_stopping")
        # The driver dies before the worker ends.
    with opened(tmp_path, spec) as controller:
        record = controller.records[0]
        assert (record.state, record.value, record.best_epoch, record.epochs) == ("COMPLETE", 1.0, 1, 2)
    stored = read(tmp_path, spec)[0]
    assert (stored.value, stored.best_epoch, stored.epochs) == (1.0, 1, 2)


def wavy(config):
    """Curves that cross: a decision taken an epoch late would often be another."""
    return lambda epoch: config["x"] + 0.6 * math.sin(7 * config["x"] + 1.3 * epoch)


@pytest.mark.parametrize(
    "pruner",
    [
        "{name: asha, reduction_factor: 2}",
        "median",
        "hyperband",
        "{name: percentile, percentile: 40.0, n_startup_trials: 2, n_warmup_steps: 1, interval_steps: 3}",
    ],
)
def test_a_pruned_sweep_that_is_cut_anywhere_equals_an_uncut_one(tmp_path, pruner):
    """The worker has its checkpoint: after a cut its trial goes on behind the last epoch answered."""
    text = BASE.replace("trials: 6", "trials: 12")
    (tmp_path / "whole").mkdir()
    spec = write_spec(tmp_path / "whole", text, (f"pruner={pruner}",))
    with opened(tmp_path / "whole", spec) as controller:
        drain(controller, wavy)
        whole = rows(controller.records)
    assert any(state == "PRUNED" for _, state, *_ in whole)
    (tmp_path / "cut").mkdir()
    spec = write_spec(tmp_path / "cut", text, (f"pruner={pruner}",))
    answered = cut_after = 0
    trial, epoch, over = None, 1, False
    while not over:
        cut_after += 3
        with opened(tmp_path / "cut", spec) as controller:
            while not over and answered < cut_after:
                if trial is None or controller.records[trial.number].state != "RUNNING":
                    number = None if trial is None else trial.number
                    answer = controller.ask()
                    if isinstance(answer, Exhausted):
                        over = True
                        break
                    trial = answer[0]
                    epoch = epoch if trial.number == number else 1
                loss = wavy(trial.config)(epoch)
                decision = controller.report(trial.number, trial.attempt, epoch, {"val_loss": loss})
                answered += 1
                epoch += 1
                if isinstance(decision, Stop) or epoch > trial.epochs:
                    controller.finish(trial.number, trial.attempt, Returned())
    assert rows(read(tmp_path / "cut", spec)) == whole


def test_trials_that_report_now_and_then_meet_the_same_rungs_after_a_resume(tmp_path):
    spec = write_spec(tmp_path, BASE, ("pruner={name: asha, reduction_factor: 3}", "budget.trials=4"))
    with opened(tmp_path, spec) as controller:
        for loss in (0.3, 0.2, 0.1):
            trial = controller.ask()[0]
            controller.report(trial.number, 1, 5, {"val_loss": loss})
            controller.finish(trial.number, 1, Returned())
        live = [sorted(rung.losses) for rung in controller._pruner.rungs]
    with opened(tmp_path, spec) as controller:
        assert [sorted(rung.losses) for rung in controller._pruner.rungs] == live


def test_a_new_trial_does_not_start_from_a_lost_ones_checkpoint(tmp_path):
    """The journal lost its last second; the folder of the trial it forgot is still there."""
    spec = write_spec(tmp_path, BASE, ("budget.trials=1",))
    leftover = tmp_path / "results" / "trials" / "0000" / "last.pt"
    with opened(tmp_path, spec) as controller:
        leftover.parent.mkdir(parents=True)
        leftover.write_text("of another configuration")
        controller.ask()
        assert not leftover.exists()


def test_a_killed_driver_forgets_at_most_seconds_of_the_wall_budget(tmp_path):
    spec = write_spec(tmp_path, BASE, ("budget.trials=9", "budget.wall=100"))
    time = FakeTime()
    for _ in range(5):
        with opened(tmp_path, spec, time) as controller:
            controller.ask()
            for _ in range(18):
                time.now += 0.5
                controller.tick()
            # killed: nobody closes it
    with opened(tmp_path, spec, time) as controller:
        assert 35 <= controller.elapsed <= 45


def test_why_a_sweep_ended_is_forgotten_when_it_goes_on(tmp_path):
    spec = write_spec(tmp_path, BASE, ("budget.trials=1",))
    paths = RunPaths(tmp_path / "results")
    with opened(tmp_path, spec) as controller:
        drain(controller)
        controller.close()
    assert read_end(paths, spec.name) == "budget.trials"
    spec = write_spec(tmp_path, BASE, ("budget.trials=2",))
    with opened(tmp_path, spec) as controller:
        controller.ask()
    assert read_end(paths, spec.name) is None
    with opened(tmp_path, spec) as controller:
        controller.ask()
        controller.ask()
        controller.interrupt()
        controller.finish(1, 2, Interrupted())
        controller.close()
    assert read_end(paths, spec.name) is None
