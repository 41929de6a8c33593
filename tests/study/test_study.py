"""The study on disk: one writer, a plain Optuna journal, and every way it may be found after a crash."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import optuna
import pytest

from sweeps.errors import CorruptStudyError, LockedError, RefusedError, SweepError, UsageError
from sweeps.paths import RunPaths
from sweeps.study import RunLock, is_locked, read_records
from tests.controller.harness import BASE, drain, opened, write_spec


@pytest.fixture
def finished(tmp_path):
    """A finished sweep of six trials: (paths, spec)."""
    spec = write_spec(tmp_path)
    with opened(tmp_path, spec) as controller:
        drain(controller)
    return RunPaths(tmp_path / "results"), spec


def states(paths, spec):
    return [r.state for r in read_records(paths, spec.name, "minimize")]


def test_plain_optuna_reads_it(finished, tmp_path):
    paths, spec = finished
    copy = shutil.copy(paths.journal, tmp_path / "copy.journal")
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(copy)))
    study = optuna.load_study(study_name=spec.name, storage=storage)
    ours = read_records(paths, spec.name, "minimize")
    assert [t.state.name for t in study.trials] == [r.state for r in ours]
    assert study.best_value == min(r.value for r in ours)
    assert study.trials[0].intermediate_values == ours[0].values
    assert study.trials[0].params["x"] == ours[0].params["x"]


def test_optuna_dashboard_opens_a_copy(finished, tmp_path):
    paths, spec = finished
    copy = shutil.copy(paths.journal, tmp_path / "copy.journal")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    code = "import sys; from optuna_dashboard._cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, str(copy), "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        studies = _get(f"http://127.0.0.1:{port}/api/studies")
        assert [study["study_name"] for study in studies["study_summaries"]] == [spec.name]
        detail = _get(f"http://127.0.0.1:{port}/api/studies/{studies['study_summaries'][0]['study_id']}")
        assert len(detail["trials"]) == 6
    finally:
        server.kill()
        server.wait()


def _get(url: str) -> dict:
    for _ in range(100):
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return json.load(answer)
        except (ConnectionError, urllib.error.URLError):
            time.sleep(0.1)
    raise AssertionError(f"no answer from {url}")


def test_a_torn_last_line_is_cut_off_at_every_byte(tmp_path):
    spec = write_spec(tmp_path, BASE, ("budget.trials=2",))
    with opened(tmp_path, spec) as controller:
        drain(controller)
        whole = [(r.number, r.state, r.params) for r in controller.records]
    paths = RunPaths(tmp_path / "results")
    data = paths.journal.read_bytes()
    last = data.rstrip(b"\n").rfind(b"\n") + 1
    for length in range(last, len(data)):
        paths.journal.write_bytes(data[:length])
        assert len(read_records(paths, spec.name, "minimize")) == 2  # a reader looks past it
        with opened(tmp_path, spec) as controller:
            drain(controller)
            assert [(r.number, r.state, r.params) for r in controller.records] == whole


def test_a_journal_cut_anywhere_is_taken_up_and_finished(tmp_path):
    """Every prefix of whole records is what some crash leaves; the budget comes out exact from each."""
    spec = write_spec(tmp_path, BASE, ("budget.trials=3", "retries.error=1"))
    with opened(tmp_path, spec) as controller:
        drain(controller, lambda config: lambda epoch: config["x"])
        whole = [(r.number, r.state, r.params, r.value) for r in controller.records]
    paths = RunPaths(tmp_path / "results")
    lines = paths.journal.read_bytes().splitlines(keepends=True)
    for kept in range(len(lines)):
        paths.journal.write_bytes(b"".join(lines[:kept]))
        with opened(tmp_path, spec) as controller:
            drain(controller, lambda config: lambda epoch: config["x"])
            assert [(r.number, r.state, r.params, r.value) for r in controller.records] == whole
        assert states(paths, spec) == ["COMPLETE"] * 3


def test_a_power_cut_that_takes_the_first_start_of_all_is_no_damage(tmp_path):
    """The trial's folder may be on the disk, and its record not yet; the study itself is there."""
    spec = write_spec(tmp_path, BASE, ("budget.trials=2",))
    paths = RunPaths(tmp_path / "results")
    with opened(tmp_path, spec) as controller:
        synced = paths.journal.read_bytes()
        (started,) = controller.ask()
        started.directory.mkdir(parents=True)
    paths.journal.write_bytes(synced)
    assert read_records(paths, spec.name, "minimize") == []
    with opened(tmp_path, spec) as controller:
        drain(controller)
    assert states(paths, spec) == ["COMPLETE"] * 2
    paths.journal.write_bytes(b"")
    started.directory.mkdir(parents=True, exist_ok=True)
    with pytest.raises(CorruptStudyError, match=r"study\.journal must hold the trials .* and is gone"):
        states(paths, spec)


def test_a_damaged_line_is_refused_by_name(finished, tmp_path):
    paths, spec = finished
    lines = paths.journal.read_bytes().splitlines(keepends=True)
    lines[4] = b"{not json\n"
    paths.journal.write_bytes(b"".join(lines))
    for read in (lambda: states(paths, spec), lambda: opened(tmp_path, spec).__enter__()):
        with pytest.raises(CorruptStudyError, match=r"study\.journal:5: not a journal record"):
            read()


def test_a_trial_of_another_writer_is_refused(finished):
    paths, spec = finished
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(paths.journal)))
    optuna.load_study(study_name=spec.name, storage=storage).ask()
    with pytest.raises(CorruptStudyError, match="trial 6: the study must be written by `sweep` alone"):
        states(paths, spec)


