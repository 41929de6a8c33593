"""What only processes of their own can offer: deaths, hangs, leftovers, isolation, captured output."""

from __future__ import annotations

import os
import threading
import time
import uuid

import pytest

from sweeps.controller import EpochReported
from sweeps.engines import Job
from sweeps.engines.local.engine import LocalEngine
from sweeps.errors import SweepError, TargetError
from sweeps.messages import Died, Interrupted, TrialSpec
from tests.engines.harness import MARK, Sweep, marked_processes, states, survivors

FINISHED = ("COMPLETE", "finished")


@pytest.fixture
def mark(monkeypatch):
    """What marks this test's processes."""
    text = uuid.uuid4().hex
    monkeypatch.setenv(MARK, text)
    return text


@pytest.fixture
def run(tmp_path, mark):
    """Run a sweep of one function; afterwards nothing it started may be alive."""

    def run(function, preload=(), watch=lambda controller, event: None, **keys):
        sweep = Sweep(tmp_path, function, **keys)
        engine = LocalEngine(sweep.settings, preload)
        try:
            records = sweep.run(engine, watch)
        finally:
            engine.close()
        return sweep, records

    yield run
    assert survivors(mark) == {}


@pytest.mark.parametrize(
    ("function", "error"),
    [
        ("exits_in_trial_one", "exited with code 3"),
        ("killed_in_trial_one", "killed by SIGKILL"),
        ("killed_by_a_real_time_signal_in_trial_one", "killed by signal 40"),
    ],
)
def test_a_dead_worker_costs_one_trial(run, function, error):
    _, records = run(function, budget={"trials": 4}, retries={"crash": 0})
    assert states(records) == [FINISHED, ("FAILED", "crash"), FINISHED, FINISHED]
    assert records[1].error == error


def test_a_dead_worker_is_retried_as_often_as_asked(run):
    _, records = run("killed_in_trial_one", retries={"crash": 2})
    assert states(records)[1] == ("FAILED", "crash")
    assert [record.attempt for record in records] == [1, 3, 1]


def test_a_segmentation_fault_leaves_its_stack_in_the_log(run):
    sweep, records = run("segfaults", budget={"trials": 1}, retries={"crash": 0})
    assert (records[0].error, records[0].stop_reason) == ("killed by SIGSEGV", "crash")
    assert "in segfaults" in sweep.log(0)


@pytest.mark.parametrize("function", ["holds_the_gil", "stopped", "deaf_to_sigterm"])
def test_a_hung_worker_is_killed_whatever_it_does(run, function):
    began = time.monotonic()
    sweep, records = run(function, budget={"trials": 1}, timeout={"report": 0.3})
    assert states(records) == [("FAILED", "hang")]
    assert time.monotonic() - began < 5
    if function == "holds_the_gil":
        assert "in holds_the_gil" in sweep.log(0)  # the stack is written without the interpreter's help


def test_a_trial_that_ends_just_after_its_time_was_late(run):
    _, records = run("wakes_up_late", timeout={"report": 0.3}, budget={"trials": 2}, workers=1)
    assert [record.error for record in records] == ["no report for 0.3 s"] * 2


def test_nothing_a_trial_started_outlives_its_worker(run, mark):
    """After a death, after a failure, and at the end: children, and daemons that forked twice."""
    left = {}

    def look(controller, event):
        if isinstance(event, EpochReported):
            left[event.number] = sum("sleep" in command for command in marked_processes(mark).values())

    _, records = run("leaves_processes", watch=look, workers=1, retries={"crash": 0})
    assert states(records) == [("FAILED", "crash"), ("FAILED", "error"), FINISHED]
    assert left == {0: 2, 1: 2, 2: 2}


def test_kill_takes_the_leftovers_too(run, mark, tmp_path):
    sweep = Sweep(tmp_path, "leaves_processes_and_waits", workers=2)
    engine = LocalEngine(sweep.settings, ())

    def kill(controller, event):
        if isinstance(event, EpochReported):
            controller.interrupt()
            engine.kill()

    began = time.monotonic()
    records = sweep.run(engine, kill)
    assert {record.state for record in records} == {"INTERRUPTED"}
    assert not any("sleep" in command for command in marked_processes(mark).values())
    assert time.monotonic() - began < 4
    engine.close()


def facts(sweep, records):
    return [sweep.metrics(record.number)[0]["metrics"] for record in records]


def test_warm_workers_are_kept_and_prepared(run):
    sweep, records = run("tells_its_process", budget={"trials": 8}, epochs=1, workers=2)
    told = facts(sweep, records)
    assert len({row["pid"] for row in told}) <= 2
    assert os.getpid() not in {row["pid"] for row in told}
    for row in told:
        assert row["sockets"] == 1  # its link; another worker's socket would keep that one from ending
        assert (row["threads"], row["sigint_ignored"], row["gpus_hidden"], row["torch_loaded"]) == (
            1,
            1,
            1,
            0,
        )


def test_torch_is_preloaded_with_the_slots_threads(run):
    cores = len(os.sched_getaffinity(0))
    sweep, records = run(
        "tells_its_process", ("torch",), budget={"trials": 1}, epochs=1, resources={"cpus": cores}
    )
    (row,) = facts(sweep, records)
    assert (row["torch_loaded"], row["torch_threads"], row["threads"]) == (1, cores, cores)


