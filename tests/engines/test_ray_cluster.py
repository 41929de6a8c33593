"""Sweeps on a cluster of a head and three nodes, which lose an actor, a node or a raylet."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

import sweeps
from tests.engines.harness import HERE

pytestmark = pytest.mark.ray

EPOCHS = 20
SMALL = {"object_store_memory": 80 * 2**20}
# A node that does not answer for a second is dead; Ray's own half a minute would make the tests wait.
QUICK = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 250,
    "health_check_timeout_ms": 1000,
    "health_check_failure_threshold": 4,
}


@pytest.fixture(scope="module")
def cluster():
    """A head that runs no trials, and three nodes of one CPU each."""
    from ray.cluster_utils import Cluster

    before = signal.getsignal(signal.SIGTERM)
    head = {"num_cpus": 0, "include_dashboard": False, "_system_config": QUICK, **SMALL}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    for _ in range(3):
        cluster.add_node(num_cpus=1, **SMALL)
    yield cluster
    cluster.shutdown()
    signal.signal(signal.SIGTERM, before)


class Running:
    """A sweep in a process of its own, and what its event log says."""

    def __init__(self, folder: Path, address: str, **keys) -> None:
        base = {
            "version": 1,
            "name": "toy",
            "train": "functions:trains_slowly",
            "epochs": EPOCHS,
            "parameters": {"x": {"min": 0.1, "max": 1.0}},
            "pruner": "none",
            "engine": "ray",
        }
        folder.mkdir(exist_ok=True)
        (folder / "functions.py").write_text((HERE / "functions.py").read_text())
        self.path = folder / "toy.yaml"
        self.path.write_text(yaml.safe_dump(base | keys))
        self.folder = folder / "toy"
        self.start("run", self.path, "--results", folder, "--address", address)

    def start(self, *arguments) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sweeps", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def events(self, kind: str) -> list[dict]:
        path = self.folder / "events.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        events = [json.loads(line) for line in lines if line.endswith("}")]
        return [event for event in events if event["event"] == kind]

    def until_ended(self, count: int) -> None:
        deadline = time.monotonic() + 60
        while len(self.events("TrialEnded")) < count:
            assert time.monotonic() < deadline and self.process.poll() is None, self.process.communicate()
            time.sleep(0.05)

    def a_running_one(self, epochs: int = 0) -> dict:
        """The latest start of a trial that has not ended, and has saved its first ``epochs`` epochs."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            over = {(event["number"], event["attempt"]) for event in self.events("TrialEnded")}
            for event in reversed(self.events("TrialStarted")):
                metrics = self.folder / "trials" / f"{event['number']:04d}" / "metrics.jsonl"
                told = metrics.read_text().count("\n") if metrics.exists() else 0
                if (event["number"], event["attempt"]) not in over and told > epochs:
                    return event
            time.sleep(0.02)
        raise AssertionError("no trial runs")

    def result(self):
        """Its tables, once it has ended well."""
        out, err = self.process.communicate(timeout=120)
        assert self.process.returncode == 0, err
        assert "Traceback" not in out + err
        assert "(raylet)" not in out + err
        return sweeps.load(self.folder)


@pytest.fixture
def start(tmp_path, cluster):
    """Start a sweep on the cluster; it is ended with the test."""
    running = []

    def start(**keys):
        running.append(Running(tmp_path, cluster.address, **keys))
        return running[-1]

    yield start
    for one in running:
        one.process.kill()
        one.process.communicate()


def node_of(cluster, worker: str):
    """The node that a worker's name speaks of: address/node/process."""
    return next(node for node in cluster.worker_nodes if node.node_id.startswith(worker.split("/")[1]))


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def assert_nothing_lost_nor_counted_twice(results, trials: int) -> None:
    assert list(results.trials["number"]) == list(range(trials))
    assert set(results.trials["state"]) == {"COMPLETE"}
    epochs = results.epochs
    assert not epochs.duplicated(["number", "epoch"]).any()
    assert len(epochs) == trials * EPOCHS


@pytest.mark.faults
def test_a_node_leaves_and_another_joins(cluster, start):
    sweep = start(budget={"trials": 40})
    sweep.until_ended(6)
    cut = sweep.a_running_one(epochs=2)
    cluster.remove_node(node_of(cluster, cut["worker"]))
    new = cluster.add_node(num_cpus=1, **SMALL)
    results = sweep.result()
    assert_nothing_lost_nor_counted_twice(results, 40)
    trials = results.trials.set_index("number")
    assert trials.loc[cut["number"], "attempt"] == cut["attempt"] + 1
    (lost,) = [event for event in sweep.events("TrialEnded") if event["state"] == "INTERRUPTED"]
    assert (lost["number"], lost["retry"]) == (cut["number"], True)
    assert lost["error"] == f"the node of {cut['worker']} is gone"
    again = results.epochs[results.epochs["number"] == cut["number"]]
    assert (again["attempt"] == 1).sum() >= 2  # it went on from its checkpoint
    assert trials["worker"].str.contains(new.node_id[:6]).sum() >= 3
    assert trials["worker"].str.split("/").str[1].nunique() == 4


