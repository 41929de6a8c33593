"""The tables of a sweep: what each row and column says, and what survives their files."""

from __future__ import annotations

import json
import math
import os
import time

import numpy as np
import pandas as pd
import pytest

from sweeps.paths import RunPaths
from sweeps.results import Layout, TableWriter
from sweeps.results.curves import Curves
from sweeps.results.frames import to_frame
from sweeps.results.layout import parameter_column
from sweeps.results.writer import build_tables, read_fresh
from sweeps.space import Choice, Float, Integer
from sweeps.study import TrialRecord
from sweeps.trial.curve import read_epochs
from sweeps.trial.facts import write_facts
from sweeps.trial.metrics import MetricsFile

SPACE = {
    "lr": Float(1e-5, 1e-1, log=True),
    "width": Integer(16, 256),
    "optimizer.name": Choice(("sgd", "adam")),
    "optimizer.nesterov": Choice((True, False)),
    "optimizer.steps": Choice((1, 2, 3)),
    "mixed": Choice((1, 1.0, True, "1", 'a,"b"\n')),
}
LAYOUT = Layout("val_loss", "minimize", tuple(parameter_column(n, d) for n, d in SPACE.items()))


@pytest.fixture
def paths(tmp_path):
    return RunPaths(tmp_path / "sweep")


def add_trial(paths, number, losses, *, attempt=1, params=None, write=True, **fields):
    """A trial with one line a loss in its metrics.jsonl, and the record the study would hold."""
    params = params or {"lr": 0.01, "width": 32, "optimizer.name": "sgd", "mixed": "a"}
    record = TrialRecord(number, params, attempt=attempt, started=1.7e9 + number, seconds=1.5, worker="w0")
    for epoch, loss in enumerate(losses, 1):
        record.observe(epoch, loss, "minimize")
    record.state, record.stop_reason = fields.pop("state", "COMPLETE"), fields.pop("stop_reason", "finished")
    record.error = fields.pop("error", None)
    if write:
        report(
            paths, number, attempt, {e: {"val_loss": v, "accuracy": 1 - v} for e, v in enumerate(losses, 1)}
        )
    return record


def report(paths, number, attempt, rows):
    directory = paths.trial(number).directory
    directory.mkdir(parents=True, exist_ok=True)
    file = MetricsFile(directory / "metrics.jsonl", number, attempt)
    for epoch, metrics in rows.items():
        file.append(epoch, metrics)
    file.close()


def tables(paths, records, layout=LAYOUT):
    trials, epochs = build_tables(records, Curves(paths, layout.metric, layout.goal), layout)
    return to_frame(trials), to_frame(epochs)


def test_a_row_holds_what_the_study_knows_of_the_trial_in_the_documented_order(paths):
    record = add_trial(paths, 0, [0.5, 0.2, 0.4])
    trials, epochs = tables(paths, [record])
    assert list(trials.columns) == [
        "number", "state", "stop_reason", "metric", "best_epoch", "epochs", "seconds", "started",
        *(f"params.{name}" for name in SPACE),
        "last.val_loss", "last.accuracy", "best.val_loss", "best.accuracy",
        "diagnosis", "worker", "attempt", "source", "outside", "error",
    ]  # fmt: skip
    row = trials.iloc[0]
    assert (row["state"], row["stop_reason"], row["metric"], row["best_epoch"], row["epochs"]) == (
        "COMPLETE", "finished", 0.2, 2, 3,
    )  # fmt: skip
    assert row["started"] == pd.Timestamp(1.7e9, unit="s", tz="UTC")
    assert list(epochs.columns) == ["number", "attempt", "epoch", "time", "val_loss", "accuracy"]
    assert epochs["epoch"].tolist() == [1, 2, 3]
    assert epochs["time"].dt.tz is not None
    assert abs(epochs["time"].iloc[0].timestamp() - time.time()) < 60


def test_best_columns_are_values_at_the_best_epoch_and_last_ones_the_last_reported(paths):
    record = add_trial(paths, 0, [0.5, 0.2, 0.4], write=False)
    rows = {
        1: {"val_loss": 0.5, "accuracy": 0.99, "slow": 7.0},
        2: {"val_loss": 0.2, "accuracy": 0.7},
        3: {"val_loss": 0.4, "accuracy": 0.8},
    }
    report(paths, 0, 1, rows)
    row = tables(paths, [record])[0].iloc[0]
    assert (row["best.accuracy"], row["last.accuracy"]) == (0.7, 0.8)
    assert row["last.slow"] == 7.0
    assert math.isnan(row["best.slow"])


