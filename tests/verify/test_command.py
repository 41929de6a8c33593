"""`sweep verify`: what it says, its exit code, and that it changes and runs nothing."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest

import sweeps
from tests.cli.commands import sweep
from tests.faults.harness import Project, wait_for


@pytest.fixture
def project(finished, tmp_path) -> Path:
    """The project of the finished sweep, whose module may not be imported any more."""
    folder = Path(shutil.copytree(finished.parents[1], tmp_path / "project"))
    (folder / "toy.py").write_text("raise SystemExit('imported')")
    return folder


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_a_good_folder(project):
    before = state(project)
    done = sweep(("verify", "toy"), project, {})
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.split()[:2] for line in lines[:8]] == [[f"I{n}", "ok"] for n in range(1, 9)]
    assert lines[-1] == "results/toy: every invariant holds"
    assert state(project) == before


def test_a_broken_folder_exits_7(project):
    (project / "results/toy/trials/0003/best.pt").unlink()
    done = sweep(("verify", "toy"), project, {})
    assert done.returncode == 7
    assert "I7    BROKEN  the best checkpoint is whole" in done.stdout
    assert "I7: trial 3: no checkpoint at" in done.stdout
    assert done.stdout.endswith("results/toy: 1 finding(s) break an invariant\n")


@pytest.mark.parametrize("damage", ["missing", "empty", "noise", "beheaded"])
def test_without_its_events_it_says_what_cannot_be_told(project, damage):
    events = project / "results/toy/events.jsonl"
    lines = events.read_bytes().splitlines(keepends=True)
    left = {"empty": b"", "noise": random.Random(1).randbytes(3000), "beheaded": b"".join(lines[1:])}
    events.unlink() if damage == "missing" else events.write_bytes(left[damage])
    checks = {
        check.invariant: check.skipped for check in sweeps.verify.inspect(project / "results/toy").checks
    }
    assert [name for name, skipped in checks.items() if "events.jsonl" in (skipped or "")] == [
        "I1", "I2", "I3", "I8"
    ]  # fmt: skip


def test_json(project):
    (project / "results/toy/best/selection.json").unlink()
    (project / "results/toy/trials/0009").mkdir()
    done = sweep(("verify", "toy", "--json"), project, {})
    document = json.loads(done.stdout)
    assert (done.returncode, document["exit_code"]) == (7, 7)
    assert [(finding["invariant"], finding["trial"]) for finding in document["findings"]] == [("I8", 3)]
    assert [warning["trial"] for warning in document["warnings"]] == [9]
    assert [check["invariant"] for check in document["checks"]][:8] == [f"I{n}" for n in range(1, 9)]


def test_no_results_folder(tmp_path):
    done = sweep(("verify", "toy"), tmp_path, {})
    assert done.returncode == 2 and "no sweep in this folder" in done.stderr
    with pytest.raises(sweeps.UsageError):
        sweeps.check_invariants(tmp_path)


def test_a_running_sweep_keeps_every_invariant_at_any_time(tmp_path):
    toy = Project(tmp_path, engine="inline", fixed={"pace": 0.02}, budget={"trials": 20}, test=None)
    driver = toy.start()
    wait_for(lambda: toy.events("TrialStarted"))
    looks = 0
    while driver.process.poll() is None:
        assert sweeps.verify.verify(toy.paths.root) == []
        looks += 1
    assert driver.end().code == 0 and looks >= 3
    toy.verify()
