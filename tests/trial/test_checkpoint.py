"""Checkpoints survive damage and death at any moment, and are plain enough for weights_only."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import OrderedDict, defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch

from sweeps.errors import CheckpointError
from sweeps.messages import Returned
from sweeps.trial import Trial, run_attempt
from sweeps.trial.checkpoint import Checkpoint
from tests.trial.helpers import Recorder, Training, make_spec, stop_at


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    channel = Recorder()
    run_attempt(Training(), make_spec(tmp_path_factory.mktemp("whole")), channel, "cpu")
    return channel.reports


def truncate(path: Path, share: float) -> None:
    os.truncate(path, int(path.stat().st_size * share))


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


DAMAGES = {
    "cut to 0 %": lambda path: truncate(path, 0),
    "cut to 50 %": lambda path: truncate(path, 0.5),
    "cut to 99 %": lambda path: truncate(path, 0.99),
    "a bit flipped": flip_a_bit,
    "missing": Path.unlink,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_last_falls_back_to_the_one_before(tmp_path, whole, damage, capsys):
    run_attempt(Training(), make_spec(tmp_path), stop_at(4, "interrupted"), "cpu")
    DAMAGES[damage](tmp_path / "last.pt")
    channel = Recorder()
    assert run_attempt(Training(), make_spec(tmp_path, attempt=2), channel, "cpu") == Returned()
    assert channel.reports == whole[3:]  # epoch 4 again, then 5 and 6, bit for bit
    lines = capsys.readouterr().out.splitlines()
    assert ["last.pt" in line and line.endswith("not used") for line in lines] == [True, False]
    assert "going on after epoch 3 (attempt 2)" in lines[1]


@pytest.mark.parametrize("damage", DAMAGES)
def test_without_a_whole_best_the_trial_starts_again(tmp_path, whole, damage, capsys):
    run_attempt(Training(), make_spec(tmp_path), stop_at(3, "interrupted"), "cpu")
    DAMAGES[damage](tmp_path / "best.pt")
    DAMAGES[damage](tmp_path / "last.prev.pt")
    channel = Recorder()
    run_attempt(Training(), make_spec(tmp_path, attempt=2), channel, "cpu")
    assert channel.reports == whole
    assert "no whole checkpoint to go on from: starting over at epoch 1" in capsys.readouterr().out


@pytest.mark.parametrize("noise", [b"", b"\xff\xfe\n", b"0" * 64])
def test_damaged_hashes_are_damaged_checkpoints(tmp_path, whole, noise):
    run_attempt(Training(), make_spec(tmp_path), stop_at(3, "interrupted"), "cpu")
    (tmp_path / "last.pt.sha256").write_bytes(noise)
    channel = Recorder()
    assert run_attempt(Training(), make_spec(tmp_path, attempt=2), channel, "cpu") == Returned()
    assert channel.reports == whole


def test_a_damaged_best_goes_back_to_where_the_best_before_was_best(tmp_path, whole):
    run_attempt(Training(), make_spec(tmp_path), stop_at(3, "interrupted"), "cpu")
    truncate(tmp_path / "best.pt", 0.5)  # epoch 3's; last.prev.pt stands at epoch 2 with epoch 2's best
    channel = Recorder()
    run_attempt(Training(), make_spec(tmp_path, attempt=2), channel, "cpu")
    assert channel.reports == whole[2:]


@pytest.mark.parametrize("missing", ["last.pt", "last.pt.sha256"])
def test_a_missing_file_is_a_damaged_one(tmp_path, whole, missing):
    run_attempt(Training(), make_spec(tmp_path), stop_at(4, "interrupted"), "cpu")
    (tmp_path / missing).unlink()
    channel = Recorder()
    run_attempt(Training(), make_spec(tmp_path, attempt=2), channel, "cpu")
    assert channel.reports in (whole[3:], whole)


# Every step of a save ends in one of these calls; dying right after each of them is dying between any two.
DIE_AFTER = """
import os, pathlib, sys, torch
from sweeps.trial.checkpoint import Checkpoint

def save_and_die_after(step, path):
    path.parent.mkdir()
    checkpoint = Checkpoint(path)
    for number in (1, 2, 3):
        checkpoint.save({"number": number, "x": torch.full((1000,), float(number))})
    calls = []
    def dying(real):
        def call(*arguments, **keywords):
            result = real(*arguments, **keywords)
            calls.append(real)
            if len(calls) == step:
                os._exit(9)
            return result
        return call
    os.fsync, os.replace = dying(os.fsync), dying(os.replace)
    checkpoint.save({"number": 4, "x": torch.full((1000,), 4.0)})
    os._exit(0)