def test_trials_without_an_epoch_have_rows_too(paths):
    failed = add_trial(
        paths, 0, [], write=False, state="FAILED", stop_reason="error", error='boom, "x"\nline 2'
    )
    running = add_trial(paths, 1, [], write=False, state="RUNNING", stop_reason=None)
    trials, epochs = tables(paths, [failed, running])
    assert len(epochs) == 0
    assert trials["epochs"].tolist() == [0, 0]
    assert trials["best_epoch"].isna().all()
    assert trials["error"].iloc[0] == 'boom, "x"\nline 2'
    assert math.isnan(trials["last.val_loss"].iloc[0])


def test_a_sweep_without_trials_has_empty_tables(paths):
    trials, epochs = tables(paths, [])
    assert (len(trials), len(epochs)) == (0, 0)
    assert "params.lr" in trials.columns


def test_the_last_attempt_wins_an_epoch(paths):
    record = add_trial(paths, 0, [0.9, 0.8], attempt=2, write=False)
    report(paths, 0, 1, {1: {"val_loss": 1.0}, 2: {"val_loss": 1.0}})
    report(paths, 0, 2, {2: {"val_loss": 0.8}})
    epochs = tables(paths, [record])[1]
    assert epochs["attempt"].tolist() == [1, 2]
    assert epochs["val_loss"].tolist() == [1.0, 0.8]


def test_torn_and_foreign_lines_are_skipped(paths):
    record = add_trial(paths, 0, [0.5, 0.4])
    with open(paths.trial(0).metrics, "ab") as file:
        file.write(b'\xff\xfe\n[1, 2]\n{"epoch": 1}\n{"number": 0, "attempt": 1, "epoch": 3, "metr')
    assert [row.epoch for row in read_epochs(paths.trial(0).metrics)] == [1, 2]
    assert tables(paths, [record])[1]["epoch"].tolist() == [1, 2]


def test_an_epoch_that_the_study_never_heard_of_counts_only_while_its_trial_may_go_on(paths):
    ended = add_trial(paths, 0, [0.5])
    live = add_trial(paths, 1, [0.5], state="RUNNING", stop_reason=None)
    for number in (0, 1):
        report(paths, number, 1, {2: {"val_loss": 0.1}})
    epochs = tables(paths, [ended, live])[1]
    assert epochs.groupby("number")["epoch"].max().to_dict() == {0: 1, 1: 2}


def test_non_finite_metrics_are_kept(paths):
    record = add_trial(paths, 0, [0.5], write=False)
    report(paths, 0, 1, {1: {"val_loss": 0.5, "norm": math.inf, "ratio": math.nan}})
    row = tables(paths, [record])[1].iloc[0]
    assert row["norm"] == math.inf
    assert math.isnan(row["ratio"])


def test_a_metric_may_be_called_like_a_column_of_the_table(paths):
    record = add_trial(paths, 0, [0.5], write=False)
    report(paths, 0, 1, {1: {"val_loss": 0.5, "time": 12.0, "number": 3.0}})
    trials, epochs = tables(paths, [record])
    assert epochs.iloc[0][["number", "metric.time", "metric.number"]].tolist() == [0, 12.0, 3.0]
    assert trials.iloc[0][["last.time", "best.number"]].tolist() == [12.0, 3.0]


def note(paths, number, **facts):
    paths.trial(number).directory.mkdir(parents=True, exist_ok=True)
    write_facts(paths.trial(number).facts, facts)


def test_facts_are_columns_with_a_type_each_by_name(paths):
    failed = {"state": "FAILED", "stop_reason": "error"}
    records = [
        add_trial(paths, 0, [0.5]),
        add_trial(paths, 1, [], write=False, **failed),
        add_trial(paths, 2, [0.5]),
    ]
    note(paths, 0, split="a1", parameters=650, ratio=1, fast=True, odd=1)
    note(paths, 1, split="b2", parameters=10, ratio=0.5, fast=False, odd="one")
    TableWriter(paths, LAYOUT).write(records, 1)
    read = to_frame(read_fresh(paths.trials_parquet, 1))
    names = list(read.columns)
    start = names.index("info.fast")
    assert names[start - 1 : start + 7] == [
        "best.accuracy", "info.fast", "info.odd", "info.parameters", "info.ratio", "info.split", "diagnosis",
        "worker",
    ]  # fmt: skip
    kinds = [str(read[f"info.{name}"].dtype) for name in ("fast", "odd", "parameters", "ratio", "split")]
    assert kinds == ["boolean", "object", "Int64", "float64", "str"]
    assert read["info.odd"].tolist() == [1, "one", None]
    assert read["info.parameters"].tolist() == [650, 10, pd.NA]
    assert read["info.ratio"].tolist()[:2] == [1.0, 0.5]
    pd.testing.assert_frame_equal(read, tables(paths, records)[0])


