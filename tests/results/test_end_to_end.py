"""What the ordinary run of a sweep leaves in its folder."""

from __future__ import annotations

import json

import pandas as pd

from sweeps.results import journal_stamp, load
from sweeps.results.writer import read_fresh
from sweeps.runner import run


def test_a_run_on_workers_leaves_fresh_tables_a_tested_winner_and_its_model(make_sweep, monkeypatch):
    sweep = make_sweep(0.9, 0.4, 0.6, 0.55)
    outcome = run(sweep.yaml, ["engine=local", "workers=2"])
    assert outcome.exit_code == 0

    paths = sweep.paths
    assert read_fresh(paths.trials_parquet, journal_stamp(paths)) is not None
    assert read_fresh(paths.epochs_parquet, journal_stamp(paths)) is not None
    results = load(paths.root)
    assert results.trials["state"].tolist() == ["COMPLETE"] * 4
    assert results.trials["epochs"].tolist() == [3] * 4
    assert results.best.number == outcome.winner.number == 3
    assert results.best.test["accuracy"] == 302.0

    trials, epochs = results.trials, results.epochs
    for path in (paths.trials_parquet, paths.epochs_parquet):
        path.unlink()
    pd.testing.assert_frame_equal(load(paths.root).trials, trials)
    pd.testing.assert_frame_equal(load(paths.root).epochs, epochs)

    elsewhere = sweep.root / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert load(paths.root).load_model().bias.item() == 302.0
    environment = json.loads(paths.env.read_bytes())
    assert environment["packages"]["torch"]
