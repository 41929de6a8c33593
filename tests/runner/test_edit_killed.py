"""kill -9 at every step of an edit and of a migration: the old state or the new one, whole."""

from __future__ import annotations

import shutil

import optuna
import pytest

import sweeps
from tests.runner.killed import resume_killed
from tests.runner.test_edit import KIND

NEW = {"parameters": {"x": {"min": 0.5, "max": 1.0}, "kind": KIND}, "enqueue": None}

STORAGES = [(None, 1), pytest.param("sqlite:///study.db", 4, marks=pytest.mark.faults)]


def state(folder) -> tuple:
    """What a reader finds: the space and every trial."""
    results = sweeps.load(folder)
    trials = results.trials[["number", "state", "metric", "outside"]]
    return results.spec.document()["parameters"]["x"]["min"], trials.to_dict("list")


def put_back(toy, kept) -> None:
    for path in (toy.folder, toy.path / "study.db"):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    shutil.copytree(kept, toy.path, dirs_exist_ok=True)


@pytest.mark.parametrize(
    ("storage", "stride"), [(None, 1), pytest.param("sqlite:///study.db", 4, marks=pytest.mark.faults)]
)
def test_an_edit_killed_at_any_step_leaves_the_old_or_the_new_state(toy, storage, stride):
    where = {"storage": storage} if storage else {}
    toy.run(**where)
    kept = toy.path.with_name(f"{toy.path.name}.kept")
    shutil.copytree(toy.path, kept)
    old = state(toy.folder)
    file = toy.spec("edited.yaml", **NEW, **where)
    sweeps.resume(toy.folder, edit=file)
    new = state(toy.folder)
    assert (new[0], new[1]["outside"]) == (0.5, [True, False, True, False])

    was_old, step, settled = [], 0, False
    while not settled:
        put_back(toy, kept)
        assert resume_killed(step, toy.folder, toy.path, edit=file)
        settled = (toy.folder / "manifest.json.1").exists() and not (toy.folder / "edit").exists()
        found = state(toy.folder)
        assert found in (old, new), f"step {step}: neither the old nor the new state"
        sweeps.check_invariants(toy.folder)
        sweeps.resume(toy.folder)
        assert state(toy.folder) == found, f"step {step}: resumed, it is another sweep than was read"
        assert not (toy.folder / "edit").exists() and not (toy.folder / ".edit").exists()
        if found == old:
            was_old.append(step)
        step += stride
    assert was_old == list(range(0, len(was_old) * stride, stride)) and len(was_old) * stride < step
    _put_through(toy, kept, file, was_old[-1], new)


def _put_through(toy, kept, file, step, new) -> None:
    """After the latest kill that left the old state, the same edit is made as if there had been no first."""
    put_back(toy, kept)
    assert resume_killed(step, toy.folder, toy.path, edit=file)
    sweeps.resume(toy.folder, edit=file)
    assert state(toy.folder) == new
    sweeps.check_invariants(toy.folder)
    if (toy.path / "study.db").exists():  # what was begun stays there: it could be that of a copy
        names = optuna.get_all_study_names(f"sqlite:///{toy.path}/study.db")
        assert sorted(name.partition(".")[2] for name in names) == ["", "1", "2"]