def test_facts_of_a_trial_that_ran_on_are_read_again(paths):
    running = add_trial(paths, 0, [0.5], state="RUNNING", stop_reason=None)
    note(paths, 0, parameters=1)
    curves = Curves(paths, "val_loss", "minimize")
    assert build_tables([running], curves, LAYOUT)[0]["info.parameters"].to_pylist() == [1]
    note(paths, 0, parameters=2)
    running.state, running.stop_reason = "COMPLETE", "finished"
    assert build_tables([running], curves, LAYOUT)[0]["info.parameters"].to_pylist() == [2]


def test_every_ended_trial_has_a_diagnosis(paths):
    falling = [1.0, 0.8, 0.6, 0.4, 0.2]
    ends = [
        ("COMPLETE", "finished"),
        ("PRUNED", "asha"),
        ("FAILED", "crash"),
        ("FAILED", "nonfinite"),
        ("RUNNING", None),
        ("INTERRUPTED", "interrupted"),
    ]
    records = [
        add_trial(paths, number, falling, state=state, stop_reason=reason)
        for number, (state, reason) in enumerate(ends)
    ]
    records.append(add_trial(paths, len(ends), falling[:3]))
    found = tables(paths, records)[0]["diagnosis"]
    expected = ["still improving"] * 3 + ["diverged", None, None, None]
    assert [None if pd.isna(word) else word for word in found] == expected


def test_the_recorded_baseline_decides_what_is_underfitting(paths):
    records = [add_trial(paths, n, [0.5] * 6, write=False) for n in (0, 1)]
    for number, baseline in enumerate((0.9, 2.0)):
        report(paths, number, 1, {e: {"val_loss": 0.5, "train_loss": 0.5} for e in range(1, 7)})
        note(paths, number, baseline_loss=baseline)
    assert tables(paths, records)[0]["diagnosis"].tolist() == ["underfitting", "good fit"]


def test_parameters_keep_their_types_through_the_parquet_file(paths):
    values = [1, 1.0, True, "1", 'a,"b"\n']
    records = [
        add_trial(
            paths, number, [0.1], params={"lr": 1e-3, "width": number, "optimizer.name": "sgd", "mixed": v}
        )
        for number, v in enumerate(values)
    ]
    records[1].params |= {"optimizer.nesterov": True, "optimizer.steps": 3}
    TableWriter(paths, LAYOUT).write(records, 1)

    read = to_frame(read_fresh(paths.trials_parquet, 1))
    found = read["params.mixed"].tolist()
    assert [(type(value), value) for value in found] == [(type(value), value) for value in values]
    assert read["params.width"].dtype == np.int64
    assert read["params.lr"].dtype == np.float64
    assert (str(read["params.optimizer.steps"].dtype), str(read["params.optimizer.nesterov"].dtype)) == (
        "Int64", "boolean",
    )  # fmt: skip
    assert read["params.optimizer.steps"].tolist() == [pd.NA, 3, pd.NA, pd.NA, pd.NA]
    pd.testing.assert_frame_equal(read, tables(paths, records)[0])

    plain = pd.read_parquet(paths.trials_parquet)  # what a user without this package sees
    assert str(plain["params.optimizer.steps"].dtype) == "Int64"
    assert [json.loads(text) for text in plain["params.mixed"]] == values


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ((0, 0.1, 0.5), "float64"),
        ((1, 1.0), "object"),
        ((1, True), "object"),
        ((None, 1, 2), "Int64"),
        ((2**60, 2), "object"),
        ((False, True), "bool"),
        (("a", "b"), "str"),
        ((None,), "object"),
    ],
)
def test_the_type_of_a_choice_column_follows_from_its_values(paths, values, kind):
    layout = Layout("val_loss", "minimize", (parameter_column("x", Choice(values)),))
    records = [add_trial(paths, n, [0.1], params={"x": value}) for n, value in enumerate(values)]
    column = tables(paths, records, layout)[0]["params.x"]
    assert str(column.dtype) == kind
    assert [None if pd.isna(value) else value for value in column] == list(values)


