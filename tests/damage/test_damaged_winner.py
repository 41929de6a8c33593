"""The winner's checkpoint is damaged: that is said, with the fix, and nothing else is lost."""

from __future__ import annotations

import shutil

import pytest

import sweeps
from sweeps.export import read_model
from tests.trial.test_checkpoint import DAMAGES, truncate


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_winner_without_its_checkpoint_is_neither_exported_nor_tested(toy, sweep, damage):
    before = sweeps.load(toy.root)
    best = toy.trial(before.best.number).best
    whole = best.read_bytes()
    DAMAGES[damage](best)
    assert sweep("export", "toy", "one") == (0, "")  # best/ has it still
    assert sweep("test", "toy")[0] == 0
    shutil.rmtree(toy.best.directory)
    for arguments in (("test", "toy"), ("export", "toy", "two")):
        code, said = sweep(*arguments)
        assert code == 5 and "best.pt" in said and "restore the file from a backup" in said, said
    code, said = sweep("resume", "toy", "-q")
    assert code == 5 and "best.pt" in said
    assert not toy.best.selection.exists(), "a choice that cannot be tested was frozen"
    assert sweeps.load(toy.root).trials.equals(before.trials)
    best.write_bytes(whole)
    assert sweep("resume", "toy", "-q")[0] == 0
    assert sweeps.load(toy.root).best.test == {"accuracy": 1.0}


def test_a_damaged_model_is_exported_anew_from_the_checkpoint(toy, sweep):
    weights = {name: weight.clone() for name, weight in read_model(toy.best.model)[0].items()}
    truncate(toy.best.model, 0.99)
    assert sweep("export", "toy", "bundle")[0] == 0
    exported, _ = read_model(toy.root.parent.parent / "bundle" / "model.safetensors")
    assert exported.keys() == weights.keys() and all(exported[k].equal(weights[k]) for k in weights)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_winner_whose_model_is_gone_too_is_not_exported(toy, sweep, damage):
    best = toy.trial(sweeps.load(toy.root).best.number).best
    whole = best.read_bytes()
    DAMAGES[damage](best)
    toy.best.model.unlink()
    for arguments in (("export", "toy", "bundle"), ("test", "toy"), ("resume", "toy", "-q")):
        code, said = sweep(*arguments)
        assert code == 5 and "best.pt" in said and "restore the file from a backup" in said, said
    assert not (toy.root.parent.parent / "bundle").exists()
    best.write_bytes(whole)
    assert sweep("resume", "toy", "-q")[0] == 0
    assert toy.best.model.exists(), "made anew"


def test_a_winner_of_which_only_the_exported_model_is_left_is_told(toy, sweep):
    truncate(toy.trial(sweeps.load(toy.root).best.number).best, 0)
    code, said = sweep("resume", "toy", "-q")
    assert code == 0 and "best.pt is damaged" in said and "is all that is left of the winner's model" in said
