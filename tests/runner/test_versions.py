"""A folder of format version 1 (tests/data/v1, written by that version) is read, migrated and resumed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import optuna
import pytest

import sweeps
from sweeps import runner
from sweeps.errors import RefusedError
from tests.runner.killed import resume_killed

V1 = Path(__file__).parent.parent / "data" / "v1"
VALUES = [0.5949454675826498, 0.791221293796426, 0.9128987044520129]


@pytest.fixture
def old(toy):
    """The toy as version 1 left it: three COMPLETE trials, the winner tested."""
    for name in ("toy.py", "toy.yaml"):
        shutil.copy(V1 / name, toy.path / name)
    shutil.copytree(V1 / "folder", toy.folder)
    return toy


def test_a_reader_changes_nothing(old):
    before = old.files()
    results = sweeps.load(old.folder)
    assert results.trials["metric"].tolist() == VALUES
    assert results.trials["source"].isna().all() and not results.trials["outside"].any()
    assert results.best.number == 0 and results.best.test == {"accuracy": pytest.approx(0.7384, abs=1e-4)}
    assert old.files() == before


def test_it_is_migrated_after_a_backup_and_goes_on(old):
    before = old.files()
    result = runner.resume(old.folder, ["budget.trials=5"])
    (note,) = [note for note in result.notes if "format version" in note]
    assert "version 1" in note and "in 2" in note and "study.journal.v1" in note
    for name in ("study.journal", "manifest.json"):
        assert (old.folder / f"{name}.v1").read_bytes() == before[name]
    trials = sweeps.load(old.folder).trials
    assert trials["metric"].tolist()[:3] == VALUES and len(trials) == 5
    source = json.loads(before["manifest.json"])["source"]
    assert trials["source"].tolist() == [source[:12]] * 5
    again = runner.resume(old.folder)
    assert not any("format version" in note for note in again.notes)
    assert json.loads((old.folder / "manifest.json").read_bytes())["version"] == 2
    sweeps.check_invariants(old.folder)


def edit_with_the_same_keep(old):
    file = old.spec("edited.yaml", enqueue=None, test="toy:test", budget={"trials": 5})
    return sweeps.resume(old.folder, edit=file)


@pytest.mark.parametrize(
    "go_on",
    [
        lambda old: sweeps.resume(old.folder, {"budget.trials": 5}),
        lambda old: sweeps.run(old.path / "toy.yaml"),
        edit_with_the_same_keep,
    ],
)
def test_it_keeps_the_checkpoints_that_it_has(old, go_on):
    """There was no `keep` then, and a file that says nothing of it removes nothing."""
    kept = [old.folder / f"trials/000{n}/{name}" for n in (1, 2) for name in ("best.pt", "last.pt")]
    for path in kept:
        path.write_bytes(b"of version 1")
    before = sweeps.load(old.folder)
    for _ in range(2):
        after = go_on(old)
    assert before.spec.keep.all and after.spec.keep.all
    assert all(path.read_bytes() == b"of version 1" for path in kept)
    sweeps.resume(old.folder, {"keep.all": False, "keep.top": 1})
    assert not any(path.exists() for path in kept)


def test_it_can_be_edited_at_once(old):
    narrow = {"x": {"min": 0.4, "max": 1.0}, "kind": {"values": ["a", "b"]}}
    edited = old.edit(parameters=narrow, enqueue=None, test="toy:test", budget={"trials": 4})
    assert edited.trials["outside"].tolist() == [True, False, False, False]
    assert edited.trials["source"].notna().all()


def test_its_code_counts_as_that_of_its_trials(old):
    old.change_code()
    with pytest.raises(RefusedError, match=r"3 trial\(s\).*f5c7d2fc4aa9.*--allow-code-change"):
        sweeps.resume(old.folder, {"budget.trials": 4})
    assert not (old.folder / "study.journal.v1").exists()


def test_a_migration_killed_at_any_step_is_done_again(old):
    before, step = old.files(), 0
    kept = old.path.with_name(f"{old.path.name}.kept")
    shutil.copytree(old.folder, kept)
    migrated = False
    while not migrated:
        assert resume_killed(step, old.folder, old.path)
        assert sweeps.load(old.folder).trials["metric"].tolist() == VALUES
        migrated = json.loads((old.folder / "manifest.json").read_bytes())["version"] == 2
        assert len(sweeps.resume(old.folder, {"budget.trials": 4}).trials) == 4
        sweeps.check_invariants(old.folder)
        assert (old.folder / "study.journal.v1").read_bytes() == before["study.journal"]
        assert (old.folder / "manifest.json.v1").read_bytes() == before["manifest.json"]
        shutil.rmtree(old.folder)
        shutil.copytree(kept, old.folder)
        step += 1
    assert step > 2


def test_a_database_of_version_1_is_backed_up_as_a_journal(old):
    url = f"sqlite:///{old.path}/study.db"
    storage = optuna.storages.RDBStorage(url)
    source = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(str(old.folder / "study.journal"))
    )
    folder_id = json.loads((old.folder / "manifest.json").read_bytes())["id"]
    study_id = storage.create_new_study([optuna.study.StudyDirection.MINIMIZE], f"toy-{folder_id}")
    storage.set_study_user_attr(study_id, "sweeps", source.get_study_user_attrs(0)["sweeps"])
    for trial in source.get_all_trials(0):
        storage.create_new_trial(study_id, trial)
    (old.folder / "study.journal").unlink()
    resolved = (old.folder / "resolved.yaml").read_text()
    (old.folder / "resolved.yaml").write_text(resolved.replace("storage: null", f"storage: {url}"))

    assert len(sweeps.resume(old.folder, {"budget.trials": 4}).trials) == 4
    backup = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(str(old.folder / "study.journal.v1"))
    )
    study = optuna.load_study(study_name="toy", storage=backup)
    assert [trial.value for trial in study.trials] == VALUES
    assert study.user_attrs["sweeps"]["version"] == 1


def test_a_newer_folder_is_refused_naming_both_versions(toy):
    toy.run(budget={"trials": 1})
    manifest = json.loads((toy.folder / "manifest.json").read_bytes())
    (toy.folder / "manifest.json").write_text(json.dumps(manifest | {"version": 3, "unknown": True}))
    before = toy.files()
    with pytest.raises(RefusedError, match="format version 3, and this sweeps reads up to 2: upgrade"):
        sweeps.resume(toy.folder)
    assert toy.files() == before
