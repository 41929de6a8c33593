"""A results folder goes on wherever it is moved or copied to, under whatever name."""

from __future__ import annotations

import shutil

import sweeps


def test_a_moved_and_renamed_folder_goes_on(toy, tmp_path_factory):
    before = toy.run(budget={"trials": 2}).trials
    target = tmp_path_factory.mktemp("archive") / "renamed"
    shutil.move(toy.folder, target)
    results = sweeps.resume(target, {"budget.trials": 4})
    assert results.directory == target and results.spec.name == "toy"
    assert results.trials.head(2).equals(before)
    assert results.best.directory.is_relative_to(target)
    assert not toy.folder.exists()
    sweeps.check_invariants(target)


def test_a_copy_goes_on_by_itself(toy):
    toy.run(budget={"trials": 2})
    copy = toy.path / "copy"
    shutil.copytree(toy.folder, copy)
    assert len(sweeps.resume(copy, {"budget.trials": 4}).trials) == 4
    narrow = {"x": {"min": 0.5, "max": 1.0}, "kind": {"values": ["a", "b"]}}
    file = toy.spec("edited.yaml", parameters=narrow, enqueue=None, budget={"trials": 4})
    assert sweeps.resume(copy, edit=file).trials["outside"].tolist() == [True, False, True, False]
    original = sweeps.resume(toy.folder, {"budget.trials": 3})
    assert len(original.trials) == 3 and not original.trials["outside"].any()
