"""The ray engine keeps to the engines' common rules, on a private Ray of two CPUs."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from dataclasses import replace

import pandas as pd
import psutil
import pytest
import yaml

import sweeps
from sweeps.engines import Engine, EngineSettings, create_engine
from sweeps.engines.ray.engine import RayEngine
from sweeps.errors import UsageError
from tests.engines.conformance import EngineSuite
from tests.engines.harness import HERE, MARK, Sweep, marked_processes

pytestmark = pytest.mark.ray

RAYS_OWN = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")  # they notice the end of their node after a minute


@pytest.fixture(scope="module")
def one_ray():
    """One Ray for the module: an engine uses the Ray that its process is connected to."""
    import ray

    ray.init(
        address="local",
        num_cpus=2,
        object_store_memory=80 * 2**20,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.CRITICAL,
    )
    yield
    ray.shutdown()


@pytest.mark.usefixtures("one_ray")
class TestRay(EngineSuite):
    hung_for = 20.0  # a Ray with nothing else to do takes 7.4 s: it starts a worker in the hung one's place

    def create(self, settings: EngineSettings) -> Engine:
        # The trivial functions need no torch.
        return RayEngine(settings, preload=("torch",) if settings.train.endswith("trains") else ())


def write(folder, **keys):
    """A YAML of the toy function ``trains``."""
    base = {
        "version": 1,
        "name": "toy",
        "train": "functions:trains",
        "epochs": 9,
        "parameters": {"x": {"min": 0.1, "max": 1.0}},
        "budget": {"trials": 9},
        "resources": {"gpus": 0},
    }
    path = folder / "toy.yaml"
    path.write_text(yaml.safe_dump(base | keys))
    (folder / "functions.py").write_text((HERE / "functions.py").read_text())
    return path


@pytest.mark.usefixtures("one_ray")
def test_the_same_yaml_gives_the_same_trials_on_every_engine(tmp_path):
    """Numbers, parameters, states, metrics, decisions: all but times and workers' names."""
    path = write(tmp_path, early_stopping={"patience": 3}, pruner={"name": "asha", "reduction_factor": 2})
    tables = {}
    for engine in ("inline", "local", "ray"):
        results = sweeps.run(path, {"engine": engine, "workers": 1}, results=tmp_path / engine)
        epochs = results.epochs.drop(columns="time")
        tables[engine] = results.trials.drop(columns=["seconds", "started", "worker"]), epochs
    assert {"COMPLETE", "PRUNED"} <= set(tables["inline"][0]["state"])
    for engine in ("local", "ray"):
        for expected, found in zip(tables["inline"], tables[engine], strict=True):
            pd.testing.assert_frame_equal(found, expected, check_exact=True)


@pytest.mark.usefixtures("one_ray")
def test_two_ranks_train_as_one_process_with_the_doubled_batch(tmp_path):
    """The mean of two half batches is that of the whole one, but for the order of float32 sums: 1e-6."""
    keys = {"epochs": 6, "budget": {"trials": 2}}
    function = "distributed_functions:trains"
    two = Sweep(tmp_path / "two", function, distributed={"name": "ddp", "ranks": 2}, engine="ray", **keys)
    engine = RayEngine(two.settings)
    assert engine.workers == 1  # a trial takes both cores
    pairs = two.run(engine)
    one = Sweep(tmp_path / "one", function, **keys)
    for pair, alone in zip(pairs, one.run(create_engine("inline", one.settings)), strict=True):
        assert (pair.state, pair.params) == ("COMPLETE", alone.params)
        assert list(pair.values.values()) == pytest.approx(list(alone.values.values()), rel=1e-6)


@pytest.mark.usefixtures("one_ray")
def test_a_ray_of_ones_own_is_left_running(tmp_path):
    import ray

    sweep = Sweep(tmp_path, "falling", budget={"trials": 1})
    engine = RayEngine(sweep.settings, preload=())
    assert engine.workers == 2
    sweep.run(engine)
    engine.close()
    assert ray.is_initialized()