@pytest.mark.parametrize(
    ("keys", "most"), [({"isolation": "trial"}, 1), ({"max_trials_per_worker": 2}, 2)], ids=str
)
def test_workers_are_replaced_when_asked(run, keys, most):
    sweep, records = run("tells_its_process", budget={"trials": 6}, epochs=1, workers=2, **keys)
    pids = [row["pid"] for row in facts(sweep, records)]
    assert max(pids.count(pid) for pid in pids) <= most


def test_a_worker_with_threads_left_behind_is_replaced(run):
    sweep, records = run("leaves_threads_behind", budget={"trials": 4}, epochs=1, workers=1)
    told = facts(sweep, records)
    pids = [row["pid"] for row in told]
    assert len({*pids[:3]}) == 3 and pids[2] == pids[3]
    assert told[2]["threads"] == 1


def test_output_from_everywhere_reaches_the_log(run):
    sweep, _ = run("prints_from_everywhere", budget={"trials": 4}, workers=1)
    for number in range(4):
        lines = sweep.log(number).splitlines()
        assert sorted(line for line in lines if line.startswith("from")) == [
            "from C",
            "from Python",
            "from a child",
            "from the descriptor",
        ]
    assert "functions are imported" in sweep.log(0)
    assert "functions are imported" not in sweep.log(1)


def test_a_pool_inside_a_trial_ends_as_it_should(run):
    _, records = run("uses_a_pool", epochs=1)
    assert states(records) == [FINISHED] * 3


def test_a_forkserver_that_is_killed_is_replaced(run):
    _, records = run("kills_the_forkserver", budget={"trials": 4}, isolation="trial", workers=1)
    assert states(records) == [FINISHED] * 4


def test_where_forking_is_unsafe_workers_are_new_interpreters(run, tmp_path, monkeypatch):
    (tmp_path / "starts_a_thread.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    _, records = run("leaves_processes", ("starts_a_thread",), retries={"crash": 0})
    assert states(records) == [("FAILED", "crash"), ("FAILED", "error"), FINISHED]


def test_a_module_that_kills_its_importer_spends_no_trial(run, tmp_path):
    (tmp_path / "deadly.py").write_text("import os; print('about to go'); os._exit(4)")
    message = "importing 'deadly:train' ended the worker process: exited with code 4\n\nabout to go"
    with pytest.raises(TargetError, match=message):
        run("deadly:train")
    assert Sweep(tmp_path, "deadly:train").records() == []


def test_a_module_that_cannot_be_imported_any_more_interrupts_the_sweep(run, tmp_path):
    (tmp_path / "once.py").write_text(
        "import functions, pathlib\n"
        "flag = pathlib.Path(__file__).with_suffix('.flag')\n"
        "assert not flag.exists(), 'edited'\n"
        "def train(trial):\n    flag.touch()\n    functions.falling(trial)\n"
    )
    with pytest.raises(TargetError, match="'once:train' cannot be imported: AssertionError: edited"):
        run("once:train", isolation="trial", workers=1)
    assert states(Sweep(tmp_path, "once:train").records()) == [FINISHED]


@pytest.mark.parametrize("end", ["os._exit(4)", "1 / 0"])
def test_a_replacement_that_cannot_be_imported_is_tried_again(run, tmp_path, end):
    (tmp_path / "flaky.py").write_text(
        "import functions, os, pathlib\n"
        "log = pathlib.Path(__file__).with_suffix('.imports')\n"
        "log.write_text(log.read_text() + 'x' if log.exists() else 'x')\n"
        f"if len(log.read_text()) in (2, 3, 5, 6): {end}\n"
        "train = functions.falling\n"
    )
    _, records = run("flaky:train", isolation="trial", workers=1)
    assert states(records) == [FINISHED] * 3
    assert len((tmp_path / "flaky.imports").read_text()) >= 7


def test_only_the_running_attempt_can_finish(run):
    _, records = run("told_by_another", workers=1)
    assert states(records) == [FINISHED] * 3
    assert [record.epochs for record in records] == [4, 4, 4]


def test_a_preload_that_fails_is_an_error_at_once(run, capfd):
    with pytest.raises(SweepError, match="must import no_such_library, and one that did exited with code 1"):
        run("falling", ("no_such_library",))
    assert "No module named 'no_such_library'" in capfd.readouterr().err


def test_a_job_that_dies_says_how(tmp_path, mark):
    (tmp_path / "dies.py").write_text("import os\ndef test(trial): os._exit(5)")
    engine = LocalEngine(Sweep(tmp_path, "falling").settings, ())
    spec = TrialSpec(0, 1, {}, 5, 4, "val_loss", "minimize", tmp_path / "trial")
    result = engine.call(Job(spec, "dies:test", tmp_path / "best", ()))
    assert (result.value, result.outcome) == (None, Died("crash", "exited with code 5"))
    engine.close()
    assert survivors(mark) == {}


def test_kill_ends_a_job_within_two_seconds(tmp_path, mark):
    engine = LocalEngine(Sweep(tmp_path, "falling").settings, ())
    spec = TrialSpec(0, 1, {}, 5, 4, "val_loss", "minimize", tmp_path / "trial")
    killed = []

    def kill():
        killed.append(time.monotonic())
        engine.kill()

    timer = threading.Timer(0.7, kill)
    timer.start()
    result = engine.call(Job(spec, "functions:slow_test", tmp_path / "best", ()))
    assert time.monotonic() - killed[0] < 1.5
    assert result.outcome == Interrupted()
    timer.join()
    engine.close()
    assert survivors(mark) == {}
