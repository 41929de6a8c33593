"""I4, I5, I7 and I8: each is broken in a real folder, and found."""

from __future__ import annotations

import json
import os
import random
import subprocess

import pyarrow as pa
import pyarrow.parquet
import pytest
import torch

import sweeps
import sweeps.runner
from sweeps.export import read_model, write_model
from sweeps.messages import FOLDER
from sweeps.results import unreadable_tables
from sweeps.study import RunLock
from sweeps.trial.checkpoint import Checkpoint
from sweeps.verify import processes


@pytest.fixture
def sleeper(monkeypatch):
    """Start a process that stays; ``environment`` is added to its own."""
    monkeypatch.setattr(processes, "PATIENCE", 0.1)
    started = []

    def start(stdout=None, **environment):
        started.append(subprocess.Popen(["sleep", "60"], stdout=stdout, env=os.environ | environment))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_process_that_bears_the_folders_name(folder, sleeper):
    process = sleeper(**{FOLDER: str(folder.paths.root)})
    assert folder.found() == [("I4", None)]
    assert f"process {process.pid} (sleep 60) is alive" in folder.findings()[0].message
    with RunLock(folder.paths.lock):
        assert folder.found() == []
    process.kill()
    process.wait()
    assert folder.found() == []


def test_a_process_that_writes_into_the_folder(folder, sleeper):
    with open(folder.paths.trial(0).log, "a") as log:
        sleeper(stdout=log)
    assert folder.found() == [("I4", None)]


def test_others_processes_are_left_alone(folder, sleeper):
    with open(folder.paths.trial(0).metrics) as metrics:
        subprocess.Popen(["sleep", "1"], stdin=metrics)
    sleeper(**{FOLDER: f"{folder.paths.root}2"})
    assert folder.found() == []