@pytest.mark.usefixtures("one_ray")
def test_a_retry_that_is_due_after_the_seats_had_no_work_runs(tmp_path, monkeypatch):
    monkeypatch.setattr("sweeps.engines.ray.bridge._IDLE", 0.3)
    retries = {"error": 1, "backoff": 2.0}
    sweep = Sweep(tmp_path, "raises_once", engine="ray", budget={"trials": 1}, retries=retries)
    engine = RayEngine(sweep.settings, preload=())
    records = sweep.run(engine)
    engine.close()
    assert [(record.state, record.attempt) for record in records] == [("COMPLETE", 2)]


@pytest.mark.usefixtures("one_ray")
def test_a_trial_that_fits_nowhere_is_refused(tmp_path):
    sweep = Sweep(tmp_path, "falling", resources={"custom": {"tpu": 2}}, engine="ray")
    with pytest.raises(UsageError, match=r"no node has room for CPU: 1, tpu: 2 \(there are: .*CPU: 2"):
        RayEngine(sweep.settings).workers  # noqa: B018  it connects


@pytest.mark.usefixtures("one_ray")
def test_what_only_the_cluster_can_refuse_leaves_the_folder_as_it_was(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = sweeps.run(write(tmp_path, engine="inline", epochs=1, budget={"trials": 1})).directory
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "lock"]
    before = [path.read_bytes() for path in files]
    with pytest.raises(UsageError, match="gpu_hours counts the GPUs of trials, and these have none"):
        sweeps.resume(folder, {"engine": "ray", "budget.gpu_hours": 1})
    assert [path.read_bytes() for path in files] == before


class Command:
    """`sweep` in a process of its own, with a Ray of its own."""

    def __init__(self, *arguments: str) -> None:
        self.mark = uuid.uuid4().hex
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sweeps", *arguments],
            env={**os.environ, MARK: self.mark},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,  # its process group gets the signals, as from a terminal
        )

    def until(self, words: str) -> None:
        """Wait until it says ``words``."""
        for line in self.process.stderr:
            if words in line:
                return
        raise AssertionError(f"it ended without saying {words!r}")

    def survivors(self, seconds: float) -> list[str]:
        deadline = time.monotonic() + seconds
        while (alive := self._alive()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return alive

    def _alive(self) -> list[str]:
        commands = marked_processes(self.mark).values()
        return [command for command in commands if not command.startswith(RAYS_OWN)]


def listening(mark: str) -> set[str]:
    """The addresses at which a command's processes can be reached."""
    connections = [c for pid in marked_processes(mark) for c in psutil.Process(pid).net_connections("inet")]
    return {c.laddr.ip.removeprefix("::ffff:") for c in connections if c.status == psutil.CONN_LISTEN}


@pytest.fixture
def start():
    commands = []

    def start(*arguments):
        commands.append(Command(*map(str, arguments)))
        return commands[-1]

    yield start
    for command in commands:
        command.process.kill()
        command.process.communicate()


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), pytest.param(signal.SIGUSR1, 138, marks=pytest.mark.faults)],
)
def test_a_signal_stops_in_good_order(tmp_path, start, number, code):
    path = write(tmp_path, train="functions:slow", engine="ray", workers=2, epochs=50)
    command = start("run", path, "--results", tmp_path)
    command.until("trial 1 started")
    time.sleep(0.5)
    if number == signal.SIGINT:
        os.killpg(command.process.pid, number)
    else:
        command.process.send_signal(number)
    out, err = command.process.communicate(timeout=30)
    assert command.process.returncode == code
    assert "Traceback" not in out + err
    assert "ray" not in out.lower()
    trials = sweeps.load(tmp_path / "toy").trials
    assert set(trials["state"]) == {"INTERRUPTED"}
    assert (trials["epochs"] >= 1).all()
    assert command.survivors(5) == []


@pytest.mark.faults
def test_a_second_signal_stops_at_once(tmp_path, start):
    path = write(tmp_path, train="functions:hangs_after_one_epoch", engine="ray", workers=1)
    command = start("run", path, "--results", tmp_path)
    command.until("trial 0 started")
    time.sleep(0.5)
    command.process.terminate()
    time.sleep(0.5)
    assert command.process.poll() is None  # the trial does not report, so the first one waits
    began = time.monotonic()
    os.killpg(command.process.pid, signal.SIGINT)
    command.process.communicate(timeout=30)
    assert time.monotonic() - began < 5  # two seconds for the trials, the rest for Ray itself
    assert command.process.returncode == 143
    assert set(sweeps.load(tmp_path / "toy").trials["state"]) == {"INTERRUPTED"}
    assert command.survivors(5) == []