def test_a_running_trial_of_a_dead_driver_reads_as_interrupted(tmp_path):
    spec = write_spec(tmp_path)
    with opened(tmp_path, spec) as controller:
        controller.ask()
    paths = RunPaths(tmp_path / "results")
    assert states(paths, spec) == ["INTERRUPTED"]
    with RunLock(paths.lock):
        assert states(paths, spec) == ["RUNNING"]


def test_a_second_driver_is_refused_and_told_who_holds_the_folder(tmp_path):
    code = f"""
import time
from pathlib import Path
from sweeps.study import RunLock
RunLock(Path({str(tmp_path / "lock")!r})).acquire()
print("held", flush=True)
time.sleep(60)
"""
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    assert is_locked(tmp_path / "lock")
    with pytest.raises(LockedError, match=f"process {holder.pid} on {socket.gethostname()}"):
        RunLock(tmp_path / "lock").acquire()
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with RunLock(tmp_path / "lock"):  # the kernel dropped it with its holder
        assert json.loads((tmp_path / "lock").read_text())["pid"] == os.getpid()


def test_a_newer_format_is_refused_with_both_versions(finished, tmp_path):
    paths, spec = finished
    text = paths.journal.read_text().replace('"version":2', '"version":9')
    paths.journal.write_text(text)
    with pytest.raises(RefusedError, match=r"format version 9.*reads up to 2"):
        states(paths, spec)


def databases():
    url = os.environ.get("SWEEPS_TEST_POSTGRESQL")
    missing = pytest.mark.skipif(not url, reason="no PostgreSQL: SWEEPS_TEST_POSTGRESQL is not set")
    return [pytest.param("sqlite", id="sqlite"), pytest.param(url, id="postgresql", marks=missing)]


@pytest.mark.parametrize("url", databases())
def test_a_database_holds_the_same_study(tmp_path, url):
    url = f"sqlite:///{tmp_path}/study.db" if url == "sqlite" else url
    name = f"toy-{tmp_path.name}-{os.getpid()}"
    spec = write_spec(tmp_path, BASE.replace("name: toy", f"name: {name}"), (f"storage={url}", "sampler=tpe"))
    with opened(tmp_path, spec) as controller:
        controller.ask()
        controller.report(0, 1, 1, {"val_loss": 3.0})
    paths = RunPaths(tmp_path / "results")
    assert [r.state for r in read_records(paths, name, "minimize", url)] == ["INTERRUPTED"]
    with opened(tmp_path, spec) as controller:
        drain(controller)
        live = [(r.number, r.state, r.params, r.values) for r in controller.records]
    stored = read_records(paths, name, "minimize", url)
    assert [(r.number, r.state, r.params, r.values) for r in stored] == live
    assert len(live) == 6


OPEN_WHEN_TOLD = """
import sys, sqlalchemy, alembic  # what opening imports, so that it begins at once
from sweeps.study.database import open_database
print("ready", flush=True)
sys.stdin.readline()
print(len(open_database(sys.argv[1]).get_all_studies()))
"""


@pytest.mark.parametrize("url", databases())
def test_sweeps_that_open_a_new_database_at_once_all_find_its_tables(tmp_path, url):
    url = f"sqlite:///{tmp_path}/study.db" if url == "sqlite" else new_database(url)
    command = [sys.executable, "-c", OPEN_WHEN_TOLD, url]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    sweeps = [subprocess.Popen(command, **pipes) for _ in range(6)]
    assert [sweep.stdout.readline() for sweep in sweeps] == ["ready\n"] * 6
    for sweep in sweeps:
        sweep.stdin.write("\n")
        sweep.stdin.flush()
    ends = [sweep.communicate(timeout=60) for sweep in sweeps]
    assert [out for out, _ in ends] == ["0\n"] * 6, [err[-500:] for _, err in ends]


def new_database(url):
    import psycopg

    name = f"new_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    return f"{url.rpartition('/')[0]}/{name}"


@pytest.mark.skipif("SWEEPS_TEST_POSTGRESQL" not in os.environ, reason="SWEEPS_TEST_POSTGRESQL is not set")
def test_a_database_that_is_lost_under_way_is_named_and_the_sweep_goes_on(tmp_path):
    import psycopg

    url = os.environ["SWEEPS_TEST_POSTGRESQL"]
    name = f"lost-{os.getpid()}"
    options = (f"storage={url}?application_name={name}", "budget.trials=2")
    spec = write_spec(tmp_path, BASE.replace("name: toy", f"name: {name}"), options)
    with opened(tmp_path, spec) as controller:
        controller.ask()
        with psycopg.connect(url) as connection:
            ended = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = %s"
            connection.execute(ended, (name,))
        with pytest.raises(SweepError, match=r"storage: .* terminating connection.*`sweep resume` goes on"):
            controller.report(0, 1, 1, {"val_loss": 3.0})
    with opened(tmp_path, spec) as controller:
        drain(controller)
        assert [record.state for record in controller.records] == ["COMPLETE"] * 2


def test_two_folders_share_a_database_and_no_trials(tmp_path):
    url = f"sqlite:///{tmp_path}/study.db"
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        spec = write_spec(tmp_path / folder, BASE, (f"storage={url}", "budget.trials=2"))
        with opened(tmp_path / folder, spec) as controller:
            assert controller.records == []
            drain(controller)
        assert len(read_records(RunPaths(tmp_path / folder / "results"), spec.name, "minimize", url)) == 2


def test_a_database_that_cannot_be_opened_is_named_and_no_password_with_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "secret")
    spec = write_spec(tmp_path, BASE, ("storage=postgresql://me@127.0.0.1:1/none",))
    with pytest.raises(
        UsageError, match=r"storage: cannot open postgresql://me@127\.0\.0\.1:1/none"
    ) as error:
        opened(tmp_path, spec).__enter__()
    assert "secret" not in str(error.value)