@pytest.mark.parametrize("name", ["trials.parquet", "epochs.parquet", "trials.csv"])
def test_a_table_that_does_not_read_back(folder, name):
    path = folder.paths.root / name
    path.write_bytes(
        path.read_bytes()[: path.stat().st_size // 2] if name != "trials.csv" else b"a,b\n1,2,3\n"
    )
    assert folder.found() == [("I5", None)]
    assert f"{name} does not read back" in folder.findings()[0].message


@pytest.mark.parametrize("name", ["trials.parquet", "epochs.parquet"])
def test_a_bit_of_a_table_is_flipped(folder, name):
    path = folder.paths.root / name
    whole = path.read_bytes()
    stamp = whole.rindex(b"sweeps.stamp") + len("sweeps.stamp") + 4
    mark = whole.rindex(b"sweeps.sha256:")  # a flip in these 14 bytes is not seen, and alters nothing
    bits = random.Random(1).sample(range(8 * len(whole)), 60)
    for bit in [8 * stamp, *(bit for bit in bits if not mark <= bit // 8 < mark + 14)]:
        data = bytearray(whole)
        data[bit // 8] ^= 1 << bit % 8
        path.write_bytes(data)
        assert list(unreadable_tables(folder.paths)), f"bit {bit} of {len(whole)} bytes"
    assert folder.found() == [("I5", None)]
    path.write_bytes(whole)
    assert folder.found() == []


@pytest.mark.parametrize(("name", "column"), [("trials.parquet", "metric"), ("epochs.parquet", "val_loss")])
def test_a_table_that_says_something_else(folder, name, column):
    path = folder.paths.root / name
    table = pyarrow.parquet.read_table(path)
    values = table[column].to_pylist()
    values[2] = 0.25
    table = table.set_column(table.column_names.index(column), table.schema.field(column), pa.array(values))
    pyarrow.parquet.write_table(table, path)
    assert folder.found() == [("I5", None)]
    assert f"{name}: {column} of trial" in folder.findings()[0].message


def test_a_csv_that_says_something_else(folder):
    folder.paths.trials_csv.write_text(folder.paths.trials_csv.read_text().replace("COMPLETE", "PRUNED", 1))
    assert folder.found() == [("I5", None)]


def test_an_old_table_is_rebuilt_by_its_readers(folder):
    with open(folder.paths.journal, "a") as file:
        file.write('{"op_code":2,"worker_id":"w","study_id":0,"user_attr":{"note":1}}\n')
    report = sweeps.verify.inspect(folder.paths.root)
    assert report.findings == []
    assert "older than the study" in next(check.skipped for check in report.checks if check.invariant == "I5")


def test_a_table_of_a_killed_driver_does_not_say_running(folder):
    """Fresh by its stamp: nothing was written after it."""
    path = folder.paths.trials_parquet
    table = pyarrow.parquet.read_table(path)
    states = pa.array(["COMPLETE", "COMPLETE", "RUNNING", "COMPLETE"])
    table = table.set_column(table.column_names.index("state"), table.schema.field("state"), states)
    pyarrow.parquet.write_table(table, path)
    assert "RUNNING" not in set(sweeps.load(folder.paths.root).trials["state"])


def test_a_bit_of_the_best_checkpoint_is_flipped(folder):
    best = folder.paths.trial(3).best
    data = bytearray(best.read_bytes())
    data[len(data) // 2] ^= 1
    best.write_bytes(data)
    assert folder.found() == [("I7", 3)]
    assert "is damaged: its sha256 is" in folder.findings()[0].message


def test_the_best_checkpoint_is_missing(folder):
    folder.paths.trial(3).best.unlink()
    assert folder.found() == [("I7", 3)]


def test_the_best_checkpoint_is_of_another_epoch(folder):
    best = Checkpoint(folder.paths.trial(3).best)
    best.save({**best.load(), "epoch": 2})
    assert folder.found() == [("I7", 3)]
    assert "holds epoch 2, and the best of the study is 3" in folder.findings()[0].message


@pytest.mark.parametrize("fault", ["weights", "trial", "missing", "cut"])
def test_an_export_that_is_not_the_best_checkpoint(folder, fault):
    model = folder.paths.best.model
    weights, metadata = read_model(model)
    if fault == "weights":
        write_model(model, {name: torch.nextafter(w, w + 1) for name, w in weights.items()}, metadata)
    elif fault == "trial":
        write_model(model, weights, {**metadata, "trial": 1})
    elif fault == "cut":
        model.write_bytes(model.read_bytes()[:-1])
    else:
        model.unlink()
    assert folder.found() == [("I7", 3)]


def test_a_description_that_does_not_read_back(folder):
    folder.paths.best.metrics.write_text("{")
    assert folder.found() == [("I7", None)]


def test_a_test_without_a_frozen_choice(folder):
    folder.paths.best.selection.unlink()
    assert folder.found() == [("I8", 3)]


@pytest.mark.parametrize("other", [{"trial": 1}, {"epoch": 2}])
def test_a_test_of_something_else_than_was_chosen(folder, other):
    folder.edit_json(folder.paths.best.selection, **other)
    assert folder.found() == [("I8", 3)]


def test_a_second_result_and_a_second_trial_without_a_reason(folder):
    best = folder.paths.best
    earlier = {**json.loads(best.test.read_text()), "metrics": {"accuracy": 0.5}}
    folder.edit_json(best.test, history=[earlier])
    assert folder.found() == [("I8", 3)]
    folder.edit_json(best.test, history=[{**earlier, "trial": 1}])
    assert folder.found() == [("I8", 3)]
    assert "no reason is recorded" in folder.findings()[0].message
    folder.edit_json(best.test, reason="the labels were wrong")
    assert folder.found() == []


def test_a_choice_that_does_not_read_back(folder):
    folder.paths.best.test.write_text('{"trial": 3}')
    assert folder.found() == [("I8", None)]


def test_a_test_of_an_interrupted_sweep(folder):
    def interrupt(lines):
        next(line for line in lines if line["event"] == "SweepEnded")["reason"] = "interrupted"

    folder.edit(folder.paths.events, interrupt)
    assert folder.found() == [("I8", 3)]
    assert "while its sweep had not ended" in folder.findings()[0].message


def test_a_test_that_is_done_twice(folder):
    folder.edit(folder.paths.events, lambda lines: lines.extend(lines[-2:]))
    assert folder.found() == [("I8", 3)]


def test_a_result_that_is_gone_is_missed_and_its_test_may_be_repeated(folder, monkeypatch):
    monkeypatch.chdir(folder.paths.root.parent)
    folder.paths.best.test.unlink()
    assert folder.found() == [("I8", 3)]
    assert "was tested, and its result is gone" in folder.findings()[0].message
    sweeps.runner.test(folder.paths.root)
    assert json.loads(folder.paths.best.test.read_text())["trial"] == 3
    assert folder.found() == []


def test_a_test_that_was_killed_may_be_repeated(folder):
    folder.edit(folder.paths.events, lambda lines: lines.insert(-2, lines[-2]))
    assert folder.found() == []


def test_trials_that_saw_another_split_are_a_warning(folder):
    for number, split in enumerate("aaab"):
        folder.paths.trial(number).facts.write_text(json.dumps({"split": split}))
    report = sweeps.verify.inspect(folder.paths.root)
    warned = [warning.message for warning in report.warnings]
    assert len(warned) == 2 and "info.split is 'b' in trial 3" in warned[1]
