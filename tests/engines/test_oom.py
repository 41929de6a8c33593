"""The kernel's count of processes killed for memory: found, read, and asked; real kills in a real cgroup."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from sweeps.engines.local.oom import OomCounter, find_counter, read_kills
from tests.faults.harness import Project

EVENTS = "low 0\nhigh 0\nmax 31\noom 2\noom_kill 2\noom_group_kill 0\n"
CONTROL = "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"


def test_the_counts_of_both_versions(tmp_path):
    (tmp_path / "memory.events").write_text(EVENTS)
    (tmp_path / "memory.oom_control").write_text(CONTROL)
    assert read_kills(tmp_path / "memory.events") == 2
    assert read_kills(tmp_path / "memory.oom_control") == 3
    (tmp_path / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\n")  # before Linux 4.13
    assert read_kills(tmp_path / "memory.oom_control") == 0
    assert read_kills(tmp_path / "gone") == 0


@pytest.mark.parametrize(
    ("membership", "counter"),
    [
        ("0::/user.slice/job\n", "user.slice/job/memory.events"),
        ("4:memory:/jobs/7\n0::/\n", "memory/jobs/7/memory.oom_control"),
        ("5:cpu,memory:/jobs/7\n", "memory/jobs/7/memory.oom_control"),
        ("0::/the/host/calls/it/so\n", "memory.events"),
        ("4:memory:/docker/abc\n", "memory/memory.oom_control"),
        ("3:cpu:/jobs/7\n", None),
    ],
)
def test_the_counter_of_a_process(tmp_path, membership, counter):
    for name in ("user.slice/job/memory.events", "memory/jobs/7/memory.oom_control", "memory.events"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(EVENTS)
    (tmp_path / "memory" / "memory.oom_control").write_text(CONTROL)
    (tmp_path / "cgroup").write_text(membership)
    assert find_counter(tmp_path / "cgroup", tmp_path) == (tmp_path / counter if counter else None)


def test_each_kill_explains_one_death(tmp_path):
    source = tmp_path / "memory.events"
    source.write_text("oom_kill 5\n")
    counter = OomCounter(source)
    assert not counter.explains_a_death()
    source.write_text("oom_kill 7\n")
    assert [counter.explains_a_death() for _ in range(3)] == [True, True, False]
    source.write_text("oom_kill 8\n")
    counter.forget()
    assert not counter.explains_a_death()


@pytest.fixture
def cgroup():
    """A memory cgroup below this process's own, with room for a driver and little more."""
    counter = find_counter(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"))
    if counter is None or counter.name != "memory.oom_control":
        pytest.skip("needs cgroup version 1's memory controller")
    group = counter.parent / f"sweeps-{uuid.uuid4().hex[:8]}"
    try:
        group.mkdir()
    except OSError:
        pytest.skip("a cgroup cannot be made here")
    (group / "memory.limit_in_bytes").write_text(str(1_500_000_000))
    yield group
    group.rmdir()


HOG = """

def hogs(trial):
    held = []
    while trial.config["x"] == 0.5 and trial.attempt == 1:
        held.append(b"x" * 50_000_000)
    trial.report(val_loss=1.0, epoch=1)
"""


@pytest.mark.faults
def test_a_worker_that_the_kernel_kills_for_memory(tmp_path, cgroup):
    keys = {"train": "toy:hogs", "parameters": {"x": {"values": [0.25, 0.5]}}, "sampler": "grid"}
    toy = Project(tmp_path, HOG, **keys, retries={"oom": 1}, budget={"trials": 2}, workers=1)
    ended = toy.run(SWEEPS_TEST_CGROUP=str(cgroup))
    assert ended.code == 0, ended.err
    failed = [event for event in toy.events("TrialEnded") if event["attempt_state"] == "FAILED"]
    assert [(event["attempt_reason"], event["retry"]) for event in failed] == [("oom", True)]
    assert "the memory of its cgroup was used up" in failed[0]["error"]
    toy.verify()
