"""docs/cluster/sweep.sbatch, run by bash as by Slurm: a real sweep, stubs for Slurm's and Ray's commands."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ray.scripts.scripts import start as ray_start
from ray.scripts.symmetric_run import symmetric_run

import sweeps

SCRIPT = Path(__file__).resolve().parent.parent / "docs" / "cluster" / "sweep.sbatch"
# Each stub notes its arguments. As in reality, `ray` stays the parent of the sweep, and dies of USR1.
STUBS = {
    "srun": 'while [[ $1 == --* ]]; do shift; done; exec "$@"',
    "scontrol": "",
    "hostname": "echo 10.0.0.7 10.1.0.7",
    "ray": """
if [[ $1 == symmetric-run ]]; then
    while [[ -e starting ]]; do sleep 0.1; done
    while [[ $1 != -- ]]; do shift; done; shift
    "$@"; exit $?
fi""",
    "sweep": f'exec {sys.executable} -m sweeps "$@"',
}
TRAIN = """
import time
import torch


def train(trial):
    weight = torch.nn.Linear(1, 1)
    for epoch in trial.epochs(model=weight):
        time.sleep(0.05)
        trial.report(val_loss=trial.config["x"] + 1.0 / epoch)


def hang(trial):
    trial.report(val_loss=1.0, epoch=1)
    time.sleep(60)
"""
SPEC = """
version: 1
name: toy
train: toy:train
epochs: 8
parameters: {x: {min: 0.0, max: 1.0}}
budget: {trials: 4}
pruner: none
workers: 2
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "toy.py").write_text(TRAIN)
    (tmp_path / "toy.yaml").write_text(SPEC)
    (tmp_path / "bin").mkdir()
    for name, body in STUBS.items():
        stub = tmp_path / "bin" / name
        stub.write_text(f'#!/bin/bash\nprintf "%q " {name} "$@" >> calls; echo >> calls\n{body}\n')
        stub.chmod(0o755)
    return tmp_path


@pytest.fixture
def submit(folder):
    """Run the script as a job of the folder; it ends with the test."""
    jobs = []

    def submit(*arguments: str, **environment: str) -> subprocess.Popen:
        slurm = {"SLURM_JOB_ID": "7", "SLURM_JOB_NUM_NODES": "2", "SLURM_CPUS_PER_TASK": "4"}
        path = {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": ":".join(sys.path)}
        job = subprocess.Popen(
            ["bash", str(SCRIPT), "toy.yaml", "--set", "engine=local", *arguments],
            cwd=folder,
            env=os.environ | slurm | path | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        jobs.append(job)
        return job

    yield submit
    for job in jobs:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(job.pid, signal.SIGKILL)
        job.communicate()


def wait_until(condition) -> None:
    deadline = time.monotonic() + 30
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert condition()


def reported(folder) -> bool:
    metrics = folder / "results/toy/trials/0000/metrics.jsonl"
    return metrics.exists() and metrics.read_text() != ""


def calls(folder, command: str) -> list[list[str]]:
    """The arguments of each call."""
    lines = [shlex.split(line) for line in (folder / "calls").read_text().splitlines()]
    return [line[1:] for line in lines if line[0] == command]


def test_a_job_out_of_time_queues_itself_again_and_the_next_one_finishes_the_sweep(folder, submit):
    job = submit()
    wait_until(lambda: reported(folder))
    job.send_signal(signal.SIGUSR1)
    output, _ = job.communicate(timeout=30)
    assert job.returncode == 138, output
    assert calls(folder, "scontrol") == [["requeue", "7"]]
    before = sweeps.load(folder / "results/toy")
    assert "INTERRUPTED" in set(before.trials["state"]) and before.trials["error"].isna().all()

    job = submit()  # what Slurm does
    output, _ = job.communicate(timeout=60)
    assert job.returncode == 0, output
    assert calls(folder, "scontrol") == [["requeue", "7"]]
    after = sweeps.load(folder / "results/toy")
    assert after.trials["state"].tolist() == ["COMPLETE"] * 4
    assert after.epochs.groupby("number")["epoch"].apply(list).tolist() == [list(range(1, 9))] * 4
    kept = before.epochs.merge(after.epochs, on=["number", "epoch", "attempt"])
    assert len(kept) == len(before.epochs), "an epoch was trained twice"
    assert not list(folder.glob(".sweep-*"))


def test_an_epoch_that_takes_too_long_is_cut_short_before_the_job_is(folder, submit):
    job = submit("--set", "train=toy:hang", PATIENCE="1")
    wait_until(lambda: reported(folder))
    job.send_signal(signal.SIGUSR1)
    assert job.wait(timeout=15) == 138
    assert calls(folder, "scontrol") == [["requeue", "7"]]
    assert set(sweeps.load(folder / "results/toy").trials["state"]) == {"INTERRUPTED"}


def test_a_job_whose_ray_is_still_starting_is_queued_again(folder, submit):
    (folder / "starting").touch()
    job = submit()
    wait_until(lambda: (folder / "calls").exists() and len(calls(folder, "ray")) == 2)
    job.send_signal(signal.SIGUSR1)
    assert job.wait(timeout=15) == 128 + signal.SIGTERM
    assert calls(folder, "scontrol") == [["requeue", "7"]]


def test_what_the_sweep_refuses_ends_the_job_and_the_options_exist(folder, submit):
    job = submit("--set", "epochs=none")
    output, _ = job.communicate(timeout=30)
    assert job.returncode == 2 and "epochs" in output
    assert calls(folder, "scontrol") == []

    nodes, symmetric = calls(folder, "srun")[0], calls(folder, "ray")[1]
    assert nodes[:3] == ["--nodes=2", "--ntasks-per-node=1", "--cpus-per-task=4"]
    address = "10.0.0.7:6379"
    cluster = ["--address", address, "--min-nodes", "2"]
    node = ["--num-cpus", "4"]  # of `ray start`, on the head and elsewhere
    assert symmetric[: symmetric.index("--")] == ["symmetric-run", *cluster, *node]
    assert f"RAY_ADDRESS={address}" in symmetric
    options = {option for p in (*symmetric_run.params, *ray_start.params) for option in p.opts}
    assert {"--address", "--min-nodes", "--num-cpus"} <= options
    header = dict(re.findall(r"^#SBATCH --([\w-]+)=?(.*)$", SCRIPT.read_text(), re.MULTILINE))
    assert header["signal"] == "B:USR1@120" and {"requeue", "exclusive"} <= header.keys()