@pytest.mark.faults
def test_an_actor_is_killed_and_then_a_raylet(cluster, start):
    """The first may have been the trial's fault, and uses up its retry; the second was not."""
    sweep = start(budget={"trials": 12}, retries={"crash": 1})
    cut = sweep.a_running_one(epochs=2)
    os.kill(int(cut["worker"].split("/")[2]), signal.SIGKILL)
    sweep.until_ended(4)
    node = node_of(cluster, sweep.a_running_one(epochs=2)["worker"])
    os.kill(node.all_processes["raylet"][0].process.pid, signal.SIGKILL)
    results = sweep.result()
    cluster.remove_node(node, allow_graceful=False)
    cluster.add_node(num_cpus=1, **SMALL)
    assert_nothing_lost_nor_counted_twice(results, 12)
    failed, *lost = [event for event in sweep.events("TrialEnded") if event["state"] == "INTERRUPTED"]
    assert (failed["number"], failed["attempt_state"], failed["attempt_reason"]) == (
        cut["number"],
        "FAILED",
        "crash",
    )
    assert "out of memory, or killed" in failed["error"]
    assert {event["attempt_state"] for event in lost} <= {"INTERRUPTED"}


@pytest.mark.faults
def test_all_of_a_node_is_killed_at_once(cluster, start):
    """As a machine that is switched off: Ray takes a while to notice."""
    sweep = start(budget={"trials": 6}, retries={"crash": 0})
    cut = sweep.a_running_one(epochs=2)
    node = node_of(cluster, cut["worker"])
    pids = [process.process.pid for kind in node.all_processes.values() for process in kind]
    for pid in (int(cut["worker"].split("/")[2]), *pids):
        os.kill(pid, signal.SIGKILL)
    results = sweep.result()
    cluster.remove_node(node, allow_graceful=False)
    cluster.add_node(num_cpus=1, **SMALL)
    assert_nothing_lost_nor_counted_twice(results, 6)
    assert results.trials.set_index("number").loc[cut["number"], "attempt"] == 2


def best_three(results):
    return set(results.trials.sort_values(["metric", "number"])["number"][:3])


def test_nodes_that_share_no_folder(cluster, start, tmp_path):
    """Checkpoints in the storage, tables at the driver, the winner's model released from there."""
    store = tmp_path / "store"
    sweep = start(budget={"trials": 4}, storage_path=f"file://{store}", test="functions:measure")
    cut = sweep.a_running_one(epochs=2)
    os.kill(int(cut["worker"].split("/")[2]), signal.SIGKILL)
    results = sweep.result()
    assert_nothing_lost_nor_counted_twice(results, 4)
    assert (results.epochs["attempt"] == 2).sum() < EPOCHS  # it went on from the storage
    for number in range(4):
        assert files(sweep.folder / "trials" / f"{number:04d}") == {"log.txt", "metrics.jsonl"}
        (there,) = store.glob(f"toy-*/trials/{number:04d}")
        assert files(there) == ({"best.pt", "best.pt.sha256"} if number in best_three(results) else set())
    assert results.best.test["accuracy"] == 0.5 + results.best.params["x"]
    assert (sweep.folder / "best" / "model.safetensors").stat().st_size > 0


def test_what_a_node_cuts_off_a_log_arrives_too(start, tmp_path):
    keys = {"train": "functions:prints_past_its_last_report", "epochs": 1, "budget": {"trials": 1}}
    sweep = start(**keys, storage_path=f"file://{tmp_path / 'store'}")
    sweep.result()
    trial = sweep.folder / "trials" / "0000"
    assert "the cause of it all" in (trial / "log.1.txt").read_text()
    assert (trial / "log.txt").read_text() == "the last line\n"


@pytest.mark.faults
def test_a_population_on_nodes_that_share_no_folder(cluster, start, tmp_path):
    """Trials go on from each other's checkpoints, on whatever node."""
    pruner = {"name": "pbt", "interval": 10, "quantile": 0.5}
    keys = {"budget": {"trials": 4}, "pruner": pruner}
    results = start(**keys, storage_path=f"file://{tmp_path / 'store'}").result()
    assert_nothing_lost_nor_counted_twice(results, 4)
    assert len(results.lineage) == 2
    local = sweeps.run(
        tmp_path / "toy.yaml", {"engine": "local", "storage_path": None}, results=tmp_path / "here"
    )
    pd.testing.assert_frame_equal(results.lineage, local.lineage)
    pd.testing.assert_series_equal(results.trials["metric"], local.trials["metric"])
    for there in (tmp_path / "store").glob("toy-*/trials/*"):
        kept = int(there.name) in best_three(results)
        assert files(there) == ({"best.pt", "best.pt.sha256"} if kept else set())


def test_a_cluster_of_another_version_is_refused(cluster, start):
    """What the head says of itself is changed for the time of the test."""
    from ray._raylet import GcsClient

    head = GcsClient(address=cluster.address)
    place = b"CLUSTER_METADATA", b"cluster"
    told = head.internal_kv_get(*place)
    other = json.dumps({**json.loads(told), "ray_version": "2.9.0"}).encode()
    head.internal_kv_put(place[0], other, True, place[1])
    try:
        sweep = start(budget={"trials": 1})
        _, err = sweep.process.communicate(timeout=60)
    finally:
        head.internal_kv_put(place[0], told, True, place[1])
    assert sweep.process.returncode == 2
    assert "driver and cluster must run the same Ray and Python" in err
    assert "2.9.0" in err
    assert "Traceback" not in err
