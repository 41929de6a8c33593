"""Every ready-made sweep runs, on the default engine, with a budget cut to a few trials."""

from __future__ import annotations

from pathlib import Path

import pytest

import sweeps

FOLDER = Path(__file__).resolve().parent.parent / "search_spaces"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda p: p.stem)
def test_a_ready_made_sweep_runs_to_a_tested_model(path, tmp_path):
    results = sweeps.run(path, set={"budget.trials": 4, "epochs": 4}, results=tmp_path)
    assert len(results.trials) == 4
    assert set(results.trials["state"]) <= {"COMPLETE", "PRUNED"}
    assert results.best.test["accuracy"] > 0.5
    model = results.load_model()
    assert not model.training
    assert (tmp_path / path.stem / "best" / "model.safetensors").exists()