for step in range(1, 8):
    if (child := os.fork()) == 0:
        save_and_die_after(step, pathlib.Path(sys.argv[1]) / str(step) / "last.pt")
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_death_between_any_two_steps_of_a_save_leaves_a_whole_checkpoint(tmp_path):
    died = subprocess.run(
        [sys.executable, "-c", DIE_AFTER, str(tmp_path)], check=True, capture_output=True, text=True
    )
    survivors = []
    for step in range(1, 8):
        checkpoint = Checkpoint(tmp_path / str(step) / "last.pt")
        good, state = next(checkpoint.candidates(print))
        survivors.append(state["number"])
        checkpoint.adopt(good)
        checkpoint.save({"number": 5})
        assert [later["number"] for _, later in checkpoint.candidates(print)] == [5, state["number"]]
    # fsync, fsync of the hashes, rename of the hashes, current -> prev, new -> current; then no more steps
    assert died.stdout.split() == ["9"] * 5 + ["0"] * 2
    assert survivors == [3, 3, 3, 3, 4, 4, 4]


def test_the_hash_file_is_what_sha256sum_reads(tmp_path):
    checkpoint = Checkpoint(tmp_path / "best.pt")
    checkpoint.save({"number": 1})
    checkpoint.save({"number": 2})
    checked = subprocess.run(
        ["sha256sum", "-c", "best.pt.sha256"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert checked.stdout == "best.pt: OK\nbest.prev.pt: OK\n"


def test_numpy_and_containers_come_back_as_they_were_through_weights_only(tmp_path):
    state = {
        "rate": np.float64(0.5),
        "count": np.int64(3),
        "array": np.arange(6, dtype=np.float32).reshape(2, 3),
        "none": None,
        "nested": [{"a": (1, 2.5, "x")}, {3, 4}],
        "groups": defaultdict(list, {"k": [torch.ones(2)]}),
        "size": torch.Size([2, 3]),
    }
    checkpoint = Checkpoint(tmp_path / "last.pt")
    checkpoint.save({"state": state})
    assert torch.load(checkpoint.path, weights_only=True)["state"]["rate"] == 0.5
    back = checkpoint.load()["state"]
    np.testing.assert_array_equal(back["array"], state["array"])
    assert back["array"].dtype == np.float32
    assert (back["rate"], back["count"], back["none"], back["nested"]) == (
        0.5,
        3,
        None,
        [{"a": (1, 2.5, "x")}, {3, 4}],
    )
    assert torch.equal(back["groups"]["k"][0], torch.ones(2))


def test_a_modules_version_notes_survive(tmp_path):
    model = torch.nn.Sequential(torch.nn.BatchNorm1d(2))
    checkpoint = Checkpoint(tmp_path / "last.pt")
    checkpoint.save({"model": model.state_dict()})
    back = checkpoint.load()["model"]
    assert isinstance(back, OrderedDict)
    assert back._metadata == model.state_dict()._metadata


def test_what_is_not_data_is_refused_when_it_is_saved(tmp_path):
    with pytest.raises(
        CheckpointError, match=r"state\['hook'\]\[0\] is a function, which a checkpoint cannot hold"
    ):
        Checkpoint(tmp_path / "last.pt").save({"state": {"hook": [make_spec]}})
    assert not list(tmp_path.iterdir())


def test_restore_best_takes_any_of_the_saved_objects_and_explains_a_missing_file(tmp_path):
    training = Training()
    run_attempt(training, make_spec(tmp_path / "done"), Recorder(), "cpu")
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    Trial(make_spec(tmp_path / "done")).restore_best(model=model)
    assert model[0].weight.sum().item() == training.weights[5]
    with pytest.raises(CheckpointError, match=r"no checkpoint at .*best\.pt"):
        Trial(make_spec(tmp_path / "other")).restore_best(model=model)
    truncate(tmp_path / "done" / "best.pt", 0.5)
    with pytest.raises(CheckpointError, match=r"best\.pt is damaged"):
        Trial(make_spec(tmp_path / "done")).restore_best(model=model)


@pytest.mark.parametrize("array", [np.ones(3, dtype=">f4"), np.ones(3, np.longdouble)], ids=["big", "long"])
def test_an_array_torch_does_not_have_is_refused_by_name(tmp_path, array):
    rule = r"state\['rates'\] is an array of '.*', which a checkpoint cannot hold: convert it"
    with pytest.raises(CheckpointError, match=rule):
        Checkpoint(tmp_path / "last.pt").save({"state": {"rates": array}})
    with pytest.raises(CheckpointError, match=r"state is a longdouble"):
        Checkpoint(tmp_path / "last.pt").save({"state": np.longdouble(1)})


@pytest.mark.parametrize("error", [AttributeError, KeyError, IndexError, TypeError])
def test_an_object_that_cannot_load_its_state_is_named(tmp_path, error):
    class Picky:
        def state_dict(self):
            return {"x": 1}

        def load_state_dict(self, state):
            raise error("averaged")

    run_attempt(Training(), make_spec(tmp_path), Recorder(), "cpu")
    rule = rf"best\.pt does not fit the 'model' that was passed: {error.__name__}: .?averaged"
    with pytest.raises(CheckpointError, match=rule):
        Trial(make_spec(tmp_path)).restore_best(model=Picky())
