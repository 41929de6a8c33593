"""What the system refuses: the right to write, open files. Said in words, without a traceback."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
import sys

import pytest

import sweeps
from sweeps.controller import TrialStarted
from sweeps.runner import resume, run


@contextlib.contextmanager
def bound(folder):
    """``folder`` as a mount of its own."""
    mount = subprocess.run(["mount", "--bind", folder, folder], capture_output=True, text=True)
    if mount.returncode:
        pytest.skip(f"mounting is not permitted here: {mount.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def make_read_only(folder):
    subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)


@pytest.fixture
def read_only(toy):
    """The results folder, as it looks on a file system that cannot be written to."""
    with bound(toy.root.parent):
        make_read_only(toy.root.parent)
        yield toy


def test_a_read_only_folder_is_read(read_only, sweep):
    for arguments in (("show", "toy"), ("trials", "toy"), ("logs", "toy", "1"), ("export", "toy", "bundle")):
        assert sweep(*arguments)[0] == 0
    rule = "results must go to a folder that can be written: Read-only file system"
    for arguments in (
        ("run", "toy.yaml"),
        ("resume", "toy"),
        ("test", "toy"),
        ("run", "toy.yaml", "--fresh"),
    ):
        code, said = sweep(*arguments)
        assert code == 2 and f"{rule}; make it writable, or go on with a copy of it" in said, said
    code, said = sweep("run", "toy.yaml", "--set", "name=other")
    assert code == 2 and f"{rule}; choose another with --results" in said
    code, said = sweep("export", "toy", "results/bundle")
    assert code == 2 and "the bundle must go to a folder that can be written" in said


def test_a_disk_that_becomes_read_only_under_way_is_not_said_to_be_full(toy):
    mounted_over = contextlib.ExitStack()

    def fails(event):
        if isinstance(event, TrialStarted) and event.number == 4:
            mounted_over.enter_context(bound(toy.trials))
            make_read_only(toy.trials)

    with mounted_over:
        result = resume(toy.root, ["budget.trials=6"], observers=[fails])
    assert (result.exit_code, result.reason) == (6, "disk")
    (note,) = result.notes
    assert note == (
        "results/toy/trials/0004: cannot be written: Read-only file system; see to that disk, and that it "
        "can be written to, and go on: sweep resume results/toy"
    )
    assert resume(toy.root).states == {"COMPLETE": 6}


COMMANDS = (["show"], ["trials"], ["logs", "1"], ["verify"], ["export", "bundle"], ["test"], ["resume", "-q"])


@pytest.fixture
def of_another_user(toy, sweep):
    """The results folder, which this user may not enter."""
    for command, *rest in COMMANDS:  # what is imported by them may lie where only root can read it
        assert sweep(command, "toy", *rest)[0] == 0
    user = os.geteuid()
    toy.root.chmod(0)
    if user == 0:
        os.seteuid(65534)
    yield toy
    os.seteuid(user)
    toy.root.chmod(0o700)


def test_a_folder_that_may_not_be_read(of_another_user, sweep):
    for command, *rest in COMMANDS:
        code, said = sweep(command, "toy", *rest)
        assert code == 2 and "Permission denied: ask its owner" in said, (command, said)


@pytest.mark.parametrize("name", ["study.journal", "events.jsonl", "trials"])
def test_a_file_or_folder_that_is_a_link_to_itself(toy, sweep, name):
    (toy.root / name).rename(toy.root / "aside")
    (toy.root / name).symlink_to(name)
    for command, *rest in COMMANDS:
        code, said = sweep(command, "toy", *rest)
        assert code in (0, 2, 5, 7), (command, said)
    assert code == 5 and "this is a link to" in said
    (toy.root / name).unlink()
    (toy.root / "aside").rename(toy.root / name)
    assert sweep("verify", "toy")[0] == 0


def test_trials_whose_folders_are_gone_are_not_forgotten(toy, sweep):
    shutil.rmtree(toy.trials)
    toy.events.unlink()
    assert sweep("run", "toy.yaml", "-q")[0] == 0
    assert sweeps.load(toy.root).trials["attempt"].tolist() == [1] * 3
    assert not toy.trials.exists() or not any(toy.trials.iterdir()), "they were trained again"
    toy.trials.write_text("")
    code, said = sweep("run", "toy.yaml", "-q")
    assert code == 5 and "a folder must be where a file is" in said and "restore" in said


def test_too_few_files_for_the_workers_are_found_out_before_anything_is_made(toy):
    command = [sys.executable, "-m", "sweeps", "run", "toy.yaml", "--set", "name=other"]
    more = ["--set", "engine=local", "--set", "workers=2"]

    def limited():
        resource.setrlimit(resource.RLIMIT_NOFILE, (18, 18))

    done = subprocess.run([*command, *more], capture_output=True, text=True, preexec_fn=limited)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "2 worker(s) need" in done.stderr and "18 may be (ulimit -n): raise it" in done.stderr
    assert not (toy.root.parent / "other").exists()


def test_files_that_run_out_under_way(toy):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    def no_more(event):
        if isinstance(event, TrialStarted) and event.number == 4:
            next_one = os.dup(0)
            os.close(next_one)
            resource.setrlimit(resource.RLIMIT_NOFILE, (next_one, hard))

    try:
        with pytest.raises(
            sweeps.SystemLimitError, match=r"allowed to open more files than \d+ \(ulimit -n\)"
        ) as ended:
            resume(toy.root, ["budget.trials=6"], observers=[no_more])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert ended.value.exit_code == 6
    assert sweeps.load(toy.root).trials["state"].tolist() == ["COMPLETE"] * 4 + ["INTERRUPTED"]
    assert run("toy.yaml", ["budget.trials=6"]).states == {"COMPLETE": 6}


def test_a_link_to_nothing_among_the_checkpoints_is_let_be(toy, sweep):
    (toy.trial(0).directory / "mine.pt").symlink_to("gone")
    assert sweep("resume", "toy", "-q") == (0, "")