def test_the_csv_holds_the_same_rows(paths):
    records = [add_trial(paths, n, [0.5, 0.1 * n], error='a, "quoted"\nerror') for n in range(3)]
    TableWriter(paths, LAYOUT).write(records, 1)
    read = pd.read_csv(paths.trials_csv)
    trials = tables(paths, records)[0]
    assert list(read.columns) == list(trials.columns)
    assert read["error"].tolist() == trials["error"].tolist()
    assert read["metric"].tolist() == trials["metric"].tolist()
    assert pd.to_datetime(read["started"]).tolist() == trials["started"].tolist()


def test_a_table_is_fresh_for_its_own_stamp_only(paths):
    records = [add_trial(paths, 0, [0.5])]
    assert read_fresh(paths.trials_parquet, 100) is None
    TableWriter(paths, LAYOUT).write(records, 100)
    assert read_fresh(paths.trials_parquet, 100) is not None
    assert read_fresh(paths.trials_parquet, 101) is None
    TableWriter(paths, LAYOUT).write(records, None)
    assert read_fresh(paths.trials_parquet, None) is None
    paths.trials_parquet.write_bytes(b"PAR1")
    assert read_fresh(paths.trials_parquet, 100) is None


def test_refresh_rests_between_writes_and_then_shows_what_came_since(paths):
    running = add_trial(paths, 0, [0.5], state="RUNNING", stop_reason=None)
    writer = TableWriter(paths, LAYOUT, interval=0.2)
    assert not writer.refresh([running], 1)
    assert not paths.trials_parquet.exists()
    time.sleep(0.25)
    assert writer.refresh([running], 1)
    assert not writer.refresh([running], 2)

    running.observe(2, 0.25, "minimize")
    report(paths, 0, 1, {2: {"val_loss": 0.25}})
    running.state, running.stop_reason = "COMPLETE", "finished"
    new = add_trial(paths, 1, [0.75])
    writer.write([running, new], 3)
    trials, epochs = (to_frame(read_fresh(p, 3)) for p in (paths.trials_parquet, paths.epochs_parquet))
    assert trials["metric"].tolist() == [0.25, 0.75]
    assert epochs[["number", "epoch"]].to_numpy().tolist() == [[0, 1], [0, 2], [1, 1]]


def test_a_writer_that_kept_up_writes_what_a_new_one_writes(paths):
    writer, records = TableWriter(paths, LAYOUT), []
    for number in (0, 1, 2):
        records.append(add_trial(paths, number, [0.5] * 5, state="RUNNING", stop_reason=None))
        if number == 1:  # a metric that earlier trials have not, and a trial that ends before an older one
            report(paths, 1, 1, {5: {"val_loss": 0.5, "extra": 1.0}})
            records[1].state = "PRUNED"
        writer.write(records, number)
    records[0].state = records[2].state = "COMPLETE"
    writer.write(records, 9)
    kept_up = [path.read_bytes() for path in (paths.trials_parquet, paths.epochs_parquet, paths.trials_csv)]
    TableWriter(paths, LAYOUT).write(records, 9)
    assert kept_up == [p.read_bytes() for p in (paths.trials_parquet, paths.epochs_parquet, paths.trials_csv)]


def test_a_refresh_reads_ended_trials_once_and_ten_thousand_are_written_in_seconds(paths):
    count, lines = 10_000, []
    for epoch in range(1, 11):
        row = {
            "number": 0,
            "attempt": 1,
            "epoch": epoch,
            "time": 1.7e9,
            "metrics": {"val_loss": 1 / epoch, "b": 2.0},
        }
        lines.append(json.dumps(row))
    template = "\n".join(lines) + "\n"
    records = [add_trial(paths, n, [1 / e for e in range(1, 11)], write=False) for n in range(count)]
    source = paths.root / "template"
    paths.trials.mkdir(parents=True)
    source.write_text(template)
    for number in range(count):
        paths.trial(number).directory.mkdir()
        os.link(source, paths.trial(number).metrics)

    writer = TableWriter(paths, LAYOUT)
    begun = time.process_time()
    writer.write(records, 1)
    first = time.process_time() - begun
    for number in range(count):  # a second write must not need them
        paths.trial(number).metrics.unlink()
    begun = time.process_time()
    writer.write(records, 2)
    second = time.process_time() - begun
    assert len(read_fresh(paths.epochs_parquet, 2)) == count * 10
    assert first < 4.0
    assert second < first / 2