@pytest.mark.faults
def test_a_signal_after_the_end_loses_no_table(tmp_path, start):
    """A private Ray takes a while to close: who presses Ctrl-C then has a finished sweep all the same."""
    command = start("run", write(tmp_path, engine="ray", budget={"trials": 2}), "--results", tmp_path)
    while not (tmp_path / "toy" / "best" / "metrics.json").exists():
        time.sleep(0.05)
    time.sleep(0.1)
    command.process.send_signal(signal.SIGINT)
    out, err = command.process.communicate(timeout=30)
    assert command.process.returncode == 0, err
    assert "winner: trial" in out
    assert command.survivors(5) == []


def test_kill_9_of_the_driver_loses_nothing(tmp_path, start):
    keys = {"epochs": 30, "budget": {"trials": 4}, "pruner": "none"}
    path = write(tmp_path, train="functions:trains_slowly", engine="ray", workers=1, **keys)
    command = start("run", path, "--results", tmp_path / "cut")
    command.until("trial 2 started")
    assert listening(command.mark) == {"127.0.0.1"}
    time.sleep(0.3)
    command.process.kill()
    command.process.communicate()
    assert command.survivors(20) == []
    resumed = start("resume", tmp_path / "cut" / "toy")
    _, err = resumed.process.communicate(timeout=60)
    assert resumed.process.returncode == 0, err
    fast = {"engine": "inline", "train": "functions:trains"}
    whole = sweeps.run(path, fast, results=tmp_path / "whole").trials
    cut = sweeps.load(tmp_path / "cut" / "toy").trials
    assert list(cut["attempt"]) == [1, 1, 2, 1]
    same = ["number", "state", "stop_reason", "metric", "best_epoch", "epochs", "params.x"]
    pd.testing.assert_frame_equal(cut[same], whole[same], check_exact=True)


def test_no_such_cluster_is_said_in_one_line(tmp_path, start):
    path = write(tmp_path, engine="ray")
    command = start("run", path, "--results", tmp_path, "--address", "127.0.0.1:1")
    out, err = command.process.communicate(timeout=60)
    assert command.process.returncode == 2
    assert err.startswith("sweep: Ray at 127.0.0.1:1: nothing can be reached there")
    assert "--address" in err
    assert "Traceback" not in out + err


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("10.0.0.1", "an address of Ray must be auto or host:port"),
        ("127.0.0.1:99999", "an address of Ray must be auto or host:port"),
        ("foo..bar:12", "Ray at foo..bar:12: nothing can be reached there"),
        ("127.0.0.1:{elsewhere}", "this process is connected to Ray at"),
    ],
)
@pytest.mark.usefixtures("one_ray")
def test_an_address_that_is_none_is_refused(tmp_path, address, said):
    sweep = Sweep(tmp_path, "falling", engine="ray")
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = address.format(elsewhere=other.getsockname()[1])
        with pytest.raises(UsageError, match=said):
            RayEngine(replace(sweep.settings, address=address)).workers  # noqa: B018  it connects


def test_a_private_ray_without_room_is_refused(tmp_path, start):
    path = write(tmp_path, engine="ray", resources={"gpus": 0, "memory": "900TB"})
    command = start("run", path, "--results", tmp_path)
    _, err = command.process.communicate(timeout=60)
    assert command.process.returncode == 2
    assert "no node has room for CPU: 1, memory: 9e+05GB" in err
    assert "Traceback" not in err


def test_a_driver_outside_the_cluster_is_refused(tmp_path, start):
    path = write(tmp_path, engine="ray")
    command = start("run", path, "--results", tmp_path, "--address", "ray://127.0.0.1:10001")
    _, err = command.process.communicate(timeout=60)
    assert command.process.returncode == 2
    assert err.startswith("sweep: the driver of a sweep must run on a machine of the cluster")


def test_an_address_needs_the_engine_that_connects_to_it(tmp_path, start):
    command = start("run", write(tmp_path), "--results", tmp_path, "--address", "auto")
    _, err = command.process.communicate(timeout=60)
    assert command.process.returncode == 2
    assert err.startswith("sweep: --address needs engine: ray, and the engine is local")
